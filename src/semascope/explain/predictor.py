"""Any callable on vectors as a function to one number a row: checked, in batches, with slopes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError

Floats = npt.NDArray[np.float64]
BATCH = 8192


@dataclass(eq=False)
class Spent:
    """What a model was asked: calls, vectors in all of them, and how exactly it answers.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.predictor import Predictor
    >>> predict = Predictor(lambda x: x.sum(axis=1), batch=4)
    >>> predict(np.ones((10, 2))).shape, predict.spent.calls, predict.spent.vectors
    ((10,), 3, 10)
    """

    calls: int = 0
    vectors: int = 0
    precision: float = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Predictor:
    """A model as a function from vectors (n, d) to one number a row.

    Parameters
    ----------
    call : callable
        From vectors (n, d) to (n,), (n, 1) or (n, classes): ``clf.predict_proba``,
        ``clf.decision_function``, a ``torch.nn.Module``, a function that asks a server. A module
        gets tensors of its own dtype and device and is differentiated by autograd; anything else
        gets float64 arrays.
    target : int, optional
        The column that is explained. Of two columns the second by default; of more there is none.
    batch : int, default 8192
        Most rows of one call.
    most : int, optional
        Vectors that may be asked about in all; `InputError` before the call that would pass it.
    spent : Spent
        What was asked so far.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.explain.predictor import Predictor
    >>> Predictor(lambda x: x.sum(axis=1))(np.ones((2, 3)))
    array([3., 3.])
    """

    call: Callable[[Any], Any]
    target: int | None = None
    batch: int = BATCH
    most: int | None = None
    spent: Spent = field(default_factory=Spent)

    def __post_init__(self) -> None:
        if not callable(self.call):
            ways = [a for a in ("predict_proba", "decision_function", "predict")
                    if hasattr(self.call, a)]  # fmt: skip
            hint = f"; pass its method, such as .{ways[0]}" if ways else ""
            raise InputError(
                f"predict must be a callable on vectors, got {type(self.call).__name__}{hint}"
            )
        if self.target is not None and not isinstance(self.target, int | np.integer):
            raise InputError(f"target is the number of a column, got {self.target!r}")
        if self.batch < 1:
            raise InputError(f"batch must be at least 1, got {self.batch}")

    def __call__(self, x: npt.NDArray[Any]) -> Floats:
        """Return what is predicted of vectors (n, d), shape (n,); raise `InputError` if not so."""
        parts = [self._once(x[i : i + self.batch]) for i in range(0, len(x), self.batch)]
        return np.concatenate(parts) if parts else np.empty(0)

    @property
    def differentiable(self) -> bool:
        """Whether autograd gives its gradient."""
        torch = sys.modules.get("torch")
        return torch is not None and isinstance(self.call, torch.nn.Module)

    @property
    def resolution(self) -> float:
        """Step of central differences that suits the precision of what was returned so far."""
        return float(np.cbrt(self.spent.precision))

    def gradient(self, x: npt.NDArray[Any]) -> Floats:
        """Return the gradient at vectors (n, d), shape (n, d).

        By autograd of a module, else by central differences: ``2 d`` predictions a row, each
        dimension moved by the length of its row times the cube root of the precision of what is
        returned (6e-6 for double, 5e-3 for single precision).
        """
        x = np.asarray(x, dtype=np.float64)
        if self.differentiable:
            parts = [self._autograd(x[i : i + self.batch]) for i in range(0, len(x), self.batch)]
            return np.concatenate(parts) if parts else np.empty_like(x)
        n, d = x.shape
        if not n:
            return x
        if not self.spent.calls:
            self(x[:1])
        # Lengths of nearly 0 would move nothing.
        h = self.resolution * np.maximum(np.linalg.norm(x, axis=1), 1e-6)
        out, eye = np.empty_like(x), np.eye(d)
        at_once = max(1, self.batch // (2 * d))
        for i in range(0, n, at_once):
            rows, move = x[i : i + at_once, None], h[i : i + at_once, None, None] * eye
            found = self(np.concatenate([rows + move, rows - move], axis=1).reshape(-1, d))
            up, down = found.reshape(-1, 2, d).swapaxes(0, 1)
            out[i : i + at_once] = (up - down) / (2 * h[i : i + at_once, None])
        return out

    def _once(self, x: npt.NDArray[Any]) -> Floats:
        self._pay(len(x))
        if self.differentiable:
            import torch

            with torch.no_grad():
                found = self.call(self._tensor(x)).detach().cpu().numpy()
        else:
            # Its own, so that a callable that works in place changes nothing here.
            found = self.call(np.array(x, dtype=np.float64))
            if hasattr(found, "detach"):
                found = found.detach().cpu()
        values = np.asarray(found)
        if values.dtype.kind not in "fiub":
            raise InputError(
                f"predict must return numbers, it returned {values.dtype}; of a classifier pass "
                "predict_proba or decision_function"
            )
        if values.ndim not in (1, 2) or len(values) != len(x) or 0 in values.shape[1:]:
            raise InputError(
                f"predict must return ({len(x)},) or ({len(x)}, classes) for {len(x)} vectors, it "
                f"returned the shape {values.shape}"
            )
        if values.dtype.kind == "f":
            self.spent.precision = float(np.finfo(values.dtype).eps)
        column = self._column(values.shape)
        values = (values if column is None else values[:, column]).astype(np.float64)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(f"predict returned {values[row]} for a finite vector, in row {row}")
        return values

    def _pay(self, vectors: int) -> None:
        if self.most is not None and self.spent.vectors + vectors > self.most:
            raise InputError(
                f"the budget is {self.most:,} vectors; {self.spent.vectors:,} were asked about and "
                f"{vectors:,} more are needed"
            )
        self.spent.calls += 1
        self.spent.vectors += vectors

    def _column(self, shape: tuple[int, ...]) -> int | None:
        if len(shape) == 1:
            if self.target not in (None, 0):
                raise InputError(f"target is {self.target}, but predict returns one number a row")
            return None
        classes = shape[1]
        if self.target is None:
            if classes > 2:
                raise InputError(
                    f"predict returns {classes} classes; tell which to explain by target=, "
                    f"0 to {classes - 1}"
                )
            return classes - 1
        if not 0 <= self.target < classes:
            raise InputError(f"target must be 0 to {classes - 1}, got {self.target}")
        return self.target

    def _tensor(self, x: npt.NDArray[Any]) -> Any:
        import torch

        model: Any = self.call
        like = next(model.parameters(), None)
        if like is None:
            return torch.as_tensor(np.asarray(x))
        return torch.as_tensor(np.asarray(x)).to(like.device, like.dtype)

    def _autograd(self, x: Floats) -> Floats:
        import torch

        self._pay(len(x))
        with torch.enable_grad():
            moving = self._tensor(x).detach().clone().requires_grad_(True)
            found = self.call(moving)
            column = self._column(tuple(found.shape))
            (slope,) = torch.autograd.grad((found if column is None else found[:, column]).sum(),
                                           moving)  # fmt: skip
        return np.asarray(slope.cpu().numpy(), dtype=np.float64)
