"""Attributions of concepts against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit

from semascope.core import InputError
from semascope.explain import (
    Mixture,
    Predictor,
    exact_shapley,
    gradient_input,
    integrated_gradients,
    occlusion,
    sampled_shapley,
    shapley,
    split_prediction,
)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(5)


def made(random: np.random.Generator, call, k: int = 5, d: int = 8) -> Mixture:
    return Mixture(Predictor(call), random.standard_normal(d), random.standard_normal((k, d)))


# Attributions of one item --------------------------------------------------------------------


def test_all_agree_on_a_linear_model(random: np.random.Generator) -> None:
    w = random.standard_normal(8)
    item = made(random, lambda x: x @ w + 2)
    truth = item.parts @ w
    for found in (occlusion(item), gradient_input(item), integrated_gradients(item),
                  shapley(item)[0], sampled_shapley(item.value, 5)[0]):  # fmt: skip
        assert found == pytest.approx(truth, abs=1e-9)


def test_sampled_shapley_covers_the_exact_values(random: np.random.Generator) -> None:
    w = random.standard_normal((8, 3))
    item = made(random, lambda x: np.tanh(x @ w).prod(axis=1), k=10)
    truth = exact_shapley(item.value, 10)
    ends = item.value(np.array([np.ones(10), np.zeros(10)]))
    assert truth.sum() == pytest.approx(ends[0] - ends[1])
    held = []
    for seed in range(40):
        found, error = sampled_shapley(item.value, 10, 64, seed=seed)
        assert found.sum() == pytest.approx(ends[0] - ends[1])
        held.append(np.abs(found - truth) <= 2.04 * error)
    assert 0.9 <= np.mean(held) <= 0.99


def test_integrated_gradients_are_complete_by_differences_and_by_autograd(
    random: np.random.Generator,
) -> None:
    w = random.standard_normal(8)
    item = made(random, lambda x: expit(x @ w))
    head = torch.nn.Sequential(torch.nn.Linear(8, 1), torch.nn.Sigmoid()).double()
    with torch.no_grad():
        head[0].weight[:] = torch.as_tensor(w)
        head[0].bias[:] = 0
    same = Mixture(Predictor(head), item.start, item.parts)
    ends = item.value(np.array([np.ones(5), np.zeros(5)]))
    assert integrated_gradients(item).sum() == pytest.approx(ends[0] - ends[1], abs=1e-6)
    assert integrated_gradients(same) == pytest.approx(integrated_gradients(item), abs=1e-6)
    assert gradient_input(same) == pytest.approx(gradient_input(item), abs=1e-6)
    x = random.standard_normal((3, 8))
    assert Predictor(head).gradient(x) == pytest.approx(item.predict.gradient(x), abs=1e-6)


def test_a_prediction_is_split_without_a_rest(random: np.random.Generator) -> None:
    w = random.standard_normal(8)
    parts = random.standard_normal((4, 8))
    found = split_prediction(*parts, Predictor(lambda x: expit(x @ w)))
    assert found[1:].sum() == pytest.approx(found[0])
    assert found[0] == pytest.approx(expit(parts.sum(axis=0) @ w))
    assert found[1] == pytest.approx(expit(parts[0] @ w))


@pytest.mark.parametrize(
    ("call", "target", "says"),
    [
        (lambda x: x[:2, 0], None, "returned the shape"),
        (lambda x: np.zeros((len(x), 2, 2)), None, "returned the shape"),
        (lambda x: np.full(len(x), np.nan), None, "returned nan"),
        (lambda x: np.array(["a"] * len(x)), None, "must return numbers"),
        (lambda x: x[:, :3], None, "3 classes"),
        (lambda x: x[:, :3], 3, "target must be 0 to 2"),
        (lambda x: x[:, 0], 1, "one number a row"),
    ],
)
def test_callables_that_do_not_fit(call, target, says) -> None:
    with pytest.raises(InputError, match=says):
        Predictor(call, target)(np.ones((4, 5)))


def test_estimators_are_not_callables() -> None:
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(InputError, match="predict_proba"):
        Predictor(LogisticRegression())
