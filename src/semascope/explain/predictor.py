"""Any callable on vectors as a function to one number a row: checked, in batches, with slopes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import InputError

Floats = npt.NDArray[np.float64]
BATCH = 8192


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

    def __post_init__(self) -> None:
        if not callable(self.call):
            ways = [a for a in ("predict_proba", "decision_function", "predict")
                    if hasattr(self.call, a)]  # fmt: skip
            hint = f"; pass its method, such as .{ways[0]}" if ways else ""
            raise InputError(
                f"predict must be a callable on vectors, got {type(self.call).__name__}{hint}"
            )
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

    def gradient(self, x: npt.NDArray[Any], step: float = 1e-4) -> Floats:
        """Return the gradient at vectors (n, d), shape (n, d).

        By autograd of a module, else by central differences: ``2 d`` predictions a row, each
        dimension moved by `step` times the root mean square of its row.
        """
        x = np.asarray(x, dtype=np.float64)
        if self.differentiable:
            parts = [self._autograd(x[i : i + self.batch]) for i in range(0, len(x), self.batch)]
            return np.concatenate(parts) if parts else np.empty_like(x)
        out = np.empty_like(x)
        eye = np.eye(x.shape[1])
        for i, row in enumerate(x):
            h = step * max(float(np.sqrt((row**2).mean())), 1e-12)
            up, down = np.split(self(np.concatenate([row + h * eye, row - h * eye])), 2)
            out[i] = (up - down) / (2 * h)
        return out

    def _once(self, x: npt.NDArray[Any]) -> Floats:
        if self.differentiable:
            import torch

            with torch.no_grad():
                found = self.call(self._tensor(x)).detach().cpu().numpy()
        else:
            found = self.call(x)
            if hasattr(found, "detach"):
                found = found.detach().cpu()
        values = np.asarray(found)
        if values.dtype.kind not in "fiub":
            raise InputError(f"predict must return numbers, it returned {values.dtype}")
        if values.ndim not in (1, 2) or len(values) != len(x) or 0 in values.shape[1:]:
            raise InputError(
                f"predict must return ({len(x)},) or ({len(x)}, classes) for {len(x)} vectors, it "
                f"returned the shape {values.shape}"
            )
        column = self._column(values.shape)
        values = (values if column is None else values[:, column]).astype(np.float64)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(f"predict returned {values[row]} for a finite vector, in row {row}")
        return values

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

        with torch.enable_grad():
            moving = self._tensor(x).detach().clone().requires_grad_(True)
            found = self.call(moving)
            column = self._column(tuple(found.shape))
            (slope,) = torch.autograd.grad((found if column is None else found[:, column]).sum(),
                                           moving)  # fmt: skip
        return np.asarray(slope.cpu().numpy(), dtype=np.float64)
