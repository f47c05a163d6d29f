"""How well names name: planted clusters of words, and labelled texts, by every namer.

(a) ``word_categories``: each category of Battig, AP, BLESS and ESSLI is planted as a concept over
the words of its set. A name succeeds if it is the gold label's synset in ``wordnet_nouns`` or lies
at most two steps above it. The gold sense is that sense of the label that covers most of the words.

(b) banking77, TREC and arXiv topics: the concept of a learned dictionary that tells a class best
(by F1 on *discover* rows) is named from *name* rows; ``planted`` names the class's own rows. A name
is judged by the rank of the gold label among all labels of the set, by cosine to the embedded name.

Random and shuffled names stand beside every namer. Constants of the namers were chosen on AP and
BLESS and by a look at the names of (b); Battig and ESSLI had no part in it.

Run: python benchmarks/naming.py [--words] [--texts] [--limit 4000]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from bench_data import DATA
from semascope.core import Codes, generator, split_of
from semascope.discover import Dictionary, fit_dictionary, recipe_for
from semascope.embed import texts as embed
from semascope.lexicon import ByEncoder, Combined, Contrast, Relevance, contrasts, unit
from semascope.measure import best_concepts
from semascope.name import (
    Bank,
    Candidate,
    Evidence,
    Namer,
    book_of,
    by_bank,
    by_contrast,
    by_encoder,
    by_parts,
    default_namers,
    gather_evidence,
    name_concepts,
    read_bank,
    text_parts,
)
from semascope.vectors import as_source

SEED = 0
# Labels of the sets in the words of WordNet, where they are not one of them.
GOLD = {
    "article of clothing": "clothing",
    "article of furniture": "furniture",
    "bldg for religious servic": "place of worship",
    "carpenters tool": "tool",
    "college or university": "university",
    "elective office": "position",
    "four-footed animal": "quadruped",
    "girls first name": "first name",
    "males first name": "first name",
    "kind of cloth": "fabric",
    "kind of money": "money",
    "member of the clergy": "clergyman",
    "military title": "military officer",
    "natural earth formation": "geological formation",
    "nonalcoholic beverage": "beverage",
    "occupation or profession": "professional",
    "part of a building": "structure",
    "part of speech": "part of speech",
    "part of the human body": "body part",
    "precious stone": "gem",
    "substance to flavor food": "flavorer",
    "type of dance": "dance",
    "type of footgear": "footwear",
    "type of fuel": "fuel",
    "type of human dwelling": "dwelling",
    "type of music": "music",
    "type of reading material": "publication",
    "type of ship": "ship",
    "type of vehicle": "vehicle",
    "unit of distance": "linear unit",
    "unit of time": "time unit",
    "weather phenomenon": "atmospheric phenomenon",
    "state": "American state",
    "assets": "asset",
    "district": "district",
    "edible fruit": "edible fruit",
    "solid": "solid figure",
    "amphibian reptile": "vertebrate",
    "ground mammal": "mammal",
    "water animal": "aquatic vertebrate",
    "bodyAction-body": "bodily process",
    "bodySense-body": "perception",
    "changeLocation-motion": "motion",
    "changeState-changeState": "change of state",
    "communication-cognition": "communication",
    "exchange-exchange": "exchange",
    "mentalState-cognition": "cognition",
    "motionDirection-motion": "motion",
    "motionManner-motion": "motion",
}


@dataclass(frozen=True)
class Task:
    """Concepts to be named, with what is known about them and what they are called."""

    name: str
    items: pl.DataFrame
    relevance: ByEncoder
    evidence: list[Evidence]
    gold: list[str]
    all_labels: list[str]
    bank: Bank | None = None
    dictionary: Dictionary | None = None

    @property
    def texts(self) -> pl.Series:
        return self.items["text"]

    @property
    def atoms(self) -> np.ndarray | None:
        return None if self.dictionary is None else self.dictionary.atoms


def random_phrase(task: Task) -> list[Namer]:
    names = book_of(task.evidence, task.texts).phrases or task.texts.to_list()
    return [_at_random(names)]


def random_entry(task: Task) -> list[Namer]:
    return [] if task.bank is None else [_at_random(task.bank.terms)]


def _at_random(names: Sequence[str]) -> Namer:
    def propose(evidence: Evidence) -> list[Candidate]:
        random = generator(SEED, "random name", evidence.latent)
        return [Candidate(names[int(random.integers(len(names)))])]

    return propose


def nearest_entry(task: Task) -> list[Namer]:
    """The bank's entry nearest to the mean of the active rows."""
    if task.bank is None:
        return []
    plain = _only_active(by_encoder(task.bank.terms, task.relevance, most=1))
    return [plain]


