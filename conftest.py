"""Tests and examples run in a folder of their own, with a cache of their own."""

import pytest


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
