"""Triton's kernels: on a GPU where there is one, else by Triton's interpreter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from semascope.kernels.native import VARIABLE, compiled

pytest.importorskip("triton")


@pytest.fixture(autouse=True)
def _triton(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(VARIABLE, "triton")
    compiled.cache_clear()
    yield
    monkeypatch.undo()
    compiled.cache_clear()
    compiled()


@pytest.fixture(scope="session")
def device() -> torch.device:
    """Where the kernels run."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
