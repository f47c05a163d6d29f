"""Items as sums of concepts that can be turned down, and questions about many at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from semascope.core import InputError
from semascope.explain.predictor import Predictor

Floats = npt.NDArray[np.float64]
Value = Callable[[Floats], Floats]
T = TypeVar("T")

# Of a mask: large enough for models that compute in single precision.
STEP = 1e-3


@dataclass(frozen=True, eq=False)
class Mixture:
    """One vector as a sum of parts that can be turned down: ``start + mask @ parts``.

    Parameters
    ----------
    predict : Predictor
        What is explained.
    start : ndarray of shape (d,)
        What is always there: the dictionary's bias and the remainder.
    parts : ndarray of shape (k, d)
        What each concept brings: its activation times its atom.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor
    >>> item = Mixture(Predictor(lambda x: x[:, 0]), np.zeros(2), np.eye(2))
    >>> item.value(np.array([[1.0, 1.0], [0.0, 1.0]]))
    array([1., 0.])
    """

    predict: Predictor
    start: Floats
    parts: Floats

    def __post_init__(self) -> None:
        if self.parts.ndim != 2 or self.start.shape != self.parts.shape[1:]:
            raise InputError(
                f"parts must be (k, d) and start (d,), got {self.parts.shape} and "
                f"{self.start.shape}"
            )

    def __len__(self) -> int:
        """Parts."""
        return len(self.parts)

    def at(self, masks: npt.NDArray[Any]) -> Floats:
        """Return vectors (b, d) with parts as strong as in masks (b, k): 1 is as it was, 0 gone."""
        return np.asarray(self.start + masks @ self.parts)

    def value(self, masks: npt.NDArray[Any]) -> Floats:
        """Return predictions with parts as strong as in masks (b, k), shape (b,)."""
        return _predicted(self.predict, [(self, np.asarray(masks, dtype=np.float64))])[0]

    def slopes(self, masks: Floats) -> Floats:
        """Return derivatives of the prediction by the masks (b, k), shape (b, k).

        By autograd of a module, else by central differences along the parts.
        """
        return _sloped(self.predict, [(self, masks)])[0]


@dataclass(frozen=True, eq=False)
class Ask:
    """A question about one item: predictions at masks (b, k), or their slopes.

    Masks of bool are sets of concepts; what is known of a set is not asked again.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.mixture import Ask
    >>> Ask(np.ones((1, 3), dtype=bool)).slopes
    False
    """

    masks: npt.NDArray[Any]
    slopes: bool = False


# What asks questions of one item until it knows its result; who drives it chooses how many items
# are asked about in one call of the model.
Asking = Generator[list[Ask], list[Floats], T]


def all_of(askings: dict[str, Asking[Any]]) -> Asking[dict[str, Any]]:
    """Let several ask about one item at the same time; return their results by name.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.attribution import ask_occlusion
    >>> from semascope.explain.mixture import all_of, answered_by
    >>> both = all_of({"a": ask_occlusion(2), "b": ask_occlusion(2)})
    >>> answered_by(lambda masks: masks @ [1.0, 2.0], both)["b"]
    array([1., 2.])
    """
    done: dict[str, Any] = dict.fromkeys(askings)
    waiting: dict[str, list[Ask]] = {}
    for name, one in askings.items():
        _advance(name, one, None, waiting, done)
    while waiting:
        replies = yield [ask for asks in waiting.values() for ask in asks]
        at = 0
        for name, asks in list(waiting.items()):
            own, at = replies[at : at + len(asks)], at + len(asks)
            _advance(name, askings[name], own, waiting, done)
    return done


def together(
    items: Sequence[Mixture],
    askings: Sequence[Asking[T]],
    advance: Callable[[int], None] | None = None,
) -> list[T]:
    """Answer what is asked about several items, in calls of the model that are as full as can be.

    Parameters
    ----------
    items : sequence of Mixture
        Of one predictor.
    askings : sequence of generators, as many
        What asks about each.
    advance : callable, optional
        Told how many items are done, as they are.

    Returns
    -------
    list
        What each returned.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor
    >>> from semascope.explain.attribution import ask_occlusion
    >>> from semascope.explain.mixture import together
    >>> predict = Predictor(lambda x: x[:, 0])
    >>> items = [Mixture(predict, np.zeros(2), np.eye(2) * size) for size in (1, 3)]
    >>> [found.tolist() for found in together(items, [ask_occlusion(2), ask_occlusion(2)])]
    [[1.0, 0.0], [3.0, 0.0]]
    >>> predict.spent.calls
    1
    """
    done: dict[int, Any] = dict.fromkeys(range(len(items)))
    known: list[dict[bytes, float]] = [{} for _ in items]
    waiting: dict[int, list[Ask]] = {}
    for i, one in enumerate(askings):
        _advance(i, one, None, waiting, done)
    while waiting:
        before = len(waiting)
        predict = items[next(iter(waiting))].predict
        replies = _replies(predict, {i: (items[i], asks) for i, asks in waiting.items()}, known)
        for i in list(waiting):
            _advance(i, askings[i], replies[i], waiting, done)
        if advance is not None:
            advance(before - len(waiting))
    return [done[i] for i in range(len(items))]


def answered(item: Mixture, asking: Asking[T]) -> T:
    """Answer what is asked about one item.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain import Mixture, Predictor
    >>> from semascope.explain.attribution import ask_occlusion
    >>> from semascope.explain.mixture import answered
    >>> item = Mixture(Predictor(lambda x: x[:, 0]), np.zeros(2), np.eye(2))
    >>> answered(item, ask_occlusion(2))
    array([1., 0.])
    """
    return together([item], [asking])[0]


def answered_by(value: Value, asking: Asking[T]) -> T:
    """Answer what is asked by a function from masks (b, k) of float to values (b,).

    Examples
    --------
    >>> from semascope.explain.attribution import ask_occlusion
    >>> from semascope.explain.mixture import answered_by
    >>> answered_by(lambda masks: masks[:, 0] * masks[:, 1], ask_occlusion(2))
    array([1., 1.])
    """
    done: dict[int, Any] = {}
    waiting: dict[int, list[Ask]] = {}
    _advance(0, asking, None, waiting, done)
    while waiting:
        _advance(0, asking, [value(np.asarray(one.masks, dtype=np.float64)) for one in waiting[0]],
                 waiting, done)  # fmt: skip
    return done[0]  # type: ignore[no-any-return]


def _advance(
    key: Any, one: Asking[Any], replies: list[Floats] | None, waiting: Any, done: Any
) -> None:
    waiting.pop(key, None)
    try:
        waiting[key] = next(one) if replies is None else one.send(replies)
    except StopIteration as stop:
        done[key] = stop.value


def _replies(
    predict: Predictor,
    asked: dict[int, tuple[Mixture, list[Ask]]],
    known: list[dict[bytes, float]],
) -> dict[int, list[Floats]]:
    out: dict[int, list[Floats]] = {i: [np.empty(0)] * len(asks) for i, (_, asks) in asked.items()}
    graded, sloped, sets = list[tuple[int, int]](), list[tuple[int, int]](), {}
    fresh: dict[int, dict[bytes, npt.NDArray[Any]]] = {}
    for i, (_, asks) in asked.items():
        for n, ask in enumerate(asks):
            if ask.slopes:
                sloped.append((i, n))
            elif ask.masks.dtype != np.bool_:
                graded.append((i, n))
            else:
                sets[i, n] = _keys(ask.masks)
                for key, mask in zip(sets[i, n], ask.masks, strict=True):
                    if key not in known[i]:
                        fresh.setdefault(i, {}).setdefault(key, mask)
    wanted = [(asked[i][0], asked[i][1][n].masks) for i, n in graded]
    wanted += [(asked[i][0], np.array(list(masks.values()))) for i, masks in fresh.items()]
    found = _predicted(predict, wanted)
    for (i, n), values in zip(graded, found[: len(graded)], strict=True):
        out[i][n] = values
    for (i, masks), values in zip(fresh.items(), found[len(graded) :], strict=True):
        known[i].update(zip(masks, values.tolist(), strict=True))
    for (i, n), keys in sets.items():
        out[i][n] = np.array([known[i][key] for key in keys])
    slopes = _sloped(predict, [(asked[i][0], asked[i][1][n].masks) for i, n in sloped])
    for (i, n), values in zip(sloped, slopes, strict=True):
        out[i][n] = values
    return out


def _keys(masks: npt.NDArray[np.bool_]) -> list[bytes]:
    packed = np.packbits(masks, axis=1)
    width = packed.shape[1]
    raw = packed.tobytes()
    return [raw[i : i + width] for i in range(0, len(raw), width)] if width else [b""] * len(masks)


def _predicted(predict: Predictor, wanted: Sequence[tuple[Mixture, Any]]) -> list[Floats]:
    """Return predictions of each item at its masks; one call may be about several items."""
    return _in_blocks(predict, wanted, predict)


def _sloped(predict: Predictor, wanted: Sequence[tuple[Mixture, Floats]]) -> list[Floats]:
    if predict.differentiable:
        found = _in_blocks(predict, wanted, predict.gradient)
        return [one @ item.parts.T for (item, _), one in zip(wanted, found, strict=True)]
    if not wanted:
        return []
    if not predict.spent.calls:
        predict(wanted[0][0].start[None])
    moved = []
    step = max(STEP, predict.resolution)
    for item, masks in wanted:
        move = step * np.eye(len(item))
        moved.append((item, np.concatenate([masks[:, None] + move, masks[:, None] - move], axis=1)
                      .reshape(-1, len(item))))  # fmt: skip
    out = []
    for (item, masks), values in zip(wanted, _predicted(predict, moved), strict=True):
        both = values.reshape(len(masks), 2, len(item))
        out.append((both[:, 0] - both[:, 1]) / (2 * step))
    return out


def _in_blocks(
    predict: Predictor,
    wanted: Sequence[tuple[Mixture, npt.NDArray[Any]]],
    of: Callable[[Floats], Floats],
) -> list[Floats]:
    if not wanted:
        return []
    sizes = [len(masks) for _, masks in wanted]
    begins = np.cumsum([0, *sizes])
    found: list[Floats] = []
    first = 0
    for low in range(0, int(begins[-1]), predict.batch):
        high = min(low + predict.batch, int(begins[-1]))
        block = np.empty((high - low, len(wanted[0][0].start)))
        while begins[first + 1] <= low:
            first += 1
        at = first
        while at < len(wanted) and begins[at] < high:
            item, masks = wanted[at]
            start, stop = max(low, int(begins[at])), min(high, int(begins[at + 1]))
            piece = masks[start - int(begins[at]) : stop - int(begins[at])]
            # In place: writing vectors takes longer than the products.
            here = block[start - low : stop - low]
            np.matmul(piece.astype(np.float64, copy=False), item.parts, out=here)
            here += item.start
            at += 1
        found.append(of(block))
    whole = np.concatenate(found) if found else of(np.empty((0, len(wanted[0][0].start))))
    return np.split(whole, begins[1:-1])
