"""Devices by name, and what is said where a GPU is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import semascope as sc
from semascope.core import InputError
from semascope.discover import TopKSAE
from semascope.kernels import as_device

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:0", "auto:1", "", "cuda0"])
def test_unknown_devices(name: str) -> None:
    with pytest.raises(InputError, match="device must be"):
        as_device(name)


@no_gpu
def test_auto_is_what_there_is() -> None:
    assert as_device("auto") == torch.device("cpu")


@no_gpu
@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_missing_gpu_is_said_before_work_starts(name: str) -> None:
    x = np.random.default_rng(0).standard_normal((100, 4))
    with pytest.raises(InputError, match=r"sees no GPU.*CUDA build"):
        TopKSAE(8, 2, device=name, checkpoint="c.safetensors", random_state=0).fit(x)
    dictionary = TopKSAE(8, 2, max_rows=200).fit(x).dictionary_
    with pytest.raises(InputError, match="sees no GPU"):
        dictionary.encode(x, device=name)


@no_gpu
def test_a_lexicon_is_learned_where_it_is_asked_for(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((200, 8))
    options: dict[str, Any] = {
        "components": 8, "active": 2, "baseline": False, "progress": False,
    }  # fmt: skip
    with pytest.raises(InputError, match="sees no GPU"):
        sc.learn(vectors=x, device="cuda", out=tmp_path / "a.lexicon", **options)
    assert not list(tmp_path.iterdir())
    here, found = (sc.learn(vectors=x, device=name, **options) for name in ("cpu", "auto"))
    for name in ("indptr", "indices", "values"):
        assert np.array_equal(getattr(here.codes, name), getattr(found.codes, name))
    assert found.encode(x, device="auto").nnz == here.codes.nnz
    with pytest.raises(InputError, match="sees no GPU"):
        here.encode_to(tmp_path / "a.codes", x, device="cuda")
    assert not list(tmp_path.iterdir())
