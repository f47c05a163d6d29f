"""Names of images: which model judges them, on how few rows, and what that is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from semascope.core import InputError
from semascope.lexicon import Contrast, Lexicon, Relevance
from semascope.llm import AnswerCache, Budget, ByDetection, Doubt, Endpoint, Report
from semascope.measure import Verdict, verify_names
from semascope.measure.trust import other_names
from semascope.name import Pictures, describing_columns, few, with_images
from semascope.name.cases import NOTHING
from semascope.pipeline.reopened import left_out
from semascope.pipeline.sheets import check_images

VERIFIED = 12
"""Active *verify* rows of each name, and as many inactive ones: with 12 of each, a name is still
trusted if all answers but two are right."""
STRANGERS = 2
"""Names of other concepts in the null of each; each costs as much as the name itself."""
BATCH = 12
"""Pictures in one request."""


@dataclass(frozen=True)
class Asking:
    """Whom to ask, and how.

    Parameters
    ----------
    endpoint : Endpoint
        The model, or a `Rehearsal`.
    prompts, cache, budget, show_progress
        As in `llm.ask`.

    Examples
    --------
    >>> from semascope.llm import Endpoint
    >>> from semascope.pipeline.pictured import Asking
    >>> Asking(Endpoint("http://localhost:8000/v1", "small")).options["budget"] is None
    True
    """

    endpoint: Endpoint
    prompts: str | Path | None = None
    cache: AnswerCache | str | Path | None = None
    budget: Budget | None = None
    show_progress: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """Options of functions that ask."""
        return {
            "prompts": self.prompts, "cache": self.cache, "budget": self.budget,
            "show_progress": self.show_progress,
        }  # fmt: skip

    def judge(self, pictures: Pictures, seed: int) -> ByDetection:
        """Return what scores rows by names through the pictures."""
        return ByDetection(
            pictures, self.endpoint, BATCH, self.prompts, self.cache, self.budget, seed=seed
        )


def pictures_of(lexicon: Lexicon, images: str | Path | None = None) -> Pictures | None:
    """Return the images of a lexicon that is shown by them; None where texts are shown.

    Parameters
    ----------
    lexicon : Lexicon
        With a column of texts, or learned with ``images=``.
    images : path, optional
        What relative paths start from, if the images were moved since.

    Raises
    ------
    InputError
        If it has neither texts nor images; the message says what its names can come from.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> import semascope as sc
    >>> from semascope.pipeline.pictured import pictures_of
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> items = pl.DataFrame({"group": ["a", "b"] * 200})
    >>> lex = sc.learn(items, vectors=x, components=12, active=2, progress=False)
    >>> pictures_of(lex)
    Traceback (most recent call last):
    ...
    semascope.core.errors.InputError: this lexicon has no texts and no images to show ...
    """
    if lexicon.text is not None:
        return None
    if lexicon.images is None:
        nothing = (
            "this lexicon has no texts and no images to show to a language model (learn it with "
            "--text or --images)"
        )
        hidden = [*left_out(lexicon), *([] if lexicon.events is None else [lexicon.events])]
        columns = describing_columns(lexicon.items, hidden)
        if columns or lexicon.events:
            some = ", ".join([*columns, *([lexicon.events] if lexicon.events else [])][:5])
            raise InputError(
                f"{nothing}; its concepts are named without one, by rules over its columns "
                f"({some}): 'semascope show' lists these names"
            )
        raise InputError(
            f"{nothing}, nor columns that rules could name concepts by: learn it from a table with "
            "columns that describe the rows, or name concepts yourself with 'semascope edit'"
        )
    folder = Path(images if images is not None else lexicon.info["images"]["folder"])
    return Pictures(lexicon.items[lexicon.images], folder)


def check_pictures(
    pictures: Pictures,
    drawn: Sequence[Contrast],
    *,
    read: bool = True,
    show_progress: bool = False,
) -> None:
    """Raise `InputError` if an image of these rows is not there, or cannot be read.

    Parameters
    ----------
    pictures : Pictures
        Images of all rows.
    drawn : sequence of Contrast
        Rows to look at.
    read : bool, default True
        Read them as well, which takes longer.
    show_progress : bool
        Show a bar.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import Contrast
    >>> from semascope.name import Pictures
    >>> from semascope.pipeline.pictured import check_pictures
    >>> none = np.arange(0)
    >>> one = Contrast(np.arange(1), np.ones(1, dtype=np.float32), none, none)
    >>> check_pictures(Pictures(pl.Series("file", ["gone.png"]), Path(".")), [one])
    Traceback (most recent call last):
    ...
    semascope.core.errors.InputError: 1 of 1 images of column 'file' is not there: row 0 ...
    """
    parts = [rows for c in drawn for rows in (c.active, c.inactive)]
    rows = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *parts]))
    check_images(pictures.paths, pictures.folder, rows)
    if read:
        pictures.check(rows[pictures.there[rows]], show_progress=show_progress)


def verify_pictures(
    judge: ByDetection,
    names: Sequence[str | None],
    thresholds: Sequence[float | None],
    tested: Sequence[Contrast],
    pictures: Pictures,
    *,
    seed: int = 0,
    show_progress: bool = False,
) -> tuple[list[Verdict | None], Report]:
    """Verify names by detection, on few *verify* rows and beside a few names of others.

    Parameters
    ----------
    judge : ByDetection
        Who sees the pictures; an answer that it does not give is a failure and counts on no side.
    names, thresholds
        As for `verify_names`.
    tested : sequence of Contrast
        *Verify* rows; of these 12 active and 12 inactive ones are shown.
    pictures : Pictures
        Images of all rows.
    seed : int
    show_progress : bool
        Show a bar.

    Returns
    -------
    (list of Verdict or None, Report)

    Examples
    --------
    >>> from pathlib import Path
    >>> import polars as pl
    >>> from semascope.llm import Endpoint
    >>> from semascope.name import Pictures
    >>> from semascope.pipeline.pictured import Asking, verify_pictures
    >>> none = Pictures(pl.Series("file", [], dtype=pl.String), Path("."))
    >>> judge = Asking(Endpoint("http://localhost:8000/v1", "small")).judge(none, 0)
    >>> verify_pictures(judge, [], [], [], none)[0]
    []
    """
    strict = replace(judge, unanswered=float("nan"), report=Report())
    rows = [
        NOTHING if level is None else few(with_images(c, pictures.there), VERIFIED)
        for c, level in zip(tested, thresholds, strict=True)
    ]

    def relevance_of(j: int) -> Relevance:
        return strict

    doubts = []
    for j, (name, level, some) in enumerate(zip(names, thresholds, rows, strict=True)):
        if name is not None and level is not None and min(len(some.active), len(some.inactive)) > 1:
            both = np.concatenate([some.active, some.inactive])
            truth = np.arange(len(both)) < len(some.active)
            doubts.append(Doubt(name, both, truth))
            others = other_names(names, relevance_of, j, STRANGERS, seed)
            doubts += [Doubt(other, both) for other in others]
    strict.ask(doubts, title="verify", show_progress=show_progress)
    known = [
        level if (name is not None and strict.answered(name, c.active, c.inactive)) else None
        for name, level, c in zip(names, thresholds, rows, strict=True)
    ]
    verdicts = verify_names(names, known, rows, relevance_of, most=STRANGERS, seed=seed)
    return verdicts, strict.report
