"""Clothes: concepts of Fashion-MNIST pixels, shown as contrast sheets.

With images in files (`semascope learn --images`) a language model that sees can name such concepts:
`semascope name LEXICON --vectors FILE`.

Run: SEMASCOPE_DATA=... python docs/gallery/clothes.py [FOLDER]
"""

import gzip
import sys
from pathlib import Path

import numpy as np
import polars as pl
from rules import data, learn_and_name
from sklearn.decomposition import PCA

from semascope.name import contrast_sheet

CLASSES = [
    "T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
]  # fmt: skip

folder = data("fashion_mnist")
out = Path(sys.argv[1] if len(sys.argv) > 1 else "clothes-sheets")
out.mkdir(exist_ok=True)


def idx(name: str, header: int) -> np.ndarray:
    """Read a gzip IDX file of bytes."""
    with gzip.open(folder / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


images = idx("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
labels = idx("t10k-labels-idx1-ubyte.gz", 8)
pixels = images.reshape(len(images), -1) / 255
vectors = PCA(50, random_state=0).fit_transform(pixels)
items = pl.DataFrame(
    {
        "class": [CLASSES[label] for label in labels],
        "brightness": pixels.mean(axis=1).round(3),
        "width": (images.max(axis=1) > 40).sum(axis=1),
        "height": (images.max(axis=2) > 40).sum(axis=1),
    }
)
named = learn_and_name(vectors, items, components=24, active=3)
for concept in named[:10]:
    sheet = contrast_sheet(
        images, concept.contrast, title=concept.name or "unnamed", note=concept.scores
    )
    sheet.save(out / f"{concept.id}.png")
print(f"\nsheets of the first ten: {out}/")
