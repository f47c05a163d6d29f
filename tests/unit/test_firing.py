"""What fires a concept is found where it was planted: in a patch, a column, an event, a word."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import semascope as sc
from semascope.core import InputError
from semascope.pipeline import firing_parts, write_sheets

ENCODER = """
import numpy as np

COLOURS = 255 * np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]])


def of_images(images):
    pixels = [np.asarray(image, dtype=float).reshape(-1, 3) for image in images]
    return np.array([[(p == colour).all(axis=1).mean() for colour in COLOURS] for p in pixels])


def wrong_shape(images):
    return np.zeros((len(images), 2))  # of 6
"""


def namespace() -> dict:
    out: dict = {}
    exec(ENCODER, out)
    return out


def learned(x: np.ndarray, items: pl.DataFrame, **options) -> sc.Lexicon:
    sizes = {"components": x.shape[1], "active": 1, "baseline": False, "progress": False}
    return sc.learn(items, vectors=x, **sizes, **options)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[sc.Lexicon, Path, list[tuple]]:
    """White images with one coloured square each, of six colours, each somewhere else."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    files, planted = [], []
    for i in range(180):
        pixels = np.full((32, 32, 3), 255, dtype=np.uint8)
        down, across = random.integers(0, 4, 2).tolist()
        square = pixels[8 * down : 8 * down + 8, 8 * across : 8 * across + 8]
        square[:] = namespace()["COLOURS"][i % 6]
        Image.fromarray(pixels).save(folder / f"{i}.png")
        files.append(f"{i}.png")
        planted.append((across / 4, down / 4, (across + 1) / 4, (down + 1) / 4))
    images = [Image.open(folder / file).convert("RGB") for file in files]
    x = namespace()["of_images"](images) * 10
    (folder / "encoder.py").write_text(ENCODER.replace("mean() for", "mean() * 10 for"))
    np.save(folder / "x.npy", x)
    items = pl.DataFrame({"file": [str(folder / file) for file in files]})
    lexicon = learned(x, items, images="file")
    lexicon.save(folder / "a.lexicon")
    return sc.load(folder / "a.lexicon"), folder, planted


def test_patches_are_found_where_the_colour_is(pictures) -> None:
    lexicon, _, planted = pictures
    encode = namespace()["of_images"]
    found = firing_parts(lexicon, lambda images: encode(images) * 10)
    # Of what shows exactly one of six colours five concepts and their absence tell all.
    assert found["concept"].n_unique() >= 5
    for row in found.iter_rows(named=True):
        assert (row["left"], row["top"], row["right"], row["bottom"]) == planted[row["row"]]
        assert row["share"] > 0.5
    assert set(found.group_by("concept").len()["len"]) == {3}


def test_coarse_patches_are_named_by_their_place(pictures) -> None:
    lexicon, _, planted = pictures
    encode = namespace()["of_images"]
    found = firing_parts(lexicon, lambda images: encode(images) * 10, grid=2, each=8)
    for row in found.iter_rows(named=True):
        left, top, *_ = planted[row["row"]]
        where = f"{'bottom' if top >= 0.5 else 'top'} {'right' if left >= 0.5 else 'left'}"
        assert row["part"] == where


def test_sheets_frame_what_fires(pictures, tmp_path: Path) -> None:
    lexicon, _, _ = pictures
    encode = namespace()["of_images"]
    plain = write_sheets(lexicon, tmp_path / "plain")
    framed = write_sheets(lexicon, tmp_path / "framed", encode=lambda images: encode(images) * 10)
    pink = np.array([0xE6, 0x49, 0x80])
    for id, path in framed.items():
        pixels = [np.asarray(Image.open(p).convert("RGB")) for p in (plain[id], path)]
        before, after = ((p == pink).all(axis=2).sum() for p in pixels)
        assert before == 0
        assert after > 100


