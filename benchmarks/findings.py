"""Explain the outcomes of public sets: top findings, what the concepts carry, and baselines.

For each set a lexicon is learned without its outcome, and explained on *verify* rows. Printed are
the surest findings with effect and interval; held-out R2, AUC or pairs right of concepts, raw
embedding, words, topics and PCA with the share of the raw embedding's predictive power that the
named concepts keep; and how many findings there are against directions that nobody learned: rows
drawn at random and PCA axes, as many as concepts were tested, shown as often, and named and tested
by the same procedure. A direction that means nothing may go with an outcome too, so what counts is
findings that hold by their names as well, at one false-discovery rate over all three.

Lexicons are kept in ``.bench/findings``; remove one to learn it again.

Run: python benchmarks/findings.py [--sets upworthy housing ...] [--limit 4000] [--rows all]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

import semascope as sc
from bench_data import CACHE
from findings_data import SEED, SETS, Question
from semascope.core import InputError
from semascope.explain import Findings, outcome
from semascope.explain.tested import adjusted
from semascope.pipeline import baseline_lexicon

BASELINES = ("random rows", "PCA axes")


@dataclass(frozen=True)
class Counts:
    """How many effects of one dictionary were tested, and hold: alone, by their names as well,
    given each other, by knockoffs."""

    tested: int
    found: int
    named: int
    joint: int
    knockoffs: int


def lexicon_of(name: str, asked: Question, limit: int) -> sc.Lexicon:
    path = CACHE / "findings" / f"{name}-{limit}.lexicon"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        how = dict(asked.learn)
        left_out = [asked.y, *how.pop("leave_out", [])]
        left_out += [how["together"]] if "together" in how else []
        sc.learn(asked.items, id="key", leave_out=left_out, out=path, baseline=False,
                 seed=SEED, progress=False, **how)  # fmt: skip
    return sc.load(path)


def baseline_of(
    name: str, kind: str, lexicon: sc.Lexicon, found: Findings, asked: Question, limit: int
) -> sc.Lexicon:
    path = CACHE / "findings" / f"{name}-{limit}-{kind.replace(' ', '-')}.lexicon"
    if not path.exists():
        tested = found.table.filter(pl.col("p").is_not_null())
        shares = tested.unique("concept", maintain_order=True)["prevalence"].to_list()
        other = baseline_lexicon(lexicon, kind, shares, vectors=asked.options.get("vectors"),
                                 seed=SEED)  # fmt: skip
        other.save(path)
    return sc.load(path)


def counted(found: Findings) -> Counts:
    table = found.table
    return Counts(
        int(table["p"].is_not_null().sum()),
        len(found.findings),
        len(found.verified),
        int((table["joint_q"] <= found.level).sum()),
        int(table["knockoff"].sum()),
    )


def at_one_rate(results: dict[str, Findings], column: str) -> dict[str, int]:
    """Count findings of each dictionary with one false-discovery rate over all of them."""
    p = {kind: found.table[column].cast(pl.Float64).to_numpy() for kind, found in results.items()}
    q = adjusted(np.concatenate(list(p.values())))
    ends = np.cumsum([len(part) for part in p.values()])[:-1]
    return {
        kind: int((part <= results[kind].level).sum())
        for kind, part in zip(p, np.split(q, ends), strict=True)
    }


def print_carried(found: Findings, only: tuple[str, ...] = (), prefix: str = "") -> None:
    if not only:
        print(f"\n  {'predicted from':28s} {'columns':>7s}  {found.carried['metric'][0]}")
    for row in found.carried.iter_rows(named=True):
        if only and row["features"] not in only:
            continue
        kept = "" if row["kept"] is None else (
            f"  kept {100 * row['kept']:.0f} % [{100 * row['kept_low']:.0f}, "
            f"{100 * row['kept_high']:.0f}]"
        )  # fmt: skip
        print(
            f"  {prefix + row['features']:28s} {row['columns']:7d}  {row['value']:.3f} "
            f"[{row['low']:.3f}, {row['high']:.3f}]{kept}"
        )


def report(name: str, limit: int, show: int, baselines: bool, rows: str) -> None:
    asked = SETS[name](limit)
    lexicon = lexicon_of(name, asked, limit)
    options: dict[str, Any] = asked.options | {
        "seed": SEED, "items": asked.items_called, "rows": rows
    }  # fmt: skip
    y = asked.y if asked.values is None else asked.values(lexicon.items)
    found = outcome(lexicon, y, **options)
    units = found.how["tested"]["units"]
    print(f"\n## {name}: {found.headline}; {units} tested units, {len(found.table)} effects")
    for line in found.sentences[:show]:
        print(f"  {line}")
    print_carried(found)
    results = {"concepts": found}
    for kind in BASELINES if baselines else ():
        other = baseline_of(name, kind, lexicon, found, asked, limit)
        try:
            results[kind] = outcome(other, y, **options)
        except InputError as err:
            print(f"  {kind}: {err}")
            continue
        print_carried(results[kind], ("named concepts", "names alone"), f"{kind}: ")
    alone, verified = (at_one_rate(results, column) for column in ("p", "both_p"))
    print(f"\n  {'':12s} tested  findings  by name too  joint  knockoffs  at one rate: both")
    for kind, one in results.items():
        c = counted(one)
        print(
            f"  {kind:12s} {c.tested:6d} {c.found:9d} {c.named:12d} {c.joint:6d} {c.knockoffs:10d} "
            f"{alone[kind]:13d} {verified[kind]:4d}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    parser.add_argument("--limit", type=int, default=4000, help="rows, or pairs, of each set")
    parser.add_argument("--show", type=int, default=8, help="findings to print")
    parser.add_argument("--rows", choices=("verify", "all"), default="verify", help="tested")
    parser.add_argument("--no-baselines", action="store_true", help="concepts only")
    asked = parser.parse_args()
    for name in asked.sets:
        report(name, asked.limit, asked.show, not asked.no_baselines, asked.rows)


if __name__ == "__main__":
    main()
