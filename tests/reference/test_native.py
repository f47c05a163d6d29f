"""Compiled kernels of every instruction set against plain references, and against torch's way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semascope.core import InputError
from semascope.kernels import LinearEncoder, SparseRows, Term, adam_step, add_noise, residual
from semascope.kernels.native import VARIABLE, compiled

Array = npt.NDArray[np.float64]
few = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
KINDS = ("normal", "ties", "negative", "zero rows", "denormal", "wide", "close")


pytestmark = pytest.mark.usefixtures("kernels")


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


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
def problems(draw: st.DrawFn) -> tuple[LinearEncoder, torch.Tensor, int, bool]:
    b, d, m = draw(st.integers(1, 40)), draw(st.integers(1, 70)), draw(st.integers(1, 150))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weight = numbers(random, (m, d), draw(st.sampled_from(KINDS)))
    bias = numbers(random, (1, m), draw(st.sampled_from(["normal", "ties"])))[0].contiguous()
    x = numbers(random, (b, d), draw(st.sampled_from(KINDS)))
    k = draw(st.sampled_from([1, m]) | st.integers(1, m))
    precision = draw(st.sampled_from(["auto", "float32", "bfloat16", "int8"]))
    return LinearEncoder(weight, bias, precision=precision), x, k, draw(st.booleans())


def exact(encoder: LinearEncoder, x: torch.Tensor) -> tuple[Array, Array]:
    """Scores in float64, and how far each may be off in float32."""
    x64, w64, b64 = (t.double().numpy() for t in (x, encoder.weight, encoder.bias))
    terms = np.abs(x64) @ np.abs(w64).T + np.abs(b64)
    return x64 @ w64.T + b64, 1e-5 * terms + 1e-42


def rows_of(codes: SparseRows) -> list[slice]:
    ends = [*codes.offsets.tolist()[1:], len(codes.latents)]
    return [slice(a, b) for a, b in zip(codes.offsets.tolist(), ends, strict=True)]


@few
@given(problems())
def test_topk_is_that_of_exact_scores(problem) -> None:
    encoder, x, k, by_latent = problem
    pre, off = exact(encoder, x)
    codes = encoder.topk(x, k, by_latent=by_latent)
    assert codes.offsets.tolist() == [k * i for i in range(len(x))]
    for row, part in enumerate(rows_of(codes)):
        latents, values = codes.latents[part].numpy(), codes.values[part].double().numpy()
        assert len(set(latents.tolist())) == k
        assert (np.abs(values - np.maximum(pre[row, latents], 0)) <= off[row, latents]).all()
        # What is left out is not above what is kept, beyond what float32 can tell.
        left = np.setdiff1d(np.arange(pre.shape[1]), latents)
        if len(left):
            slack = off[row, left] + off[row, latents].max()
            assert (pre[row, left] <= pre[row, latents].min() + slack).all()
        order = latents if by_latent else -values
        assert (np.diff(order) >= 0).all()


@few
@given(problems())
def test_batch_topk_is_that_of_exact_scores(problem) -> None:
    encoder, x, k, _ = problem
    pre, off = exact(encoder, x)
    codes, smallest = encoder.batch_topk(x, k)
    kept = np.zeros(pre.shape, dtype=bool)
    for row, part in enumerate(rows_of(codes)):
        latents, values = codes.latents[part].numpy(), codes.values[part].double().numpy()
        kept[row, latents] = True
        assert (np.abs(values - pre[row, latents]) <= off[row, latents]).all()
    assert len(codes.values) == kept.sum() <= k * len(x)
    assert (codes.values > 0).all()
    assert smallest == (float(codes.values.min()) if kept.any() else 0.0)
    if kept.sum() < k * len(x):
        assert (pre[~kept] <= off[~kept]).all()
    elif (~kept).any():
        assert (pre[~kept] - off[~kept] <= (pre[kept] + off[kept]).min() + off.max()).all()


@few
@given(problems(), st.floats(-2, 2))
def test_threshold_is_that_of_exact_scores(problem, level: float) -> None:
    encoder, x, _, _ = problem
    pre, off = exact(encoder, x)
    bars = torch.linspace(level, level + 0.5, pre.shape[1])
    codes = encoder.threshold(x, bars)
    kept = np.zeros(pre.shape, dtype=bool)
    for row, part in enumerate(rows_of(codes)):
        latents = codes.latents[part].numpy()
        kept[row, latents] = True
        values = codes.values[part].double().numpy()
        assert (np.abs(values - pre[row, latents]) <= off[row, latents]).all()
        assert (np.diff(latents) > 0).all()
    above = pre - bars.double().numpy()
    assert (above[kept] >= -off[kept]).all()
    assert (above[~kept] <= off[~kept]).all()


@few
@given(problems(), st.floats(0.1, 3))
def test_residual(problem, scale: float) -> None:
    encoder, x, k, _ = problem
    random = np.random.default_rng(len(x))
    atoms = numbers(random, tuple(encoder.weight.shape), "normal")
    bias = numbers(random, (1, x.shape[1]), "normal")[0].contiguous()
    x = numbers(random, tuple(x.shape), "normal")
    codes = LinearEncoder(atoms, torch.zeros(len(atoms))).topk(x, k)
    gradient, slopes, squares = residual(codes, atoms, bias, x, scale)
    z = np.zeros((len(x), len(atoms)))
    for row, part in enumerate(rows_of(codes)):
        z[row, codes.latents[part].numpy()] = codes.values[part].numpy()
    error = z @ atoms.double().numpy() + bias.double().numpy() - x.double().numpy()
    size = np.abs(z) @ np.abs(atoms.double().numpy()) + 5
    assert (np.abs(gradient.numpy() - scale * error) <= 1e-5 * scale * size).all()
    wanted = scale * error @ atoms.double().numpy().T
    for row, part in enumerate(rows_of(codes)):
        latents, found = codes.latents[part].numpy(), slopes[part].numpy()
        right = wanted[row, latents] * (codes.values[part].numpy() > 0)
        assert np.allclose(found, right, rtol=1e-3, atol=1e-4 * scale * size.max())
    assert squares == pytest.approx(np.square(error).sum(), rel=1e-4)


def weights(m: int, d: int, seed: int) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    atoms = torch.randn(m, d, generator=g)
    return {
        "encoder": torch.randn(m, d, generator=g) / d**0.5,
        "encoder_bias": torch.randn(m, generator=g) * 0.1,
        "atoms": atoms / atoms.norm(dim=1, keepdim=True),
        "bias": torch.randn(d, generator=g) * 0.1,
    }


def moved(
    w: dict[str, torch.Tensor], x: torch.Tensor, k: int, whole: bool, steps: int
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Train a few steps with a second term that leaves the bias alone."""
    w = {name: t.clone() for name, t in w.items()}
    moments = tuple({name: torch.zeros_like(t) for name, t in w.items()} for _ in range(2))
    linear = LinearEncoder(w["encoder"], w["encoder_bias"])
    active = torch.zeros(len(w["atoms"]), dtype=torch.int64)
    for step in range(1, steps + 1):
        codes = linear.batch_topk(x, k)[0] if whole else linear.topk(x, k)
        terms = []
        for part, moves_bias in ((codes, True), (linear.topk(x, 1), False)):
            gradient, slopes, _ = residual(part, w["atoms"], w["bias"], x, 2 / len(x))
            terms.append(Term(part, slopes, gradient, moves_bias))
        adam_step(
            linear, w, moments, terms, x, rate=1e-2, step=step, last_active=active, rows_seen=step
        )
    return w, active


