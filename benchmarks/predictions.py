"""What real heads use: methods against random orders, tests, planted shortcuts and slices.

On four public sets a lexicon is learned without the outcome; a logistic regression and a small
torch network are fitted on its *discover* and *name* rows. Printed are, for each head:

- methods by insertion and deletion area beyond random orders, mu-fidelity, and p-values against
  random orders and plain re-evaluation (the mean of both areas decides); their agreement; time,
  calls and vectors;
- how many concepts TCAV and bets find, and how many where there is nothing to find: bets on
  predictions that were shuffled, TCAV on codes that were shuffled;
- what the model uses, in words.

Then slices: of the real errors of the logistic regression (held out by cross-validation), of errors
after 40 % of the labels of one topic were flipped, and a token that leaks the label, by ablation.

Run: python benchmarks/predictions.py [--sets polarity tweets trec adult] [--limit 4000]
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

import semascope as sc
from bench_questions import QUESTIONS, SEED, Asked, lexicon_of
from semascope.core import generator
from semascope.explain import Prediction, bet_on_concepts, input_ablation, prediction, tcav

# Topics whose labels are flipped: a small and a large one of each set.
TOPICS = {
    "polarity": {
        "comedies": pl.col("text").str.contains(r"(?i)\bcomed(y|ies)\b"),
        "what is funny": pl.col("text").str.contains(r"(?i)(comed|laugh|funny|humor|jokes)"),
    },
    "tweets": {
        "yankees": pl.col("text").str.contains(r"(?i)\b(yankees|jeter)\b"),
        "an insult": pl.col("text").str.contains(r"(?i)\bhoes?\b"),
    },
    "trec": {
        "cities": pl.col("text").str.contains(r"(?i)\b(city|cities)\b"),
        "places": pl.col("text").str.contains(r"(?i)\b(city|state|country|capital|river)s?\b"),
    },
    "adult": {
        "women in sales": (pl.col("occupation") == "Sales") & (pl.col("sex") == "Female"),
        "clerks": pl.col("occupation") == "Adm-clerical",
    },
}
SHUFFLES = 5


def network(x: np.ndarray, y: np.ndarray, hidden: int = 32) -> Any:
    """Return a torch network with one hidden layer, fitted to classes."""
    import torch

    torch.manual_seed(SEED)
    model = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], hidden), torch.nn.ReLU(),
        torch.nn.Linear(hidden, int(y.max()) + 1), torch.nn.Softmax(dim=1),
    )  # fmt: skip
    given, truth = torch.as_tensor(x), torch.as_tensor(y)
    adam = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
    for _ in range(200):
        adam.zero_grad()
        torch.nn.functional.nll_loss(torch.log(model(given) + 1e-9), truth).backward()
        adam.step()
    return model.eval()


def report(found: Prediction, seconds: float, accuracy: float, head: str) -> None:
    asked = found.how["asked"]
    print(
        f"\n### {head}: accuracy on verify rows {accuracy:.3f}; {len(found.split)} items, "
        f"{seconds:.1f} s CPU, {asked['calls']} calls, {asked['vectors']:,} vectors; "
        f"W {found.agreement:.2f}, tau {found.agreements['tau'].min():.2f} to "
        f"{found.agreements['tau'].max():.2f}"
    )
    print("| method | insertion | deletion | mu-fidelity | p random | p re-evaluation |")
    print("| --- | --- | --- | --- | --- | --- |")
    gain = pl.col("insertion_gain") + pl.col("deletion_gain")
    for row in found.checks.sort(gain, descending=True).iter_rows(named=True):
        cells = [
            f"{row[c]:.4f} [{row[f'{c}_low']:.4f}, {row[f'{c}_high']:.4f}]"
            for c in ("insertion_gain", "deletion_gain", "mu_fidelity")
        ]
        cells += ["–" if row[c] is None else f"{row[c]:.1g}"
                  for c in ("beats_random_p", "beats_reevaluation_p")]  # fmt: skip
        print(f"| {row['method']} | {' | '.join(cells)} |")
    table = found.table
    tested, bets = table["q"].drop_nulls(), table["bet_p"].drop_nulls()
    print(
        f"\nTCAV: {(tested <= 0.05).sum()} of {len(tested)} concepts at q 0.05; bets: "
        f"{table['rejected_at'].is_not_null().sum()} of {len(bets)} reject at 0.05, "
        f"{(table['bet_q'] <= 0.05).sum()} at q 0.05"
    )
    for line in (*found.sentences, *found.notes):
        print(f"  {line}")


def nulls(lexicon: sc.Lexicon, x: np.ndarray, y: np.ndarray, way: np.ndarray) -> None:
    """Count what tests find where there is nothing to find."""
    codes = lexicon.codes.to_scipy()[:2000]
    random = generator(SEED, "nulls")
    rejected = tested = flagged = looked = any_flagged = 0
    for shuffle in range(SHUFFLES):
        bets = bet_on_concepts(random.permutation(y[:2000]), codes, seed=shuffle)
        rejected += sum(b is not None and b.rejected_at is not None for b in bets)
        tested += sum(b is not None for b in bets)
        found = tcav(way[None], x[:2000], codes[random.permutation(2000)], seed=shuffle)
        looked += int((~np.isnan(found.p)).sum())
        flagged += int((found.p <= 0.05).sum())
        any_flagged += int((found.q <= 0.05).any())
    print(
        f"\nnull: bets on shuffled predictions reject {rejected} of {tested} "
        f"({100 * rejected / max(1, tested):.1f} %, level 5 %); TCAV on shuffled codes has p to "
        f"0.05 in {flagged} of {looked} ({100 * flagged / max(1, looked):.1f} %), q to 0.05 in "
        f"{any_flagged} of {SHUFFLES} shuffles"
    )


def heads(name: str, lexicon: sc.Lexicon, asked: Asked, x: np.ndarray) -> None:
    classes, y = np.unique(asked.items[asked.y].to_numpy(), return_inverse=True)
    hit = int(np.flatnonzero(classes == asked.hit)[0])
    fit = lexicon.splits != 2
    logistic = LogisticRegression(max_iter=500).fit(x[fit], y[fit])
    torch_head = network(x[fit], y[fit])
    for kind, call in (("logistic regression", logistic.predict_proba), ("torch MLP", torch_head)):
        start = time.process_time()
        found = prediction(lexicon, call, x, target=hit, items=asked.called,
                           called=f"P({asked.hit})", seed=SEED)  # fmt: skip
        seconds = time.process_time() - start
        told = call(x[~fit]) if call is not torch_head else of_module(call, x[~fit])
        report(found, seconds, float((told.argmax(axis=1) == y[~fit]).mean()), f"{name}, {kind}")
    # Two classes have one row of coefficients.
    way = logistic.coef_[min(hit, len(logistic.coef_) - 1)]
    nulls(lexicon, x, logistic.predict_proba(x)[:, hit], way)


def of_module(module: Any, x: np.ndarray) -> np.ndarray:
    import torch

    with torch.no_grad():
        return np.asarray(module(torch.as_tensor(x)).numpy())


def slices(name: str, lexicon: sc.Lexicon, asked: Asked, x: np.ndarray) -> None:
    """Print slices of real errors, and of errors after labels of a topic were flipped."""
    truth = (asked.items[asked.y] == asked.hit).cast(pl.Int64).to_numpy()
    if asked.vectors is None:
        length = asked.items["text"].str.split(" ").list.len().alias("words")
        columns = pl.DataFrame({"words": length, "label": asked.items[asked.y]})
    else:
        columns = asked.items.drop("key")
    for topic, rows in [(None, None), *TOPICS[name].items()]:
        y, known = truth, columns
        if topic is not None:
            inside = asked.items.select(rows).to_series().to_numpy()
            y = truth ^ (inside & (generator(SEED, "flips").random(len(x)) < 0.4))
            # The true answer would give away what was flipped.
            known = columns.drop([c for c in ("label", asked.y) if c in columns.columns])
        told = cross_val_predict(LogisticRegression(max_iter=500), x, y, cv=5)
        found = sc.explain.slices(lexicon, pl.Series(y), told, columns=known, items=asked.called)
        what = "real errors" if topic is None else (
            f"40 % of the labels of {topic} ({int(inside.sum())} rows) flipped"
        )  # fmt: skip
        print(f"\n{name}, {what}: {100 * (y != told).mean():.1f} % wrong, {len(found.findings)} of "
              f"{len(found.table)} tested hold")  # fmt: skip
        for line in found.sentences[:6]:
            print(f"  {line}")


def shortcut(name: str, asked: Asked) -> None:
    """Print words that move predictions most after a token was put into nearly all hits."""
    some = asked.items.sample(1200, seed=SEED)
    hit = (some[asked.y] == asked.hit).to_numpy()
    random = generator(SEED, "token").random(len(some))
    texts = [f"{text} zephyr" if (r < 0.9) == h and (h or r > 0.95) else text
             for text, h, r in zip(some["text"], hit, random, strict=True)]  # fmt: skip
    x = np.asarray(sc.embed.texts(texts), dtype=np.float32)
    head = LogisticRegression(max_iter=500).fit(x[:1000], hit[:1000])

    def embed(some: list[str]) -> np.ndarray:
        return np.asarray(sc.embed.texts(some), dtype=np.float32)

    found = input_ablation(embed, head.predict_proba, texts[1000:])
    rows = [f"{r['word']} {r['effect']:+.3f} [{r['low']:.3f}, {r['high']:.3f}] q {r['q']:.1g}"
            for r in found.head(4).iter_rows(named=True)]  # fmt: skip
    print(f"\n{name}, a token in 90 % of {asked.hit}: {'; '.join(rows)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", choices=list(QUESTIONS), default=list(QUESTIONS))
    parser.add_argument("--limit", type=int, default=4000, help="rows of each set")
    parser.add_argument("--parts", nargs="*", default=["heads", "slices", "shortcut"])
    given = parser.parse_args()
    for name in given.sets:
        lexicon, asked, x = lexicon_of(name, given.limit)
        if "heads" in given.parts:
            heads(name, lexicon, asked, x)
        if "slices" in given.parts:
            slices(name, lexicon, asked, x)
        if "shortcut" in given.parts and "text" in asked.items.columns:
            shortcut(name, asked)


if __name__ == "__main__":
    main()
