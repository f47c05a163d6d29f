"""Search among clusters against exact search, for every instruction set and torch's way."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semascope.core import InputError
from semascope.kernels import ClusteredEncoder, Clusters

pytestmark = pytest.mark.usefixtures("kernels")
few = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
KINDS = ("normal", "ties", "negative", "zero rows", "denormal", "close")


def numbers(random: np.random.Generator, shape: tuple[int, int], kind: str) -> np.ndarray:
    x = random.standard_normal(shape)
    if kind == "ties":
        x = random.integers(-1, 2, shape).astype(float)
    elif kind == "negative":
        x = -np.abs(x) - 0.1
    elif kind == "zero rows":
        x[random.random(shape[0]) < 0.5] = 0
    elif kind == "denormal":
        x = x * 1e-40
    elif kind == "close":
        x = random.standard_normal((1, shape[1])) * (1 + 1e-5 * random.standard_normal(shape))
    return x.astype(np.float32)


def partition(random: np.random.Generator, m: int, d: int, c: int) -> Clusters:
    cuts = np.sort(random.integers(0, m + 1, c - 1))  # some of the clusters are empty
    keys = random.standard_normal((c, d)).astype(np.float32)
    bias = random.standard_normal(c).astype(np.float32)
    first = np.concatenate([[0], cuts, [m]]).astype(np.int64)
    return Clusters(keys, bias, random.permutation(m).astype(np.int32), first)


@st.composite
def problems(draw: st.DrawFn) -> tuple[ClusteredEncoder, torch.Tensor, int, int]:
    b, d, m = draw(st.integers(1, 40)), draw(st.integers(1, 70)), draw(st.integers(1, 150))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weight = numbers(random, (m, d), draw(st.sampled_from(KINDS)))
    bias = numbers(random, (m, 1), draw(st.sampled_from(["normal", "ties"])))[:, 0].copy()
    x = numbers(random, (b, d), draw(st.sampled_from(KINDS)))
    encoder = ClusteredEncoder(
        weight,
        bias,
        partition(random, m, d, draw(st.integers(1, 20))),
        packed=draw(st.booleans()),
        precision=draw(st.sampled_from(["auto", "float32", "bfloat16", "int8"])),
    )
    return encoder, torch.from_numpy(x), draw(st.integers(1, m)), draw(st.integers(1, 20))


@few
@given(problems())
def test_finds_the_best_of_what_is_probed(problem) -> None:
    encoder, x, k, probes = problem
    probes = min(probes, encoder.clusters.n)
    chosen = encoder.chosen(x, probes).numpy()
    codes = encoder.topk(x, k, probes)
    latents = codes.latents.reshape(-1, k).numpy()
    values = codes.values.reshape(-1, k).numpy().astype(np.float64)
    scores = x.double().numpy() @ encoder.weight.T.astype(np.float64) + encoder.bias
    slack = 1e-5 * (np.abs(x.numpy()) @ np.abs(encoder.weight).T + np.abs(encoder.bias)) + 1e-42
    label = np.empty(len(encoder.bias), np.int64)
    parts = encoder.clusters
    label[parts.members] = np.repeat(np.arange(parts.n), np.diff(parts.first))
    for row in range(len(x)):
        assert len(set(latents[row])) == k
        inside = np.isin(label, chosen[row])
        wanted = np.sort(np.where(inside, scores[row], -np.inf))[::-1][:k].clip(min=0)
        assert np.all(np.abs(values[row] - wanted) <= slack[row].max())
        own = np.maximum(scores[row, latents[row]], 0)
        found = inside[latents[row]]
        assert np.all(np.abs(values[row] - own)[found] <= slack[row, latents[row]][found])
        assert np.all(values[row][~found] == 0)


@few
@given(problems())
def test_chooses_the_clusters_with_the_largest_keys(problem) -> None:
    encoder, x, _, probes = problem
    probes = min(probes, encoder.clusters.n)
    chosen = encoder.chosen(x, probes).numpy()
    keys = encoder.clusters.keys.astype(np.float64)
    scores = x.double().numpy() @ keys.T + encoder.clusters.key_bias
    slack = 1e-5 * (np.abs(x.numpy()) @ np.abs(keys).T + np.abs(encoder.clusters.key_bias)) + 1e-42
    best = -np.sort(-scores, axis=1)[:, :probes]
    taken = -np.sort(-np.take_along_axis(scores, chosen, axis=1), axis=1)
    assert np.all(np.diff(chosen, axis=1) > 0)
    assert np.all(best - taken <= 2 * slack.max(axis=1, keepdims=True))


def test_threads_blocks_and_packing_change_no_bit() -> None:
    random = np.random.default_rng(0)
    weight = random.standard_normal((600, 48)).astype(np.float32)
    parts = partition(random, 600, 48, 20)
    x = torch.from_numpy(random.standard_normal((500, 48)).astype(np.float32))
    before, found = torch.get_num_threads(), []
    for threads, packed in ((1, False), (2, False), (2, True)):
        torch.set_num_threads(threads)
        encoder = ClusteredEncoder(weight, weight[:, 0].copy(), parts, packed=packed)
        whole = encoder.topk(x, 8, 5, by_latent=True)
        pieces = [encoder.topk(part, 8, 5, by_latent=True) for part in x.split(123)]
        found.append(whole)
        assert torch.equal(whole.latents, torch.cat([p.latents for p in pieces]))
    torch.set_num_threads(before)
    for other in found[1:]:
        assert torch.equal(found[0].latents, other.latents)
        assert torch.equal(found[0].values, other.values)


def test_more_probes_find_no_less() -> None:
    random = np.random.default_rng(1)
    weight = random.standard_normal((300, 16)).astype(np.float32)
    encoder = ClusteredEncoder(weight, weight[:, 0] * 0, partition(random, 300, 16, 12))
    x = torch.from_numpy(random.standard_normal((50, 16)).astype(np.float32))
    sums = [encoder.topk(x, 6, p).values.reshape(50, 6).sum(1) for p in range(1, 13)]
    for less, more in pairwise(sums):
        assert (more >= less - 1e-5).all()


def test_reads_a_mapped_file(tmp_path) -> None:
    random = np.random.default_rng(2)
    weight = random.standard_normal((200, 24)).astype(np.float32)
    np.save(tmp_path / "w.npy", weight)
    parts, x = partition(random, 200, 24, 9), torch.randn(30, 24)
    mapped = np.load(tmp_path / "w.npy", mmap_mode="r")
    codes = [
        ClusteredEncoder(w, weight[:, 0].copy(), parts).topk(x, 4, 3) for w in (weight, mapped)
    ]
    assert torch.equal(codes[0].latents, codes[1].latents)
    assert torch.equal(codes[0].values, codes[1].values)


def test_bad_input() -> None:
    weight = np.eye(4, dtype=np.float32)
    parts = Clusters.whole(4, 4, size=2)
    encoder = ClusteredEncoder(weight, weight[0] * 0, parts)
    x = torch.ones(1, 4)
    with pytest.raises(InputError, match="probes must be from 1 to the 2 clusters, got 3"):
        encoder.topk(x, 1, 3)
    with pytest.raises(InputError, match="k must be from 1 to the 4 latents, got 5"):
        encoder.topk(x, 5, 1)
    with pytest.raises(InputError, match="do not fit weights"):
        ClusteredEncoder(weight[:3], weight[0, :3], parts)
    with pytest.raises(InputError, match="do not fit together"):
        Clusters(parts.keys[:1], parts.key_bias, parts.members, parts.first)
