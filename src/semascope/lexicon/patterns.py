"""Ordered patterns of events as names, such as ``visit then purchase``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from semascope.core import InputError
from semascope.lexicon.rows import Rows

Float32Array = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_THEN = re.compile(r"\s+then\s+")


@dataclass(frozen=True)
class Events:
    """Sequences of events, one a row, as numbers.

    Parameters
    ----------
    codes : ndarray of int32
        Numbers of all events, row after row.
    starts : ndarray of int64, shape (rows + 1,)
        Where each row starts.
    vocabulary : list of str
        Events by number, sorted.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon import Events
    >>> events = Events.of(pl.Series([["visit", "buy"], None, ["visit"]]))
    >>> events.codes.tolist(), events.starts.tolist(), events.vocabulary
    ([1, 0, 1], [0, 2, 2, 3], ['buy', 'visit'])
    """

    codes: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    vocabulary: list[str]

    @classmethod
    def of(cls, column: pl.Series) -> Events:
        """Read a column of lists; missing lists and events count as none."""
        dtype = column.dtype
        if not (dtype == pl.List or dtype == pl.Array) or dtype.inner.is_nested():  # type: ignore[attr-defined]
            raise InputError(
                f"column '{column.name}' must hold a list of events for each row, in their order; "
                f"it holds {dtype}"
            )
        lists = column.cast(pl.List(pl.String)).list.drop_nulls()
        lengths = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
        flat = lists.filter(lists.list.len() > 0).explode()
        vocabulary = flat.unique().sort()
        codes = flat.cast(pl.Enum(vocabulary)).to_physical().cast(pl.Int32).to_numpy()
        return cls(codes, np.concatenate([[0], np.cumsum(lengths)]), vocabulary.to_list())

    def __len__(self) -> int:
        """Rows."""
        return len(self.starts) - 1

    def take(self, rows: Rows) -> Events:
        """Return some of the rows."""
        lengths = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        within = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
        where = np.repeat(self.starts[:-1][rows], lengths) + within
        return Events(self.codes[where], starts, self.vocabulary)

    @cached_property
    def _places(self) -> tuple[Positions, Positions]:
        order = np.argsort(self.codes, kind="stable")
        ends = np.searchsorted(self.codes[order], np.arange(len(self.vocabulary) + 1))
        return order, ends

    def after(self, event: int, places: Positions) -> Positions:
        """Return for each row where an event comes first after a place.

        A place is a position in `codes`; where the event does not come, it is their number.
        """
        order, ends = self._places
        own = order[ends[event] : ends[event + 1]]
        next_one = np.searchsorted(own, places, side="right")
        found = np.append(own, len(self.codes))[next_one]
        return np.where(found < self.starts[1:], found, len(self.codes))

    def begin(self) -> Positions:
        """Return the places before the first events."""
        return self.starts[:-1] - 1


def as_events(column: pl.Series, separator: str = ">") -> pl.Series:
    """Return a column of lists of events: strings are split, spaces around events taken off.

    Parameters
    ----------
    column : polars.Series
        Lists of events, in their order, or strings such as ``visit > mail > buy``.
    separator : str, default ">"
        What stands between the events of a string.

    Raises
    ------
    InputError
        If the column holds neither, or no row more than one event: then nothing follows anything.

    Examples
    --------
    >>> import polars as pl
    >>> from semascope.lexicon import as_events
    >>> as_events(pl.Series(["visit > buy", None, ""])).to_list()
    [['visit', 'buy'], None, []]
    """
    if not separator:
        raise InputError("the separator of events is empty")
    lists = column
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        parts = pl.element().str.strip_chars()
        lists = column.cast(pl.String).str.split(separator).list.eval(
            parts.filter(parts.str.len_chars() > 0)
        )  # fmt: skip
    events = Events.of(lists)
    if not (np.diff(events.starts) > 1).any():
        split = f" split at '{separator}'" if lists is not column else ""
        raise InputError(
            f"no row of column '{column.name}'{split} holds more than one event, so none "
            "follows another; events are lists, or strings with a separator (--events-separator, "
            "events_separator=)"
        )
    return lists.cast(pl.List(pl.String)).list.drop_nulls()


@dataclass
class ByPattern:
    """Whether the events of a row happened in the order that a name states, gaps allowed.

    Parameters
    ----------
    column : polars.Series
        A list of events for each row, in their order.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from semascope.lexicon import ByPattern
    >>> column = pl.Series([["visit", "mail", "buy"], ["buy", "visit"], None])
    >>> ByPattern(column)(["visit then buy", "visit"], np.arange(3)).tolist()
    [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    """

    column: pl.Series

    @cached_property
    def known(self) -> set[str]:
        """All events that there are."""
        return set(Events.of(self.column).vocabulary)

    def __call__(self, names: Sequence[str], rows: Rows) -> Float32Array:
        """Return 0 or 1, shape (names, rows)."""
        patterns = [parse_pattern(name) for name in names]
        events = Events.of(self.column.gather(rows))
        numbers = {event: i for i, event in enumerate(events.vocabulary)}
        out = np.zeros((len(names), len(rows)), dtype=np.float32)
        for i, pattern in enumerate(patterns):
            if all(event in numbers for event in pattern):
                places = events.begin()
                for event in pattern:
                    places = events.after(numbers[event], places)
                out[i] = places < len(events.codes)
        return out


def parse_pattern(text: str) -> tuple[str, ...]:
    """Read events in their order; `write_pattern` writes them again.

    Examples
    --------
    >>> from semascope.lexicon import parse_pattern
    >>> parse_pattern('visit then "now or then" then buy')
    ('visit', 'now or then', 'buy')
    """
    found, at = [], 0
    while True:
        quoted = _QUOTED.match(text, at)
        end = _THEN.search(text, at)
        stop = quoted.end() if quoted else end.start() if end else len(text)
        event = text[at:stop]
        if quoted:
            try:
                event = json.loads(event, strict=False)
            except json.JSONDecodeError:
                raise InputError(f"cannot read the event {event} in '{text}'") from None
        elif (
            event != event.strip() or event.startswith('"') or "then" in (event.split() or ["then"])
        ):
            raise InputError(
                f"cannot read the pattern '{text}': expected events joined by 'then', in double "
                "quotes if they hold this word"
            )
        found.append(event)
        if stop == len(text):
            return tuple(found)
        joined = _THEN.match(text, stop)
        if joined is None:
            raise InputError(f"cannot read the pattern '{text}': expected 'then' after '{event}'")
        at = joined.end()


def write_pattern(events: Sequence[str]) -> str:
    """Join events by *then*, in double quotes where they need it.

    Examples
    --------
    >>> from semascope.lexicon import write_pattern
    >>> write_pattern(["visit", "buy"])
    'visit then buy'
    """
    if not events:
        raise InputError("a pattern has at least one event")
    return " then ".join(
        json.dumps(event, ensure_ascii=False)
        if not event
        or event != " ".join(event.split())
        or event.startswith('"')
        or "then" in event.split(" ")
        else event
        for event in events
    )
