"""Which concept is meant by an id or a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semascope.core import InputError, did_you_mean, listed

if TYPE_CHECKING:
    from semascope.lexicon.lexicon import Lexicon


def latent_of(lexicon: Lexicon, concept: str) -> int:
    """Return the latent of a concept by its id, or by its exact name if no other has it.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon.called import latent_of
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> lex.edit("rename", "c3", "mine")
    >>> latent_of(lex, "c3"), latent_of(lex, "mine")
    (3, 3)
    """
    table = lexicon.concepts
    if not isinstance(concept, str):
        raise InputError(f"a concept is given by its id or name, got {concept!r}")
    for column in ("id", "name"):
        hits = (table[column] == concept).arg_true().to_list()
        # Of one name, what became another concept comes last.
        alive = [j for j in hits if not len(table["became"][j])] or hits[:1]
        if len(alive) > 1:
            ids = listed(table["id"][j] for j in alive)
            raise InputError(f"{len(alive)} concepts are called '{concept}': {ids}; use an id")
        if alive:
            return int(alive[0])
    known = [*table["id"], *(n for n in table["name"] if n is not None)]
    if concept in lexicon.families["id"]:
        raise InputError(f"{concept} is a family; of families only the name can be edited")
    raise InputError(f"no concept '{concept}' in this lexicon{did_you_mean(concept, known)}")
