"""Yardsticks on dictionaries whose faults are planted, and on clean ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from semascope.core import InputError
from semascope.measure.yardsticks import (
    absorption,
    compare_supervised,
    learnability,
    mean_directions,
    probe_sensitivity,
    quiver,
    sparse_probes,
    split_latents,
    splitting,
    spurious_removal,
    swap_factors,
    targeted_perturbation,
)

N = 1200
TRAIN, TEST = np.arange(N // 2), np.arange(N // 2, N)


@dataclass
class Planted:
    codes: np.ndarray
    atoms: np.ndarray
    vectors: np.ndarray
    labels: np.ndarray


def animals(*, absorbed: bool, missed: float = 0.0, seed: int = 0) -> Planted:
    """Half of the rows are animals, of 40 kinds; the other half are cars and trees.

    Directions: animal, one for each of four kinds of animals, car, tree. In the absorbing
    dictionary the latents of these kinds point along their kind *and* animal, and that of animals
    is silent on them.
    """
    random = np.random.default_rng(seed)
    kind = random.permutation(N) % 80
    animal = kind < 40
    parts = np.c_[animal, *(kind == j for j in range(4)), (kind >= 40) & (kind < 60), kind >= 60]
    strengths = parts * random.uniform(0.8, 1.2, parts.shape)
    directions = np.linalg.qr(random.standard_normal((12, 12)))[0][:7]
    x = strengths @ directions + 0.03 * random.standard_normal((N, 12))
    codes, atoms = strengths.copy(), directions.copy()
    if absorbed:
        codes[kind < 4, 0] = 0
        atoms[1:5] += atoms[0]
    # Rows on which the latent of animals is silent for no reason, and nothing takes its place.
    codes[random.random(N) < missed, 0] = 0
    return Planted(codes, atoms, x, np.c_[animal, parts[:, 5]])


def halves_of_a_label() -> tuple[np.ndarray, np.ndarray]:
    """Codes of which two tell half of the rows of a label each."""
    kind = np.random.default_rng(0).permutation(N) % 4
    return np.c_[kind == 0, kind == 1, kind == 2] * 1.0, np.c_[kind < 2, kind == 2]


def test_planted_absorption_is_found() -> None:
    p = animals(absorbed=True)
    found = absorption(p.codes, p.atoms, p.vectors, p.labels, train=TRAIN, test=TEST)
    animal, car = found.table.iter_rows(named=True)
    assert animal["latents"] == [0]
    assert animal["absorbers"] == [1, 2, 3, 4]
    assert animal["rate"] == pytest.approx(0.1, abs=0.03)  # four kinds of forty
    assert car["absorbed"] == 0
    silent = p.codes[:, 0] == 0
    assert (silent[found.rows] & p.labels[found.rows, 0] == found.absorbed).all()


@pytest.mark.parametrize("missed", [0.0, 0.3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_clean_dictionary_is_not_accused(missed: float, seed: int) -> None:
    """Also if its latent misses rows at random: that is no absorption, though dogs are among."""
    p = animals(absorbed=False, missed=missed, seed=seed)
    found = absorption(p.codes, p.atoms, p.vectors, p.labels, train=TRAIN, test=TEST)
    assert found.rate() == 0
    if missed:
        assert found.table["missed"][0] > 20


def test_split_concepts_are_told_from_whole_ones() -> None:
    codes, labels = halves_of_a_label()
    parts = split_latents(codes, labels, train=TRAIN)
    assert sorted(parts[0].tolist()) == [0, 1]
    assert parts[1].tolist() == [2]
    lack = splitting(codes, labels, parts, TEST)
    assert lack[0] == pytest.approx(1 / 3, abs=0.05)  # F1 of half the rows is 2/3
    assert lack[1] == 0
    whole = animals(absorbed=False)
    assert [len(found) for found in split_latents(whole.codes, whole.labels, train=TRAIN)] == [1, 1]


def test_sparse_probes_find_planted_latents() -> None:
    p = animals(absorbed=False)
    one = sparse_probes(p.codes, p.labels, k=1, train=TRAIN, test=TEST)
    assert one.latents[:, 0].tolist() == [0, 5]
    assert one.auroc() == 1
    assert one.f1().tolist() == [1, 1]
    noise = np.random.default_rng(0).random((N, 30))
    chance = sparse_probes(noise, p.labels, k=5, train=TRAIN, test=TEST)
    assert chance.auroc() == pytest.approx(0.5, abs=0.08)


def test_quiver_does_not_credit_codes_that_add_nothing() -> None:
    p = animals(absorbed=False)
    some = {"train": TRAIN[:120], "test": TEST, "ks": (2,)}
    found = quiver(p.codes, p.vectors, p.labels[:, 0], **some)
    assert found.auroc_without > 0.99
    assert abs(found.gain) < 0.01
    # Codes that know what vectors hide: a product of two signs.
    random = np.random.default_rng(0)
    x = random.standard_normal((N, 6))
    y = x[:, 0] * x[:, 1] > 0
    codes = np.c_[y, random.random((N, 3))].astype(float)
    found = quiver(codes, x, y, train=TRAIN[:120], test=TEST, ks=(1,))
    assert found.chosen == "1 codes"
    assert found.gain > 0.05


def factors(*, mixed: bool = False, seed: int = 0) -> Planted:
    """Three binary factors on three axes; the dictionary has them, or axes turned by 45 degrees."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, (N, 3))
    directions = np.linalg.qr(random.standard_normal((8, 8)))[0][:3]
    x = y @ directions + 0.02 * random.standard_normal((N, 8))
    atoms = directions.copy()
    if mixed:
        atoms[0], atoms[1] = (
            (directions[0] + directions[1]) / np.sqrt(2),
            (directions[0] - directions[1]) / np.sqrt(2),
        )
    return Planted(x @ atoms.T, atoms, x, y.astype(bool))


