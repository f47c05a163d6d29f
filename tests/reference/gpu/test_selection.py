"""Selection by Triton's kernels against scores in float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semascope.kernels import LinearEncoder, SparseRows

Array = npt.NDArray[np.float64]
KINDS = ("normal", "ties", "negative", "zero rows", "denormal", "wide", "close")
PRECISIONS = ("auto", "float32", "int8", "float8")


def few(examples: int) -> settings:
    # The interpreter takes a good part of a second for each.
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=examples, deadline=None, suppress_health_check=quiet)


def numbers(random: np.random.Generator, shape: tuple[int, int], kind: str) -> torch.Tensor:
    x = random.standard_normal(shape)
    if kind == "ties":
        x = random.integers(-2, 3, shape).astype(float)
    elif kind == "negative":
        x = -np.abs(x) - 0.1
    elif kind == "zero rows":
        x[random.random(shape[0]) < 0.5] = 0
    elif kind == "denormal":
        x = x * 1e-40
    elif kind == "wide":
        x = x * 10.0 ** random.integers(-12, 12, shape)
    elif kind == "close":
        # Rows that half precision cannot tell apart.
        x = random.standard_normal((1, shape[1])) * (1 + 1e-5 * random.standard_normal(shape))
    return torch.from_numpy(x.astype(np.float32))


@st.composite
def problems(draw: st.DrawFn) -> tuple[LinearEncoder, torch.Tensor, int]:
    b, d, m = draw(st.integers(1, 3)), draw(st.integers(1, 150)), draw(st.integers(1, 140))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weight = numbers(random, (m, d), draw(st.sampled_from(KINDS)))
    bias = numbers(random, (1, m), draw(st.sampled_from(["normal", "ties"])))[0].contiguous()
    x = numbers(random, (b, d), draw(st.sampled_from(KINDS)))
    k = draw(st.sampled_from([1, m]) | st.integers(1, m))
    return LinearEncoder(weight, bias, precision=draw(st.sampled_from(PRECISIONS))), x, k


def placed(encoder: LinearEncoder, device: torch.device) -> LinearEncoder:
    parts = (encoder.weight.to(device), encoder.bias.to(device))
    on = LinearEncoder(*parts, precision=encoder.precision)
    assert on.lowered() is not None
    return on


def exact(encoder: LinearEncoder, x: torch.Tensor) -> tuple[Array, Array]:
    """Scores in float64, and how far each may be off in float32."""
    x64, w64, b64 = (t.double().numpy() for t in (x, encoder.weight, encoder.bias))
    terms = np.abs(x64) @ np.abs(w64).T + np.abs(b64)
    return x64 @ w64.T + b64, 1e-5 * terms + 1e-42


def dense(codes: SparseRows, m: int) -> tuple[npt.NDArray[np.bool_], Array]:
    """Which pairs are kept, each once, and their values."""
    rows, latents = codes.rows.cpu().numpy(), codes.latents.cpu().numpy()
    kept, values = np.zeros((len(codes.offsets), m), dtype=bool), np.zeros((len(codes.offsets), m))
    kept[rows, latents] = True
    values[rows, latents] = codes.values.double().cpu().numpy()
    assert kept.sum() == len(latents)
    return kept, values


def check_topk(encoder: LinearEncoder, x: torch.Tensor, k: int, device: torch.device) -> None:
    pre, off = exact(encoder, x)
    on = placed(encoder, device)
    by_latent = bool(k % 2)
    codes = on.topk(x.to(device), k, by_latent=by_latent)
    assert codes.offsets.tolist() == [k * i for i in range(len(x))]
    kept, values = dense(codes, pre.shape[1])
    assert (kept.sum(1) == k).all()
    assert (np.abs(values - np.maximum(pre, 0))[kept] <= off[kept]).all()
    # What is left out is not above what is kept, beyond what float32 can tell.
    for row in range(len(x)):
        left, least = ~kept[row], pre[row, kept[row]].min()
        slack = off[row, left] + off[row, kept[row]].max()
        assert (pre[row, left] <= least + slack).all()
    order = (codes.latents if by_latent else -codes.values).cpu().numpy().reshape(-1, k)
    assert (np.diff(order, axis=1) >= 0).all()


@few(10)
@given(problems())
def test_topk_is_that_of_exact_scores(device: torch.device, problem) -> None:
    check_topk(*problem, device)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_topk_of_many_groups(device: torch.device, precision: str) -> None:
    """Several tiles and groups of more than two, the last tile ragged."""
    random = np.random.default_rng(0)
    weight = numbers(random, (250, 12), "normal")
    encoder = LinearEncoder(weight, 0.1 * weight[:, 0].contiguous(), precision=precision)
    assert placed(encoder, device).lowered()._peaks(weight[:2].to(device), 2).tiling.group > 2
    check_topk(encoder, numbers(random, (2, 12), "normal"), 2, device)


@pytest.mark.parametrize("copies", [8, 260])
def test_near_duplicates_are_told_apart(device: torch.device, copies: int) -> None:
    """Latents that bfloat16 cannot tell apart: some fill a group, many more than a row has room."""
    random = np.random.default_rng(1)
    weight = numbers(random, (260, 40), "normal")
    x = numbers(random, (2, 40), "normal")
    # Of one group, and beyond it: every 32nd latent.
    places = torch.arange(260) if copies == 260 else torch.arange(copies) * 32
    nudge = 1 + 1e-4 * torch.from_numpy(random.standard_normal((copies, 1))).float()
    weight[places] = 0.5 * x[0] * nudge
    encoder = LinearEncoder(weight, torch.zeros(260))
    check_topk(encoder, x, 3, device)
    pre, _ = exact(encoder, x)
    found = placed(encoder, device).topk(x.to(device), 3).latents[:3].tolist()
    assert set(found) == set(np.argsort(-pre[0])[:3].tolist())


@few(8)
@given(problems())
def test_batch_topk_is_that_of_exact_scores(device: torch.device, problem) -> None:
    encoder, x, k = problem
    pre, off = exact(encoder, x)
    codes, smallest = placed(encoder, device).batch_topk(x.to(device), k)
    kept, values = dense(codes, pre.shape[1])
    assert (np.abs(values - pre)[kept] <= off[kept]).all()
    assert kept.sum() <= k * len(x)
    assert (codes.values > 0).all()
    assert smallest == (float(codes.values.min()) if kept.any() else 0.0)
    pairs = codes.rows * pre.shape[1] + codes.latents
    assert (torch.diff(pairs) > 0).all()
    if kept.sum() < k * len(x):
        assert (pre[~kept] <= off[~kept]).all()
    elif (~kept).any():
        assert (pre[~kept] - off[~kept] <= (pre[kept] + off[kept]).min() + off.max()).all()


@few(8)
@given(problems(), st.floats(-2, 2))
def test_threshold_is_that_of_exact_scores(device: torch.device, problem, level: float) -> None:
    encoder, x, _ = problem
    pre, off = exact(encoder, x)
    bars = torch.linspace(level, level + 0.5, pre.shape[1])
    codes = placed(encoder, device).threshold(x.to(device), bars.to(device))
    kept, values = dense(codes, pre.shape[1])
    assert (np.abs(values - pre)[kept] <= off[kept]).all()
    above = pre - bars.double().numpy()
    assert (above[kept] >= -off[kept]).all()
    assert (above[~kept] <= off[~kept]).all()


def test_candidates_are_few(device: torch.device) -> None:
    """The bound is tight enough to be of use: on random data few latents are scored again."""
    random = np.random.default_rng(2)
    encoder = LinearEncoder(numbers(random, (300, 64), "normal"), torch.zeros(300))
    x = numbers(random, (4, 64), "normal").to(device)
    from semascope.kernels.gpu.candidates import above

    on = placed(encoder, device)
    exact_scores = x @ on.weight.T
    level = exact_scores.topk(8).values[:, -1].min().reshape(1)
    pairs = above(on.lowered()._peaks(x, 8), level, on.weight, on.bias, x)[0]
    assert len(pairs) <= 2 * (exact_scores >= level).sum()
