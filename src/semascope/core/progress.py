"""Progress bars for long work: exact counts and rates on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Progress:
    """Counts finished units of one task and shows them; make one with `progress`.

    Examples
    --------
    >>> from semascope.core import progress
    >>> with progress("embed", total=3, unit="texts", show=False) as bar:
    ...     bar.advance(2)
    ...     bar.done
    2
    """

    title: str
    total: int
    unit: str
    _bar: object = None
    _task: object = None
    done: int = field(default=0)
    note: str = ""

    def advance(self, by: int = 1, note: str = "") -> None:
        """Count `by` more units, with a short `note` such as the current loss."""
        self.done += by
        self.note = note
        if self._bar is not None:
            self._bar.update(self._task, advance=by, note=note)  # type: ignore[attr-defined]


@contextmanager
def progress(title: str, total: int, unit: str, show: bool = True) -> Iterator[Progress]:
    """Show the progress of one task.

    Parameters
    ----------
    title : str
        What is being done.
    total : int
        How many units there are.
    unit : str
        What is counted, in the plural.
    show : bool, default True
        Draw a bar on standard error (a terminal), or print one closing line (anything else).

    Examples
    --------
    >>> from semascope.core import progress
    >>> with progress("embed", total=2, unit="texts", show=False) as bar:
    ...     bar.advance(2)
    """
    if not show:
        yield Progress(title, total, unit)
        return
    start = time.perf_counter()
    if not sys.stderr.isatty():
        task = Progress(title, total, unit)
        yield task
        took = time.perf_counter() - start
        rate = task.done / took if took > 0 else 0.0
        note = f", {task.note}" if task.note else ""
        line = f"{title}: {task.done:,} {unit} in {took:.1f} s ({rate:,.0f}/s){note}"
        print(line, file=sys.stderr)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn(unit + " {task.fields[rate]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
    )
    with RichProgress(*columns, console=Console(stderr=True)) as bar:
        task_id = bar.add_task(title, total=total, note="", rate="")
        yield _Rated(title, total, unit, bar, task_id, start=start)


@dataclass
class _Rated(Progress):
    start: float = 0.0

    def advance(self, by: int = 1, note: str = "") -> None:
        rate = (self.done + by) / max(1e-9, time.perf_counter() - self.start)
        self._bar.update(self._task, rate=f"{rate:,.0f}/s")  # type: ignore[attr-defined]
        super().advance(by, note)
