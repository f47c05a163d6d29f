"""Functions with known descriptions, over the rows of a table and over texts.

A function is active where its description holds. What a namer sees of it is graded with noise and
can be corrupted: it then fires where it should not, and is silent where it should fire.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from naming import SEED, banking77
from semascope.core import generator
from semascope.embed import texts as embed
from semascope.lexicon import (
    ByEncoder,
    ByRule,
    Clause,
    Combined,
    Contrast,
    Junction,
    Negation,
    Rows,
    Rule,
    holds,
    join_names,
    unit,
    words,
)
from semascope.vectors import as_source

Truth = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

NUMERIC_FORMS = ("one", "and", "or", "not", "and not")
TEXT_FORMS = ("one", "or", "but not")
_SIDE = 100
# Of two clauses both must matter, else one of them would be a full description.
_ALIKE = 0.8


@dataclass(frozen=True)
class Function:
    """One function: its form, description, the descriptions of its parts, and where it is true."""

    form: str
    description: str
    parts: tuple[str, ...]
    truth: Truth


def draw(rows: Rows, active: Truth, strength: Floats, hint: Floats, *key: object) -> Contrast:
    """Draw rows as `semascope.lexicon.contrasts` does: all strengths; near-misses and others."""
    on, off = rows[active[rows]], rows[~active[rows]]
    order = on[np.argsort(-strength[on], kind="stable")]
    if len(order) > _SIDE:
        order = order[np.linspace(0, len(order) - 1, _SIDE).round().astype(int)]
    near = off[np.argsort(-hint[off], kind="stable")][: _SIDE // 2]
    rest = np.setdiff1d(off, near)
    random = generator(0, "inactive", *key)
    other = np.sort(random.choice(rest, min(len(rest), _SIDE // 2), replace=False))
    return Contrast(order, strength[order], near, other)


# Over a table -----------------------------------------------------------------------------------


def table(n: int, seed: int) -> pl.DataFrame:
    """Make orders of a shop: four columns of numbers, three of categories, one of truth values."""
    random = generator(seed, "table")
    kind = random.choice(
        ["book", "food", "garden", "music", "toy"], n, p=[0.3, 0.3, 0.15, 0.15, 0.1]
    )
    level = {"book": 2.7, "food": 2.0, "garden": 3.5, "music": 2.5, "toy": 3.0}
    price = np.exp(np.array([level[k] for k in kind]) + 0.6 * random.normal(size=n))
    age = np.clip(random.normal(42, 15, n).round(), 18, 90).astype(int)
    country = random.choice(
        ["Austria", "Brazil", "Canada", "Denmark", "Egypt", "France", "Ghana", "India"],
        n,
        p=[0.26, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05, 0.04],
    )
    return pl.DataFrame(
        {
            "age": age,
            "price": price.round(2),
            "year": random.integers(1990, 2025, n),
            "rating": random.beta(4, 2, n).round(2) * 5,
            "kind": kind,
            "country": country,
            "channel": random.choice(["phone", "shop", "web"], n, p=[0.2, 0.35, 0.45]),
            "member": random.random(n) < 0.2 + 0.006 * (age - 18),
        }
    )


def rules(items: pl.DataFrame, each: int, seed: int) -> list[Function]:
    """Draw so many different functions of each form."""
    random = generator(seed, "rules")
    out: list[Function] = []
    for form in NUMERIC_FORMS:
        drawn = 0
        while drawn < each:
            found = _rule(form, items, random)
            # No two concepts get one name, so no two functions may be nearly the same.
            if found and all(jaccard(found.truth, f.truth) <= _ALIKE for f in out):
                out.append(found)
                drawn += 1
    return out


def _rule(form: str, items: pl.DataFrame, random: np.random.Generator) -> Function | None:
    parts: list[Rule] = [_clause(items, random) for _ in range(1 if form in ("one", "not") else 2)]
    if form in ("not", "and not"):
        parts[-1] = Negation(parts[-1])
    word = "or" if form == "or" else "and"
    rule = parts[0] if len(parts) == 1 else Junction(word, tuple(parts))
    truth = holds(rule, items)
    columns = {part.rule.column if isinstance(part, Negation) else part.column for part in parts}
    if len(columns) < len(parts) or not 0.1 <= truth.mean() <= 0.6 + 0.2 * (form == "not"):
        return None
    held = [holds(part, items) for part in parts]
    if len(parts) == 2 and max(jaccard(h, truth) for h in held) > _ALIKE:
        return None
    return Function(form, str(rule), tuple(map(str, parts)) if len(parts) == 2 else (), truth)


def _clause(items: pl.DataFrame, random: np.random.Generator) -> Clause:
    column = items[str(random.choice(items.columns))]
    if column.dtype == pl.Boolean:
        return Clause(column.name, "=", (str(bool(random.random() < 0.5)).lower(),))
    if column.dtype == pl.String:
        values = sorted(column.unique().to_list())
        size = int(random.integers(1, 3))
        chosen = sorted(random.choice(values, size, replace=False).tolist())
        return Clause(column.name, "=" if size == 1 else "in", tuple(chosen))
    cut = float(column.quantile(float(random.uniform(0.15, 0.85))) or 0)
    text = f"{cut:.0f}" if column.dtype.is_integer() else f"{cut:.1f}"
    return Clause(column.name, "<" if random.random() < 0.5 else ">=", (text,))


def rule_contrasts(
    functions: Sequence[Function], items: pl.DataFrame, rows: Rows, flipped: float, seed: int
) -> list[Contrast]:
    """Draw what is seen of functions: noisy strengths, a share of all rows flipped.

    Near-misses are the silent rows for which most conditions hold, but for noise.
    """
    shares = ByRule(items, graded=True)([f.description for f in functions], np.arange(len(items)))
    out = []
    for i, function in enumerate(functions):
        random = generator(seed, "seen", i)
        strength = np.exp(0.5 * random.normal(size=len(items))).astype(np.float32)
        hint = shares[i] + 0.5 * random.random(len(items), dtype=np.float32)
        seen = function.truth ^ (random.random(len(items)) < flipped)
        # A row that corruption silenced is no nearer than other silent ones.
        lost, silent = function.truth & ~seen, ~function.truth & ~seen
        hint[lost] = random.choice(hint[silent], int(lost.sum()))
        out.append(draw(rows, seen, strength, hint, i))
    return out


def jaccard(a: Truth, b: Truth) -> float:
    """Return the share of rows in either that are in both."""
    return float((a & b).sum() / max(1, (a | b).sum()))


# Over texts -------------------------------------------------------------------------------------


def text_functions(
    texts: Sequence[str], labels: Sequence[str], counts: tuple[int, int, int], seed: int
) -> list[Function]:
    """Draw intents, pairs of intents, and intents without the texts that have some word."""
    random = generator(seed, "text functions")
    label = np.array(labels)
    named = [str(c) for c in np.unique(label) if (label == c).sum() >= 40]
    singles = random.choice(named, counts[0], replace=False).tolist()
    out = [Function("one", a, (), label == a) for a in singles]
    pairs = random.permutation(named)[: 2 * counts[1]].reshape(-1, 2).tolist()
    for a, b in pairs:
        out.append(Function("or", join_names(a, "or", b), (a, b), (label == a) | (label == b)))
    bags = [set(words(text)) for text in texts]
    for a in random.permutation(named).tolist():
        inside = label == a
        counted = Counter(w for i in np.flatnonzero(inside) for w in bags[i] if len(w) >= 4)
        some = sorted(w for w, n in counted.items() if 0.3 <= n / inside.sum() <= 0.6)
        some = [w for w in some if w not in words(a)]
        if some and sum(f.form == "but not" for f in out) < counts[2]:
            word = str(random.choice(some))
            truth = inside & np.array([word not in bag for bag in bags])
            out.append(Function("but not", join_names(a, "but not", word), (a,), truth))
    return out


def seen_texts(truth: Truth, exchanged: float, random: np.random.Generator) -> Truth:
    """Exchange a share of the active rows with others.

    A share of all rows would bury an intent, which is one text of seventy.
    """
    seen = truth.copy()
    on, off = np.flatnonzero(truth), np.flatnonzero(~truth)
    n = round(exchanged * len(on))
    seen[random.choice(on, n, replace=False)] = False
    seen[random.choice(off, n, replace=False)] = True
    return seen


@dataclass(frozen=True)
class Texts:
    """Texts and vectors, which half is looked at, and functions over them."""

    items: pl.DataFrame
    vectors: Floats
    functions: list[Function]
    name_rows: Rows
    fresh: Rows
    relevance: ByEncoder

    @property
    def descriptions(self) -> list[str]:
        return [f.description for f in self.functions]

    def combined(self, rows: Rows) -> Combined:
        return Combined(self.relevance, rows, self.items["text"])

    def seen(self, exchanged: float) -> np.ndarray:
        random = generator(SEED, "seen texts")
        return np.stack([seen_texts(f.truth, exchanged, random) for f in self.functions])

    def atoms(self, seen: np.ndarray) -> Floats:
        """Point from the silent to the active *name* rows."""
        x, on = self.vectors[self.name_rows], seen[:, self.name_rows]
        return np.stack([unit((x[a].mean(0) - x[~a].mean(0))[None])[0] for a in on])

    def contrasts(self, seen: np.ndarray, atoms: Floats, rows: Rows) -> list[Contrast]:
        """Strengths are noisy projections on the atoms."""
        along = self.vectors @ atoms.T
        noise = generator(SEED, "strength").normal(size=along.shape)
        strength = np.maximum(along + 0.05 * noise, 0.01).astype(np.float32)
        return [
            draw(rows, seen[j], strength[:, j], along[:, j], j) for j in range(len(self.functions))
        ]


def read_texts(limit: int, counts: tuple[int, int, int]) -> Texts:
    texts, labels = banking77()
    order = np.sort(generator(SEED, "limit", "functions").permutation(len(texts))[:limit])
    items = pl.DataFrame({"text": [texts[i] for i in order]})
    functions = text_functions(items["text"], [labels[i] for i in order], counts, SEED)
    vectors = unit(np.asarray(embed(items["text"])))
    half = generator(SEED, "halves").permutation(len(items))
    name_rows, fresh = np.sort(half[: len(half) // 2]), np.sort(half[len(half) // 2 :])
    relevance = ByEncoder(lambda names: embed(names), as_source(vectors))
    return Texts(items, vectors, functions, name_rows, fresh, relevance)
