"""Tests and examples run in a folder of their own, with a cache of their own."""

import os
from importlib.util import find_spec

import pytest
import torch

if find_spec("triton") is None:
    collect_ignore = ["src/semascope/kernels/gpu"]

# Read when Triton is first imported, which other packages do as well.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("SEMASCOPE_CACHE", str(tmp_path_factory.getbasetemp().parent / "cache"))
    # A terminal of fixed width, whatever runs the tests.
    patch.setenv("COLUMNS", "140")
    yield
    patch.undo()
