"""The vectors of a lexicon's own rows, which it does not keep: embedded again, or reconstructed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from semascope.core import InputError
from semascope.vectors import Float32Array, VectorSource, as_source

if TYPE_CHECKING:
    from semascope.lexicon.lexicon import Lexicon

# Texts that are embedded again without being asked to; more take longer than people wait.
MOST_TEXTS = 100_000


@dataclass(frozen=True)
class Embedded:
    """The texts of a lexicon as a source of vectors: embedded when they are read, by the cache.

    Examples
    --------
    >>> from semascope.lexicon.stored import Embedded
    >>> Embedded.__name__
    'Embedded'
    """

    lexicon: Lexicon

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return len(self.lexicon.items), self.lexicon.dictionary.n_dimensions

    def rows(self, start: int, stop: int) -> Float32Array:
        """Return rows `start` to `stop` in memory."""
        return self.take(np.arange(start, min(stop, self.shape[0])))

    def take(self, index: npt.NDArray[np.int64]) -> Float32Array:
        """Return the rows of an index in memory."""
        from semascope.embed import texts

        some = self.lexicon.items[self.lexicon.text or ""].gather(index)
        how: Any = self.lexicon.info.get("split_texts")
        return texts(some, encoder=self.lexicon.text_encoder, split=how)


@dataclass(frozen=True)
class Reconstructed:
    """What the dictionary reconstructs of a lexicon's rows, as a source of vectors.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon.stored import Reconstructed
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> Reconstructed(lex).take(np.arange(2)).shape
    (2, 8)
    """

    lexicon: Lexicon

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return len(self.lexicon.base_codes), self.lexicon.dictionary.n_dimensions

    def rows(self, start: int, stop: int) -> Float32Array:
        """Return rows `start` to `stop` in memory."""
        return self.lexicon.dictionary.decode(self.lexicon.base_codes[start:stop])

    def take(self, index: npt.NDArray[np.int64]) -> Float32Array:
        """Return the rows of an index in memory."""
        return self.lexicon.dictionary.decode(self.lexicon.base_codes[index])


def stored_vectors(
    lexicon: Lexicon,
    vectors: Any = None,
    source: Literal["auto", "vectors", "reconstruction"] = "auto",
) -> tuple[VectorSource, Literal["vectors", "reconstruction"]]:
    """Return the vectors of a lexicon's rows, and whether they are these or reconstructions.

    Parameters
    ----------
    lexicon : Lexicon
        Whose rows.
    vectors : array or path, optional
        The vectors that it was learned from.
    source : {"auto", "vectors", "reconstruction"}, default "auto"
        "auto" takes `vectors`, else embeds the texts again if the lexicon has an encoder and not
        more than ``MOST_TEXTS``, else reconstructs.

    Raises
    ------
    InputError
        If vectors are asked for and cannot be had, or do not fit the rows.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> from semascope.lexicon.stored import stored_vectors
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> stored_vectors(lex)[1], stored_vectors(lex, x)[1]
    ('reconstruction', 'vectors')
    """
    if source not in ("auto", "vectors", "reconstruction"):
        raise InputError(f"source must be 'auto', 'vectors' or 'reconstruction', got '{source}'")
    if source == "reconstruction":
        return Reconstructed(lexicon), "reconstruction"
    if vectors is not None:
        given = as_source(vectors)
        if given.shape != Reconstructed(lexicon).shape:
            n, d = Reconstructed(lexicon).shape
            raise InputError(
                f"the vectors have the shape {given.shape}, the lexicon was learned from {n} rows "
                f"of {d} dimensions; pass these, in their order"
            )
        return given, "vectors"
    encoder = lexicon.encoder is not None or lexicon.info.get("encoder") is not None
    if encoder and lexicon.text is not None:
        if source == "vectors" or len(lexicon.items) <= MOST_TEXTS:
            return Embedded(lexicon), "vectors"
    elif source == "vectors":
        raise InputError(
            "this lexicon has no encoder that could make its vectors again; pass vectors="
        )
    return Reconstructed(lexicon), "reconstruction"
