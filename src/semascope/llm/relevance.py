"""What a language model says that rows show of names: slow, costly, and for any text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from semascope.llm.budget import Budget, Report
from semascope.llm.cache import AnswerCache
from semascope.llm.detect import BATCH, Question, detect
from semascope.llm.endpoint import Endpoint


@dataclass
class ByDetection:
    """Whether a row shows a name, by detection; in the place of a `lexicon.Relevance`.

    Parameters
    ----------
    texts : sequence of str or bytes
        Texts, or pictures, of all rows.
    endpoint : Endpoint
        The judge.
    batch, prompts, cache, budget
        As in `detect`.
    report : Report
        What all calls together asked and paid.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.llm import ByDetection, Endpoint
    >>> relevance = ByDetection(["late", "tea"], Endpoint("http://localhost:8000/v1", "small"))
    >>> relevance(["lateness"], np.arange(0)).shape
    (1, 0)
    """

    texts: Sequence[str] | Sequence[bytes]
    endpoint: Endpoint
    batch: int = BATCH
    prompts: str | Path | None = None
    cache: AnswerCache | str | Path | None = None
    budget: Budget | None = None
    report: Report = field(default_factory=Report)

    def __call__(
        self, names: Sequence[str], rows: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Return 1 (yes), 0 (no) or one half (no answer), shape (names, rows)."""
        items = [self.texts[int(row)] for row in rows]
        asked, report = detect(
            [Question(name, items) for name in names],  # type: ignore[arg-type]
            self.endpoint,
            batch=self.batch,
            prompts=self.prompts,
            cache=self.cache,
            budget=self.budget,
        )
        self.report = self.report + report
        scores = np.stack(asked) if asked else np.zeros((0, len(rows)))
        # No answer is no "no".
        return np.nan_to_num(scores, nan=0.5).astype(np.float32)
