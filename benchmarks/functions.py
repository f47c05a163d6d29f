"""Namers and scorers against functions with known descriptions, over a table and over texts.

After Schwettmann et al., "FIND: A Function Description Benchmark for Evaluating Interpretability
Methods", 2023: functions are generated with their descriptions, composed, and corrupted. Namers see
the *name* half of the rows; names are judged on the other half, without noise or corruption.

``--table``: rules over 8 columns. A name is judged by how its rows agree with the function's:
balanced accuracy (no name: 0.5), the share that is right (at least 0.95), Jaccard index.
``--texts``: intents of banking77, pairs of intents, intents without the texts that hold some word.
A name is judged by the AUROC of its relevance (no name: 0.5), and by whether the function's own
description is the nearest, by embedding, of all descriptions and of their parts.
``--scorers``: how often a scorer puts a true description above one of another function, and above
a part of itself.

Run: python benchmarks/functions.py [--table] [--texts] [--scorers] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench_described import mean_of, over_scorers
from bench_functions import (
    NUMERIC_FORMS,
    TEXT_FORMS,
    Function,
    Texts,
    jaccard,
    read_texts,
    rule_contrasts,
    rules,
    table,
)
from naming import NAMERS, SEED, Task
from semascope.core import Codes, auroc, generator
from semascope.discover import Dictionary
from semascope.embed import texts as embed
from semascope.lexicon import (
    Combined,
    Contrast,
    Relevance,
    Rows,
    holds,
    parse_rule,
    unit,
)
from semascope.name import (
    Evidence,
    Namer,
    Proposal,
    by_rules,
    by_values,
    gather_evidence,
    name_concepts,
    text_parts,
)

CORRUPTION = (0.0, 0.05, 0.15)
RIGHT = 0.95
Judged = dict[str, np.ndarray]


# Over a table -----------------------------------------------------------------------------------

Namers = Callable[[pl.DataFrame, list[Evidence]], list[Namer]]
# Add a namer of columns here.
COLUMN_NAMERS: dict[str, Namers] = {
    "values": lambda items, evidence: [by_values()],
    "rules": lambda items, evidence: [by_rules(items, evidence)],
    "default": lambda items, evidence: [by_values(), by_rules(items, evidence)],
}


def judge_rules(
    names: Sequence[str | None], functions: Sequence[Function], items: pl.DataFrame, fresh: Rows
) -> Judged:
    said = [None if n is None else holds(parse_rule(n), items)[fresh] for n in names]
    return judge_rows(said, functions, fresh)


def judge_rows(
    said: Sequence[np.ndarray | None], functions: Sequence[Function], fresh: Rows
) -> Judged:
    accuracy, alike = np.full(len(said), 0.5), np.zeros(len(said))
    for j, (yes, function) in enumerate(zip(said, functions, strict=True)):
        if yes is not None:
            truth = function.truth[fresh]
            accuracy[j] = (yes[truth].mean() + 1 - yes[~truth].mean()) / 2
            alike[j] = jaccard(yes, truth)
    named = np.array([yes is not None for yes in said], dtype=float)
    right = (accuracy >= RIGHT).astype(float)
    return {"balanced accuracy": accuracy, "right": right, "Jaccard": alike, "named": named}


def tree(items: pl.DataFrame, drawn: Sequence[Contrast], fresh: Rows) -> list[np.ndarray]:
    """A decision tree on the same rows: what a model does that need not be a name."""
    from sklearn.tree import DecisionTreeClassifier

    x = items.to_dummies(items.select(pl.col(pl.String)).columns).cast(pl.Float64).to_numpy()
    out = []
    for contrast in drawn:
        rows = np.concatenate([contrast.active, contrast.inactive])
        model = DecisionTreeClassifier(
            max_depth=3, min_samples_leaf=5, class_weight="balanced", random_state=SEED
        )
        model.fit(x[rows], np.arange(len(rows)) < len(contrast.active))
        out.append(model.predict(x[fresh]))
    return out


def over_table(each: int, show: int) -> list[dict[str, Any]]:
    items = table(4000, SEED)
    name_rows, fresh = np.arange(2000), np.arange(2000, 4000)
    functions = rules(items, each, SEED)
    strangers = [f.description for f in rules(items, each, SEED + 1)]
    lines: list[dict[str, Any]] = []
    for flipped in CORRUPTION:
        drawn = rule_contrasts(functions, items, name_rows, flipped, SEED)
        evidence = gather_evidence(drawn, items=items, columns=items.columns)
        judged = {"random rule": judge_rules(strangers, functions, items, fresh)}
        names: list[str | None] = []
        for title, make in COLUMN_NAMERS.items():
            found = name_concepts(
                drawn, items, text=None, relevance=None, evidence=evidence,
                namers=make(items, evidence), seed=SEED,
            )  # fmt: skip
            names = [p.name for p in found]
            judged[title] = judge_rules(names, functions, items, fresh)
        mixed = generator(SEED, "shuffled").permutation(len(names))
        shuffled = [names[i] for i in mixed]
        judged["default, shuffled"] = judge_rules(shuffled, functions, items, fresh)
        judged["decision tree, no name"] = judge_rows(tree(items, drawn, fresh), functions, fresh)
        lines += summaries(judged, functions, NUMERIC_FORMS, flipped)
        for j in range(0, len(names) if show else 0, max(1, len(names) // max(1, show))):
            reached = judged["default"]["balanced accuracy"][j]
            print(f"    {functions[j].description}  ->  {names[j]}  ({reached:.2f})")
    return lines


# Over texts -------------------------------------------------------------------------------------


PHRASE_NAMERS = ("random phrase", "contrast, first", "contrast", "encoder", "parts", "default")


def over_texts(data: Texts, show: int) -> list[dict[str, Any]]:
    # As in `learn`: a few hundred rows put the scores of two names on one scale.
    reference = generator(SEED, "reference").choice(data.name_rows, 500, replace=False)
    combined = data.combined(np.sort(reference))
    lines: list[dict[str, Any]] = []
    for exchanged in CORRUPTION:
        seen = data.seen(exchanged)
        atoms = data.atoms(seen)
        drawn = data.contrasts(seen, atoms, data.name_rows)
        zero = np.zeros(len(atoms), dtype=np.float32)
        mean = np.zeros(atoms.shape[1], dtype=np.float32)
        probes = Dictionary(atoms, zero, atoms, mean, n_active=1)
        evidence = gather_evidence(
            drawn,
            codes=Codes.from_scipy(seen.T.astype(np.float32)),
            rows=data.name_rows,
            atoms=atoms,
            parts=text_parts(data.items["text"], data.relevance.embed, probes),
        )
        task = Task("functions", data.items, data.relevance, evidence, [], [])
        judged: dict[str, Judged] = {}
        for title in PHRASE_NAMERS:
            found = proposals(task, *NAMERS[title], {})
            judged[title] = judge_texts(found, data, combined)
        found = proposals(task, *NAMERS["default"], {"combined": combined})
        judged["default, joined"] = judge_texts(found, data, combined)
        mixed = generator(SEED, "shuffled").permutation(len(found))
        judged["default, joined, shuffled"] = judge_texts([found[i] for i in mixed], data, combined)
        gold = [
            Proposal("named", f.description, "combined" if f.parts else "phrase")
            for f in data.functions
        ]
        judged["the true description"] = judge_texts(gold, data, data.combined(data.name_rows))
        lines += summaries(judged, data.functions, TEXT_FORMS, exchanged)
        for j in range(0, len(found) if show else 0, max(1, len(found) // max(1, show))):
            reached = judged["default, joined"]["AUROC"][j]
            print(f"    {data.functions[j].description}  ->  {found[j].name}  ({reached:.2f})")
    return lines


def proposals(
    task: Task, make: Callable[[Task], list[Namer]], how: str, scorers: Mapping[str, Relevance]
) -> list[Proposal]:
    namers = make(task)
    if how == "first":
        first = [next(iter(namers[0](e)), None) for e in task.evidence]
        return [
            Proposal("unnamed") if c is None else Proposal("named", c.name, c.kind) for c in first
        ]
    return name_concepts(
        [e.contrast for e in task.evidence], task.items, text="text", relevance=task.relevance,
        evidence=task.evidence, namers=namers, scorers=scorers, seed=SEED,
    )  # fmt: skip


def judge_texts(found: Sequence[Proposal], data: Texts, combined: Combined) -> Judged:
    parts = [part for f in data.functions for part in f.parts]
    listed = list(dict.fromkeys([*data.descriptions, *parts]))
    gold = unit(np.asarray(embed(listed)))
    out = {"AUROC": np.full(len(found), 0.5), "top-1": np.zeros(len(found))}
    for j, (one, function) in enumerate(zip(found, data.functions, strict=True)):
        if one.name is None:
            continue
        scorer: Relevance = combined if one.kind == "combined" else data.relevance
        truth = function.truth[data.fresh]
        order = np.concatenate([data.fresh[truth], data.fresh[~truth]])
        out["AUROC"][j] = float(auroc(scorer([one.name], order), int(truth.sum()))[0])
        cosine = gold @ unit(np.asarray(embed([one.name])))[0]
        out["top-1"][j] = listed[int(cosine.argmax())] == function.description
    out["named"] = np.array([p.name is not None for p in found], dtype=float)
    out["joined"] = np.array([p.kind == "combined" for p in found], dtype=float)
    return out


# Figures ----------------------------------------------------------------------------------------


def summaries(
    judged: Mapping[str, Judged],
    functions: Sequence[Function],
    forms: Sequence[str],
    corruption: float,
) -> list[dict[str, Any]]:
    form = np.array([f.form for f in functions])
    return [
        {
            "namer": title,
            "corruption": corruption,
            **{what: mean_of(values) for what, values in found.items()},
            "by form": {
                f: {what: float(values[form == f].mean()) for what, values in found.items()}
                for f in forms
            },
        }
        for title, found in judged.items()
    ]


def markdown(lines: Sequence[Mapping[str, Any]], first: str, whats: Sequence[str]) -> None:
    keys = [k for k in ("corruption",) if k in lines[0]]
    print(f"\n| {' | '.join([*keys, first, *whats])} |")
    print("|" + " --- |" * (len(keys) + 1 + len(whats)))
    for line in lines:
        cells = [f"{line[k]:.0%}" for k in keys] + [line[first]]
        for what in whats:
            m = line[what]
            cells.append(f"{m['mean']:.2f} [{m['low']:.2f}, {m['high']:.2f}]")
        print(f"| {' | '.join(cells)} |")


def by_form(lines: Sequence[Mapping[str, Any]], what: str) -> None:
    forms = list(lines[0]["by form"])
    print(f"\n{what} by form\n\n| {' | '.join(['corruption', 'namer', *forms])} |")
    print("|" + " --- |" * (2 + len(forms)))
    for line in lines:
        cells = [f"{line['by form'][f][what]:.2f}" for f in forms]
        print(f"| {line['corruption']:.0%} | {line['namer']} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="rules over columns only")
    parser.add_argument("--texts", action="store_true", help="functions over texts only")
    parser.add_argument("--scorers", action="store_true", help="scorers only")
    parser.add_argument("--each", type=int, default=12, help="rules of each form")
    parser.add_argument("--limit", type=int, default=5000, help="texts")
    parser.add_argument("--show", type=int, default=0, help="names to print of each corruption")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    asked = parser.parse_args()
    everything = not (asked.table or asked.texts or asked.scorers)
    record: dict[str, Any] = {}
    if asked.table or everything:
        lines = record["table"] = over_table(asked.each, asked.show)
        markdown(lines, "namer", ["balanced accuracy", "right", "Jaccard", "named"])
        by_form(lines, "right")
        by_form(lines, "balanced accuracy")
    data = None
    if asked.texts or asked.scorers or everything:
        data = read_texts(asked.limit, (30, 20, 20))
    if data is not None and (asked.texts or everything):
        lines = record["texts"] = over_texts(data, asked.show)
        markdown(lines, "namer", ["AUROC", "top-1", "named", "joined"])
        by_form(lines, "AUROC")
        by_form(lines, "top-1")
    if data is not None and (asked.scorers or everything):
        lines = record["scorers"] = over_scorers(data)
        markdown(lines, "scorer", [k for k in lines[0] if k != "scorer"])
    if asked.json:
        asked.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
