"""Kernels against slow and plain references: dense numpy in float64, and autograd."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semascope.kernels import (
    SparseRows,
    code_gradients,
    decode,
    scores,
    select_batch_topk,
    select_threshold,
    select_topk,
    weight_gradients,
)

KINDS = ("normal", "ties", "negative", "zero rows", "denormal", "wide", "all equal")
few = settings(max_examples=60, deadline=None)


@dataclass(frozen=True)
class Shape:
    """A batch to try: rows, dimensions (seldom a multiple of a vector register), atoms, active."""

    b: int
    d: int
    m: int
    k: int
    kind: str
    seed: int

    def random(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def pre(self) -> torch.Tensor:
        return torch.from_numpy(numbers(self.random(), (self.b, self.m), self.kind))

    def rows(self) -> torch.Tensor:
        return torch.from_numpy(numbers(self.random(), (self.b, self.d), self.kind))


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    m = draw(st.integers(1, 41))
    return Shape(
        draw(st.integers(1, 9)),
        draw(st.integers(1, 37)),
        m,
        draw(st.sampled_from([1, m]) | st.integers(1, m)),
        draw(st.sampled_from(KINDS)),
        draw(st.integers(0, 2**32 - 1)),
    )


def numbers(
    random: np.random.Generator, shape: tuple[int, int], kind: str
) -> npt.NDArray[np.float32]:
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
    elif kind == "all equal":
        x = np.full(shape, float(random.integers(-1, 2)))
    return x.astype(np.float32)


def dense(codes: SparseRows, m: int, values: torch.Tensor | None = None) -> npt.NDArray[np.float64]:
    """The codes as a full matrix, filled pair by pair."""
    ends = [*codes.offsets[1:].tolist(), len(codes.latents)]
    weights = codes.values if values is None else values
    out = np.zeros((len(codes.offsets), m))
    for row, (start, stop) in enumerate(zip(codes.offsets.tolist(), ends, strict=True)):
        for place in range(start, stop):
            out[row, int(codes.latents[place])] += float(weights[place])
    return out


def ragged(shape: Shape) -> tuple[SparseRows, int]:
    """Codes with rows of different lengths, some of them empty."""
    random = shape.random()
    keep = random.random((shape.b, shape.m)) < random.choice([0.0, 0.1, 0.5, 1.0])
    keep[random.random(shape.b) < 0.3] = False
    rows, latents = np.nonzero(keep)
    counts = np.bincount(rows, minlength=shape.b)
    values = numbers(random, (shape.b, shape.m), shape.kind)[rows, latents]
    offsets = np.cumsum(counts) - counts
    return SparseRows(*(torch.from_numpy(a) for a in (offsets, latents, values))), shape.m


def close(found: torch.Tensor, wanted: npt.NDArray[np.float64], terms: npt.ArrayLike) -> None:
    """Equal up to the rounding of a float32 sum, given the sum of absolute terms."""
    bound = 1e-5 * np.asarray(terms) + 1e-42
    assert (np.abs(found.double().numpy() - wanted) <= bound).all()


@few
@given(shapes())
def test_scores(shape: Shape) -> None:
    random = shape.random()
    x = numbers(random, (shape.b, shape.d), shape.kind)
    weight = numbers(random, (shape.m, shape.d), "normal")
    bias = numbers(random, (1, shape.m), "normal")[0]
    found = scores(*(torch.from_numpy(a) for a in (x, weight, bias)))
    x64, w64, b64 = (a.astype(np.float64) for a in (x, weight, bias))
    close(found, x64 @ w64.T + b64, np.abs(x64) @ np.abs(w64).T + np.abs(b64))


@few
@given(shapes())
def test_topk_keeps_the_largest_of_each_row(shape: Shape) -> None:
    pre = shape.pre()
    codes = select_topk(pre, shape.k)
    full = pre.numpy()
    latents = codes.latents.numpy().reshape(shape.b, shape.k)
    values = codes.values.numpy().reshape(shape.b, shape.k)
    assert codes.offsets.tolist() == [shape.k * i for i in range(shape.b)]
    for row in range(shape.b):
        wanted = sorted(full[row].tolist(), reverse=True)[: shape.k]
        assert values[row].tolist() == [max(0.0, v) for v in wanted]
        # Which of several equal ones is kept is free, that each is a latent of its own is not.
        assert len(set(latents[row].tolist())) == shape.k
        assert np.array_equal(values[row], np.maximum(full[row, latents[row]], 0))


@few
@given(shapes())
@example(Shape(4, 3, 5, 5, "negative", 0))
@example(Shape(3, 3, 5, 1, "denormal", 0))
def test_batch_topk_keeps_the_largest_positive_of_all(shape: Shape) -> None:
    pre = shape.pre()
    codes, smallest = select_batch_topk(pre, shape.k)
    wanted = sorted(pre.reshape(-1).tolist(), reverse=True)[: shape.b * shape.k]
    wanted = [v for v in wanted if v > 0]
    assert sorted(codes.values.tolist(), reverse=True) == wanted
    assert smallest == (wanted[-1] if wanted else 0.0)
    assert len(codes.offsets) == shape.b
    pairs = list(zip(codes.rows.tolist(), codes.latents.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    assert [float(pre[r, j]) for r, j in pairs] == codes.values.tolist()


@few
@given(shapes())
def test_threshold_keeps_what_lies_above(shape: Shape) -> None:
    pre = shape.pre()
    threshold = torch.from_numpy(numbers(shape.random(), (1, shape.m), shape.kind)[0])
    codes = select_threshold(pre, threshold)
    keep = pre.numpy() > threshold.numpy()
    found = dense(codes, shape.m)
    assert np.array_equal(found, np.where(keep, pre.double().numpy(), 0))
    assert len(codes.values) == keep.sum()


@few
@given(shapes())
@example(Shape(3, 5, 4, 1, "negative", 3))
def test_rows_and_latents_of_ragged_codes(shape: Shape) -> None:
    codes, m = ragged(shape)
    ends = [*codes.offsets[1:].tolist(), len(codes.latents)]
    starts = codes.offsets.tolist()
    wanted = [
        row for row, (a, z) in enumerate(zip(starts, ends, strict=True)) for _ in range(z - a)
    ]
    assert codes.rows.tolist() == wanted
    order, latents = codes.by_latent
    assert latents.tolist() == sorted(codes.latents.tolist())
    pairs = [(int(codes.latents[i]), int(codes.rows[i])) for i in order]
    assert pairs == sorted(pairs)
    assert m >= len(set(latents.tolist()))


@few
@given(shapes())
def test_decode(shape: Shape) -> None:
    codes, m = ragged(shape)
    atoms = torch.from_numpy(numbers(shape.random(), (m, shape.d), "normal"))
    full, wide = dense(codes, m), atoms.double().numpy()
    close(decode(codes, atoms), full @ wide, np.abs(full) @ np.abs(wide))


@few
@given(shapes())
def test_code_gradients(shape: Shape) -> None:
    codes, m = ragged(shape)
    random = shape.random()
    atoms = torch.from_numpy(numbers(random, (m, shape.d), "normal"))
    gradient = torch.from_numpy(numbers(random, (shape.b, shape.d), "normal"))
    z = torch.from_numpy(dense(codes, m)).requires_grad_(True)
    out = z @ atoms.double()
    wanted = torch.autograd.grad(out, z, gradient.double())[0][codes.rows, codes.latents]
    terms = (gradient.abs() @ atoms.abs().T)[codes.rows, codes.latents]
    close(code_gradients(codes, gradient, atoms), wanted.numpy(), terms.numpy())


@few
@given(shapes())
def test_weight_gradients(shape: Shape) -> None:
    codes, m = ragged(shape)
    random = shape.random()
    gradient = torch.from_numpy(numbers(random, (shape.b, shape.d), "normal"))
    atoms = torch.from_numpy(numbers(random, (m, shape.d), "normal")).double().requires_grad_(True)
    z = torch.from_numpy(dense(codes, m))
    wanted = torch.autograd.grad(z @ atoms, atoms, gradient.double())[0]
    found = weight_gradients(codes, codes.values, gradient, m)
    close(found, wanted.numpy(), np.abs(z.numpy()).T @ np.abs(gradient.double().numpy()))


@few
@given(shapes())
def test_gradients_of_the_whole_autoencoder(shape: Shape) -> None:
    """Encoder, bias and atoms: what the kernels give adds up to autograd of the dense formula."""
    random = shape.random()
    # Distinct pre-activations, so that both sides select the same latents.
    x = torch.from_numpy(random.standard_normal((shape.b, shape.d)))
    weight, atoms = (torch.from_numpy(random.standard_normal((shape.m, shape.d))) for _ in "ab")
    bias = torch.from_numpy(random.standard_normal(shape.m))
    for w in (weight, atoms, bias):
        w.requires_grad_(True)
    pre = x @ weight.T + bias
    order = pre.argsort(dim=1, descending=True)[:, : shape.k]
    z = torch.relu(pre) * torch.zeros_like(pre).scatter(1, order, 1.0)
    loss = (z @ atoms - x).square().sum()
    wanted = torch.autograd.grad(loss, [weight, atoms, bias])

    w, a, b = weight.detach(), atoms.detach(), bias.detach()
    codes = select_topk(scores(x, w, b), shape.k)
    error = 2 * (decode(codes, a) - x)
    slope = code_gradients(codes, error, a) * (codes.values > 0)
    torch.testing.assert_close(weight_gradients(codes, slope, x, shape.m), wanted[0])
    torch.testing.assert_close(weight_gradients(codes, codes.values, error, shape.m), wanted[1])
    ones = torch.ones(shape.b, 1, dtype=x.dtype)
    torch.testing.assert_close(weight_gradients(codes, slope, ones, shape.m)[:, 0], wanted[2])


def test_nothing_active_gives_zeros() -> None:
    codes, smallest = select_batch_topk(torch.full((3, 4), -1.0), 2)
    atoms, gradient = torch.randn(4, 5), torch.randn(3, 5)
    assert smallest == 0.0
    assert len(codes.values) == 0
    assert torch.equal(decode(codes, atoms), torch.zeros(3, 5))
    assert code_gradients(codes, gradient, atoms).shape == (0,)
    assert torch.equal(weight_gradients(codes, codes.values, gradient, 4), torch.zeros(4, 5))


@pytest.mark.parametrize("k", [1, 3])
def test_inputs_stay_as_they_were(k: int) -> None:
    """Cutting at zero happens on a copy, and gradients leave no trace on the caller's tensors."""
    pre = torch.tensor([[-1.0, -2.0, -3.0], [1.0, 2.0, -3.0]])
    before = pre.clone()
    codes = select_topk(pre, k)
    values = codes.values.clone()
    code_gradients(codes, torch.ones(2, 3), torch.eye(3))
    assert torch.equal(pre, before)
    assert torch.equal(codes.values, values)
    assert not codes.values.requires_grad