@few
@given(
    st.integers(1, 40), st.integers(1, 70), st.integers(1, 90), st.booleans(), st.integers(0, 999)
)
def test_steps_are_those_of_float64(b: int, d: int, m: int, whole: bool, seed: int) -> None:
    """float64 takes torch's way, which another test holds against autograd."""
    w = weights(m, d, seed)
    x = torch.randn(b, d, generator=torch.Generator().manual_seed(seed + 1))
    k = 1 + seed % m
    found, active = moved(w, x, k, whole, steps=1)
    wanted, reference = moved({n: t.double() for n, t in w.items()}, x.double(), k, whole, steps=1)
    # A first step of Adam moves every weight by the rate, whatever the size of its gradient: where
    # that is nothing but rounding, the direction is free.
    for name, t in wanted.items():
        change = (found[name].double() - t).abs()
        assert change.max() <= 2.1e-2 + 1e-6
        assert (change > 2e-4).double().mean() <= 0.02, name
    assert (active != reference).double().mean() <= 0.05


def test_batch_topk_ends_where_scores_overflow() -> None:
    x = torch.rand(256, 16, generator=torch.Generator().manual_seed(0))
    x[::4] = 3e38
    weight = torch.full((64, 16), 1e-3)
    weight[:6] = 100
    codes, _ = LinearEncoder(weight, torch.zeros(64)).batch_topk(x, 4)
    assert len(codes.latents) == 256 * 4
    assert int(codes.values.isinf().sum()) == 64 * 6


def test_precision_is_what_was_asked_or_what_there_is(kernels: str) -> None:
    g = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(3000, 400, generator=g), torch.zeros(3000)
    # Beside one large dimension, bytes lose all the others.
    drowned = 0.0035 * weight.sign()
    drowned[:, 0] = 1
    found = {}
    for name in ("auto", "float32", "bfloat16", "int8"):
        packed = LinearEncoder(weight, bias, precision=name).packed()
        if packed is None:
            assert kernels == "torch"
            return
        found[name] = packed.precision
    assert found["float32"] == "float32"
    best = "int8" if kernels in ("avx512_bf16", "neon_bf16", "neon_dot") else "float32"
    assert found["auto"] == found["int8"] == best
    few = LinearEncoder(weight[:100].clone(), bias[:100].clone()).packed().precision
    wide = LinearEncoder(drowned, bias).packed().precision
    assert few == wide == found["bfloat16"]
    with pytest.raises(ValueError, match="precision"):
        LinearEncoder(weight, bias, precision="int4").packed()


