"""Clothes, learned from their pixels, named over HTTP by a model that knows clothes by sight."""

from __future__ import annotations

import gzip
import json
import os
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tests.unit.llm.conftest import ModelServer
from tests.unit.llm.seeing import pictures_in

import semascope as sc
from semascope.core import auroc
from semascope.llm import Endpoint
from semascope.pipeline import prepare_renaming, verify

DATA = Path(os.environ.get("SEMASCOPE_DATA") or "nowhere") / "fashion_mnist"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs SEMASCOPE_DATA")
CLASSES = [
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot",
]  # fmt: skip
ROWS = 1500


def idx(name: str, header: int, most: int) -> np.ndarray:
    with gzip.open(DATA / name) as file:
        size = most * (784 if header == 16 else 1)
        return np.frombuffer(file.read(header + size), np.uint8, offset=header)


@pytest.fixture(scope="module")
def others() -> tuple[np.ndarray, np.ndarray]:
    """Images that the lexicon does not have, and their classes."""
    images = idx("train20k-images-idx3-ubyte.gz", 16, 3000).reshape(-1, 784) / 255
    return images, idx("train20k-labels-idx1-ubyte.gz", 8, 3000)


@pytest.fixture(scope="module")
def eye(others):
    """A classifier of small pictures."""
    return LogisticRegression(C=0.02, max_iter=300).fit(*others)


def classes_of(eye, tiles: list[Image.Image]) -> list[str]:
    small = [np.asarray(t.convert("L").resize((28, 28), Image.Resampling.BOX)) for t in tiles]
    return [CLASSES[int(k)] for k in eye.predict(np.stack(small).reshape(len(tiles), -1) / 255)]


def tiles_of(sheet: bytes) -> list[Image.Image]:
    """Cut a sheet of three bands of four into its images, and leave out empty places."""
    paper = Image.open(BytesIO(sheet)).convert("RGB")
    places = [(168 + 118 * i, 62 + 118 * j) for j in range(3) for i in range(4)]
    found = [paper.crop((x + 2, y + 2, x + 110, y + 110)) for x, y in places]
    return [tile for tile in found if np.asarray(tile).min() < 128]


def looking(eye):
    def model(messages) -> str:
        text = messages[-1]["content"][0]["text"]
        code = re.search(r"has the code (\w+)", text)[1]
        pictures = pictures_in(messages)
        if "different names" in text:
            seen = classes_of(eye, tiles_of(pictures[0]))
            first, second, *_ = [*sorted(set(seen), key=lambda c: (-seen.count(c), c)), "bag"]
            names = ["things to wear", first, f"{first} or {second}", second]
            return json.dumps({"code": code, "names": list(dict.fromkeys(names))})
        name = json.loads(text.split("Feature: ", 1)[1].splitlines()[0])
        seen = classes_of(eye, [Image.open(BytesIO(picture)) for picture in pictures])
        known = set(re.findall(r"[a-z-]+", name)) & set(CLASSES)
        said = {str(i): "yes" if not known or c in known else "no" for i, c in enumerate(seen, 1)}
        return json.dumps({"code": code} | said)

    return model


def test_clothes_are_named_by_sight_and_trust_is_what_labels_say(
    others, eye, tmp_path, monkeypatch
):
    monkeypatch.setenv("SEMASCOPE_CACHE", str(tmp_path / "cache"))
    images = idx("t10k-images-idx3-ubyte.gz", 16, ROWS).reshape(-1, 28, 28)
    labels = idx("t10k-labels-idx1-ubyte.gz", 8, ROWS)
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    encoder = make_pipeline(PCA(50, random_state=0), LinearDiscriminantAnalysis()).fit(*others)
    x = encoder.transform(images.reshape(ROWS, -1) / 255).astype(np.float32)
    items = pl.DataFrame({"file": [str(tmp_path / f"{i}.png") for i in range(ROWS)]})
    lexicon = sc.learn(
        items, vectors=x, images="file", components=12, active=2, baseline=False, progress=False
    )
    server = ModelServer()
    try:
        server.model = looking(eye)
        here = Endpoint(server.url, "eye")
        ready = prepare_renaming(lexicon, vectors=x)
        coming = ready.forecast(here)
        named, report = ready.run(here)
        found = verify(named, ["detection"], vectors=x, endpoint=here).scores
    finally:
        server.close()
    table = named.concepts.filter(pl.col("name").is_not_null())
    # Not all have four names, nor one that holds up: the forecast is the most.
    assert 0.6 * coming.requests <= report.asked <= coming.requests
    assert report.parsed == report.asked
    assert len(table) >= 6
    # What a few looks of a classifier say is near to what labels say of all rows it drew from.
    drawn = ready.material.contrasts(lexicon.dictionary, lexicon.base_codes, "verify")
    true = []
    for j, name in named.concepts.with_row_index().select("index", "name").iter_rows():
        if name is not None:
            known = set(re.findall(r"[a-z-]+", name)) & set(CLASSES)
            rows = np.concatenate([drawn[j].active, drawn[j].inactive])
            shows = np.array([[CLASSES[k] in known for k in labels[rows]]], dtype=float)
            true.append(float(auroc(shows, len(drawn[j].active))[0]))
    off = np.abs(np.array(true) - table["trust"].to_numpy())
    assert off.mean() < 0.1
    inside = (table["trust_low"].to_numpy() <= true) & (true <= table["trust_high"].to_numpy())
    assert inside.mean() > 0.7
    assert (table["trust"] - table["trust_null"]).mean() > 0.15
    # Asked again, about the same pictures.
    np.testing.assert_allclose(found["value"], table["trust"])
