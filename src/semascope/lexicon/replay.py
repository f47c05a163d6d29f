"""From the edits that stand to what they say: the concepts, and the steps that make codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from semascope.core import InputError, did_you_mean, listed
from semascope.lexicon.concepts import MEASURED
from semascope.lexicon.families import FAMILY_SCORES
from semascope.lexicon.ledger import FAMILY, Edit, check_action, standing
from semascope.lexicon.linear import LinearRule
from semascope.lexicon.overlay import Step
from semascope.lexicon.packed import unpack


@dataclass
class Concept:
    """One concept that edits touched.

    Examples
    --------
    >>> from semascope.lexicon.replay import Concept
    >>> Concept("c3", 3, "late delivery").weight
    1.0
    """

    id: str
    latent: int
    name: str | None = None
    description: str | None = None
    tags: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    muted: bool = False
    pinned: bool = False
    weight: float = 1.0
    made_by: str | None = None
    made_from: list[str] = field(default_factory=list)
    became: list[str] = field(default_factory=list)
    by: int = 0
    scores: dict[str, Any] | None = None

    @property
    def factor(self) -> float:
        """By what its activations are multiplied."""
        return 0.0 if self.muted or self.became else self.weight


@dataclass
class Replayed:
    """What the standing edits say.

    Parameters
    ----------
    concepts : dict of str to Concept
        Those that edits touched or made, by id.
    made : list of str
        Ids of the made ones, in the order of their latents.
    steps : list of Step
        What makes their codes.
    families : dict of str to str
        Names that people gave to families, by their ids.
    family_scores : dict of (str, str) to dict
        What was measured of such names, by id and name.

    Examples
    --------
    >>> from semascope.lexicon.replay import Replayed
    >>> Replayed().made
    []
    """

    concepts: dict[str, Concept] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    families: dict[str, str] = field(default_factory=dict)
    family_scores: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    @property
    def factors(self) -> dict[int, float]:
        """Weights of latents that are not 1."""
        return {c.latent: c.factor for c in self.concepts.values() if c.factor != 1}


def replay_edits(base: pl.DataFrame, edits: Sequence[Edit], d: int | None = None) -> Replayed:
    """Follow the edits that stand, over a table of concepts.

    Parameters
    ----------
    base : polars.DataFrame
        At least ``id``, ``name``, ``muted`` and ``pinned``.
    edits : sequence of Edit
        The whole ledger.
    d : int, optional
        Dimensions that rules must have.

    Raises
    ------
    InputError
        ``edit N: ...`` for the first edit that cannot be: its concept does not exist at that time,
        has become another, or what it needs is damaged.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon import Edit
    >>> from semascope.lexicon.replay import replay_edits
    >>> table = pl.DataFrame({"id": ["c0"], "name": ["a"], "muted": [False], "pinned": [False]})
    >>> replay_edits(table, [Edit("rename", "c0", "b")]).concepts["c0"].name
    'b'
    """
    stand = standing(edits)
    if not stand:
        return Replayed()
    run = Follower(base, d)
    for number, edit in stand:
        try:
            check_action(edit)
            run.do(number, edit)
        except InputError as err:
            raise InputError(f"edit {number}: {err}") from err
    return run.out


def is_so(base: pl.DataFrame, edits: Sequence[Edit], edit: Edit) -> bool:
    """Return whether an edit of one concept would change nothing after those before it.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon import Edit
    >>> from semascope.lexicon.replay import is_so
    >>> table = pl.DataFrame({"id": ["c0"], "name": ["a"], "muted": [False], "pinned": [False]})
    >>> is_so(table, [Edit("mute", "c0")], Edit("mute", "c0")), is_so(table, [], Edit("mute", "c0"))
    (True, False)
    """
    run = Follower(base)
    run.out = replay_edits(base, edits)
    concept = run.concept(edit.concept)
    if edit.action == "rename":
        return concept.name == edit.value
    before = replace(concept, comments=list(concept.comments))
    _CHANGES[edit.action](concept, edit.value)
    return concept == before


class Follower:
    """Follows edits one after the other; one that cannot be is refused and changes nothing.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon import Edit
    >>> from semascope.lexicon.replay import Follower
    >>> table = pl.DataFrame({"id": ["c0"], "name": ["a"], "muted": [False], "pinned": [False]})
    >>> follower = Follower(table)
    >>> follower.do(1, Edit("mute", "c0"))
    >>> follower.out.factors
    {0: 0.0}
    """

    def __init__(self, base: pl.DataFrame, d: int | None = None) -> None:
        self.base, self.d = base, d
        self.place = {name: latent for latent, name in enumerate(base["id"])}
        self.out = Replayed()

    def do(self, number: int, edit: Edit) -> None:
        """Follow one edit, or raise `InputError`."""
        if edit.action == "measure":
            self.measure(edit)
        elif edit.action == FAMILY:
            self.out.families[edit.concept] = edit.value
        elif edit.action in ("merge", "split", "add"):
            self.make(number, edit)
        else:
            _CHANGES[edit.action](self.concept(edit.concept), edit.value)

    def concept(self, id: str) -> Concept:
        """Find a concept that can be edited now."""
        found = self.out.concepts.get(id)
        if found is None:
            if id not in self.place:
                known = [*self.place, *self.out.made]
                raise InputError(f"no concept '{id}'{did_you_mean(id, known)}")
            latent = self.place[id]
            row = self.base
            found = Concept(
                id,
                latent,
                row["name"][latent],
                muted=bool(row["muted"][latent]),
                pinned=bool(row["pinned"][latent]),
            )
            if "description" in row.columns:
                found.description = row["description"][latent]
            self.out.concepts[id] = found
        if found.became:
            raise InputError(
                f"concept {id} has become {listed(found.became)} by edit {found.by}; edit "
                f"{'that' if len(found.became) == 1 else 'those'}, or undo edit {found.by} first"
            )
        return found

    def name_of(self, id: str) -> str | None:
        """Return what a concept is called now."""
        found = self.out.concepts.get(id)
        if found is not None:
            return found.name
        return self.base["name"][self.place[id]] if id in self.place else None

    def called(self, name: str) -> list[str]:
        """Return the ids of concepts of that name that can be edited now."""
        before = self.base.filter(self.base["name"] == name)["id"].to_list()
        found = [id for id in before if id not in self.out.concepts]
        return found + [c.id for c in self.out.concepts.values() if c.name == name and not c.became]

    def measure(self, edit: Edit) -> None:
        """Take over scores, if they are of the concept's present name."""
        found = self.out.concepts.get(edit.concept)
        if found is None and edit.concept in self.place:
            found = self.concept(edit.concept)
        scores = edit.details.get("scores")
        if not isinstance(scores, dict) or not set(scores) <= {
            *MEASURED,
            *FAMILY_SCORES,
            "name_kind",
        }:
            raise InputError("its scores are damaged")
        if found is None and edit.concept not in self.place:
            self.out.family_scores[edit.concept, edit.value] = scores
        # A measurement of what a later or undone edit replaced waits until it holds again.
        if found is not None and found.name == edit.value:
            found.scores = scores

    def make(self, number: int, edit: Edit) -> None:
        """Make concepts of others."""
        details, made = edit.details, list(edit.made)
        members = [edit.concept] if edit.action == "split" else details.get("members", [])
        names = details.get("names", [None] * len(made))
        if not isinstance(members, list) or not isinstance(names, list):
            raise InputError("its members or names are damaged")
        if (len(made) < 2) if edit.action == "split" else (len(made) != 1):
            raise InputError(f"'{edit.action}' cannot make {len(made)} concepts")
        if len(names) != len(made) or not all(isinstance(n, str | None) for n in names):
            raise InputError(f"{len(names)} names do not fit {len(made)} concepts")
        least = {"merge": 2, "split": 1, "add": 0}[edit.action]
        if len(members) < least or len(set(map(str, members))) < len(members):
            raise InputError(f"'{edit.action}' of {listed(map(str, members)) or 'no concepts'}")
        for name in made:
            if name in self.place or name in self.out.concepts:
                raise InputError(f"concept {name} exists already")
        sources = [self.concept(str(name)) for name in members]
        for source in sources:
            if source.factor == 0:
                raise InputError(f"concept {source.id} is muted; unmute it first")
        step = self.step(edit, sources)
        self.out.steps.append(step)
        for source in sources:
            source.became, source.by = made, number
        for c, (id, name) in enumerate(zip(made, names, strict=True)):
            self.out.concepts[id] = Concept(
                id,
                step.made + c,
                name,
                made_by=edit.action,
                made_from=[source.id for source in sources],
                pinned=any(source.pinned for source in sources),
                tags=list(dict.fromkeys(tag for source in sources for tag in source.tags)),
                by=number,
            )
            self.out.made.append(id)

    def step(self, edit: Edit, sources: list[Concept]) -> Step:
        """Read what an edit does to codes."""
        details = edit.details
        first, count = len(self.place) + len(self.out.made), len(edit.made)
        rule = mix = directions = None
        if edit.action == "merge":
            mix = unpack(details.get("mix"))
            if mix.shape != (len(sources),):
                raise InputError(f"{len(mix)} shares of {len(sources)} members")
        else:
            rule = LinearRule.of(details.get("rule"))
            if len(rule.weights) != count or self.d not in (None, rule.weights.shape[1]):
                raise InputError(f"its rule has the shape {rule.weights.shape}")
        if edit.action == "split":
            directions = unpack(details.get("directions"))
            if rule is None or directions.shape != rule.weights.shape:
                raise InputError(f"its directions have the shape {directions.shape}")
            if rule.source != "reconstruction":
                raise InputError("the rule of a split must look at reconstructions")
        how = details.get("how", "sum")
        if how not in ("sum", "max"):
            raise InputError(f"how must be 'sum' or 'max', got {how!r}")
        return Step(
            edit.action,
            first,
            count,
            tuple(source.latent for source in sources),
            tuple(source.weight for source in sources),
            how,
            rule,
            mix,
            directions,
        )


def _rename(concept: Concept, value: str) -> None:
    concept.name, concept.scores = value, None


def _describe(concept: Concept, value: str) -> None:
    concept.description = value.strip() or None


def _tag(concept: Concept, value: str) -> None:
    if value not in concept.tags:
        concept.tags = [*concept.tags, value]


def _untag(concept: Concept, value: str) -> None:
    concept.tags = [tag for tag in concept.tags if tag != value]


def _weigh(concept: Concept, value: str) -> None:
    concept.weight = float(value)


def _set(key: str, value: bool) -> Callable[[Concept, str], None]:
    return lambda concept, _: setattr(concept, key, value)


_CHANGES: dict[str, Callable[[Concept, str], None]] = {
    "rename": _rename,
    "describe": _describe,
    "comment": lambda concept, value: concept.comments.append(value),
    "tag": _tag,
    "untag": _untag,
    "weight": _weigh,
    "mute": _set("muted", True),
    "unmute": _set("muted", False),
    "pin": _set("pinned", True),
    "unpin": _set("pinned", False),
}
