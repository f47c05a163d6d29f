"""Explaining an outcome as people do it: every kind, every file, every mistake."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import semascope as sc
from semascope.cli import main
from semascope.core import InputError, split_of
from semascope.explain import Findings, compare, duplicates, outcome
from semascope.lexicon import AnyName
from semascope.pipeline import BASELINES, baseline_lexicon

N, M = 700, 24
PLANTED = 2


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    random = np.random.default_rng(5)
    return np.where(random.random((N, M)) < 0.25, random.random((N, M)) + 0.1, 0)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(6).logistic(size=N)


def explained(codes: np.ndarray, y: Any, **options: Any) -> Findings:
    return outcome(codes, y, baselines=False, fewest=10, **options)


def of_kind(kind: str, codes: np.ndarray, noise: np.ndarray) -> tuple[Any, dict[str, Any]]:
    signal = 2.0 * (codes[:, PLANTED] > 0) + noise
    random = np.random.default_rng(7)
    if kind == "binary":
        return np.where(signal > 1, "yes", "no"), {}
    if kind == "multiclass":
        return np.array(["low", "middle", "top"])[np.digitize(signal, [0, 2])], {}
    if kind == "ordinal":
        return np.digitize(signal, [-1, 0, 1]), {}
    if kind == "count":
        return random.poisson(np.exp(0.8 * (codes[:, PLANTED] > 0))), {"kind": "count"}
    if kind == "survival":
        born = random.exponential(np.where(codes[:, PLANTED] > 0, 0.4, 1.0))
        return born < 1.5, {"kind": "survival", "time": np.minimum(born, 1.5)}
    if kind == "paired":
        pairs = np.arange(N) // 2
        return signal, {"pairs": pairs}
    return signal, {}


@pytest.mark.parametrize(
    ("kind", "unit", "words"),
    [
        ("continuous", "stars", "have a stars that is"),
        ("binary", "points", "are 45 points more often stars"),
        ("multiclass", "points", "are 50 points less often stars = low"),
        ("ordinal", "points", "percentile points higher on stars"),
        ("count", "times", "times the stars"),
        ("survival", "times", "times the hazard of stars"),
        ("paired", "points", "points more often"),
    ],
)
def test_each_kind_finds_what_was_planted(
    kind: str, unit: str, words: str, codes: np.ndarray, noise: np.ndarray
) -> None:
    y, options = of_kind(kind, codes, noise)
    names = [f"word {j}" for j in range(M)]
    found = explained(codes, y, name="stars", names=names, items="reviews", **options)
    assert found.outcome.kind == kind
    first = found.table.row(0, named=True)
    assert (first["concept"], first["name"], first["unit"]) == ("c2", "word 2", unit)
    assert first["low"] < first["effect"] < first["high"]
    assert "reviews with “word 2”" in found.sentences[0]
    assert words in found.sentences[0]
    assert set(found.findings["concept"]) == {"c2"}
    assert first["stability"] > 0.9
    # What was chosen, and what was tested, are effects on different rows.
    assert first["chosen"] != first["effect"]
    assert (first["chosen"] is None) == (unit == "times")
    verify = (split_of(f"row-{i}" for i in (range(N) if kind != "paired" else np.arange(N) // 2))
              == 2).sum()  # fmt: skip
    assert first["n"] == (verify // 2 if kind == "paired" else verify)


def test_only_verify_rows_are_tested(codes: np.ndarray, noise: np.ndarray) -> None:
    """Whatever the outcome is elsewhere, effects, intervals and p-values stay as they are."""
    splits = split_of(map(str, range(N)))
    y = 2.0 * (codes[:, PLANTED] > 0) + noise
    other = np.where(splits == 2, y, np.random.default_rng(0).standard_normal(N))
    columns = ["concept", "effect", "low", "high", "p", "q", "n"]
    one, two = (explained(codes, v, splits=splits).table.select(columns) for v in (y, other))
    assert one.equals(two)


def test_fewer_tests_are_chosen_on_other_rows(codes: np.ndarray, noise: np.ndarray) -> None:
    y = 2.0 * (codes[:, PLANTED] > 0) + noise
    found = explained(codes, y, most=3)
    assert found.table["p"].is_not_null().sum() == 3
    assert found.left_out["concepts: not among those chosen on discover and name rows"] == M - 3
    assert found.table["concept"][0] == "c2"


def test_subgroups_time_weights_and_covariates(codes: np.ndarray, noise: np.ndarray) -> None:
    side = np.array(["left", "right"])[np.arange(N) % 2]
    year = np.linspace(2000, 2020, N)
    y = (codes[:, 0] > 0) * (side == "left") * 4.0 + noise + 50 * np.sin(year / 3)
    weights = np.random.default_rng(0).random(N) + 0.5
    covariates = pl.DataFrame({"side": side, "size": np.abs(noise) ** 0.5})
    found = explained(
        codes, y, by=pl.Series("side", side), time=year, weights=weights, covariates=covariates
    )
    plain = explained(codes, y)
    row = found.table.filter(concept="c0").row(0, named=True)
    assert row["by_q"] < 0.05
    assert (
        row["high"] - row["low"]
        < 0.5
        * (
            plain.table.filter(concept="c0")["high"] - plain.table.filter(concept="c0")["low"]
        ).item()
    )
    parts = found.subgroups.filter(concept="c0").sort("subgroup")["effect"].to_list()
    assert parts[0] > parts[1] + 2
    assert found.how["adjusted_for"] == ("side", "size", "time")


def test_carried_compares_with_vectors_and_words(codes: np.ndarray, noise: np.ndarray) -> None:
    y = 2.0 * (codes[:, PLANTED] > 0) + 0.5 * noise
    texts = ["good" if v > 0 else "bad" for v in codes[:, PLANTED]]
    found = outcome(codes, y, names=[f"n{j}" for j in range(M)], vectors=codes @ np.eye(M),
                    texts=texts, fewest=10)  # fmt: skip
    table = {row["features"]: row for row in found.carried.iter_rows(named=True)}
    assert {"named concepts", "raw embedding", "PCA", "random atoms", "bag of words",
            "NMF topics", "LDA topics"} == set(table)  # fmt: skip
    assert table["raw embedding"]["kept"] == 1
    assert table["bag of words"]["value"] > 0.4
    assert table["named concepts"]["low"] > 0.2
    assert all(row["low"] <= row["value"] <= row["high"] for row in table.values())


def test_covariates_stand_beside_the_concepts(codes: np.ndarray, noise: np.ndarray) -> None:
    year = pl.Series("year", np.linspace(2000, 2020, N))
    y = 2.0 * (codes[:, PLANTED] > 0) + noise + 5 * np.sin(year.to_numpy())
    found = outcome(codes, y, names=[f"n{j}" for j in range(M)], time=year, fewest=10)
    value = dict(found.carried.select("features", "value").iter_rows())
    assert set(value) == {"named concepts", "covariates", "covariates and named concepts"}
    assert value["covariates and named concepts"] > max(value["covariates"], 0.1)


def test_classes_have_a_dose_and_survival_weights(codes: np.ndarray, noise: np.ndarray) -> None:
    strong = np.digitize(4 * codes[:, PLANTED] + 0.3 * noise, [1, 3])
    found = explained(codes, np.array(["low", "middle", "high"])[strong],
                      splits=np.arange(N) % 2 * 2)  # fmt: skip
    shape = {row["level"]: row["shape"] for row in found.findings.iter_rows(named=True)}
    assert shape["high"] == "rises"
    y, options = of_kind("survival", codes, noise)
    weights = np.random.default_rng(1).random(N)
    first, scaled, equal = (
        explained(codes, y, weights=w, **options).table.filter(concept="c2").row(0, named=True)
        for w in (weights, 3 * weights, np.ones(N))
    )
    assert first["effect"] == pytest.approx(scaled["effect"]) != equal["effect"]
    assert first["p"] == pytest.approx(scaled["p"])


def test_missing_outcomes_are_refused_or_counted(codes: np.ndarray, noise: np.ndarray) -> None:
    y = noise.copy()
    y[[3, 5]] = np.nan
    with pytest.raises(InputError, match="missing in 2 of 700 rows, first at row 3"):
        explained(codes, y)
    assert explained(codes, y, missing="drop").left_out["rows without an outcome"] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"y": np.ones(N)}, "is 1 in all 700 rows"),
        ({"y": ["yes"] * N}, "is 'yes' in all 700 rows"),
        ({"y": np.full(N, np.nan)}, "missing in all 700 rows"),
        ({"y": np.arange(5.0)}, "has 5 rows, the codes 700"),
        ({"y": "stars"}, "pass values, since there is no table"),
        ({"kind": "numeric"}, "no kind of outcome is called 'numeric'"),
        ({"kind": "binary"}, "a binary outcome has two values; 'outcome' has 700"),
        ({"kind": "count"}, "whole numbers from 0 on"),
        ({"kind": "paired"}, "go together"),
        ({"kind": "survival", "y": np.arange(N) % 2}, "pass time="),
        ({"groups": np.arange(N)}, "each of the 700 rows is a group by itself"),
        ({"groups": np.arange(N) % 3}, "fall into 3 groups"),
        ({"weights": np.full(N, -1.0)}, "weights must be 0 or more; they are -1 at row 0"),
        ({"covariates": np.ones(N)}, "'covariate' is 1.0 in all"),
        ({"covariates": np.ones((3, 2))}, "covariates have 3 values for 700 rows"),
        (
            {"covariates": pl.DataFrame({"a": np.arange(N), "b": 2.0 * np.arange(N) + 1})},
            "covariate 'b' is collinear: what it says follows from a",
        ),
        (
            {"covariates": pl.DataFrame({"a": [None, *range(N - 1)]}),
             "splits": np.r_[2, np.arange(N - 1) % 3]},
            "column 'a' is missing in 1 rows, first at row 0",
        ),
        ({"pairs": np.arange(N) // 3}, "a pair has two rows"),
        ({"splits": np.zeros(N)}, "0 verify rows"),
        ({"splits": np.ones(3)}, "for each of 700 rows"),
        ({"level": 1.5}, "level must lie between 0 and 1"),
        ({"fewest": 300}, "no concept has 300 active"),
        ({"names": ["a"]}, "1 names do not fit 24 concepts"),
        ({"missing": "ignore"}, "missing must be"),
        ({"by": np.ones(N)}, "has one value in the rows tested"),
    ],
)  # fmt: skip
def test_bad_input_is_named(
    options: dict[str, Any], said: str, codes: np.ndarray, noise: np.ndarray
) -> None:
    options = {"fewest": 10, "baselines": False} | options
    y = options.pop("y", noise)
    with pytest.raises(InputError, match=said):
        outcome(codes, y, **options)


def test_more_concepts_than_rows_are_tested_all_the_same(noise: np.ndarray) -> None:
    random = np.random.default_rng(0)
    wide = (random.random((200, 300)) < 0.5).astype(float)
    found = explained(wide, 3 * wide[:, 7] + noise[:200])
    assert found.table["concept"][0] == "c7"
    assert found.table["knockoff"].sum() == 0


def test_findings_are_saved_whole(codes: np.ndarray, noise: np.ndarray, tmp_path: Path) -> None:
    found = explained(codes, 2.0 * (codes[:, PLANTED] > 0) + noise)
    found.save("out")
    assert sorted(p.name for p in Path("out").iterdir()) == [
        "findings.parquet", "how.json", "sentences.txt"
    ]  # fmt: skip
    assert pl.read_parquet("out/findings.parquet").equals(found.table)
    assert Path("out/sentences.txt").read_text("utf-8").splitlines() == found.sentences
    assert json.loads(Path("out/how.json").read_text())["options"]["seed"] == 0
    for name in ("t.csv", "t.parquet", "t.json", "t.txt"):
        found.save(name)
        with pytest.raises(InputError, match="exists"):
            found.save(name)
    assert json.loads(Path("t.json").read_text("utf-8"))["sentences"] == found.sentences
    with pytest.raises(InputError, match=r"cannot write '.xlsx'"):
        found.save("t.xlsx")
    figure = found.plot(most=5)
    assert len(figure.axes[0].get_yticks()) == 5
    assert repr(found).splitlines()[1].strip() == found.sentences[0]


# A lexicon -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs of texts; those about tea win."""
    random = np.random.default_rng(2)
    topics = {"tea": "a warm cup of tea", "train": "the late train home", "dog": "a barking dog"}
    rows = []
    for i in range(700):
        for side in "ab":
            topic = list(topics)[random.integers(3)]
            text = f"{topics[topic]} number {random.integers(1000)} {i}{side}"
            rows.append({"key": f"{i}{side}", "pair": i, "text": text, "topic": topic})
    items = pl.DataFrame(rows)
    liking = (items["topic"] == "tea").to_numpy() + 0.5 * random.standard_normal(len(items))
    items = items.with_columns(liking=liking, won=liking > np.roll(liking, -1))
    two = liking.reshape(-1, 2)
    items = items.with_columns(won=pl.Series((two == two.max(axis=1, keepdims=True)).ravel()))
    # A model of who won that guesses where the text is about trains.
    fails = (items["topic"] == "train").to_numpy() & (np.arange(len(items)) % 5 < 2)
    items = items.with_columns(told=pl.Series(items["won"].to_numpy() ^ fails))
    path = tmp_path_factory.mktemp("explained") / "pairs.lexicon"
    vectors = np.zeros((len(items), 6), dtype=np.float32)
    for j, topic in enumerate(topics):
        vectors[:, j] = (items["topic"] == topic).to_numpy()
    vectors += 0.1 * random.standard_normal(vectors.shape).astype(np.float32)
    sc.learn(items, text="text", id="key", vectors=vectors, together="pair",
             leave_out=["won", "liking", "pair", "topic", "told"], components=6, active=1,
             baseline=False, max_rows=20_000, out=path, progress=False)  # fmt: skip
    return path


