"""The trainer against autograd and torch's Adam, planted dictionaries, and exact resume."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from semascope.core import ArtifactError, InputError
from semascope.discover import (
    BatchTopKSAE,
    Dictionary,
    Recipe,
    State,
    TopKSAE,
    fit_dictionary,
    fold,
    recipe_for,
)
from semascope.discover.trainer import step
from semascope.kernels import decode, select_batch_topk, select_topk
from semascope.kernels import scores as pre_activations
from semascope.vectors import as_source

Array = npt.NDArray[np.float32]


def planted(
    n: int, d: int = 16, m: int = 24, k: int = 2, noise: float = 0.01, seed: int = 0
) -> tuple[Array, npt.NDArray[np.float64]]:
    """Rows that are non-negative sums of k of m random unit atoms, and the atoms."""
    random = np.random.default_rng(seed)
    atoms = random.standard_normal((m, d))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    z = np.zeros((n, m))
    for row in z:
        row[random.choice(m, k, replace=False)] = random.uniform(0.5, 1.5, k)
    return (z @ atoms + noise * random.standard_normal((n, d))).astype(np.float32), atoms


def bytes_of(dictionary: Dictionary) -> bytes:
    parts = [dictionary.encoder, dictionary.encoder_bias, dictionary.atoms, dictionary.bias]
    if dictionary.threshold is not None:
        parts.append(dictionary.threshold)
    return b"".join(np.ascontiguousarray(p).tobytes() for p in parts)


# One step against autograd -----------------------------------------------------------------------


def selected(pre: torch.Tensor, k: int, whole: bool) -> torch.Tensor:
    """Which pairs of row and latent are active, as a dense mask found by sorting."""
    if whole:
        flat = pre.reshape(-1)
        mask = torch.zeros_like(flat)
        mask[flat.argsort(descending=True)[: k * len(pre)]] = 1
        return mask.reshape(pre.shape) * (pre > 0)
    return torch.zeros_like(pre).scatter(1, pre.argsort(dim=1, descending=True)[:, :k], 1.0)


def plain_loss(
    recipe: Recipe, w: dict[str, torch.Tensor], x: torch.Tensor, dead: torch.Tensor
) -> torch.Tensor:
    """The loss as the papers write it, with dense matrices."""
    pre = x @ w["encoder"].T + w["encoder_bias"]
    z = torch.relu(pre) * selected(pre, recipe.n_active, recipe.batch_topk)
    out = z @ w["atoms"] + w["bias"]
    loss = (out - x).square().sum() / len(x)
    if recipe.lead_coefficient > 0:
        z = torch.relu(pre) * selected(pre, 1, False)
        left = z @ w["atoms"] + w["bias"] - x
        loss = loss + recipe.lead_coefficient * left.square().sum() / len(x)
    if recipe.aux_coefficient > 0 and len(dead):
        n = math.ceil(len(x) / 8)
        part = pre[:n, dead]
        k = min(len(dead), max(1, x.shape[1] // 2))
        z = torch.relu(part) * selected(part, k, False)
        left = z @ w["atoms"][dead] - (x[:n] - out[:n]).detach()
        loss = loss + recipe.aux_coefficient * left.square().sum() / n
    return loss


class Plain:
    """Dense autograd, torch.optim.Adam, and bookkeeping of dead latents row by row."""

    def __init__(self, recipe: Recipe, state: State) -> None:
        self.recipe = recipe
        self.w = {n: w.clone().requires_grad_(True) for n, w in state.weights.items()}
        self.adam = torch.optim.Adam(list(self.w.values()))
        self.last_active = state.last_active.clone()
        self.rows_seen = state.rows_seen

    def step(self, x: torch.Tensor, rate: float) -> None:
        w, recipe = self.w, self.recipe
        with torch.no_grad():
            pre = x @ w["encoder"].T + w["encoder_bias"]
            used = (torch.relu(pre) * selected(pre, recipe.n_active, recipe.batch_topk)) > 0
        self.rows_seen += len(x)
        self.last_active[used.any(0)] = self.rows_seen
        dead = (self.rows_seen - self.last_active > recipe.dead_after).nonzero()[:, 0]
        self.dead = len(dead)
        self.adam.zero_grad()
        plain_loss(recipe, w, x, dead).backward()
        with torch.no_grad():
            gradient = w["atoms"].grad
            for row, atom in zip(gradient, w["atoms"], strict=True):
                row -= (row @ atom) * atom
        self.adam.param_groups[0]["lr"] = rate
        self.adam.step()
        with torch.no_grad():
            w["atoms"] /= w["atoms"].norm(dim=1, keepdim=True)


def random_state(m: int, d: int, seed: int) -> State:
    """A state in float64, where the order of sums does not matter."""
    g = torch.Generator().manual_seed(seed)
    atoms = torch.randn(m, d, generator=g, dtype=torch.float64)
    state = State.start(atoms / atoms.norm(dim=1, keepdim=True), torch.zeros(d).double(), 0.7)
    shift = 0.1 * torch.randn(m, generator=g, dtype=torch.float64)
    state.weights["encoder_bias"] = shift
    for group in (state.first, state.second):
        group["encoder_bias"] = torch.zeros(m, dtype=torch.float64)
    return state


@settings(max_examples=25, deadline=None)
@given(
    b=st.integers(1, 12),
    d=st.integers(2, 19),
    m=st.integers(2, 23),
    data=st.data(),
    whole=st.booleans(),
    lead=st.sampled_from([0.0, 0.5, 16.0]),
    aux=st.sampled_from([0.0, 1 / 32, 2.0]),
    seed=st.integers(0, 2**31),
)
def test_steps_equal_autograd_and_adam(b, d, m, data, whole, lead, aux, seed) -> None:
    k = data.draw(st.integers(1, m))
    recipe = Recipe(
        m,
        k,
        batch_topk=whole,
        aux_coefficient=aux,
        lead_coefficient=lead,
        noise=0.0,
        dead_after=b,
    )
    state = random_state(m, d, seed)
    plain = Plain(recipe, state)
    g = torch.Generator().manual_seed(seed + 1)
    for number in range(4):
        x = torch.randn(b, d, generator=g, dtype=torch.float64)
        step(recipe, state, x, rate := 1e-2 / (number + 1))
        plain.step(x, rate)
        for name, wanted in plain.w.items():
            torch.testing.assert_close(state.weights[name], wanted.detach(), rtol=1e-7, atol=1e-7)
        assert state.step == number + 1
        assert state.rows_seen == plain.rows_seen
        assert torch.equal(state.last_active, plain.last_active)
    for name, w in plain.w.items():
        moments = plain.adam.state[w]
        torch.testing.assert_close(state.first[name], moments["exp_avg"], rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(state.second[name], moments["exp_avg_sq"], rtol=1e-7, atol=1e-9)


def test_dead_latents_are_trained_by_the_auxiliary_loss_only() -> None:
    """A latent that cannot fire moves with the auxiliary loss, as autograd says, and only so."""
    moved = {}
    for aux in (0.0, 1.0):
        recipe = Recipe(6, 1, aux_coefficient=aux, dead_after=3)
        state = random_state(6, 5, seed=3)
        state.weights["encoder_bias"][:4] = 20.0  # two latents are never the strongest
        plain, start = Plain(recipe, state), state.weights["atoms"].clone()
        g = torch.Generator().manual_seed(0)
        for _ in range(5):
            x = torch.randn(8, 5, generator=g, dtype=torch.float64)
            step(recipe, state, x, 1e-2)
            plain.step(x, 1e-2)
        assert plain.dead >= 2
        torch.testing.assert_close(state.weights["atoms"], plain.w["atoms"].detach())
        moved[aux] = float((state.weights["atoms"] - start)[4:].abs().max())
    assert moved[0.0] < 1e-12  # rescaling to length 1
    assert moved[1.0] > 1e-3


def test_gradient_of_atoms_has_no_part_along_them() -> None:
    state = random_state(9, 7, seed=1)
    before = state.weights["atoms"].clone()
    x = torch.randn(10, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    step(Recipe(9, 3), state, x, 1e-2)
    along = (state.first["atoms"] * before).sum(1)
    assert state.first["atoms"].abs().max() > 1e-3
    assert along.abs().max() < 1e-12
    norms = state.weights["atoms"].norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(9, dtype=torch.float64))


def test_float32_gradients_are_those_of_float64() -> None:
    """The single-precision kernels are other code: first moments agree to rounding."""
    recipe = Recipe(64, 5, lead_coefficient=1.0)
    wide = random_state(64, 33, seed=4)
    narrow = copy.deepcopy(wide)
    for group in (narrow.weights, narrow.first, narrow.second):
        for name in group:
            group[name] = group[name].float()
    x = torch.randn(50, 33, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    step(recipe, wide, x, 1e-3)
    step(recipe, narrow, x.float(), 1e-3)
    for name, wanted in wide.first.items():
        torch.testing.assert_close(narrow.first[name].double(), wanted, rtol=1e-4, atol=1e-6)


# What is learned ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TopKSAE, BatchTopKSAE])
def test_planted_atoms_are_recovered(kind: type[TopKSAE]) -> None:
    x, atoms = planted(4000)
    fits = [kind(24, 2, max_rows=80_000, random_state=seed).fit(x) for seed in range(3)]
    found = np.mean([(atoms @ fit.atoms_.T).max(axis=1).mean() for fit in fits])
    sae = fits[0]
    random = np.random.default_rng(1).standard_normal(sae.atoms_.shape)
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    chance = (atoms @ random.T).max(axis=1).mean()
    assert found > 0.9
    assert found > chance + 0.2
    fresh, _ = planted(4500)
    assert sae.dictionary_.fvu(fresh[4000:]) < 0.15


def test_held_out_fvu_falls_and_is_what_the_dictionary_reaches() -> None:
    x, _ = planted(2000)
    sae = TopKSAE(24, 2, max_rows=30_000, random_state=0).fit(x)
    curve = [value for _, value in sae.history_]
    assert sae.fvu_ == min(curve)
    assert curve[-1] < 0.5 * curve[0]
    seen = [rows for rows, _ in sae.history_]
    assert seen == sorted(set(seen))
    assert sae.dictionary_.fvu(x) < 1.5 * sae.fvu_
    zero = TopKSAE(24, 2, max_rows=1, random_state=0).fit(x)
    assert sae.fvu_ < zero.fvu_


def test_training_stops_early_on_data_made_to_overfit() -> None:
    random = np.random.default_rng(0)
    noise = random.standard_normal((100, 60)).astype(np.float32)
    facts = {
        "n_components": 60,
        "n_active": 8,
        "max_rows": 20_000,
        "learning_rate": 2e-2,
        "noise": 0.0,
    }
    source = as_source(noise)
    stopped = fit_dictionary(
        source, recipe_for(100, 60, **facts, patience=5), validation_fraction=0.1
    )
    whole = fit_dictionary(
        source, recipe_for(100, 60, **facts, patience=0), validation_fraction=0.1
    )
    assert stopped.state.rows_seen < whole.state.rows_seen / 2
    assert whole.state.step == 20_000 / 16
    # The weights that are kept are the best ones, not the last ones.
    for fit in (stopped, whole):
        assert fit.state.best_fvu == min(value for _, value in fit.state.history)
        assert fit.state.best_fvu < fit.state.history[-1][1]


def test_auxiliary_loss_revives_dead_latents() -> None:
    """As many latents as planted atoms, half of them dead: the loss finds them their atoms."""
    rows, _ = planted(1000, d=12, seed=3)
    x = torch.from_numpy(rows - rows.mean(0))
    dead = {}
    for aux in (0.0, 1 / 32):
        recipe = Recipe(24, 2, aux_coefficient=aux, dead_after=500)
        state = State.start(x[:24] / x[:24].norm(dim=1, keepdim=True), torch.zeros(12))
        # These can fire a little, but never as one of the two strongest.
        state.weights["encoder"][:12] *= 0.05
        state.weights["encoder_bias"][12:] = 0.5
        for batch in torch.split(x, 50) * 25:
            step(recipe, state, batch, 4e-3)
        dead[aux] = int((state.rows_seen - state.last_active[:12] > 1000).sum())
    assert dead[0.0] == 12
    assert dead[1 / 32] <= 7


def test_lead_coefficient_makes_the_strongest_latent_stand_alone() -> None:
    x, _ = planted(1000, k=3, seed=5)
    alone, full = [], []
    for lead in (0.0, 16.0):
        sae = TopKSAE(24, 4, max_rows=20_000, lead_coefficient=lead, random_state=0).fit(x)
        codes = sae.transform(x).toarray()
        strongest = np.where(codes == codes.max(axis=1, keepdims=True), codes, 0)
        alone.append(float(np.square(sae.inverse_transform(strongest) - x).sum()))
        full.append(sae.fvu_)
    assert alone[1] < alone[0]
    assert full[1] > full[0]  # the price


# The same bytes ----------------------------------------------------------------------------------


class KilledError(Exception):
    """Stands for whatever ends a process."""


def small(n: int = 300, d: int = 8) -> Array:
    return planted(n, d=d, m=16, seed=9)[0]


# 300 rows, 270 of them for training, are 9 steps an epoch of 32 rows, 28 steps in all.
RECIPE = Recipe(16, 2, batch_size=32, max_rows=28 * 32, dead_after=100, seed=4)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("deaths", [[1], [2], [9], [10], [18, 3, 2], [28], [1] * 4])
def test_resumed_fit_ends_with_the_same_bytes(deaths: list[int], whole: bool) -> None:
    source = as_source(small())
    recipe = Recipe(**(RECIPE.__dict__ | {"batch_topk": whole, "lead_coefficient": 1.0}))
    never = fit_dictionary(source, recipe)
    path = Path("checkpoint.safetensors")
    done = 0
    for death in deaths:
        steps = 0

        def on_step(rows: int, fvu: float, last: int = death) -> None:
            nonlocal steps
            steps += 1
            if steps == last:
                raise KilledError

        with pytest.raises(KilledError):
            fit_dictionary(source, recipe, checkpoint=path, checkpoint_every=0.0, on_step=on_step)
        done += death
    left = []
    fit = fit_dictionary(
        source, recipe, checkpoint=path, checkpoint_every=0.0, on_step=lambda n, f: left.append(n)
    )
    assert bytes_of(fit.dictionary) == bytes_of(never.dictionary)
    assert fit.state.history == never.state.history
    assert fit.state.rows_seen == never.state.rows_seen
    # What was saved is not done again: a step is lost with each death, the one that it hit.
    assert len(left) == 28 - done + len(deaths)


def test_finished_checkpoint_needs_no_more_steps() -> None:
    source, path = as_source(small()), Path("checkpoint.safetensors")
    first = fit_dictionary(source, RECIPE, checkpoint=path)
    steps: list[int] = []
    again = fit_dictionary(source, RECIPE, checkpoint=path, on_step=lambda n, f: steps.append(n))
    assert steps == []
    assert bytes_of(again.dictionary) == bytes_of(first.dictionary)


def test_estimator_goes_on_from_its_checkpoint() -> None:
    x = small()
    kept = TopKSAE(16, 2, max_rows=2000, checkpoint="c.safetensors", random_state=0).fit(x)
    plain = TopKSAE(16, 2, max_rows=2000, random_state=0).fit(x)
    again = TopKSAE(16, 2, max_rows=2000, checkpoint="c.safetensors", random_state=0).fit(x)
    assert bytes_of(kept.dictionary_) == bytes_of(plain.dictionary_) == bytes_of(again.dictionary_)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 5},
        {"n_active": 3},
        {"learning_rate": 1e-3},
        {"max_rows": 2000},
        {"lead_coefficient": 1.0},
        {"batch_topk": True},
    ],
)
def test_checkpoint_of_another_recipe_is_refused(change: dict[str, object]) -> None:
    source, path = as_source(small()), Path("checkpoint.safetensors")
    fit_dictionary(source, RECIPE, checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(ArtifactError, match=r"checkpoint\.safetensors belongs to another run"):
        fit_dictionary(source, Recipe(**(RECIPE.__dict__ | change)), checkpoint=path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("other", [small()[:-1], small() * 2, small() + 1, small()[:, ::-1].copy()])
def test_checkpoint_of_other_data_is_refused(other: Array) -> None:
    path = Path("checkpoint.safetensors")
    fit_dictionary(as_source(small()), RECIPE, checkpoint=path)
    with pytest.raises(ArtifactError, match="other data"):
        fit_dictionary(as_source(other), RECIPE, checkpoint=path)


def test_broken_checkpoint_is_refused() -> None:
    path = Path("checkpoint.safetensors")
    fit_dictionary(as_source(small()), RECIPE, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ArtifactError, match=r"checkpoint\.safetensors"):
        fit_dictionary(as_source(small()), RECIPE, checkpoint=path)


@pytest.mark.parametrize("kind", [TopKSAE, BatchTopKSAE])
def test_same_seed_same_bytes(kind: type[TopKSAE]) -> None:
    x = small()
    fits = [kind(16, 2, max_rows=2000, random_state=s).fit(x).dictionary_ for s in (0, 0, 1)]
    one, same, other = map(bytes_of, fits)
    assert one == same
    assert one != other


# The inference form ------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True])
def test_fold_reconstructs_as_the_trained_weights_do(whole: bool) -> None:
    x = 7 * small() + np.linspace(-30, 30, 8, dtype=np.float32)
    recipe = Recipe(**(RECIPE.__dict__ | {"batch_topk": whole}))
    fit = fit_dictionary(as_source(x), recipe)
    w = fit.state.best
    prepared = fit.prepare(x)
    assert prepared.square().sum(1).mean() == pytest.approx(1, rel=1e-3)
    pre = pre_activations(prepared, w["encoder"], w["encoder_bias"])
    if whole:
        # The same latents, of which the threshold keeps those that a batch of all rows would.
        codes = fit.dictionary.encode(x).to_scipy().toarray()
        level = fit.dictionary.threshold[0] / fit.scale
        latents = np.where(pre.numpy() > level, pre.numpy(), 0)
        # A pair at the threshold itself may fall on either side of it by rounding.
        clear = np.abs(pre.numpy() - level) > 1e-4
        np.testing.assert_allclose((codes / fit.scale)[clear], latents[clear], atol=2e-3)
        return
    wanted = (decode(select_topk(pre, 2), w["atoms"]) + w["bias"]).numpy() * fit.scale
    wanted = wanted + fit.centre.numpy()
    found = fit.dictionary.decode(fit.dictionary.encode(x))
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(fit.dictionary.atoms, axis=1), 1, atol=1e-6)


def test_threshold_keeps_n_active_on_average() -> None:
    x, _ = planted(6000, seed=2)
    sae = BatchTopKSAE(24, 3, max_rows=30_000, random_state=0).fit(x[:3000])
    active = np.diff(sae.transform(x[3000:]).indptr)
    assert active.mean() == pytest.approx(3, rel=0.2)
    assert active.min() < 3 < active.max()
    # A row's codes do not depend on the rows beside it.
    alone = sae.transform(x[3000:3001]).toarray()
    np.testing.assert_allclose(alone[0], sae.transform(x[3000:3100]).toarray()[0], rtol=1e-5)


def test_threshold_is_where_batch_topk_stops() -> None:
    x, _ = planted(2000, seed=2)
    recipe = Recipe(24, 3, batch_topk=True, batch_size=64, max_rows=20_000)
    fit = fit_dictionary(as_source(x), recipe)
    sample = fit.prepare(x)
    w = fit.state.best
    smallest = select_batch_topk(pre_activations(sample, w["encoder"], w["encoder_bias"]), 3)[1]
    folded = fold(recipe, w, fit.centre, fit.scale, sample)
    assert folded.threshold[0] == pytest.approx(smallest * fit.scale, rel=1e-5)


def test_inverse_of_transform_is_near_the_rows_where_many_are_active() -> None:
    x, _ = planted(800, d=6, m=12, seed=1)
    near, far = (TopKSAE(24, k, max_rows=24_000, random_state=0).fit(x) for k in (24, 1))
    back = near.inverse_transform(near.transform(x))
    variance = np.square(x - x.mean(0)).sum()
    assert np.square(back - x).sum() < 0.01 * variance
    assert np.square(far.inverse_transform(far.transform(x)) - x).sum() > 0.05 * variance


def test_codes_are_non_negative_and_at_most_k() -> None:
    x = small()
    codes = TopKSAE(16, 3, max_rows=2000, random_state=0).fit(x).transform(x)
    assert codes.shape == (300, 16)
    assert codes.dtype == np.float32
    assert (codes.data > 0).all()
    assert np.diff(codes.indptr).max() <= 3


@pytest.mark.parametrize("kind", [TopKSAE, BatchTopKSAE])
def test_dictionary_survives_its_file(kind: type[TopKSAE]) -> None:
    x = small()
    dictionary = kind(16, 2, max_rows=2000, random_state=0).fit(x).dictionary_
    dictionary.save("d.safetensors")
    back = Dictionary.load("d.safetensors")
    assert bytes_of(back) == bytes_of(dictionary)
    assert (back.form, back.n_active) == (dictionary.form, dictionary.n_active)
    assert np.array_equal(
        back.encode(x).to_scipy().toarray(), dictionary.encode(x).to_scipy().toarray()
    )


def test_fvu_is_its_formula() -> None:
    x = small()
    dictionary = TopKSAE(16, 2, max_rows=2000, random_state=0).fit(x).dictionary_
    out = dictionary.decode(dictionary.encode(x)).astype(np.float64)
    error = np.square(x - out).sum()
    assert dictionary.fvu(x) == pytest.approx(error / np.square(x - x.mean(0)).sum(), rel=1e-5)
    centre = np.ones(8)
    assert dictionary.fvu(x, centre) == pytest.approx(error / np.square(x - 1).sum(), rel=1e-5)


# What goes in ------------------------------------------------------------------------------------


def as_npy(x: Array) -> Path:
    np.save("x.npy", x)
    return Path("x.npy")


INPUTS = {
    "npy": as_npy,
    "npy name": lambda x: str(as_npy(x)),
    "mapped": lambda x: np.load(as_npy(x), mmap_mode="r"),
    "float64": lambda x: x.astype(np.float64),
    "fortran": np.asfortranarray,
    "list": lambda x: x.tolist(),
    "polars": lambda x: pl.DataFrame(x, schema=[f"f{i}" for i in range(x.shape[1])]),
    "pandas": pd.DataFrame,
    "torch": torch.from_numpy,
    "scipy": csr_array,
}


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_every_input_gives_the_same_bytes(kind: str) -> None:
    x = small()
    x[::3, 2] = 0
    plain = TopKSAE(16, 2, max_rows=1000, random_state=0).fit(x)
    given = INPUTS[kind](x)
    sae = TopKSAE(16, 2, max_rows=1000, random_state=0).fit(given)
    assert bytes_of(sae.dictionary_) == bytes_of(plain.dictionary_)
    assert np.array_equal(sae.transform(given).toarray(), plain.transform(x).toarray())
    assert sae.n_features_in_ == 8


def test_partial_fit_over_shards_lowers_the_fvu() -> None:
    x, _ = planted(5000, seed=6)
    held = x[4000:]
    sae = TopKSAE(24, 2, batch_size=64, learning_rate=4e-3, random_state=0)
    values = []
    for _ in range(2):
        for shard in np.array_split(x[:4000], 4):
            values.append(sae.partial_fit(shard).dictionary_.fvu(held))  # noqa: PERF401
    assert values[-1] < 0.6 * values[0]
    assert sae._fit.state.rows_seen == 8_000


# What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3e7])
def test_equal_rows_are_refused(value: float) -> None:
    with pytest.raises(InputError, match="all 50 rows are equal"):
        TopKSAE(4, 1).fit(np.full((50, 6), value, dtype=np.float32))


def test_fewer_rows_than_atoms_are_refused() -> None:
    with pytest.raises(InputError, match=r"20 atoms need at least 20 rows.*n_samples=19"):
        TopKSAE(20, 2).fit(small(19))
    TopKSAE(20, 2, max_rows=100).fit(small(20))


def test_one_row_is_refused() -> None:
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        TopKSAE(1, 1).fit(np.ones((1, 4)))
    np.save("one.npy", np.ones((1, 4)))
    with pytest.raises(InputError, match="at least 2 rows"):
        TopKSAE(1, 1).fit("one.npy")


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "3"])
@pytest.mark.parametrize("name", ["n_components", "n_active"])
def test_sizes_that_are_no_whole_numbers_are_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"{name} must be a whole number of at least 1, got"):
        TopKSAE(**{name: value}).fit(small())


def test_more_active_than_atoms_is_refused() -> None:
    with pytest.raises(InputError, match=r"from 1 to the number of atoms \(4\), got 5"):
        TopKSAE(4, 5).fit(small())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    x = small()
    x[17, 3] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        TopKSAE(8, 2).fit(x)
    np.save("bad.npy", x)
    with pytest.raises(InputError, match="row 17, column 3"):
        TopKSAE(8, 2).fit("bad.npy")


def test_vectors_of_another_length_are_refused() -> None:
    sae = TopKSAE(8, 2, max_rows=500).fit(small())
    with pytest.raises(ValueError, match="7 features"):
        sae.transform(small()[:, :7])
    with pytest.raises(InputError, match="7 dimensions, the dictionary was learned on 8"):
        sae.dictionary_.encode(small()[:, :7])
    with pytest.raises(InputError, match="codes have 9 latents, the dictionary has 8"):
        sae.inverse_transform(np.ones((2, 9)))