def _only_active(namer: Namer) -> Namer:
    none = np.zeros(0, dtype=np.int64)

    def propose(evidence: Evidence) -> list[Candidate]:
        return namer(replace(evidence, contrast=replace(evidence.contrast, near=none, other=none)))

    return propose


def contrast(task: Task) -> list[Namer]:
    return [by_contrast(book_of(task.evidence, task.texts))]


def encoder(task: Task) -> list[Namer]:
    names = book_of(task.evidence, task.texts).phrases[:3000]
    return [by_encoder(names, task.relevance, atoms=task.atoms)]


def parts(task: Task) -> list[Namer]:
    return [by_parts(task.texts, book_of(task.evidence, task.texts))]


def bank(task: Task) -> list[Namer]:
    if task.bank is None:
        return []
    return [by_bank(task.bank, task.evidence, task.texts, task.relevance, near=0)]


def default(task: Task) -> list[Namer]:
    return default_namers(task.evidence, task.texts, task.relevance, atoms=task.atoms)


def default_with_bank(task: Task) -> list[Namer]:
    if task.bank is None:
        return []
    return default_namers(
        task.evidence, task.texts, task.relevance, atoms=task.atoms, bank=task.bank
    )


# Add a namer here: a function from a task to namers. "first" takes the first candidate of the first
# namer, "chosen" lets name_concepts choose; "joined" lets it join two names, too, as `learn` does.
NAMERS: dict[str, tuple[Callable[[Task], list[Namer]], str]] = {
    "random phrase": (random_phrase, "first"),
    "random bank entry": (random_entry, "first"),
    "nearest bank entry to centroid": (nearest_entry, "first"),
    "contrast, first": (contrast, "first"),
    "contrast": (contrast, "chosen"),
    "encoder": (encoder, "chosen"),
    "parts": (parts, "chosen"),
    "bank, first": (bank, "first"),
    "bank": (bank, "chosen"),
    "default": (default, "chosen"),
    "default, joined": (default, "joined"),
    "default with bank": (default_with_bank, "chosen"),
}


def names_by(task: Task, namers: list[Namer], how: str) -> list[str | None]:
    if how == "first":
        found = [next(iter(namers[0](e)), None) for e in task.evidence]
        return [None if c is None else c.name for c in found]
    scorers: dict[str, Relevance] = {}
    if how == "joined":
        seen = np.unique(np.concatenate([e.contrast.inactive for e in task.evidence]))
        reference = generator(SEED, "reference").choice(seen, min(500, len(seen)), replace=False)
        scorers["combined"] = Combined(task.relevance, np.sort(reference), task.texts)
    proposals = name_concepts(
        [e.contrast for e in task.evidence],
        task.items,
        text="text",
        relevance=task.relevance,
        dictionary=task.dictionary,
        evidence=task.evidence,
        namers=namers,
        scorers=scorers,
        bank=task.bank,
        seed=SEED,
    )
    return [p.name for p in proposals]


def table(task: Task, judge: Callable[[list[str | None]], str], *, show: int) -> None:
    print(f"\n## {task.name}: {len(task.gold)} concepts", flush=True)
    last: list[str | None] = []
    columns: dict[str, list[str | None]] = {}
    for name, (make, how) in NAMERS.items():
        namers = make(task)
        if not namers:
            continue
        last = names_by(task, namers, how)
        columns[name] = last
        print(f"{name:32s} {judge(last)}", flush=True)
    shuffled = generator(SEED, "shuffled", task.name).permutation(len(last))
    print(f"{'shuffled names of the last':32s} {judge([last[i] for i in shuffled])}")
    for j, gold in enumerate(task.gold[:show]):
        print(f"    {gold}: " + " | ".join(f"{n[j]}" for n in list(columns.values())[-5:]))


# (a) Words --------------------------------------------------------------------------------------


