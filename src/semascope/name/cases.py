"""What a language model is shown of each concept, and the rows that choose among its names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.lexicon import Contrast
from semascope.llm import Span
from semascope.name.evidence import Evidence, Part, PartFinder

_NO_ROWS = np.zeros(0, dtype=np.int64)
NOTHING = Contrast(_NO_ROWS, np.zeros(0, dtype=np.float32), _NO_ROWS, _NO_ROWS)


@dataclass(frozen=True)
class Case:
    """What a language model is shown of one concept, and what its names are chosen on.

    Parameters
    ----------
    active : sequence of str
        Texts on which the concept is active.
    activations : sequence of float
        How strongly.
    near : sequence of str
        Near-misses: similar texts on which it is inactive.
    values : sequence of str
        Properties that go with it, in words.
    marks : sequence of sequences of (int, int), optional
        For each active text the parts that make it active, as character positions.
    sheets : sequence of bytes
        For pictures: a contrast sheet of active ones, and a second one of near-misses.
    held : Contrast, optional
        *name* rows that were not shown. Without them the first name is taken.
    current : str
        A name that the new ones have to beat.
    current_kind : str, default "phrase"
        What tests it; see `Candidate.kind`.
    members : sequence of str
        For a family: names of the concepts of which it says what they share.
    taken : sequence of str
        Names of others, from which this one has to differ; the near-misses are theirs.
    status : str
        ``unnamed`` if there is enough to name; ``rare`` and ``dead`` concepts are not asked about.

    Examples
    --------
    >>> from semascope.name import Case
    >>> Case(["it came late", "late again"], [3.0, 1.0], near=["it came early"]).status
    'unnamed'
    """

    active: Sequence[str] = ()
    activations: Sequence[float] = ()
    near: Sequence[str] = ()
    values: Sequence[str] = ()
    marks: Sequence[Sequence[Span]] | None = None
    sheets: Sequence[bytes] = ()
    held: Contrast | None = None
    current: str = ""
    current_kind: str = "phrase"
    members: Sequence[str] = ()
    taken: Sequence[str] = ()
    status: str = "unnamed"


def cases_of(
    drawn: Sequence[Contrast],
    texts: pl.Series,
    *,
    values: Sequence[Sequence[str]] | None = None,
    current: Sequence[str | None] | None = None,
    kinds: Sequence[str | None] | None = None,
    parts: PartFinder | None = None,
    members: Sequence[Sequence[str]] | None = None,
    most_active: int = 12,
    most_near: int = 6,
) -> list[Case]:
    """Divide the *name* rows of each concept into a half to show and a half to choose names on.

    Which half is decided by a hash of the text, so equal texts never lie on both sides. What is
    shown is spread evenly over the ranks of activation.

    Parameters
    ----------
    drawn : sequence of Contrast
        Rows of the *name* split for each latent.
    texts : polars.Series
        Texts of all rows.
    values : sequence of sequences of str, optional
        Over-represented values of each concept, in words.
    current : sequence of str or None, optional
        Names that the new ones have to beat.
    kinds : sequence of str or None, optional
        Their kinds; by default they are phrases.
    parts : callable, optional
        Finds the parts of shown texts that make a concept active, which are marked; `text_parts`
        makes one.
    members : sequence of sequences of str, optional
        For families: names of their concepts.
    most_active, most_near : int
        How many texts are shown.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import cases_of
    >>> texts = pl.Series([f"late {i}" for i in range(20)] + [f"tea {i}" for i in range(20)])
    >>> rows, none = np.arange(20), np.arange(0)
    >>> one = Contrast(rows, np.ones(20, dtype=np.float32), none, rows + 20)
    >>> case = cases_of([one], texts)[0]
    >>> shown = {int(text.split()[1]) for text in case.active}
    >>> shown & set(case.held.active.tolist())
    set()
    """

    def digest(row: int) -> bytes:
        text = texts[row] or ""
        return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=1).digest()

    halves = [halved(contrast, digest) for contrast in drawn]
    fired = None if parts is None else parts([shown for shown, _ in halves])
    out = []
    for j, (shown, held) in enumerate(halves):
        picked = evenly(len(shown.active), most_active)
        # Near-misses teach a name its border; where there are none, other rows must do.
        near = shown.near if len(shown.near) else shown.other
        out.append(
            Case(
                active=_texts(texts, shown.active[picked]),
                activations=shown.activations[picked].tolist(),
                near=_texts(texts, near[:most_near]),
                values=() if values is None else values[j],
                marks=None if fired is None else _marks(fired[j], shown.active[picked]),
                held=held,
                current=(current[j] or "") if current is not None else "",
                current_kind=(kinds[j] or "phrase") if kinds is not None else "phrase",
                members=() if members is None else members[j],
                status=status_of(j, drawn[j]),
            )
        )
    return out


def _marks(parts: Sequence[Part], rows: npt.NDArray[np.int64]) -> list[list[Span]]:
    spans: dict[int, list[Span]] = {}
    for part in parts:
        if part.start is not None and part.stop is not None:
            spans.setdefault(part.row, []).append((part.start, part.stop))
    return [sorted(spans.get(row, [])) for row in rows.tolist()]


def halved(contrast: Contrast, digest: Callable[[int], bytes]) -> tuple[Contrast, Contrast]:
    """Divide rows into a half to show and a half to choose on, by a hash of what they hold.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name.cases import halved
    >>> one, none = np.ones(4, dtype=np.float32), np.arange(0)
    >>> shown, held = halved(Contrast(np.arange(4), one, none, none), lambda row: bytes([70 * row]))
    >>> shown.active, held.active
    (array([0, 1]), array([2, 3]))
    """

    def first(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        return np.array([digest(row)[0] < 128 for row in rows.tolist()], dtype=bool)

    active, near, other = (first(r) for r in (contrast.active, contrast.near, contrast.other))
    shown, held = (
        Contrast(
            contrast.active[active == side],
            contrast.activations[active == side],
            contrast.near[near == side],
            contrast.other[other == side],
        )
        for side in (True, False)
    )
    return shown, held


def evenly(n: int, most: int) -> npt.NDArray[np.int64]:
    """Return at most `most` of `n` ranks, evenly spaced.

    Examples
    --------
    >>> from semascope.name.cases import evenly
    >>> evenly(9, 3)
    array([0, 4, 8])
    """
    return np.unique(np.linspace(0, max(0, n - 1), min(n, most)).round().astype(np.int64))


def _texts(texts: pl.Series, rows: npt.NDArray[np.int64]) -> list[str]:
    return [text or "" for text in texts.gather(rows)]


def status_of(latent: int, contrast: Contrast) -> str:
    """Return ``unnamed`` if a concept can be named, else ``rare`` or ``dead``.

    Examples
    --------
    >>> from semascope.name.cases import NOTHING, status_of
    >>> status_of(0, NOTHING)
    'dead'
    """
    found = Evidence(latent, contrast).status
    return "unnamed" if found == "ready" else found
