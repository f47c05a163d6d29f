"""``semascope measure`` as people use it, and columns in all the forms that items have."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import semascope as sc
from semascope.measure import METRICS
from semascope.pipeline.measuring import measure_saved

Cli = Callable[..., str]
N = 300


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lexicon of vectors in four clusters, with columns of every kind."""
    random = np.random.default_rng(0)
    kind, size = random.integers(0, 4, N), random.integers(0, 2, N)
    centres = np.linalg.qr(random.standard_normal((8, 8)))[0]
    x = (2 * centres[kind] + size[:, None] * centres[5]).astype(np.float32)
    x += 0.1 * random.standard_normal(x.shape).astype(np.float32)
    items = pl.DataFrame(
        {
            "kind": np.array(["car", "dog", "oak", "tea"])[kind],
            "size": size,
            "price": random.random(N),
            "tags": [["big"] if s else ["small", "cheap"] for s in size],
            "from": ["a", None] + ["a", "b"] * (N // 2 - 1),
        }
    )
    folder = tmp_path_factory.mktemp("measured")
    np.save(folder / "x.npy", x)
    lex = sc.learn(items, vectors=x, components=16, active=2, baseline=False, progress=False)
    lex.save(folder / "things.lexicon")
    return folder / "things.lexicon"


def test_measure_prints_values_chance_and_baselines(cli: Cli, learned: Path) -> None:
    printed = cli(
        "measure", learned, "--labels", "kind", "--vectors", learned.parent / "x.npy",
        "--metrics", "best concept f1", "--metrics", "core",
    )  # fmt: skip
    header = printed.splitlines()[0]
    for word in ("metric", "value", "chance", "random", "PCA", "raw", "mean diff."):
        assert word in header
    assert "fvu" in printed
    assert "best concept f1" in printed
    row = next(line for line in printed.splitlines() if line.startswith("best concept f1"))
    value, _, _, chance, random = (
        float(v.strip("[],")) for v in row.removeprefix("best concept f1").split()[:5]
    )
    assert value > 0.8 > chance
    assert value >= random


def test_measure_in_other_formats_says_the_same_as_python(cli: Cli, learned: Path) -> None:
    options = ("--labels", "kind", "--vectors", learned.parent / "x.npy", "--metrics", "mig")
    rows = json.loads(cli("measure", learned, *options, "--format", "json"))
    expected = measure_saved(
        sc.load(learned), labels=["kind"], vectors=learned.parent / "x.npy", metrics=["mig"]
    ).table
    assert rows == expected.to_dicts()
    table = pl.read_csv(io.StringIO(cli("measure", learned, *options, "--format", "csv")))
    assert table["value"].to_list() == pytest.approx(expected["value"].to_list())
    assert cli("measure", learned, *options, "--format", "md").startswith("| metric | of |")
    plain = cli("measure", learned, *options, "--no-baselines", "--format", "csv")
    assert len(plain.splitlines()) == 2


def test_without_vectors_the_rest_is_measured(cli: Cli, learned: Path) -> None:
    printed = cli("measure", learned)
    assert "l0" in printed
    assert "fvu" not in printed
    assert "--vectors" in " ".join(printed.split())


def test_columns_of_every_kind(learned: Path) -> None:
    lex = sc.load(learned)
    x = learned.parent / "x.npy"
    several = measure_saved(
        lex, labels=["kind", "size", "price"], vectors=x, metrics=["modularity", "5-sparse probe"],
        baselines=False,
    )  # fmt: skip
    assert several.table["value"].null_count() == 0
    tags = measure_saved(
        lex, labels=["tags"], vectors=x, metrics=["1-sparse probe"], baselines=False
    )
    assert tags.table["value"].item() > 0.5
    sources = measure_saved(
        lex, labels=["kind"], groups="from", vectors=x, metrics=["probe-dataset sensitivity"]
    )
    assert sources.table["n"].item() == 4
    assert sources.notes == ["1 rows without a value are left out"]
    numbers = measure_saved(lex, labels=["price"], metrics=["infoc"], baselines=False)
    assert numbers.table["value"].null_count() == 0


def test_other_fits(cli: Cli, learned: Path) -> None:
    rows = json.loads(
        cli("measure", learned, "--other", learned, "--metrics", "stability", "--metrics", "udr",
            "--format", "json")
    )  # fmt: skip
    assert [row["metric"] for row in rows] == ["udr", "stability"]
    assert rows[1]["value"] == 1
    x = np.random.default_rng(0).standard_normal((80, 5))
    sc.learn(vectors=x, components=6, active=2, baseline=False, progress=False).save("b.lexicon")
    assert "vectors of length 5" in cli("measure", learned, "--other", "b.lexicon", code=2)


def test_list_names_every_metric(cli: Cli) -> None:
    printed = cli("measure", "--list")
    assert all(name in printed for name in METRICS)
    rows = json.loads(cli("measure", "--list", "--format", "json"))
    assert [row["metric"] for row in rows] == list(METRICS)
    assert "infinity" not in json.dumps(rows).lower()
    for format in ("csv", "md"):
        assert "Chanin 2026" in cli("measure", "--list", "--format", format)


def test_clear_errors(cli: Cli, learned: Path) -> None:
    assert "which lexicon" in cli("measure", code=2)
    assert "did you mean 'kind'" in cli("measure", learned, "--labels", "knd", code=2)
    assert "did you mean 'fvu'" in cli("measure", learned, "--metrics", "fvv", code=2)
    assert "fvu needs vectors" in cli("measure", learned, "--metrics", "fvu", code=2)
    np.save("few.npy", np.ones((3, 8)))
    assert "the lexicon's are (300, 8)" in cli("measure", learned, "--vectors", "few.npy", code=2)