def word_task(name: str, words: Bank) -> Task:
    frame = pl.read_csv(DATA / "word_categories" / f"word-categorization_{name}.csv")
    # A word of two categories would stand for and against itself.
    frame = frame.select("category", text=pl.col("word").str.replace_all("_", " "))
    frame = frame.drop_nulls().unique("text", keep="first", maintain_order=True)
    frame = frame.filter(pl.len().over("category") >= 5)
    labels = frame["category"].unique(maintain_order=True).to_list()
    vectors = embed(frame["text"])
    drawn = [planted(vectors, frame["category"].to_numpy() == label) for label in labels]
    gold = [GOLD.get(label.replace("_", " "), label.replace("_", " ")) for label in labels]
    relevance = ByEncoder(lambda names: embed(names), as_source(vectors))
    return Task(name, frame, relevance, gather_evidence(drawn), gold, gold, words)


def planted(vectors: np.ndarray, active: np.ndarray, most: int = 100) -> Contrast:
    """Rows of a class; its hardest and some random other rows."""
    rows, others = np.flatnonzero(active)[:most], np.flatnonzero(~active)
    x = unit(vectors)
    near = others[np.argsort(-x[others] @ x[rows].mean(0), kind="stable")[: most // 2]]
    far = np.setdiff1d(others, near)
    random = generator(SEED, "far", int(rows[0]))
    far = np.sort(random.choice(far, min(len(far), most // 2), replace=False))
    return Contrast(rows, np.ones(len(rows), dtype=np.float32), near, far)


def gold_entry(task: Task, j: int) -> int | None:
    """That sense of the label beneath which most of the words lie."""
    words = task.bank
    senses = [] if words is None else words.lookup(task.gold[j])
    if words is None or not senses:
        return None
    active = task.texts.gather(task.evidence[j].contrast.active)
    above = [{a for e in words.lookup(text) for a in words.above(e)} for text in active]
    return max(senses, key=lambda s: (sum(s in found for found in above), -s))


def success(task: Task) -> Callable[[list[str | None]], str]:
    words = task.bank
    wanted = [gold_entry(task, j) for j in range(len(task.gold))]

    def judge(names: list[str | None]) -> str:
        hits = [
            words is not None
            and gold is not None
            and name is not None
            and bool(set(words.lookup(name)) & words.steps_up(gold, 2))
            for name, gold in zip(names, wanted, strict=True)
        ]
        low, high = interval(np.array(hits, dtype=float))
        return f"success {np.mean(hits):.2f} [{low:.2f}, {high:.2f}]  {_named(names)}"

    return judge


# (b) Labelled texts -----------------------------------------------------------------------------


def banking77() -> tuple[list[str], list[str]]:
    with (DATA / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [r["text"] for r in rows], [r["category"].replace("_", " ").strip("?") for r in rows]


def trec() -> tuple[list[str], list[str]]:
    # The 50 fine classes, by the names that their authors give them.
    words = {
        "ABBR": "abbreviation", "DESC": "description", "ENTY": "entity", "HUM": "person",
        "LOC": "location", "NUM": "number", "abb": "abbreviation", "exp": "expansion",
        "def": "definition", "desc": "description", "cremat": "creative work",
        "dismed": "disease or medicine",
        "instru": "musical instrument", "lang": "language", "techmeth": "technique or method",
        "veh": "vehicle", "termeq": "equivalent term", "gr": "group or organisation",
        "ind": "individual", "mount": "mountain", "perc": "percentage", "temp": "temperature",
        "volsize": "size", "dist": "distance", "ord": "order", "ex": "expansion",
    }  # fmt: skip
    texts, labels = [], []
    with zipfile.ZipFile(DATA / "trec_questions" / "qc.zip") as archive:
        for name in sorted(n for n in archive.namelist() if n.endswith((".txt", ".label"))):
            for line in archive.read(name).decode("latin-1").splitlines():
                label, _, text = line.partition(" ")
                if ":" in label:
                    coarse, _, fine = label.partition(":")
                    texts.append(text)
                    whole = "other " + words[coarse] if fine == "other" else words.get(fine, fine)
                    labels.append(whole)
    return texts, labels


def arxiv() -> tuple[list[str], list[str]]:
    with gzip.open(DATA / "arxiv_ml_topics" / "arxiv_ml_topics.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    texts = [f"{r['title']}. {r['abstract']}"[:600] for r in rows]
    return texts, [r["topic"].replace("-", " ").replace("_", " ") for r in rows]


SETS = {"banking77": banking77, "trec": trec, "arxiv": arxiv}


def text_tasks(name: str, limit: int, words: Bank | None) -> list[Task]:
    """The best concept of each class, and the class itself."""
    texts, labels = SETS[name]()
    order = np.sort(generator(SEED, "limit", name).permutation(len(texts))[:limit])
    items = pl.DataFrame({"text": [texts[i] for i in order], "label": [labels[i] for i in order]})
    counted = items["label"].value_counts().filter(pl.col("count") >= 30)
    classes = sorted(counted["label"].to_list())
    vectors = embed(items["text"])
    source = as_source(vectors)
    relevance = ByEncoder(lambda names: embed(names), source)
    splits = split_of([f"row-{i}" for i in range(len(items))])
    discover, rows = np.flatnonzero(splits == 0), np.flatnonzero(splits == 1)
    truth = np.stack([(items["label"] == c).to_numpy() for c in classes], axis=1)

    recipe = recipe_for(len(discover), vectors.shape[1], refine="refit", seed=SEED)
    dictionary = fit_dictionary(source, recipe, index=discover).dictionary
    codes: Codes = dictionary.encode(vectors)
    matches = best_concepts(codes, truth, classes, choose=discover, test=rows)
    drawn = contrasts(dictionary, codes, source, rows, seed=SEED)
    find = text_parts(items["text"], relevance.embed, dictionary)
    evidence = gather_evidence(drawn, codes=codes, rows=rows, atoms=dictionary.atoms, parts=find)
    chosen = [evidence[match.latent] for match in matches]
    common = {"items": items, "relevance": relevance, "gold": classes, "all_labels": classes}
    learned = Task(
        f"{name}, best concept", **common, evidence=chosen, bank=words, dictionary=dictionary
    )

    here = [planted(vectors[rows], truth[rows, c]) for c in range(len(classes))]
    moved = [
        replace(c, active=rows[c.active], near=rows[c.near], other=rows[c.other]) for c in here
    ]
    x = unit(vectors)
    centre = np.stack([x[c.active].mean(0) - x[c.inactive].mean(0) for c in moved])
    zero = np.zeros(len(classes), dtype=np.float32)
    probes = Dictionary(centre, zero, centre, np.zeros(x.shape[1], dtype=np.float32), n_active=1)
    find = text_parts(items["text"], relevance.embed, probes)
    own = gather_evidence(moved, parts=find)
    return [learned, Task(f"{name}, planted", **common, evidence=own, bank=words)]


def ranks(task: Task) -> Callable[[list[str | None]], str]:
    labels = unit(embed(task.all_labels))
    place = {label: i for i, label in enumerate(task.all_labels)}

    def judge(names: list[str | None]) -> str:
        # No name ranks like a guess.
        found = np.full(len(names), (len(labels) + 1) / 2)
        for j, name in enumerate(names):
            if name is not None:
                cosine = labels @ unit(embed([name]))[0]
                found[j] = 1 + int((cosine > cosine[place[task.gold[j]]]).sum())
        low, high = interval((found == 1).astype(float))
        return (
            f"top-1 {np.mean(found == 1):.2f} [{low:.2f}, {high:.2f}]  "
            f"mean rank {found.mean():5.1f} of {len(labels)}  {_named(names)}"
        )

    return judge


def _named(names: Sequence[str | None]) -> str:
    return f"named {sum(n is not None for n in names)}/{len(names)}"


def interval(values: np.ndarray) -> tuple[float, float]:
    random = generator(SEED, "interval")
    draws = values[random.integers(len(values), size=(2000, len(values)))].mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", nargs="*", choices=["battig", "ap", "bless", "essli-2008"])
    parser.add_argument("--texts", nargs="*", choices=list(SETS))
    parser.add_argument("--limit", type=int, default=4000, help="texts of each set")
    parser.add_argument("--show", type=int, default=0, help="names to print of each table")
    asked = parser.parse_args()
    both = asked.words is None and asked.texts is None
    words = read_bank(DATA / "wordnet_nouns" / "wordnet_nouns.tsv.gz")
    named = asked.words if asked.words is not None else []
    for name in named or (
        ["ap", "bless", "battig", "essli-2008"] if both or asked.words == [] else []
    ):
        task = word_task(name, words)
        table(task, success(task), show=asked.show)
    named = asked.texts if asked.texts is not None else []
    for name in named or (list(SETS) if both or asked.texts == [] else []):
        for task in text_tasks(name, asked.limit, words):
            table(task, ranks(task), show=asked.show)


if __name__ == "__main__":
    main()
