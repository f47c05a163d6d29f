"""Decoding, gradients and steps of Triton's kernels against torch's way in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semascope.discover import BatchTopKSAE, TopKSAE
from semascope.kernels import (
    LinearEncoder,
    SparseRows,
    Term,
    adam_step,
    add_noise,
    code_gradients,
    decode,
    residual,
    weight_gradients,
)
from semascope.kernels.native import VARIABLE, compiled

few = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def ragged(b: int, m: int, seed: int) -> SparseRows:
    """Codes with rows of different lengths, some of them empty, some pairs at zero."""
    random = np.random.default_rng(seed)
    keep = random.random((b, m)) < random.choice([0.0, 0.1, 0.5, 1.0])
    keep[random.random(b) < 0.3] = False
    counts, latents = keep.sum(1), np.nonzero(keep)[1]
    values = random.standard_normal(len(latents)).clip(0).astype(np.float32)
    return SparseRows(*(torch.from_numpy(a) for a in (np.cumsum(counts) - counts, latents, values)))


def moved_to(codes: SparseRows, device: torch.device) -> SparseRows:
    return SparseRows(*(t.to(device) for t in (codes.offsets, codes.latents, codes.values)))


@few
@given(st.integers(1, 5), st.integers(1, 70), st.integers(1, 30), st.integers(0, 999))
def test_codes_and_dense_matrices(device: torch.device, b: int, d: int, m: int, seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    atoms, x = torch.randn(m, d, generator=g), torch.randn(b, d, generator=g)
    bias, codes = torch.randn(d, generator=g), ragged(b, m, seed)
    wide = SparseRows(codes.offsets, codes.latents, codes.values.double())
    on, there = moved_to(codes, device), (atoms.to(device), bias.to(device), x.to(device))
    found = [*residual(on, *there, 0.5), decode(on, there[0])]
    found.append(code_gradients(on, there[2], there[0]))
    found.append(weight_gradients(on, on.values, there[2], m))
    parts = (atoms.double(), bias.double(), x.double())
    wanted = [*residual(wide, *parts, 0.5), decode(wide, parts[0])]
    wanted.append(code_gradients(wide, parts[2], parts[0]))
    wanted.append(weight_gradients(wide, wide.values, parts[2], m))
    for one, other in zip(found, wanted, strict=True):
        other = torch.as_tensor(other)
        torch.testing.assert_close(one.double().cpu(), other.double(), rtol=1e-5, atol=1e-4)


def weights(m: int, d: int, seed: int) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    atoms = torch.randn(m, d, generator=g)
    return {
        "encoder": torch.randn(m, d, generator=g) / d**0.5,
        "encoder_bias": torch.randn(m, generator=g) * 0.1,
        "atoms": atoms / atoms.norm(dim=1, keepdim=True),
        "bias": torch.randn(d, generator=g) * 0.1,
    }


def stepped(
    w: dict[str, torch.Tensor], x: torch.Tensor, k: int, precision: str, steps: int = 1
) -> tuple[dict[str, torch.Tensor], torch.Tensor, LinearEncoder]:
    """Train a few steps with a second term that leaves the bias alone."""
    w = {name: t.clone() for name, t in w.items()}
    moments = tuple({name: torch.zeros_like(t) for name, t in w.items()} for _ in range(2))
    linear = LinearEncoder(w["encoder"], w["encoder_bias"], precision=precision)
    active = torch.zeros(len(w["atoms"]), dtype=torch.int64, device=x.device)
    for step in range(1, steps + 1):
        terms = []
        for part, moves_bias in ((linear.topk(x, k), True), (linear.topk(x, 1), False)):
            gradient, slopes, _ = residual(part, w["atoms"], w["bias"], x, 2 / len(x))
            terms.append(Term(part, slopes, gradient, moves_bias))
        adam_step(
            linear, w, moments, terms, x, rate=1e-2, step=step, last_active=active, rows_seen=step
        )
    return w, active, linear


@pytest.mark.parametrize(
    ("shape", "precision"),
    [((5, 17, 30, 3), "bfloat16"), ((3, 40, 9, 9), "int8"), ((1, 1, 1, 1), "float8")],
)
def test_steps_are_those_of_float64(device: torch.device, shape, precision: str) -> None:
    b, d, m, k = shape
    w, x = weights(m, d, 0), torch.randn(b, d, generator=torch.Generator().manual_seed(1))
    there = {n: t.to(device) for n, t in w.items()}
    found, active, linear = stepped(there, x.to(device), k, precision, steps=2)
    wide = {n: t.double() for n, t in w.items()}
    wanted, reference, _ = stepped(wide, x.double(), k, precision, steps=2)
    for name, t in wanted.items():
        torch.testing.assert_close(found[name].double().cpu(), t, rtol=1e-4, atol=2e-5)
    assert torch.equal(active.cpu(), reference)
    # The low form followed the weights.
    fresh = LinearEncoder(found["encoder"], found["encoder_bias"], precision=precision).lowered()
    for part in ("low", "scale", "whole", "gone"):
        one, other = (getattr(p.low, part).float() for p in (linear.lowered(), fresh))
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_latents_of_every_row_are_summed_in_runs(device: torch.device) -> None:
    """One latent of 300 pairs, in whole runs and loose ends, beside a latent of a few."""
    g = torch.Generator().manual_seed(0)
    rows = torch.randn(300, 5, generator=g)
    counts = torch.ones(300, dtype=torch.int64)
    counts[::50] = 2
    latents = torch.cat([torch.tensor([0, 1])[:n] if n == 2 else torch.tensor([1]) for n in counts])
    values = torch.randn(len(latents), generator=g)
    codes = moved_to(SparseRows(counts.cumsum(0) - counts, latents, values), device)
    found = weight_gradients(codes, codes.values, rows.to(device), 3).cpu()
    wide = torch.zeros(300, 3).index_put((codes.rows.cpu(), latents), values)
    torch.testing.assert_close(found, wide.T @ rows)


def test_noise_is_that_of_the_cpu(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.zeros(7, 300)
    for seed in (2**40 + 7, 2**31 + 5, 1):
        found = add_noise(x.to(device), 0.5, seed).cpu()
        wanted = add_noise(x.double(), 0.5, seed)
        torch.testing.assert_close(found.double(), wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", [TopKSAE, BatchTopKSAE])
def test_training_is_that_of_the_cpu(device: torch.device, kind, monkeypatch) -> None:
    """The same fit and the same codes as on the CPU, checkpoint, dead latents, noise and all."""
    x = np.random.default_rng(0).standard_normal((24, 6)).astype(np.float32)
    options = {"max_rows": 24, "batch_size": 8, "noise": 0.1, "random_state": 0}
    fits = {}
    for kernels in ("triton", "auto"):
        monkeypatch.setenv(VARIABLE, kernels)
        compiled.cache_clear()
        place = device.type if kernels == "triton" else "cpu"
        fits[kernels] = kind(10, 3, device=place, **options).fit(x)
        fits[kernels].codes = fits[kernels].transform(x[:3]).toarray()
    assert np.abs(fits["triton"].atoms_ - fits["auto"].atoms_).max() <= 1e-4
    assert np.abs(fits["triton"].codes - fits["auto"].codes).max() <= 1e-3
    assert fits["triton"].fvu_ == pytest.approx(fits["auto"].fvu_, rel=1e-4)
