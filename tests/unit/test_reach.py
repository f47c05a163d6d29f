"""Trust within groups, and contrast sheets, of a lexicon that stands."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import semascope as sc
from semascope.cli import main
from semascope.core import InputError
from semascope.pipeline import trust_by, write_sheets

COLOURS = {"red": (220, 40, 40), "green": (40, 160, 60), "blue": (40, 60, 220)}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Items whose colour is their concept; in one shop of three the column says another."""
    folder = tmp_path_factory.mktemp("reach")
    for name, colour in COLOURS.items():
        Image.new("RGB", (12, 8), colour).save(folder / f"{name}.png")
    random = np.random.default_rng(0)
    n = 900
    colour = random.integers(3, size=n)
    shop = random.integers(3, size=n)
    said = np.where(shop == 2, random.integers(3, size=n), colour)
    names = np.array(list(COLOURS))
    items = pl.DataFrame(
        {
            "colour": names[said], "shop": np.array(["north", "south", "west"])[shop],
            "age": random.integers(0, 80, n), "file": [f"{names[c]}.png" for c in colour],
        }
    )  # fmt: skip
    items.write_csv(folder / "items.csv")
    x = 3 * np.eye(4)[colour] + 0.1 * random.standard_normal((n, 4))
    np.save(folder / "x.npy", x.astype(np.float32))
    sc.learn(
        folder / "items.csv", vectors=folder / "x.npy", images="file", components=4, active=1,
        baseline=False, progress=False, out=folder / "a.lexicon",
    )  # fmt: skip
    return folder


@pytest.fixture
def command(made, monkeypatch, capsys):
    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["semascope", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "140")
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return out if not stop.value.code else err

    return run


def test_a_name_that_fails_in_one_group_is_found_out(made, command):
    lexicon = sc.load(made / "a.lexicon")
    id = lexicon.concepts.filter(name="colour = red")["id"][0]
    found = trust_by(lexicon, "shop", concepts=[id], vectors=made / "x.npy")
    rows = {row["group"]: row for row in found.scores.iter_rows(named=True)}
    assert set(rows) == set(found.groups) == {"north", "south", "west"}
    assert min(rows["north"]["low"], rows["south"]["low"]) > rows["west"]["high"]
    assert rows["west"]["value"] < 0.8 < rows["north"]["low"]
    printed = command(
        "show", made / "a.lexicon", "--by", "shop", "--vectors", made / "x.npy", "--format", "json"
    )
    assert [row for row in json.loads(printed) if row["concept"] == id] == found.scores.to_dicts()
    table = command("show", made / "a.lexicon", "--by", "activation", "--vectors", made / "x.npy")
    assert "band 4" in table
    assert "all rows" in table


def test_groups_of_numbers_are_quarters_and_small_ones_are_said(made, command):
    lexicon = sc.load(made / "a.lexicon")
    found = trust_by(lexicon, "age", vectors=made / "x.npy")
    assert len(found.groups) == 4
    assert found.groups[0].startswith("age < ")
    sizes = found.scores.group_by("group").agg(pl.col("n_active").sum())["n_active"]
    assert sizes.max() < 2 * sizes.min()
    lexicon.items = lexicon.items.with_columns(
        pl.Series("odd", ["one", None, *["rest"] * (len(lexicon.items) - 2)])
    )
    odd = trust_by(lexicon, "odd", vectors=made / "x.npy")
    assert (odd.groups, odd.n_without) == (["rest", "one"], 1)
    assert odd.scores.filter(group="one")["value"].null_count() == len(odd.scores) / 2


@pytest.mark.parametrize(
    ("column", "said"),
    [("shpo", "did you mean 'shop'"), ("same", "two or more"), ("file_id", "another value in each"),
     ("tags", "one value a row")],
)  # fmt: skip
def test_columns_that_are_no_groups_are_refused(made, column, said):
    lexicon = sc.load(made / "a.lexicon")
    n = len(lexicon.items)
    lexicon.items = lexicon.items.with_columns(
        pl.lit("x").alias("same"),
        pl.Series("file_id", [f"f{i}" for i in range(n)]),
        pl.Series("tags", [["a"]] * n),
    )
    with pytest.raises(InputError, match=said):
        trust_by(lexicon, column)


def test_sheets_show_the_images_of_a_concept(made, command, tmp_path):
    lexicon = sc.load(made / "a.lexicon")
    assert lexicon.images == "file"
    assert not any("file" in name for name in lexicon.concepts["name"].drop_nulls())
    written = write_sheets(lexicon, tmp_path / "all")
    assert set(written) == set(lexicon.concepts.filter(pl.col("prevalence") > 0)["id"])
    id = lexicon.concepts.filter(name="colour = red")["id"][0]
    pixels = np.asarray(Image.open(written[id]).convert("RGB")).reshape(-1, 3)
    shares = {name: (pixels == colour).all(axis=1).mean() for name, colour in COLOURS.items()}
    # Three bands of ten are red, near-misses and random ones are not.
    assert shares["red"] > 2 * (shares["green"] + shares["blue"]) / 2 > 0
    printed = command("show", made / "a.lexicon", "--sheets", tmp_path / "one", "--concept", id)
    assert "1 sheet in" in printed
    assert [path.name for path in (tmp_path / "one").iterdir()] == [f"{id}.png"]
    assert (tmp_path / "one" / f"{id}.png").read_bytes() == written[id].read_bytes()


def test_images_that_are_gone_are_named_before_work_starts(made, command, tmp_path):
    options = ("--vectors", made / "x.npy", "--out", tmp_path / "b.lexicon", "--images")
    items = pl.read_csv(made / "items.csv").with_columns(file=pl.lit("gone.png"))
    items.write_csv(tmp_path / "items.csv")
    said = command("learn", tmp_path / "items.csv", *options, "file")
    assert "900 of 900 images of column 'file' are not there: row 0" in said
    assert str(tmp_path / "gone.png") in said
    assert "did you mean 'file'" in command("learn", made / "items.csv", *options, "fil")
    assert not (tmp_path / "b.lexicon").exists()
    moved = command(
        "show", made / "a.lexicon", "--sheets", tmp_path / "s", "--images", tmp_path / "nowhere"
    )
    assert "nowhere" in moved
    assert not (tmp_path / "s").exists()
    lexicon = sc.load(made / "a.lexicon")
    lexicon.info = lexicon.info | {"images": None}
    with pytest.raises(InputError, match="--images COLUMN"):
        write_sheets(lexicon, tmp_path / "s")
