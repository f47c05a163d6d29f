"""Vectors of public text sets for the benchmarks, made once and cached.

The folder of raw sets is named by the environment variable ``SEMASCOPE_DATA``
(default ``../shared/data``, from the root of the repository).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".bench"
DATA = Path(os.environ.get("SEMASCOPE_DATA", ROOT / ".." / "shared" / "data"))

Floats = npt.NDArray[np.float32]


def _banking77() -> list[str]:
    texts = []
    for part in ("train", "test"):
        path = DATA / "banking77" / f"{part}.csv"
        with path.open(encoding="utf-8", newline="") as f:
            texts += [row["text"] for row in csv.DictReader(f)]
    return texts


def _trec() -> list[str]:
    texts = []
    with zipfile.ZipFile(DATA / "trec_questions" / "qc.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".txt"):
                lines = archive.read(name).decode("latin-1").splitlines()
                # A question line starts with its label, "coarse:fine".
                texts += [s.split(" ", 1)[1] for s in lines if ":" in s.split(" ")[0]]
    return texts


def _movies() -> list[str]:
    texts = []
    for decade in range(1970, 2030, 10):
        path = DATA / "wikipedia_movies" / f"movies-{decade}s.json.gz"
        with gzip.open(path, "rt", encoding="utf-8") as f:
            texts += [row["extract"] for row in json.load(f) if row.get("extract")]
    return texts


def _arxiv() -> list[str]:
    path = DATA / "arxiv_ml_topics" / "arxiv_ml_topics.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    return [f"{row['title']}. {row['abstract']}" for row in rows]


def _ag() -> list[str]:
    with gzip.open(DATA / "ag_news_test" / "test.csv.gz") as f:
        rows = list(csv.reader(io.TextIOWrapper(f, encoding="utf-8")))
    return [f"{row[1]}. {row[2]}" for row in rows]


READERS: dict[str, Callable[[], list[str]]] = {
    "banking77": _banking77,
    "trec": _trec,
    "movies": _movies,
    "arxiv": _arxiv,
    "ag": _ag,
}


def vectors(name: str) -> Floats:
    """Return the vectors of a named set, or of a ``.npy`` file, as float32."""
    if name.endswith(".npy"):
        return np.load(name).astype(np.float32)
    cached = CACHE / "data" / f"{name}.npy"
    if not cached.exists():
        from semascope import embed

        cached.parent.mkdir(parents=True, exist_ok=True)
        np.save(cached, np.asarray(embed.texts(READERS[name]()), dtype=np.float32))
    return np.load(cached)


def split(x: Floats, seed: int = 0) -> tuple[Floats, Floats]:
    """Return 80 % of the rows for training and the other 20 % held out."""
    rows = np.random.default_rng(seed).permutation(len(x))
    cut = len(x) // 5
    return x[rows[cut:]], x[rows[:cut]]
