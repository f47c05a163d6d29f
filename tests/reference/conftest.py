"""Every compiled instruction set in turn, and torch's way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from semascope.kernels.native import VARIABLE, choices, chosen, compiled


# The interpreter of Triton is slow: the tests in gpu/ are made for it.
@pytest.fixture(params=[name for name in choices() if name != "triton"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Use one kind of kernels for a test; its name."""
    monkeypatch.setenv(VARIABLE, request.param)
    compiled.cache_clear()
    assert chosen() == request.param
    yield request.param
    monkeypatch.undo()
    compiled.cache_clear()
    compiled()