def test_swaps_of_clean_and_of_mixed_latents() -> None:
    clean, mixed = factors(), factors(mixed=True)
    scores = []
    for p in (clean, mixed):
        found = swap_factors(p.codes, p.atoms, p.vectors, p.labels, k=1, train=TRAIN, test=TEST)
        scores.append(found.disentangled())
        if p is clean:
            assert found.cause() == pytest.approx(1, abs=0.01)
            assert found.isolation() == pytest.approx(1, abs=0.01)
    assert scores[1] < 0.9
    # One latent of three at random is the right one for a third of the factors.
    some = [
        swap_factors(clean.codes, clean.atoms, clean.vectors, clean.labels, k=1, train=TRAIN,
                     test=TEST, pairs=40, at_random=True, seed=seed).cause()
        for seed in range(6)
    ]  # fmt: skip
    assert 0.1 < np.mean(some) < 0.6
    # Swapping nothing keeps others and changes nothing.
    idle = swap_factors(0 * clean.codes, clean.atoms, clean.vectors, clean.labels, k=1,
                        train=TRAIN, test=TEST)  # fmt: skip
    assert (idle.cause(), idle.isolation()) == (0, 1)


def test_perturbing_clean_and_mixed_latents() -> None:
    clean, mixed = (
        targeted_perturbation(p.codes, p.atoms, p.vectors, p.labels, k=1, train=TRAIN, test=TEST)
        for p in (factors(), factors(mixed=True))
    )
    assert clean.score() == pytest.approx(0.5, abs=0.02)  # from right to a guess, others untouched
    assert np.allclose(clean.drops(), np.eye(3) / 2, atol=0.03)
    assert mixed.score() < 0.4


def test_removing_a_spurious_concept() -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 2, (N, 2)).astype(bool)
    x = y * [1.0, 4.0] + 0.1 * random.standard_normal((N, 2))
    found = spurious_removal(
        x / [1, 4], np.diag([1.0, 4.0]), x, y[:, 0], y[:, 1], k=1, train=TRAIN, test=TEST
    )
    assert found.latents.tolist() == [1]
    assert found.fair.mean() > 0.99
    assert found.biased.mean() < 0.7
    assert found.score() > 0.95
    wrong = spurious_removal(
        x / [1, 4], np.diag([1.0, 0.0]), x, y[:, 0], y[:, 1], k=1, train=TRAIN, test=TEST
    )
    assert wrong.score() < 0.05  # the latent of the spurious label points nowhere
    with pytest.raises(InputError, match="four combinations"):
        spurious_removal(x, np.eye(2), x, y[:, 0], ~y[:, 0], train=TRAIN, test=TEST)


def test_dictionary_of_the_labels_equals_the_supervised_one() -> None:
    p = factors()
    mean = p.vectors[TRAIN].mean(axis=0)
    found = compare_supervised(
        p.labels * 1.0, p.atoms, p.vectors, p.labels, train=TRAIN, test=TEST,
        bias=mean - p.labels[TRAIN].mean(axis=0) @ p.atoms,
    )  # fmt: skip
    assert found.approximation() == pytest.approx(1, abs=0.01)
    assert found.control() == pytest.approx(1, abs=0.02)
    assert found.interpretability() == 1
    assert found.occlusion() == 0
    assert found.over_splitting() == 0


def test_weaker_label_is_occluded() -> None:
    """Two labels that nearly always come together, one of them three times as strong."""
    random = np.random.default_rng(0)
    strong = random.random(N) < 0.4
    weak = strong ^ (random.random(N) < 0.03)
    x = np.c_[3.0 * strong, 1.0 * weak] + 0.01 * random.standard_normal((N, 2))
    found = compare_supervised(
        strong[:, None] * 3.2, [[0.95, 0.3]], x, np.c_[strong, weak], train=TRAIN, test=TEST
    )
    assert found.table["occluded_by"].to_list() == [None, "0"]
    assert found.occlusion() == 0.5


def test_learnable_labels_and_noise() -> None:
    p = animals(absorbed=False)
    noise = np.random.default_rng(0).random(N) < 0.3
    found = learnability(p.vectors, np.c_[p.labels, noise], train=TRAIN, test=TEST)
    assert found[:2] == pytest.approx([1, 1])
    assert found[2] == pytest.approx(0.5, abs=0.1)


def test_only_the_label_that_depends_on_the_source_is_sensitive() -> None:
    """The first label has one direction in both sources, the second another in each."""
    random = np.random.default_rng(0)
    y, source = random.random((N, 2)) < 0.5, random.integers(0, 2, N)
    x = 0.2 * random.standard_normal((N, 4))
    x[:, 0] += y[:, 0]
    x[np.arange(N), 1 + source] += y[:, 1]
    table = probe_sensitivity(x, y, source)
    assert table["sensitivity"][0] < 0.05
    assert table["sensitivity"][1] > 0.8
    assert table["p"][1] == pytest.approx(1 / 21)
    assert table["null"].max() < 0.1  # type: ignore[operator]
    assert np.allclose(mean_directions(x, y)[0, 0], 1, atol=0.05)