@few
@given(problems())
def test_threads_change_no_bit(kernels: str, problem) -> None:
    if kernels == "torch":
        pytest.skip("torch promises no such thing")
    encoder, x, k, whole = problem
    w = weights(*encoder.weight.shape, seed=k)
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        results.append(moved(w, x.clamp(-10, 10), k, whole, steps=3)[0])
    for other in results[1:]:
        assert all(torch.equal(results[0][name], t) for name, t in other.items())


def test_layout_follows_training_and_changes_by_torch() -> None:
    w = weights(70, 33, seed=0)
    x = torch.randn(50, 33, generator=torch.Generator().manual_seed(1))
    after, _ = moved(w, x, 5, whole=False, steps=4)
    linear = LinearEncoder(w["encoder"], w["encoder_bias"])
    linear.topk(x, 5)
    w["encoder"].copy_(after["encoder"])
    w["encoder_bias"].copy_(after["encoder_bias"])
    fresh = LinearEncoder(after["encoder"], after["encoder_bias"]).topk(x, 5)
    again = linear.topk(x, 5)
    assert torch.equal(fresh.latents, again.latents)
    assert torch.equal(fresh.values, again.values)


def test_training_goes_on_from_its_own_layout() -> None:
    """Steps that keep the layout equal steps that lay the weights out anew each time."""
    w = weights(70, 33, seed=0)
    x = torch.randn(50, 33, generator=torch.Generator().manual_seed(1))
    kept, _ = moved(w, x, 5, whole=False, steps=3)
    moments = tuple({name: torch.zeros_like(t) for name, t in w.items()} for _ in range(2))
    active = torch.zeros(70, dtype=torch.int64)
    for step in range(1, 4):
        linear = LinearEncoder(w["encoder"], w["encoder_bias"])
        terms = []
        for codes, moves_bias in ((linear.topk(x, 5), True), (linear.topk(x, 1), False)):
            gradient, slopes, _ = residual(codes, w["atoms"], w["bias"], x, 2 / len(x))
            terms.append(Term(codes, slopes, gradient, moves_bias))
        adam_step(
            linear, w, moments, terms, x, rate=1e-2, step=step, last_active=active, rows_seen=step
        )
    assert all(torch.equal(kept[name], w[name]) for name in kept)


def test_noise_is_the_same_everywhere(kernels: str) -> None:
    x = torch.zeros(300, 500)
    noise = add_noise(x, 0.5, seed=2**40 + 7)
    assert noise.std().item() == pytest.approx(0.5, rel=0.01)
    assert abs(noise.mean().item()) < 0.005
    assert noise.abs().max().item() <= 0.5 * 3**0.5 + 1e-6
    wide = add_noise(x.double(), 0.5, seed=2**40 + 7)  # torch's way
    torch.testing.assert_close(noise.double(), wide, rtol=1e-6, atol=1e-7)
    assert not torch.equal(noise, add_noise(x, 0.5, seed=8))
    neighbours = np.corrcoef(noise[:, :-1].reshape(-1).numpy(), noise[:, 1:].reshape(-1).numpy())
    assert abs(neighbours[0, 1]) < 0.01


def test_other_kernels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "avx1024")
    compiled.cache_clear()
    with pytest.raises(InputError, match="avx1024"):
        compiled()


def test_wrong_shapes_are_refused_before_memory_is_touched(kernels: str) -> None:
    core = compiled()
    if core is None:
        pytest.skip("torch checks its own")
    w, zeros, x = np.eye(4, dtype=np.float32), np.zeros(4, np.float32), np.ones((2, 4), np.float32)
    packed = core.Packed(w, zeros, "auto", 1)
    out = np.zeros(8, np.int64), np.zeros(8, np.float32)
    with pytest.raises(ValueError, match="same length of rows"):
        packed.topk(w, zeros, np.ones((2, 3), np.float32), 4, False, *out, 1)
    with pytest.raises(ValueError, match="k must be"):
        packed.topk(w, zeros, x, 5, False, *out, 1)
    with pytest.raises(ValueError, match="k entries"):
        packed.topk(w, zeros, x, 3, False, *out, 1)
    with pytest.raises(ValueError, match="packed"):
        packed.topk(np.eye(5, dtype=np.float32), np.zeros(5, np.float32), x, 1, False, *out, 1)
    first, one = np.array([0, 1, 1]), np.ones(1, np.float32)
    for bad in (-1, 4):
        with pytest.raises(ValueError, match="out of range"):
            core.residual(first, np.array([bad]), one, w, zeros, x, 1.0, x.copy(), one.copy(), 1)
    with pytest.raises(TypeError):
        packed.topk(w, zeros, np.ones((4, 2), np.float32).T, 4, False, *out, 1)
    with pytest.raises(TypeError):
        packed.topk(w.astype(np.float64), zeros, x, 4, False, *out, 1)