def test_pairs_stay_together_and_outcomes_are_no_names(learned: Path) -> None:
    lex = sc.load(learned)
    assert (lex.splits.reshape(-1, 2)[:, 0] == lex.splits.reshape(-1, 2)[:, 1]).all()
    assert not any(
        column in (name or "") for name in lex.concepts["name"] for column in ("won", "liking")
    )
    assert lex.info["together"] == "pair"


def test_the_name_is_tested_as_well_as_the_latent(learned: Path) -> None:
    found = outcome(sc.load(learned), "won", pairs="pair", items="texts")
    best = found.findings.row(0, named=True)
    named = found.findings.filter(pl.col("name_effect").is_not_null()).row(0, named=True)
    assert best["effect"] > 20
    assert named["name_low"] > 10
    assert "by the words alone" in found.said(named)
    alone = found.carried.filter(features="names alone").row(0, named=True)
    assert alone["low"] > 0.5
    assert 0 < len(found.verified) <= len(found.findings)
    assert (found.verified["both_p"] >= found.verified["p"]).all()
    assert f"{len(found.verified)} of them by the name alone as well" in repr(found)


def test_directions_that_nobody_learned_are_explained_alike() -> None:
    x = np.random.default_rng(4).standard_normal((600, 6)).astype(np.float32)
    items = pl.DataFrame({"side": np.where(x[:, 0] > 0.5, "left", "right"), "liking": x[:, 0]})
    lex = sc.learn(items, vectors=x, components=8, active=2, leave_out=["liking"],
                   baseline=False, progress=False)  # fmt: skip
    shares = [0.3, 0.2, 0.1]
    for kind in BASELINES:
        other = baseline_lexicon(lex, kind, shares, vectors=x)
        assert other.concepts["prevalence"].to_numpy() == pytest.approx(shares, abs=0.05)
        assert (other.splits == lex.splits).all()
        found = outcome(other, "liking", vectors=x, baselines=False, fewest=5)
        assert found.table["p"].null_count() < 3
    with pytest.raises(InputError, match="no baseline 'noise'; baselines: random atoms"):
        baseline_lexicon(lex, "noise", shares, vectors=x)
    with pytest.raises(InputError, match="above 0 and below 1"):
        baseline_lexicon(lex, "PCA axes", [0.0], vectors=x)
    with pytest.raises(InputError, match="pass vectors="):
        baseline_lexicon(lex, "PCA axes", shares)


