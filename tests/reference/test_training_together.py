"""Training on pursued codes, of several dictionaries at once, and its end by Ctrl-C."""

from __future__ import annotations

import gzip
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semascope.core import InputError
from semascope.discover import (
    BatchTopKSAE,
    Dictionary,
    Recipe,
    State,
    TopKSAE,
    fit_dictionaries,
    fit_dictionary,
    fit_many,
)
from semascope.discover.trainer import step
from semascope.kernels import LinearEncoder, pursue
from semascope.vectors import as_source

DATA = Path(os.environ.get("SEMASCOPE_DATA", "missing")).resolve()


def normal(n: int, d: int = 8, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def bytes_of(dictionary: Dictionary) -> list[bytes]:
    parts = dictionary.encoder, dictionary.encoder_bias, dictionary.atoms, dictionary.bias
    return [part.tobytes() for part in parts]


@settings(max_examples=20, deadline=None)
@given(
    b=st.integers(1, 12),
    d=st.integers(2, 9),
    m=st.integers(2, 17),
    k=st.integers(1, 5),
    seed=st.integers(0, 2**31),
)
def test_pursued_steps_equal_autograd_with_codes_held_fixed(b, d, m, k, seed) -> None:
    k = min(k, m)
    g = torch.Generator().manual_seed(seed)
    atoms = torch.nn.functional.normalize(torch.randn(m, d, generator=g, dtype=torch.float64))
    state = State.start(atoms, torch.zeros(d, dtype=torch.float64), 0.7)
    for group in (state.weights, state.first, state.second):
        group["encoder_bias"] = group["encoder_bias"].double()
    w = {name: t.clone().requires_grad_(True) for name, t in state.weights.items()}
    adam = torch.optim.Adam(list(w.values()), lr=1e-2)
    for _ in range(3):
        x = torch.randn(b, d, generator=g, dtype=torch.float64)
        step(Recipe(m, k, aux_coefficient=0), state, x, 1e-2, pursued=True)
        pre = x @ w["encoder"].T + w["encoder_bias"]
        strongest = torch.zeros_like(pre).scatter(1, pre.topk(k, dim=1).indices, 1.0)
        own = torch.relu(pre) * strongest @ w["atoms"] + w["bias"]
        with torch.no_grad():
            plain = LinearEncoder(w["atoms"].detach(), torch.zeros(m, dtype=torch.float64))
            codes = pursue(plain, w["bias"].detach(), x, k, min(k, 2))
            z = torch.zeros(b, m, dtype=torch.float64)
            z[codes.rows, codes.latents] = codes.values
        pursued = z @ w["atoms"] + w["bias"]
        adam.zero_grad()
        (((own - x).square().sum() + (pursued - x).square().sum()) / b).backward()
        with torch.no_grad():
            gradient, unit = w["atoms"].grad, w["atoms"]
            gradient -= (gradient * unit).sum(1, keepdim=True) * unit
            adam.step()
            w["atoms"] /= w["atoms"].norm(dim=1, keepdim=True)
        for name, wanted in w.items():
            torch.testing.assert_close(state.weights[name], wanted.detach(), rtol=1e-6, atol=1e-6)


@pytest.mark.skipif(not DATA.is_dir(), reason="SEMASCOPE_DATA names no folder")
def test_training_that_knows_of_pursuit_lowers_its_error_on_unseen_words() -> None:
    with gzip.open(DATA / "word_vectors_small" / "glove_50d_5k.json.gz") as file:
        x = np.array(list(json.load(file).values()), dtype=np.float32)
    x = x[np.random.default_rng(0).permutation(len(x))]
    train, test = x[:4000], x[4000:]
    common = {"max_rows": 200_000, "refine": "pursuit", "random_state": 0}
    blind = TopKSAE(256, 8, pursuit_share=0, **common).fit(train).dictionary_
    knowing = TopKSAE(256, 8, **common).fit(train).dictionary_
    assert knowing.fvu(test) < 0.97 * blind.fvu(test)
    # And the encoder's own codes are none the worse.
    own = [replace(d, refine="none").fvu(test) for d in (knowing, blind)]
    assert own[0] < 1.02 * own[1]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_dictionaries_learned_together_are_those_learned_alone(count: int) -> None:
    source = as_source(normal(300))
    recipes = [
        Recipe(16, 2, batch_size=32, max_rows=900, seed=4),
        Recipe(8, 3, batch_size=32, max_rows=400, seed=4, batch_topk=True),
        Recipe(12, 2, batch_size=32, max_rows=2000, seed=4, pursuit_share=0.5, patience=2),
    ][:count]
    for recipe, fit in zip(recipes, fit_dictionaries(source, recipes), strict=True):
        alone = fit_dictionary(source, recipe)
        assert bytes_of(fit.dictionary) == bytes_of(alone.dictionary)
        assert fit.state.history == alone.state.history
        assert fit.state.rows_seen == alone.state.rows_seen


def test_rows_are_read_once_for_all() -> None:
    x = normal(300)

    class Counting:
        shape = x.shape
        taken = 0

        def rows(self, start: int, stop: int) -> npt.NDArray[np.float32]:
            return x[start:stop].copy()

        def take(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
            type(self).taken += len(index)
            return x[index]

    recipe = Recipe(8, 2, batch_size=32, max_rows=30_000)
    taken = []
    for recipes in ([recipe], [recipe, replace(recipe, n_active=3), replace(recipe, seed=1)]):
        Counting.taken = 0
        fit_dictionaries(Counting(), recipes)
        taken.append(Counting.taken)
    # Each dictionary draws its first atoms from all 285 rows that are not held out; that is all.
    assert taken[1] - taken[0] == 2 * 285


def test_several_estimators_fit_at_once() -> None:
    x = normal(400)
    kinds = [
        TopKSAE(16, 2, max_rows=4000, random_state=3),
        BatchTopKSAE(8, 2, max_rows=4000, random_state=3),
        TopKSAE(16, 2, max_rows=4000, random_state=5),
    ]
    fitted = fit_many(x, kinds)
    assert fitted == kinds
    for together, alone in zip(fitted[:2], kinds[:2], strict=True):
        again = type(alone)(**alone.get_params()).fit(x)
        assert bytes_of(together.dictionary_) == bytes_of(again.dictionary_)
        assert together.fvu_ == again.fvu_
    # Another seed begins elsewhere.
    assert bytes_of(fitted[2].dictionary_) != bytes_of(fitted[0].dictionary_)
    assert fitted[2].transform(x).shape == (400, 16)


def test_what_cannot_be_fitted_together_says_so() -> None:
    with pytest.raises(InputError, match=r"batch_size is 32, 64"):
        fit_many(normal(300), [TopKSAE(8, 2, batch_size=n) for n in (64, 32)])
    with pytest.raises(InputError, match="at least one"):
        fit_many(normal(300), [])
    with pytest.raises(InputError, match="pursuit_share must be a number from 0 to 1"):
        TopKSAE(8, 2, pursuit_share=2).fit(normal(300))


@pytest.mark.parametrize("at", [1, 9, 20])
def test_ctrl_c_ends_after_a_step_and_loses_none(at: int) -> None:
    source, path = as_source(normal(300)), Path("c.safetensors")
    recipes = [Recipe(8, 2, batch_size=32, max_rows=28 * 32, seed=s) for s in (0, 1)]
    never = fit_dictionaries(source, recipes)
    steps = 0

    def press(rows: int, fvu: float) -> None:
        nonlocal steps
        steps += 1
        if steps == at:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit_dictionaries(source, recipes, checkpoint=path, on_step=press)
    assert signal.getsignal(signal.SIGINT) is before
    left = []
    again = fit_dictionaries(
        source, recipes, checkpoint=path, on_step=lambda rows, fvu: left.append(rows)
    )
    assert steps == at
    assert len(left) == 28 - at
    for one, other in zip(again, never, strict=True):
        assert bytes_of(one.dictionary) == bytes_of(other.dictionary)
        assert one.state.history == other.state.history


def test_what_a_fit_returned_stays_when_training_goes_on() -> None:
    x = normal(300)
    sae = TopKSAE(16, 2, max_rows=2000, random_state=0).fit(x)
    first = sae.dictionary_
    before = bytes_of(first)
    sae.partial_fit(x).partial_fit(x)
    assert bytes_of(first) == before
    assert bytes_of(sae.dictionary_) != before
