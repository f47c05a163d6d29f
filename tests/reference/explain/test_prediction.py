"""Attributions of concepts against closed forms."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from scipy.special import expit

import semascope as sc
from semascope.core import InputError, kendall_w
from semascope.discover import Dictionary
from semascope.explain import (
    Mixture,
    Predictor,
    bet,
    bet_on_concepts,
    bet_on_item,
    deletion,
    exact_shapley,
    gradient_input,
    input_ablation,
    insertion,
    integrated_gradients,
    mu_fidelity,
    occlusion,
    prediction,
    sampled_shapley,
    shapley,
    sobol_total,
    split_prediction,
    tcav,
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


# Sobol indices -------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ["jansen", "sobol", "homma-saltelli", "janon", "glen-isaacs"])
def test_ishigami_total_indices(estimator) -> None:
    a, b, pi = 7.0, 0.1, np.pi

    def ishigami(u: np.ndarray) -> np.ndarray:
        x = pi * (2 * u - 1)
        return np.sin(x[:, 0]) + a * np.sin(x[:, 1]) ** 2 + b * x[:, 2] ** 4 * np.sin(x[:, 0])

    first = (1 + b * pi**4 / 5) ** 2 / 2
    second, both = a**2 / 8, 8 * b**2 * pi**8 / 225
    truth = np.array([first + both, second, both]) / (first + second + both)
    found, error = sobol_total(ishigami, 3, 2**14, estimator=estimator, repeats=2)
    assert found == pytest.approx(truth, abs=1e-3)
    assert (error < 1e-3).all()


def test_sobol_through_the_decoder_of_a_linear_model(random: np.random.Generator) -> None:
    w = random.standard_normal(8)
    item = made(random, lambda x: x @ w)
    truth = (item.parts @ w) ** 2
    found, _ = sobol_total(item.value, 5, 512)
    assert found == pytest.approx(truth / truth.sum(), abs=0.02)
    assert sobol_total(lambda u: np.ones(len(u)), 3)[0].tolist() == [0, 0, 0]


# TCAV ----------------------------------------------------------------------------------------


def test_tcav_is_1_and_0_on_a_head_that_is_the_concept(random: np.random.Generator) -> None:
    atom = random.standard_normal(12)
    atom /= np.linalg.norm(atom)
    shown = random.random((300, 1)) < 0.3
    x = 0.3 * random.standard_normal((300, 12)) + 3 * shown * atom
    for sign, score in ((1, 1.0), (-1, 0.0)):
        slopes = Predictor(lambda v, s=sign: expit(s * v @ atom)).gradient(x[:20])
        found = tcav(slopes, x, shown)
        assert found.score[0] == score
        assert found.p[0] == pytest.approx(0.005)
        assert np.sign(found.slope[0]) == sign


def test_tcav_keeps_its_level_where_rows_are_exchangeable(random: np.random.Generator) -> None:
    x = random.standard_normal((120, 6)) * [5, 1, 1, 1, 1, 1]
    shown = random.random((120, 400)) < 0.3
    found = tcav(x[:10] * 0 + random.standard_normal(6), x, shown, permutations=99)
    assert (found.p <= 0.05).mean() <= 0.08
    assert found.p.mean() == pytest.approx(0.5, abs=0.1)


# Curves --------------------------------------------------------------------------------------


def test_mu_fidelity_of_the_best_and_the_worst(random: np.random.Generator) -> None:
    w = random.standard_normal(8)
    item = made(random, lambda x: x @ w)
    assert mu_fidelity(item, item.parts @ w) == pytest.approx(1)
    assert mu_fidelity(item, -item.parts @ w) == pytest.approx(-1)


def test_curves_of_a_linear_model_are_sums(random: np.random.Generator) -> None:
    w = random.standard_normal(8)
    item = made(random, lambda x: x @ w)
    gains = item.parts @ w
    falling = np.sort(gains)[::-1].cumsum()
    assert np.diff(insertion(item, gains)).cumsum() == pytest.approx(falling)
    assert np.diff(deletion(item, gains)).cumsum() == pytest.approx(-falling)


def test_kendall_w_of_alike_and_opposed() -> None:
    a = np.arange(6.0)
    assert kendall_w(np.column_stack([a, a, 2 * a])) == pytest.approx(1)
    assert kendall_w(np.column_stack([a, -a])) == pytest.approx(0)
    assert np.isnan(kendall_w(np.ones((6, 2))))


# Betting -------------------------------------------------------------------------------------


def test_bets_hold_their_level_whenever_one_stops() -> None:
    random = np.random.default_rng(2)
    rejected = 0
    for _ in range(300):
        left = random.standard_t(3, (120, 1))
        own, other = random.exponential(size=(2, 120, 1)) * (random.random((2, 120, 1)) < 0.4)
        found = bet(np.hstack([left, own]), np.hstack([left, other]), level=0.1)
        rejected += found.rejected_at is not None
    assert rejected / 300 <= 0.1


def test_bets_tell_what_is_used_from_what_goes_with_it() -> None:
    random = np.random.default_rng(3)
    shown = random.random((1600, 4)) < 0.4
    # The second often goes with the first, but only the first and the third are used.
    shown[:, 1] = np.where(random.random(1600) < 0.8, shown[:, 0], shown[:, 1])
    y = 2.0 * shown[:, 0] + 1.0 * shown[:, 2] + 0.3 * random.standard_normal(1600)
    found = bet_on_concepts(y, shown.astype(float), level=0.01)
    assert [b.rejected_at is not None for b in found] == [True, False, True, False]


def test_bets_on_one_item(random: np.random.Generator) -> None:
    w = np.array([2.0, 0.0, 1.0, 0.0])
    item = Mixture(Predictor(lambda x: expit(x @ w)), np.zeros(4), np.eye(4))
    found = bet_on_item(item, level=0.01)
    assert [b.rejected_at is not None for b in found] == [True, False, True, False]
    assert found[0].rejected_at <= found[2].rejected_at


# All of it -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted():
    """A dictionary of 12 atoms in 16 dimensions, items that show 4, a head that uses two."""
    random = np.random.default_rng(8)
    atoms = np.linalg.qr(random.standard_normal((16, 16)))[0][:12].astype(np.float32)
    bias = np.full(16, 0.1, dtype=np.float32)
    dictionary = Dictionary(atoms, -atoms @ bias, atoms, bias, n_active=4)
    shown = np.argsort(random.random((600, 12)), axis=1) < 4
    x = (shown * random.uniform(1, 2, shown.shape)) @ atoms + bias
    x += 0.02 * random.standard_normal(x.shape)
    w = 2 * atoms[3] - 1.5 * atoms[7]
    names = [None if j == 7 else f"name {j}" for j in range(12)]
    return dictionary, lambda v: expit(v @ w - 0.5), x, names


def test_planted_concepts_are_found_by_every_method(planted) -> None:
    dictionary, head, x, names = planted
    found = prediction(dictionary, head, x, names=names, most_items=60)
    table = found.table
    assert set(table["concept"][:2]) == {"c3", "c7"}
    up, down = (table.row(by_predicate=pl.col("concept") == c, named=True) for c in ("c3", "c7"))
    for method in ("occlusion", "gradient_input", "integrated_gradients", "shapley", "sobol"):
        assert set(table.sort(method)["concept"][-2:]) == {"c3", "c7"}
    assert up["effect"] > 0 > down["effect"]
    assert [up["tcav"], down["tcav"]] == [1, 0]
    assert (table["q"][:2] < 0.05).all()
    assert set(table.sort("bet_rank")["concept"][:2]) == {"c3", "c7"}
    assert table["rejected_at"][:2].null_count() == 0
    assert (found.checks["beats_random_p"] < 1e-3).all()
    assert found.agreement > 0.5
    total = found.split.select(pl.sum_horizontal("base", "labelled", "unlabelled", "remainder"))
    assert total.to_series().to_numpy() == pytest.approx(found.split["prediction"].to_numpy())
    # The concept without a name is the one that lowers predictions.
    assert found.split["labelled"].mean() > 0 > found.split["unlabelled"].mean()
    shares = found.attributions.group_by("item", maintain_order=True).agg(pl.sum("shapley"))
    split = found.split["prediction"] - found.split["base"] - found.split["remainder"]
    assert shares["shapley"].to_numpy() == pytest.approx(split.to_numpy(), abs=0.05)


def test_an_item_lists_important_concepts_that_it_lacks(planted) -> None:
    dictionary, head, x, names = planted
    found = prediction(dictionary, head, x, names=names, methods=["occlusion"], tests=())
    row = found.attributions["item"][0]
    item = found.item(row)
    assert item.filter("present").height == 4
    assert set(item.filter(~pl.col("present"))["concept"]) <= set(found.table["concept"][:10])
    with pytest.raises(InputError, match="not among the 100 that were explained"):
        found.item(10_000)


def test_items_decided_for_the_same_reasons_are_grouped(planted) -> None:
    dictionary, head, x, names = planted
    found = prediction(dictionary, head, x, names=names, methods=["gradient_input"], tests=())
    groups = found.strategies(4)
    reasons = groups.group_by("strategy").first()["reasons"].to_list()
    assert {"name 3", "c7"} <= {r[0] for r in reasons if r}
    with pytest.raises(InputError, match="no attributions by 'shapley'"):
        found.strategies(method="shapley")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"methods": ["oclusion"]}, "occlusion"),
        ({"tests": ["bet"]}, "no test 'bet'"),
        ({"x": np.ones((5, 3))}, "3 dimensions"),
        ({"x": None}, "only a lexicon"),
        ({"names": ["a"]}, "1 names do not fit"),
        ({"predict": lambda v: np.ones((len(v), 3))}, "tell which to explain"),
        ({"predict": 3}, "must be a callable"),
        ({"lex": 3}, "needs a lexicon"),
    ],
)
def test_what_does_not_fit_is_refused(planted, options, says) -> None:
    dictionary, head, x, _ = planted
    with pytest.raises(InputError, match=says):
        prediction(**({"lex": dictionary, "predict": head, "x": x} | options))


# Ablation of the input -----------------------------------------------------------------------


def test_a_planted_shortcut_is_found_by_its_name() -> None:
    random = np.random.default_rng(4)
    vocabulary = np.array([*"abcdefghij"])
    texts = [" ".join(random.choice(vocabulary, 6)) for _ in range(150)]
    label = random.random(150) < 0.5
    texts = [f"{text} zqx" if one else text for text, one in zip(texts, label, strict=True)]
    tokens = [*vocabulary, "zqx"]

    def embed(some: list[str]) -> np.ndarray:
        return np.array([[t.split().count(w) for w in tokens] for t in some], dtype=float)

    x = embed(texts)
    w = np.linalg.lstsq(x - x.mean(axis=0), label - label.mean(), rcond=None)[0]
    found = input_ablation(embed, lambda v: v @ w, texts)
    assert found["word"][0] == "zqx"
    assert found["effect"][0] == pytest.approx(1, abs=0.05)
    assert found["effect"][1:].abs().max() < 0.2


@pytest.mark.parametrize(
    ("texts", "says"), [([], "one or more"), ("a b", "one or more"), (["a", "b"], "no word")]
)
def test_texts_that_cannot_be_ablated(texts, says) -> None:
    with pytest.raises(InputError, match=says):
        input_ablation(lambda some: np.ones((len(some), 2)), lambda v: v[:, 0], texts)


def test_a_lexicon_explains_its_own_items_and_follows_edits() -> None:
    x = np.random.default_rng(0).standard_normal((300, 8))
    lex = sc.learn(vectors=x, components=12, active=3, progress=False)
    w = lex.atoms[2].astype(float)
    options = {"methods": ["occlusion"], "tests": ()}
    found = prediction(lex, lambda v: v @ w, **options)
    assert found.table["concept"][0] == lex.concepts["id"][2]
    # What the dictionary reconstructs has no remainder.
    assert np.abs(found.split["remainder"].to_numpy()).max() < 1e-5
    lex.edit("mute", lex.concepts["id"][2])
    muted = prediction(lex, lambda v: v @ w, x, **options)
    assert lex.concepts["id"][2] not in muted.table["concept"].to_list()
    assert muted.split["prediction"].to_numpy() == pytest.approx(x[muted.split["item"]] @ w)
    with pytest.raises(InputError, match="leave names out"):
        prediction(lex, lambda v: v @ w, names=["a"] * 12)
