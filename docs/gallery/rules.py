"""What the examples share: learn concepts from vectors, name them by rules, verify, print."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

import semascope as sc
from semascope.core import SPLITS
from semascope.lexicon import ByRule, Contrast, contrasts, split_rows
from semascope.measure import verify_name
from semascope.name import conditions, find_rules
from semascope.vectors import as_source


def data(*parts: str) -> Path:
    """Return a path in the folder of data sets."""
    if "SEMASCOPE_DATA" not in os.environ:
        raise SystemExit("set SEMASCOPE_DATA to the folder that holds the data sets")
    return Path(os.environ["SEMASCOPE_DATA"], *parts)


@dataclass
class Concept:
    """A concept as it is printed."""

    id: str
    latent: int
    name: str | None
    scores: str
    trust: float
    contrast: Contrast
    tested: Contrast


def learn_and_name(
    vectors: np.ndarray,
    items: pl.DataFrame,
    *,
    id: str | None = None,
    leave_out: tuple[str, ...] = (),
    show: str | None = None,
    top: int = 12,
    **options: int,
) -> list[Concept]:
    """Learn, name from *name* rows, verify on *verify* rows, print the surest; return all."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    lex = sc.learn(items, vectors=vectors, id=id, progress=False, baseline=False, **options)
    source = as_source(vectors)
    rows = {split: split_rows(lex.splits, split) for split in SPLITS}
    drawn, tested = (
        contrasts(lex.dictionary, lex.codes, source, rows[split], most=200)
        for split in ("name", "verify")
    )
    hidden = [*leave_out, lex.info["id"]]
    table = conditions(lex.items, rows["name"], leave_out=hidden)
    found = [find_rules(table, contrast, seed=j) for j, contrast in enumerate(drawn)]
    names = [rules[0].name if rules else None for rules in found]
    relevance = ByRule(lex.items)
    concepts = []
    for j, name in enumerate(names):
        others = sorted({str(n) for n in names if n not in (None, name)})
        verdict = name and verify_name(name, tested[j], relevance, others, threshold=0.5, seed=j)
        scores = str(verdict.trust) if verdict else "nothing beats chance"
        trust = verdict.trust.low if verdict else 0.0
        concepts.append(Concept(f"c{j}", j, name, scores, trust, drawn[j], tested[j]))
    concepts.sort(key=lambda concept: -concept.trust)
    unnamed = sum(concept.name is None for concept in concepts)
    print(f"{len(items)} rows, {vectors.shape[1]} dimensions, {len(concepts)} concepts, ", end="")
    print(f"{unnamed} unnamed; trust on rows that nothing was fitted on, 95 % interval:\n")
    for concept in concepts[:top]:
        print(f"{concept.id:>5}  {concept.name}\n       {concept.scores}")
        if show is not None:
            best = lex.items[show].gather(concept.tested.active[:5]).to_list()
            print(f"       {', '.join(str(value) for value in best)}")
    return concepts
