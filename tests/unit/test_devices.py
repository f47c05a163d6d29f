"""Devices by name, and what is said where a GPU is missing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

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
        TopKSAE(8, 2, device=name, checkpoint="c.safetensors").fit(x)
    dictionary = TopKSAE(8, 2, max_rows=200).fit(x).dictionary_
    with pytest.raises(InputError, match="sees no GPU"):
        dictionary.encode(x, device=name)
