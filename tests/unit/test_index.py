"""Indexes over dictionaries: recall on planted truth, files, errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from semascope.core import ArtifactError, InputError, load_tensors, save_tensors
from semascope.discover import Dictionary


def planted(m: int = 4096, d: int = 64, groups: int = 64) -> tuple[Dictionary, np.ndarray]:
    """Atoms around a few directions, and rows made of atoms of one or two of them."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((groups, d))
    label = random.integers(groups, size=m)
    atoms = centres[label] + 0.7 * random.standard_normal((m, d))
    atoms = (atoms / np.linalg.norm(atoms, axis=1, keepdims=True)).astype(np.float32)
    rows = np.zeros((3000, d))
    for row in rows:
        own = np.flatnonzero(np.isin(label, random.integers(groups, size=2)))
        row += random.random(6) @ atoms[random.choice(own, 6)]
    zeros = np.zeros(m, np.float32)
    return Dictionary(atoms, zeros, atoms, zeros[:d], n_active=16), rows.astype(np.float32)


@pytest.fixture(scope="module")
def large() -> tuple[Dictionary, np.ndarray]:
    plain, rows = planted()
    return plain.indexed(rows[:2500]), rows[2500:]


def found(some: Dictionary, rows: np.ndarray) -> float:
    exact = some.encode(rows, search="exact").to_scipy() > 0
    return float((exact.multiply(some.encode(rows).to_scipy() > 0)).sum() / exact.sum())


def test_recall_on_planted_clusters_is_what_was_promised(large) -> None:
    some, held = large
    assert some.index.cost < 0.5
    assert some.index.recall >= 0.94
    assert found(some, held) >= 0.94


def test_higher_recall_costs_more_and_all_of_it_is_exact(large) -> None:
    some, held = large
    plain = replace(some, index=None)
    less = plain.indexed(held, recall=0.6)
    assert less.index.cost < some.index.cost
    all_ = plain.indexed(held, recall=1.0)
    assert all_.index.recall == 1.0
    a, b = all_.encode(held), plain.encode(held)
    assert np.array_equal(a.indices, b.indices)
    assert np.array_equal(a.values, b.values)


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    plain, rows = planted(m=500, groups=10)
    for name in ("a", "b"):
        plain.indexed(rows, seed=3).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_index_is_saved_with_the_dictionary_and_mapped(large, tmp_path: Path) -> None:
    some, held = large
    some.save(tmp_path / "d.safetensors")
    again = Dictionary.load(tmp_path / "d.safetensors")
    assert isinstance(again.encoder, np.memmap)
    for name in ("probes", "recall", "cost", "n_active", "asked", "rows", "seed"):
        assert getattr(again.index, name) == getattr(some.index, name)
    for how in ("none", "refit"):
        a, b = some.encode(held, refine=how), again.encode(held, refine=how)
        assert np.array_equal(a.indices, b.indices)
        assert np.array_equal(a.values, b.values)


def test_refit_is_that_of_exact_search_on_the_same_support(large) -> None:
    some, held = large
    whole = replace(some, index=None).indexed(held, recall=1.0)
    fitted, exact = (
        whole.encode(held, refine="refit", search=search) for search in ("clustered", "exact")
    )
    np.testing.assert_allclose(
        fitted.to_scipy().toarray(), exact.to_scipy().toarray(), atol=1e-4 * exact.values.max()
    )


def test_renumbered_latents_are_the_same_ones(large) -> None:
    some, held = large
    plain = replace(some, index=None)
    random = np.random.default_rng(0)
    rows = held[random.permutation(len(held))]
    moved = plain.indexed(rows, renumber=True)
    order = plain.indexed(rows).index.clusters.members
    assert np.array_equal(moved.atoms, plain.atoms[order])
    a = moved.encode(held).to_scipy().toarray()
    b = plain.indexed(rows).encode(held).to_scipy().toarray()
    np.testing.assert_array_equal(a, b[:, order])


def test_pursuit_looks_at_all_atoms(large) -> None:
    some, held = large
    a = some.encode(held[:50], refine="pursuit")
    b = replace(some, index=None).encode(held[:50], refine="pursuit")
    assert np.array_equal(a.indices, b.indices)


def test_bad_input(large) -> None:
    some, held = large
    plain = replace(some, index=None)
    with pytest.raises(InputError, match="has no index"):
        plain.encode(held, search="clustered")
    with pytest.raises(InputError, match="did you mean 'exact'"):
        some.encode(held, search="exakt")
    with pytest.raises(InputError, match="pursuit looks at all atoms"):
        some.encode(held, refine="pursuit", search="clustered")
    with pytest.raises(InputError, match="at least 64 rows"):
        plain.indexed(held[:10])
    with pytest.raises(InputError, match="recall must be above 0"):
        plain.indexed(held, recall=0)
    with pytest.raises(InputError, match="clusters must be from 1 to the 4096 latents"):
        plain.indexed(held, clusters=5000)
    with pytest.raises(InputError, match="thresholds decide"):
        replace(plain, n_active=None, threshold=plain.encoder_bias).indexed(held)


def test_damaged_index_is_refused(large, tmp_path: Path) -> None:
    some, _ = large
    some.save(tmp_path / "d.safetensors")
    tensors, metadata = load_tensors(tmp_path / "d.safetensors")
    save_tensors(tmp_path / "e.safetensors", tensors, metadata | {"index.probes": "many"})
    with pytest.raises(ArtifactError, match="index of the dictionary is damaged"):
        Dictionary.load(tmp_path / "e.safetensors")
    del tensors["index.first"]
    save_tensors(tmp_path / "f.safetensors", tensors, metadata)
    with pytest.raises(ArtifactError, match="index of the dictionary is damaged"):
        Dictionary.load(tmp_path / "f.safetensors")
