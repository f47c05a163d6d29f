"""Contrast sheets: the right rows in the right order, and every image accounted for."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from semascope.core import InputError
from semascope.lexicon import Contrast
from semascope.name import contrast_sheet, exemplars

SIZE = 20


def some(n: int = 30, near: int = 5, other: int = 5) -> Contrast:
    strengths = np.linspace(9, 1, n).astype(np.float32)
    rows = np.arange(n + near + other)
    return Contrast(rows[:n], strengths, rows[n : n + near], rows[n + near :])


def colours(count: int) -> np.ndarray:
    """One plain colour an image, each another."""
    out = np.zeros((count, 8, 8, 3), np.uint8)
    out[..., 0] = np.arange(count)[:, None, None] + 10
    out[..., 1] = 100
    return out


def seen(png: bytes) -> list[list[int]]:
    """Rows of images on a sheet of such colours, found by looking at its pixels."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    mark = (pixels[..., 1] == 100) & (pixels[..., 2] == 0)
    out = []
    for line in range(len(pixels)):
        found = pixels[line][mark[line]][:, 0] - 10
        order = list(dict.fromkeys(found.tolist()))
        if order and (not out or out[-1] != order):
            out.append(order)
    return out


def test_a_sheet_shows_the_exemplars_in_their_order() -> None:
    sheet = contrast_sheet(colours(40), some(), title="A", note="b", each=4, size=SIZE)
    assert seen(sheet.png) == [band.rows.tolist() for band in exemplars(some(), each=4)]
    assert (sheet.shown, sheet.unreadable) == (20, [])


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(0, 40),
    near=st.integers(0, 4),
    bands=st.integers(1, 5),
    each=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_bands_go_from_strong_to_weak(n: int, near: int, bands: int, each: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    strengths = random.exponential(size=n).astype(np.float32)
    rows = random.permutation(n + near)
    contrast = Contrast(rows[:n], strengths, rows[n:], np.zeros(0, np.int64))
    found = exemplars(contrast, bands=bands, each=each)
    value = dict(zip(rows[:n].tolist(), strengths.tolist(), strict=True))
    shown = [value[row] for band in found if band.active for row in band.rows.tolist()]
    assert shown == sorted(shown, reverse=True)
    assert len(found) == min(n, bands) + (near > 0)
    assert all(1 <= len(band.rows) <= each for band in found)
    assert len({row for band in found for row in band.rows.tolist()}) == sum(
        len(band.rows) for band in found
    )
    if n:
        assert shown[0] == max(strengths)


def as_files(images: np.ndarray, folder) -> pl.Series:
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i}.png")
    return pl.Series([f"{i}.png" for i in range(len(images))])


def test_paths_bytes_and_arrays_make_the_same_sheet(tmp_path) -> None:
    images = colours(40)
    paths = as_files(images, tmp_path)
    encoded = pl.Series([(tmp_path / name).read_bytes() for name in paths])
    nested = pl.Series("image", images.tolist())
    sheets = [
        contrast_sheet(given, some(), folder=tmp_path, each=4, size=SIZE)
        for given in (images, paths, encoded, nested, images / 255.0, images.astype(np.int64))
    ]
    assert len({sheet.png for sheet in sheets}) == 1
    sheets[0].save(tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes() == sheets[0].png


def test_images_that_cannot_be_read_are_counted(tmp_path) -> None:
    images = colours(40)
    paths = as_files(images, tmp_path).to_list()
    paths[0], paths[1] = "gone.png", None
    (tmp_path / "2.png").write_bytes(b"no image")
    sheet = contrast_sheet(paths, some(), folder=tmp_path, each=4, size=SIZE)
    assert sheet.shown == 17
    assert [line.split(":")[0] for line in sheet.unreadable] == ["row 0", "row 1", "row 2"]
    assert seen(sheet.png)[0] == [3]


@pytest.mark.parametrize(
    ("images", "options", "said"),
    [
        (np.zeros((40, 3)), {}, "got shape (3,)"),
        (np.zeros((40, 5, 5, 2)), {}, "got shape (5, 5, 2)"),
        (np.zeros((10, 5, 5)), {}, "there are 10 images and no row"),
        (np.zeros((40, 5, 5)), {"bands": 9}, "1 to 5 bands, got 9"),
        (np.zeros((40, 5, 5)), {"each": 0}, "at least 1 item, got 0"),
        (np.zeros((40, 5, 5)), {"size": 2}, "at least 8 pixels wide, got 2"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(images: np.ndarray, options: dict, said: str) -> None:
    with pytest.raises(InputError) as caught:
        contrast_sheet(images, some(), **options)
    assert said in str(caught.value)


def test_a_long_title_and_no_rows_fit_on_a_sheet() -> None:
    none = np.zeros(0, np.int64)
    empty = Contrast(none, np.zeros(0, np.float32), none, none)
    sheet = contrast_sheet([], empty, title="long " * 100)
    assert sheet.shown == 0
    assert Image.open(io.BytesIO(sheet.png)).width == 480


def titled(title: str) -> bytes:
    return contrast_sheet(colours(3), some(2, 0, 1), title=title, size=SIZE).png


def test_titles_in_other_scripts_are_drawn_and_no_boxes_stand_for_them() -> None:
    several = ["жук", "λέξη", "Stiefel für große Füße", "Stiefel fur grose Fuse", "حذاء"]
    assert len({titled(title) for title in several}) == len(several)
    # A character that no font has, for it is nobody's.
    assert titled("c3 · \U0010fffe\U0010fffe boots") == titled("c3 · … boots")
    assert titled("\U0010fffe") == titled("…")