def test_on_the_command_line(pictures, cli) -> None:
    _, folder, planted = pictures
    encoder = ("--encoder", f"{folder / 'encoder.py'}:of_images")
    lexicon = folder / "a.lexicon"
    found = json.loads(cli("show", lexicon, "--parts", *encoder, "--format", "json"))
    assert all(
        (row["left"], row["top"], row["right"], row["bottom"]) == planted[row["row"]]
        for row in found
    )
    one = found[0]["concept"]
    printed = cli("show", lexicon, "--parts", "--concept", one, *encoder)
    assert "lost without it" in printed
    assert len(printed.splitlines()) == 1 + sum(row["concept"] == one for row in found)
    assert "1 sheet in" in cli("show", lexicon, "--sheets", "out", "--concept", one, *encoder)


def test_columns_that_fire() -> None:
    random = np.random.default_rng(0)
    items = pl.DataFrame(
        {
            "price": random.choice([5, 5, 5, 80], 300),
            "town": random.choice(["Linz", "Linz", "Graz"], 300),
            "tags": [["new"] if r else [] for r in random.random(300) < 0.3],
        }
    )

    def encode(rows: pl.DataFrame) -> np.ndarray:
        parts = [
            rows["price"] == 80, rows["town"] == "Graz", rows["tags"].list.len() > 0
        ]  # fmt: skip
        return np.stack([part.to_numpy() * (3.0 - i) for i, part in enumerate(parts)], axis=1)

    lexicon = learned(encode(items), items)
    found = firing_parts(lexicon, encode, each=5)
    assert {"price = 80", "town = Graz"} <= set(found["part"]) <= {
        "price = 80", "town = Graz", "tags = ['new']"
    }  # fmt: skip


def test_events_that_fire() -> None:
    random = np.random.default_rng(0)
    told = ("buy", "call", "return", "rate", "quit")
    lists = [[("visit", "mail")[i] for i in random.integers(0, 2, 4)] for _ in range(300)]
    for i, events in enumerate(lists):
        events.insert(i % 3, told[i % 5])

    def encode(some: list[list[str]]) -> np.ndarray:
        return np.array([[events.count(kind) for kind in told] for events in some])

    items = pl.DataFrame({"history": [" > ".join(events) for events in lists]})
    x = encode(lists).astype(np.float32)
    lexicon = learned(x, items, events="history")
    found = firing_parts(lexicon, lambda some: encode(some).astype(np.float32))
    assert len(set(found["part"])) >= 3
    assert set(found["part"]) <= set(told)
    for row in found.iter_rows(named=True):
        assert lists[row["row"]][row["start"]] == row["part"]


def test_words_need_no_encoder_of_yours() -> None:
    texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    lexicon = sc.learn(texts, components=8, active=2, baseline=False, progress=False)
    found = firing_parts(lexicon)
    assert {"train", "tea"} <= set(found["part"])
    for row in found.iter_rows(named=True):
        assert texts[row["row"]][row["start"] : row["stop"]] == row["part"]


def test_what_cannot_be_is_refused(pictures) -> None:
    lexicon, _, _ = pictures
    encode = namespace()["of_images"]
    for arguments, message in (
        ({}, "give the encoder that made the vectors from images"),
        ({"encode": namespace()["wrong_shape"]}, r"returned shape .*, 2\) for .* needs .*, 6\)"),
        ({"encode": lambda images: -encode(images)}, "nothing fires by a part of it"),
        ({"encode": encode, "of": "text"}, "learned without text"),
        ({"encode": encode, "of": "words"}, "no parts of 'words'"),
        ({"encode": encode, "grid": 1}, "grid must be at least 2"),
        ({"encode": encode, "each": 0}, "each must be at least 1"),
        ({"encode": encode, "images": "nowhere", "of": "columns"}, "no columns"),
    ):
        with pytest.raises(InputError, match=message):
            firing_parts(lexicon, **arguments)


def test_an_image_that_cannot_be_read_is_named(pictures, tmp_path: Path) -> None:
    lexicon, folder, _ = pictures
    row = int(firing_parts(lexicon, lambda i: namespace()["of_images"](i) * 10)["row"][0])
    torn = tmp_path / "torn.png"
    torn.write_bytes((folder / f"{row}.png").read_bytes()[:40])
    files = [str(torn) if i == row else file for i, file in enumerate(lexicon.items["file"])]
    other = replace(lexicon, items=lexicon.items.with_columns(file=pl.Series(files)))
    with pytest.raises(InputError, match=f"the image of row {row} cannot be read"):
        firing_parts(other, namespace()["of_images"])