def test_a_name_that_states_the_outcome_is_not_tested(learned: Path) -> None:
    lex = sc.load(learned)
    best = outcome(lex, "liking", baselines=False).findings["concept"][0]
    lex.path = None
    lex.edit("rename", best, "liking > 0.5")
    from semascope.pipeline.edits import measure_edits

    measure_edits(lex)
    found = outcome(lex, "liking", baselines=False)
    assert found.left_out["names that state the outcome"] == 1
    assert found.table.filter(concept=best)["name_effect"].to_list() == [None]


def test_a_torn_pair_is_no_pair(learned: Path) -> None:
    lex = sc.load(learned)
    lex.splits = np.arange(len(lex.items)).astype(np.uint8) % 2 * 2
    with pytest.raises(InputError, match="together="):
        outcome(lex, "won", pairs="pair", baselines=False)


def test_the_command_line_says_the_same(
    learned: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> str:
        line = ["semascope", "explain", str(learned), "--no-baselines", *arguments]
        monkeypatch.setattr(sys, "argv", line)
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return out if not stop.value.code else err

    found = outcome(sc.load(learned), "won", pairs="pair", items="texts", baselines=False)
    asked = ("--outcome", "won", "--pairs", "pair", "--items", "texts")
    data = json.loads(run(*asked, "--json"))
    assert data["sentences"] == found.sentences
    assert len(data["table"]) == len(found.table)
    printed = run(*asked, "--out", "found", "--plot", "forest.png")
    assert found.sentences[0].split(" [")[0] in printed
    assert Path("found/findings.parquet").is_file()
    assert Path("forest.png").stat().st_size > 1000
    assert "no column 'wom'" in run("--outcome", "wom")
    assert "did you mean 'won'" in run("--outcome", "wom")
    # What cannot be written is refused before the work, so also before this mistake.
    for files, said in (
        (("--plot", "a.docx"), "--plot writes .png, .svg, .pdf; got 'a.docx'"),
        (("--plot", "nowhere/a.png"), "nowhere"),
        (("--out", "a.docx"), "cannot write '.docx'"),
        (("--out", "found"), "found exists"),
    ):
        assert said in run("--outcome", "wom", *files)


def run(monkeypatch: Any, capsys: Any, *arguments: object) -> str:
    monkeypatch.setattr(sys, "argv", ["semascope", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    out, err = capsys.readouterr()
    return out if not stop.value.code else err


def test_slices_on_the_command_line(learned: Path, monkeypatch: Any, capsys: Any) -> None:
    asked = ("slices", learned, "--true", "won", "--pred", "told", "--items", "texts")
    found = sc.explain.slices(sc.load(learned), "won", "told", items="texts")
    data = json.loads(run(monkeypatch, capsys, *asked, "--json"))
    assert data["sentences"] == found.sentences
    # The topic says it in one part, so nothing longer is needed.
    topic = run(
        monkeypatch,
        capsys,
        *asked,
        "--column",
        "topic",
        "--out",
        "slices.csv",
        "--plot",
        "slices.png",
    )
    assert "higher for texts where topic = train" in " ".join(topic.split())
    assert len(pl.read_csv("slices.csv")) > 0
    assert Path("slices.png").stat().st_size > 2000
    alone = json.loads(run(monkeypatch, capsys, *asked, "--concepts-only", "--json"))
    assert alone["sentences"]
    assert {row["rule"] for row in alone["table"]} == {None}
    said = run(monkeypatch, capsys, *asked, "--column", "tobic")
    assert "no column 'tobic'" in said
    assert "exclude" in run(monkeypatch, capsys, *asked, "--column", "topic", "--concepts-only")
    with pytest.raises(InputError, match="'told' is what slices are to tell"):
        sc.explain.slices(sc.load(learned), "won", "told", columns=["told"])


def test_two_sets_on_the_command_line(learned: Path, monkeypatch: Any, capsys: Any) -> None:
    lex = sc.load(learned)
    tea = (lex.items["topic"] == "tea").to_numpy()
    found = compare(tea, ~tea, lexicon=lex, called=("topic = tea", "the others"))
    by = ("compare", learned, "--by", "topic", "--a", "tea")
    data = json.loads(run(monkeypatch, capsys, *by, "--json"))
    assert data["sentences"] == found.sentences != []
    printed = run(monkeypatch, capsys, *by, "--out", "tea", "--plot", "tea.png")
    assert "differ between topic = tea and the others" in printed
    assert Path("tea/findings.parquet").is_file()
    assert Path("tea.png").stat().st_size > 1000
    vectors = np.eye(6, dtype=np.float32)
    np.save("a.npy", vectors[np.arange(100) % 2])
    np.save("b.npy", vectors[1 + np.arange(100) % 2])
    files = json.loads(run(monkeypatch, capsys, "compare", learned, "a.npy", "b.npy", "--json"))
    assert files["how"]["sets"] == {"a.npy": 100, "b.npy": 100}
    assert any("more frequent in a.npy" in line for line in files["sentences"])
    for wrong, said in (
        (("compare", learned), "two files A and B, or --by"),
        (("compare", learned, "a.npy"), "two files A and B, or --by"),
        (("compare", learned, "--by", "topic"), "has 3 values; say with --a"),
        ((*by[:-1], "teas"), "has no value 'teas'"),
        (("compare", learned, "--by", "topik"), "no column 'topik'"),
        (("compare", learned, "a.npy", "b.npy", "--a", "tea"), "values of --by"),
    ):
        assert said in run(monkeypatch, capsys, *wrong)


# Two sets ------------------------------------------------------------------------------------


def two_sets() -> tuple[np.ndarray, np.ndarray]:
    """More of the first concept in a, the second one stronger in b, the others alike."""
    random = np.random.default_rng(8)
    a, b = ((random.random((400, 10)) < 0.3) * (1 + random.random((400, 10))) for _ in range(2))
    a[:, 0] = random.random(400) < 0.6
    b[:, 1] *= 1.6
    return a, b


def test_two_sets_differ_where_it_was_planted() -> None:
    a, b = two_sets()
    names = [f"word {j}" for j in range(10)]
    found = compare(a, b, names=names, called=("live", "train"))
    assert set(found.findings["name"]) == {"word 0", "word 1"}
    first = found.table.filter(name="word 0").row(0, named=True)
    assert first["effect"] == pytest.approx(100 * (first["a"] - first["b"]))
    assert first["low"] < 30 < first["high"]
    second = found.table.filter(name="word 1").row(0, named=True)
    assert second["q"] > 0.05
    assert second["strength_high"] < 0
    assert any(
        s.startswith("“word 0” is 3") and "more frequent in live" in s for s in found.sentences
    )
    turned = compare(b, a, names=names).table.filter(name="word 0").row(0, named=True)
    assert turned["effect"] == pytest.approx(-first["effect"])
    found.save("drift")
    assert pl.read_parquet("drift/findings.parquet").equals(found.table)
    assert len(found.plot().axes) == 1


def test_items_of_one_group_count_together() -> None:
    """What one author repeats is no difference between two sets of authors."""
    random = np.random.default_rng(9)
    authors = np.repeat(np.arange(24), 25)
    shown = (random.random((24, 30)) < 0.4)[authors].astype(float)
    groups = authors[:300], authors[300:]
    alone = compare(shown[:300], shown[300:])
    together = compare(shown[:300], shown[300:], groups=groups)
    assert len(alone.findings) > 10
    assert len(together.findings) == 0


def test_rows_of_a_lexicon_are_compared_where_nothing_was_fitted(learned: Path) -> None:
    lex = sc.load(learned)
    tea = (lex.items["topic"] == "tea").to_numpy()
    found = compare(tea, ~tea, lexicon=lex, called=("tea", "the rest"))
    assert found.table["n_a"][0] == (tea & (lex.splits == 2)).sum()
    assert found.table["effect"].max() > 60
    numbers = np.arange(len(lex.items)) // 3
    options = {"lexicon": lex, "called": ("tea", "the rest")}
    by_all = compare(tea, ~tea, groups=(numbers, numbers), **options)
    assert by_all.table.equals(
        compare(tea, ~tea, groups=(numbers[tea], numbers[~tea]), **options).table
    )
    with pytest.raises(InputError, match="tea holds a row twice"):
        compare([1, 1, 2], ~tea, **options)
    with pytest.raises(InputError, match=r"rows are in tea and in the rest, first"):
        compare(tea, np.arange(len(tea)), **options)
    with pytest.raises(InputError, match="a lexicon is no set of items"):
        compare(lex, lex)
    with pytest.raises(InputError, match="mask of tea has 3 values"):
        compare(tea[:3], ~tea, lexicon=lex, called=("tea", "the rest"))


def test_near_duplicates_between_the_splits_of_a_lexicon(learned: Path) -> None:
    lex = sc.load(learned)
    x = np.random.default_rng(2).standard_normal((len(lex.items), 6))
    first, last = np.flatnonzero(lex.splits == 0)[0], np.flatnonzero(lex.splits == 2)[0]
    options = {"vectors": x, "sets": "split", "similarity": 0.9999999}
    apart = duplicates(lex, **options)
    assert apart.sentences == [f"none of {len(x):,} items has a near-duplicate"]
    x[last] = x[first]
    assert "1 of" in duplicates(lex, **options).sentences[-1]
    x[last] = 1
    x[np.flatnonzero(lex.splits == 0)[1]] = x[first]
    within = duplicates(lex, **options)
    assert within.sentences[-1] == "no near-duplicates lie in two sets"


def test_sets_that_do_not_fit_are_refused() -> None:
    a, b = two_sets()
    with pytest.raises(InputError, match="A has 10 concepts, B 9"):
        compare(a, b[:, :9])
    with pytest.raises(InputError, match="two items of either set"):
        compare(a, b[:1])
    with pytest.raises(InputError, match="groups must have a value for each item"):
        compare(a, b, groups=(np.arange(3), np.arange(400)))


# Learning for it -----------------------------------------------------------------------------


def test_columns_that_are_not_there_are_named() -> None:
    items = pl.DataFrame({"id": [str(i) for i in range(60)], "pair": [None, *range(59)]})
    vectors = np.random.default_rng(0).standard_normal((60, 4))
    with pytest.raises(InputError, match=r"no column 'pairs'.*did you mean 'pair'"):
        sc.learn(items, id="id", vectors=vectors, together="pairs", progress=False)
    with pytest.raises(InputError, match="no column 'won'"):
        sc.learn(items, id="id", vectors=vectors, leave_out=["won"], progress=False)
    with pytest.raises(InputError, match="missing at row 0"):
        sc.learn(items, id="id", vectors=vectors, together="pair", progress=False)


def test_a_rule_that_begins_like_a_value_is_scored_as_a_rule(learned: Path) -> None:
    lex = sc.load(learned)
    rule = "topic = tea and liking > 0.5"
    lex.base = lex.base.with_columns(
        name=pl.lit(rule), name_kind=pl.lit("rule"), threshold=pl.lit(1.0)
    )
    scores = AnyName.of(lex, None, np.zeros(0, dtype=np.int64))([rule], np.arange(len(lex.items)))
    wanted = (lex.items["topic"] == "tea") & (lex.items["liking"] > 0.5)
    assert scores[0].tolist() == wanted.cast(pl.Float32).to_list()
