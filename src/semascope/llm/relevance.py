"""What a language model says that rows show of names: slow, costly, for any text or picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from semascope.core import generator, progress
from semascope.llm.budget import Budget, OverBudgetError, Report
from semascope.llm.cache import AnswerCache
from semascope.llm.detect import BATCH, Question, detect, detection_requests
from semascope.llm.endpoint import Endpoint

Rows = npt.NDArray[np.int64]

# Questions whose pictures are in memory at a time.
_BLOCK = 48


@dataclass(frozen=True)
class Doubt:
    """A name and the rows that are to be judged by it.

    Parameters
    ----------
    name : str
        The name.
    rows : ndarray of int64
        The rows.
    presumed : ndarray of bool, optional
        What a `Rehearsal` takes for the answers; by default "no".

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.llm import Doubt
    >>> Doubt("lateness", np.arange(3)).presumed is None
    True
    """

    name: str
    rows: Rows
    presumed: npt.NDArray[np.bool_] | None = None


@dataclass
class ByDetection:
    """Whether a row shows a name, by detection; in the place of a `lexicon.Relevance`.

    What was answered is remembered: no name is asked about the same row twice.

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
    unanswered : float, default 0.5
        What stands for no answer, which is no "no".
    seed : int
        Order in which rows are shown: whoever sees all of one kind first is led by it.

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
    unanswered: float = 0.5
    seed: int = 0
    known: dict[tuple[str, int], float] = field(default_factory=dict, repr=False)

    def __call__(self, names: Sequence[str], rows: Rows) -> npt.NDArray[np.float32]:
        """Return 1 (yes), 0 (no) or `unanswered`, shape (names, rows)."""
        self.ask([Doubt(name, rows) for name in names])
        scores = [[self.known.get((n, int(r)), np.nan) for r in rows] for n in names]
        found = np.array(scores, dtype=np.float32).reshape(len(names), len(rows))
        return np.nan_to_num(found, nan=self.unanswered)

    def ask(
        self, doubts: Sequence[Doubt], *, title: str = "detect", show_progress: bool = False
    ) -> None:
        """Ask about many names, and remember the answers.

        A question of which any answer is missing is asked as a whole. At the end of the budget the
        rest stays without answers, and the report says so.
        """
        open_ = [d for d in doubts if not self.answered(d.name, d.rows)]
        with progress(title, len(open_), "names", show=show_progress) as bar:
            for start in range(0, len(open_), _BLOCK):
                block = open_[start : start + _BLOCK]
                self._ask(block)
                bar.advance(len(block))

    def answered(self, name: str, *rows: Rows) -> bool:
        """Whether a name was asked about all of these rows, with an answer or without."""
        return all((name, int(row)) in self.known for some in rows for row in some)

    def _ask(self, block: Sequence[Doubt]) -> None:
        orders = [self._order(doubt.rows) for doubt in block]
        questions = [
            Question(
                doubt.name,
                [self.texts[int(row)] for row in doubt.rows[order]],  # type: ignore[arg-type]
                presumed=None if doubt.presumed is None else doubt.presumed[order].tolist(),
            )
            for doubt, order in zip(block, orders, strict=True)
        ]
        try:
            verdicts, report = detect(
                questions,
                self.endpoint,
                batch=self.batch,
                prompts=self.prompts,
                cache=self.cache,
                budget=self.budget,
            )
        except OverBudgetError:
            # Of a run that is under way, what was paid for counts.
            if self.budget is None or not self.budget.spent_tokens:
                raise
            n = len(detection_requests(questions, batch=self.batch, prompts=self.prompts)[0])
            self.report += Report(asked=n, unasked=n, stopped="budget")
            return
        self.report += report
        for doubt, order, said in zip(block, orders, verdicts, strict=True):
            for row, verdict in zip(doubt.rows[order].tolist(), said.tolist(), strict=True):
                self.known[doubt.name, row] = verdict

    def _order(self, rows: Rows) -> npt.NDArray[np.int64]:
        random = generator(self.seed, "detection order", len(rows), int(rows.sum()))
        return random.permutation(len(rows))
