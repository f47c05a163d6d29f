"""``semascope measure`` as people use it, and columns in all the forms that items have."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array, save_npz

import semascope as sc
from semascope.core import Codes
from semascope.measure import METRICS
from semascope.measure.yardsticks import unmeasured
from semascope.pipeline.measuring import measure_codes, measure_saved

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
    for word in ("metric", "value", "chance", "random", "PCA", "raw", "means"):
        assert word in header
    assert "fvu" in printed
    assert "best concept f1" in printed
    row = next(line for line in printed.splitlines() if line.startswith("best concept f1"))
    arrow, *numbers = row.removeprefix("best concept f1").split()
    assert arrow == "↑"
    value, _, _, chance, random = (float(v.strip("[],")) for v in numbers[:5])
    lines = printed.partition("\n\n")[0].splitlines()
    assert max(len(line) for line in lines) <= 80
    for metric in ("fvu", "use entropy"):
        assert any(line.startswith(metric) for line in lines)
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
    assert not any(line.startswith("fvu ") for line in printed.splitlines())
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
    assert sources.notes[0] == "1 rows without a value are left out"
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


def test_codes_of_another_dictionary(cli: Cli, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    kind = random.integers(0, 3, N)
    codes, atoms = np.eye(5)[kind] * random.uniform(1, 2, (N, 1)), random.standard_normal((5, 6))
    np.save(tmp_path / "codes.npy", codes)
    save_npz(tmp_path / "codes.npz", csr_array(codes))
    Codes.from_scipy(csr_array(codes)).save(tmp_path / "codes.safetensors")
    np.save(tmp_path / "atoms.npy", atoms)
    np.save(tmp_path / "bias.npy", np.ones(6))
    np.save(tmp_path / "x.npy", codes @ atoms + 1)
    items = pl.DataFrame({"kind": np.array(["a", "b", "c"])[kind]})
    items.write_csv(tmp_path / "items.csv")
    options = (
        "--atoms", tmp_path / "atoms.npy", "--bias", tmp_path / "bias.npy", "--vectors",
        tmp_path / "x.npy", "--items", tmp_path / "items.csv", "--labels", "kind", "--other",
        tmp_path / "atoms.npy", "--format", "json", "--metrics", "fvu", "--metrics", "stability",
        "--metrics", "best concept f1",
    )  # fmt: skip
    found = [
        json.loads(cli("measure", tmp_path / f"codes.{kind}", *options))
        for kind in ("npy", "npz", "safetensors")
    ]
    values = {row["metric"]: row["value"] for row in found[0] if row["of"] == "codes"}
    assert values == pytest.approx({"fvu": 0, "best concept f1": 1, "stability": 1}, abs=1e-9)
    for other in found[1:]:
        assert [r["value"] for r in other] == pytest.approx([r["value"] for r in found[0]])
    same = measure_codes(
        codes, atoms=atoms, bias=np.ones(6), vectors=codes @ atoms + 1, items=items,
        labels=["kind"], others=[atoms], metrics=["fvu", "stability", "best concept f1"],
    )  # fmt: skip
    assert same.table.to_dicts() == found[0]
    items[:9].write_csv(tmp_path / "few.csv")
    options = ("--items", tmp_path / "few.csv")
    assert "codes have 300 rows, the items 9" in cli(
        "measure", tmp_path / "codes.npy", *options, code=2
    )
    assert "no column 'kind'" in cli("measure", tmp_path / "codes.npy", "--labels", "kind", code=2)


def test_records_are_written(cli: Cli, learned: Path, tmp_path: Path) -> None:
    written = {}
    for kind in ("csv", "json", "parquet"):
        out = tmp_path / f"scores.{kind}"
        printed = cli("measure", learned, "--metrics", "l0", "--metrics", "l1", "--out", out)
        assert "l0" in printed
        written[kind] = out
    table = pl.read_parquet(written["parquet"])
    assert table["metric"].to_list() == ["l0", "l1"]
    assert json.loads(written["json"].read_text()) == table.to_dicts()
    assert pl.read_csv(written["csv"])["value"].to_list() == pytest.approx(table["value"].to_list())
    assert ".csv, .json, .parquet" in cli("measure", learned, "--out", "scores.txt", code=2)


def test_shares_of_completeness(cli: Cli, learned: Path) -> None:
    options = ("--labels", "kind", "--vectors", learned.parent / "x.npy", "--shares")
    rows = json.loads(cli("measure", learned, *options, "--format", "json"))
    assert list(rows[0]) == ["id", "name", "shapley", "error", "left_out"]
    assert 0.8 < sum(row["shapley"] for row in rows) <= 1.1
    assert [r["shapley"] for r in rows] == sorted((r["shapley"] for r in rows), reverse=True)
    known = set(sc.load(learned).concepts["id"])
    assert {row["id"] for row in rows} <= known
    printed = cli("measure", learned, *options)
    assert rows[0]["id"] in printed
    assert "completeness of these 16 concepts" in printed
    assert "give them" in cli("measure", learned, "--labels", "kind", "--shares", code=2)
    assert "one --labels COLUMN" in cli("measure", learned, "--shares", code=2)


def test_what_was_not_measured_is_said(cli: Cli, learned: Path) -> None:
    printed = " ".join(cli("measure", learned, "--metrics", "core").split())
    assert "not measured without vectors: fvu, cosine, shrinkage" in printed
    assert unmeasured(METRICS, ["vectors"]) == []
    quick = [name for name, metric in METRICS.items() if metric.cost != "slow"]
    quick.remove("probe-dataset sensitivity")
    said = unmeasured(quick, ["vectors", "atoms", "labels"])
    assert "not measured without groups: probe-dataset sensitivity" in said
    slow = next(line for line in said if line.startswith("slow, measured only if"))
    assert slow.endswith("absorption, approximation, control, occlusion, over-splitting, nis")
    assert "for codes" in cli("measure", learned, "--atoms", "atoms.npy", code=2)


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
