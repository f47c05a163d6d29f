"""Public sets of labelled texts: the texts, and the labels of each in plain words."""

from __future__ import annotations

import csv
import gzip
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench_data import DATA

MOST_CHARACTERS = 300

# What the codes of the question types stand for (Li and Roth 2002).
TREC = {
    "ABBR:abb": "abbreviation", "ABBR:exp": "what an abbreviation stands for",
    "DESC:def": "definition", "DESC:desc": "description", "DESC:manner": "how to do something",
    "DESC:reason": "reason why", "ENTY:animal": "animal", "ENTY:body": "organ of the body",
    "ENTY:color": "color", "ENTY:cremat": "book, film or invention", "ENTY:currency": "currency",
    "ENTY:dismed": "disease or medicine", "ENTY:event": "event", "ENTY:food": "food",
    "ENTY:instru": "musical instrument", "ENTY:lang": "language", "ENTY:plant": "plant",
    "ENTY:product": "product", "ENTY:sport": "sport", "ENTY:substance": "substance",
    "ENTY:techmeth": "technique or method", "ENTY:termeq": "term for something",
    "ENTY:veh": "vehicle", "ENTY:word": "word", "HUM:desc": "who somebody was",
    "HUM:gr": "company or group", "HUM:ind": "person", "HUM:title": "title of a person",
    "LOC:city": "city", "LOC:country": "country", "LOC:mount": "mountain", "LOC:state": "state",
    "NUM:count": "how many", "NUM:date": "date", "NUM:dist": "distance", "NUM:money": "price",
    "NUM:perc": "percentage", "NUM:period": "how long", "NUM:speed": "speed",
    "NUM:weight": "weight",
}  # fmt: skip


@dataclass(frozen=True)
class Labelled:
    """Texts and which label each has."""

    texts: list[str]
    labels: list[str]
    truth: npt.NDArray[np.bool_]


def banking77() -> list[tuple[str, list[str]]]:
    rows = []
    for part in ("train", "test"):
        with (DATA / "banking77" / f"{part}.csv").open(newline="", encoding="utf-8") as file:
            rows += [
                (r["text"], [r["category"].replace("_", " ").strip(" ?").lower()])
                for r in csv.DictReader(file)
            ]
    return rows


def trec() -> list[tuple[str, list[str]]]:
    rows = []
    with zipfile.ZipFile(DATA / "trec_questions" / "qc.zip") as archive:
        for name in sorted(n for n in archive.namelist() if n.endswith(".txt")):
            for line in archive.read(name).decode("latin-1").splitlines():
                label, _, text = line.partition(" ")
                if label in TREC:
                    rows.append((text, [TREC[label]]))
    return rows


def arxiv() -> list[tuple[str, list[str]]]:
    path = DATA / "arxiv_ml_topics" / "arxiv_ml_topics.jsonl.gz"
    topics: dict[str, list[str]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            paper = json.loads(line)
            # The abstract alone: titles often spell the topic out.
            topics.setdefault(paper["abstract"], []).append(paper["topic"])
    return list(topics.items())


def movies() -> list[tuple[str, list[str]]]:
    rows = []
    for path in sorted((DATA / "wikipedia_movies").glob("*.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows += [
                (f["extract"], [f"{genre} film" for genre in f["genres"]])
                for f in json.load(file)
                if f.get("extract") and f["genres"]
            ]
    return rows


def words(name: str) -> list[tuple[str, list[str]]]:
    path = DATA / "word_categories" / f"word-categorization_{name}.csv"
    categories: dict[str, list[str]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            category = row["category"].replace("_", " ").replace("bldg", "building")
            categories.setdefault(row["word"].replace("_", " "), []).append(category)
    return [(word, found) for word, found in categories.items() if word.strip()]


READERS: dict[str, Callable[[], list[tuple[str, list[str]]]]] = {
    "banking77": banking77,
    "trec": trec,
    "arxiv": arxiv,
    "movies": movies,
    "battig": lambda: words("battig"),
    "ap": lambda: words("ap"),
}


def labelled(name: str, *, each: int, fewest: int = 12, seed: int = 0) -> Labelled:
    """Return at most `each` texts of every label that has at least `fewest`."""
    rows = READERS[name]()
    order = np.random.default_rng(seed).permutation(len(rows))
    held: dict[str, list[int]] = {}
    for i in order:
        for label in dict.fromkeys(rows[i][1]):
            held.setdefault(label, []).append(int(i))
    labels = sorted(label for label, found in held.items() if len(found) >= fewest)
    kept = sorted({i for label in labels for i in held[label][:each]})
    place = {label: c for c, label in enumerate(labels)}
    truth = np.zeros((len(kept), len(labels)), dtype=bool)
    for at, i in enumerate(kept):
        for label in rows[i][1]:
            if label in place:
                truth[at, place[label]] = True
    return Labelled([rows[i][0][:MOST_CHARACTERS] for i in kept], labels, truth)
