"""The command line as people use it: every input, every way to look, the same answers as Python."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.sparse import load_npz

import semascope as sc
from semascope.cli.demo import _description
from semascope.cli.show import SORTS
from semascope.core import ArtifactError, Codes, CodeStore
from semascope.kernels.native import chosen
from semascope.vectors import VectorStore

COMMANDS = (
    *("learn", "name", "show", "edit", "log", "undo", "redo", "encode", "find", "explain", "demo"),
    *("doctor", "measure", "verify", "version", "compare", "prediction", "slices"),
)
SENTENCES = {
    "train": ("the train to {} was late", "my seat on the train to {} was taken"),
    "tea": ("a cup of warm tea in {}", "the tea we drank in {} was green"),
    "card": ("my bank card was stolen in {}", "please block the bank card I lost in {}"),
    "dog": ("a small dog barked at us in {}", "we walked the dog through {}"),
}
PLACES = ("Rome", "Oslo", "Lima", "Cairo", "Delhi", "Quito", "Perth", "Kyoto")
SMALL = ("--components", "12", "--active", "2", "--max-rows", "6000")
ROWS, DIMENSIONS = 152, 8

Cli = Callable[..., str]


def items(count: int = ROWS) -> pl.DataFrame:
    """Every sentence about every place, over and over, numbered."""
    topics = sorted(SENTENCES)
    rows = []
    for i in range(count):
        topic = topics[i % len(topics)]
        sentence = SENTENCES[topic][i // len(topics) % 2].format(PLACES[i * 7 // 3 % len(PLACES)])
        row = {"key": f"k{i:03}", "text": f"{sentence} case {i}", "topic": topic, "stars": i % 5}
        rows.append(row)
    return pl.DataFrame(rows)


def vectors(count: int = ROWS) -> np.ndarray:
    random = np.random.default_rng(4)
    centres = np.linalg.qr(random.standard_normal((DIMENSIONS, DIMENSIONS)))[0]
    found = centres[np.arange(count) % len(SENTENCES)] * random.uniform(0.8, 1.4, (count, 1))
    return (found + 0.05 * random.standard_normal(found.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lexicon from texts, made by the installed command with the encoder on board."""
    folder = tmp_path_factory.mktemp("learned")
    items().write_csv(folder / "texts.csv")
    command = [str(Path(sys.executable).with_name("semascope")), "learn", "texts.csv"]
    done = subprocess.run(
        [*command, "--text", "text", "--id", "key", *SMALL, "--seed", "3"],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder / "out.txt").write_text(done.stdout)
    (folder / "err.txt").write_text(done.stderr)
    return folder / "texts.lexicon"


@pytest.fixture(scope="module")
def lex(learned: Path) -> sc.Lexicon:
    return sc.load(learned)


# Learn -------------------------------------------------------------------------------------------


def test_learn_prints_the_best_concepts_and_what_to_do_next(learned: Path, lex: sc.Lexicon) -> None:
    printed = (learned.parent / "out.txt").read_text()
    assert f"{len(lex.concepts)} concepts in {ROWS} items" in printed
    assert "held-out FVU" in printed
    assert "mean trust" in printed
    assert "random atoms" in printed
    for command in ("semascope show texts.lexicon", 'semascope find texts.lexicon "a phrase"'):
        assert command in printed
    stages = [line.split(":")[0] for line in (learned.parent / "err.txt").read_text().splitlines()]
    assert stages == ["embed", "discover", "encode", "name", "measure", "baseline"]
    assert [p.name for p in learned.parent.glob("*lexicon*")] == ["texts.lexicon"]


def test_learn_from_texts_finds_the_topics(lex: sc.Lexicon) -> None:
    """Names come from the texts, hold on rows they were not made from, and cover each topic."""
    named = lex.concepts.filter(pl.col("status") == "named")
    assert len(named) >= 4
    whole = " ".join(lex.items["text"]).lower()
    assert all(name.lower() in whole for name in named["name"])
    activations = lex.codes.to_scipy().toarray()
    strongest = np.argsort(-activations, axis=0)[:10]
    topic_of = lex.items["topic"].to_numpy()
    pure = {topic_of[rows[0]] for rows in strongest.T if len(set(topic_of[rows])) == 1}
    assert pure == set(SENTENCES)


def test_learn_says_the_same_as_python(learned: Path, lex: sc.Lexicon) -> None:
    again = sc.learn(
        learned.parent / "texts.csv", text="text", id="key", components=12, active=2,
        max_rows=6000, seed=3, progress=False,
    )  # fmt: skip
    assert again.base.equals(lex.base)
    assert np.array_equal(again.atoms, lex.atoms)
    assert again.info["metrics"] == lex.info["metrics"]


def write_items(kind: str) -> Path:
    frame, path = items(), Path(f"texts.{kind}")
    if kind == "txt":
        path.mkdir()
        for key, text in frame.select("key", "text").iter_rows():
            (path / f"{key}.txt").write_text(text)
    elif kind in ("csv", "tsv"):
        frame.write_csv(path, separator="\t" if kind == "tsv" else ",")
    elif kind == "jsonl":
        frame.write_ndjson(path)
    elif kind == "json":
        path.write_text(json.dumps(frame.to_dicts()))
    elif kind == "parquet":
        frame.write_parquet(path)
    else:
        frame.write_ipc(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json", "parquet", "feather", "txt"])
def test_learn_reads_every_kind_of_table(cli: Cli, kind: str) -> None:
    np.save("x.npy", vectors())
    path = write_items(kind)
    options = ("--text", "text", "--vectors", "x.npy", "--no-baseline", "--quiet", *SMALL)
    ids = () if kind == "txt" else ("--id", "key")
    assert cli("learn", path, *options, *ids) == ""
    made = sc.load("texts.lexicon")
    assert made.text == "text"
    assert made.items["text"].to_list() == items()["text"].to_list()
    end = ".txt" if kind == "txt" else ""
    assert made.items[made.info["id"]].to_list() == [f"{key}{end}" for key in items()["key"]]
    assert made.concepts["name"].drop_nulls().len() > 0
    assert not Path("texts.lexicon.run").exists()


@pytest.mark.parametrize("kind", ["npy", "npz", "safetensors", "parquet"])
def test_learn_from_your_own_vectors(cli: Cli, kind: str) -> None:
    x, path = vectors(800), Path(f"own.{kind}")
    if kind == "npy":
        np.save(path, x)
    elif kind == "npz":
        np.savez(path, vectors=x)
    elif kind == "safetensors":
        sc.core.save_tensors(path, {"vectors": x})
    else:
        pl.DataFrame({"vector": x}).write_parquet(path)
    items(800).drop("text").write_parquet("items.parquet")
    cli(
        "learn", "--vectors", path, "--items", "items.parquet", "--id", "key", "--no-baseline",
        "--quiet", "--out", "own.lexicon", *SMALL,
    )  # fmt: skip
    made = sc.load("own.lexicon")
    assert made.text is None
    assert made.info["encoder"] is None
    assert np.array_equal(made.encode(x).to_scipy().toarray(), made.codes.to_scipy().toarray())
    # Without texts, concepts are named by the columns.
    names = made.concepts["name"].drop_nulls().to_list()
    assert any("topic" in name for name in names)


def test_vectors_alone(cli: Cli) -> None:
    np.save("x.npy", vectors())
    printed = cli("learn", "--vectors", "x.npy", "--no-baseline", *SMALL)
    assert f"12 concepts in {ROWS} items" in printed
    assert sc.load("x.lexicon").items.columns == ["id"]


def test_without_sizes_and_cache(cli: Cli) -> None:
    np.save("x.npy", vectors())
    cli("learn", "--vectors", "x.npy", "--max-rows", "3000", "--quiet", "--no-cache")
    assert sc.load("x.lexicon").codes.n_components > 1


def test_previous_ids_go_on(cli: Cli) -> None:
    np.save("x.npy", vectors())
    cli("learn", "--vectors", "x.npy", "--quiet", "--out", "old.lexicon", *SMALL)
    cli(
        "learn", "--vectors", "x.npy", "--quiet", "--out", "new.lexicon", *SMALL,
        "--previous", "old.lexicon",
    )  # fmt: skip
    old, new = sc.load("old.lexicon"), sc.load("new.lexicon")
    assert new.concepts["id"].to_list() == old.concepts["id"].to_list()
    assert new.info["matching"] is not None


# Show --------------------------------------------------------------------------------------------


def test_show_as_a_table(cli: Cli, learned: Path, lex: sc.Lexicon) -> None:
    printed = cli("show", learned)
    for row in lex.concepts.iter_rows(named=True):
        assert row["id"] in printed
        if row["trust"] is not None:
            assert (
                f"{row['trust']:.2f} [{row['trust_low']:.2f}, {row['trust_high']:.2f}]" in printed
            )
    assert "chance" in printed
    assert "held-out FVU" in printed
    assert "and 9 more" in cli("show", learned, "--most", "3")
    assert "more (all with" not in cli("show", learned, "--most", "0")


def test_show_as_json_csv_and_markdown(cli: Cli, learned: Path, lex: sc.Lexicon) -> None:
    expected = {row["id"]: row for row in lex.concepts.iter_rows(named=True)}
    from_json = json.loads(cli("show", learned, "--format", "json"))
    assert {row["id"] for row in from_json} == set(expected)
    for row in from_json:
        assert all(value == expected[row["id"]][key] for key, value in row.items())
    from_csv = list(csv.DictReader(io.StringIO(cli("show", learned, "--format", "csv"))))
    assert [row["id"] for row in from_csv] == [row["id"] for row in from_json]
    assert [row["name"] for row in from_csv] == [row["name"] or "" for row in from_json]
    lines = cli("show", learned, "--format", "md").splitlines()
    assert len(lines) == 2 + len(expected)
    assert [line.split("|")[1].strip() for line in lines[2:]] == [row["id"] for row in from_json]


def test_show_sorts(cli: Cli, learned: Path) -> None:
    for sort in SORTS:
        rows = json.loads(cli("show", learned, "--format", "json", "--sort", sort))
        values = [row[sort] for row in rows]
        known = [v for v in values if v is not None]
        assert values == known + [None] * (len(values) - len(known)), sort
        assert known == sorted(known, reverse=sort not in ("id", "name")), sort
    assert "did you mean 'name'" in cli("show", learned, "--sort", "nam", code=2)


def test_show_one_concept_in_full(cli: Cli, learned: Path, lex: sc.Lexicon) -> None:
    latent = int(lex.concepts["trust"].arg_max() or 0)
    row = lex.concepts.row(latent, named=True)
    printed = cli("show", learned, "--concept", row["id"])
    assert printed == cli("show", learned, "--concept", row["name"])
    assert printed.splitlines()[0] == f"{row['id']}  {row['name']}"
    trust = f"{row['trust']:.2f} [{row['trust_low']:.2f}, {row['trust_high']:.2f}]"
    assert f"{trust}  chance {row['trust_null']:.2f}" in printed
    assert f"{row['n_active']} active and {row['n_inactive']} inactive" in printed
    assert f"{100 * row['prevalence']:.2f} % of {ROWS}" in printed
    assert f"▏ {row['max_activation']:.2f}" in printed
    for section in (
        "strongest", "band 2 of 4", "band 4 of 4", "near misses", "most similar",
        "most often together",
    ):  # fmt: skip
        assert f"\n{section}" in printed
    texts = lex.items["text"]
    shown = [*row["top"][:5], *(r for band in row["bands"][1:] for r in band)]
    for number in [*shown, *row["near_misses"][:5]]:
        assert f"  {texts[number]}\n" in printed
    for other in row["similar"]:
        assert f"  {lex.concepts['id'][other]}  " in printed


def test_verdicts_are_shown(cli: Cli, learned: Path, lex: sc.Lexicon) -> None:
    printed = cli("show", learned)
    summary = next(line for line in printed.splitlines() if line.startswith("names: "))
    for verdict in ("trusted", "weak", "rejected"):
        count = int((lex.concepts["verdict"] == verdict).sum())
        assert f"{count} {verdict}" in summary
    row = lex.concepts.sort("trust", descending=True, nulls_last=True).row(0, named=True)
    assert f"verdict   {row['verdict']}" in cli("show", learned, "--concept", row["id"])
    assert f"| {row['verdict']} |" in cli("show", learned, "--format", "md")
    assert f"| {row['verdict']} |" in (learned / "README.md").read_text(encoding="utf-8")


def test_contradictions_are_shown_with_a_better_name(
    cli: Cli, learned: Path, lex: sc.Lexicon
) -> None:
    row = lex.concepts.sort("trust", descending=True, nulls_last=True).row(0, named=True)
    printed = cli("show", learned, "--concept", row["id"], "--contradictions")
    assert printed.splitlines()[0] == row["name"]
    found = json.loads(
        cli("show", learned, "--concept", row["name"], "--contradictions", "--format", "json")
    )
    assert f"says yes, concept silent ({found['n_false_positives']})" in printed
    assert f"says no, concept active ({found['n_false_negatives']})" in printed
    verify, codes = (
        lex.splits == 2,
        lex.codes.to_scipy()[:, [lex.row_of(row["id"])]].toarray()[:, 0],
    )
    assert found["n_active"] == ((codes > 0) & verify).sum()
    assert found["n_active"] + found["n_inactive"] == verify.sum()
    for kind, active in (("false_positives", False), ("false_negatives", True)):
        for miss in found[kind]:
            assert (codes[miss["row"]] > 0) == active
            assert verify[miss["row"]]
            assert miss["text"] == lex.items["text"][miss["row"]]
            assert (miss["relevance"] >= found["threshold"]) != active
    assert found["tried"] > 0


def test_contradictions_that_cannot_be_listed_are_refused(cli: Cli, learned: Path) -> None:
    assert "name it with --concept" in cli("show", learned, "--contradictions", code=2)
    assert "as table or json" in cli(
        "show", learned, "--concept", "c0", "--contradictions", "--format", "md", code=2
    )


def test_every_concept_can_be_shown(cli: Cli, learned: Path, lex: sc.Lexicon) -> None:
    for row in lex.concepts.iter_rows(named=True):
        details = json.loads(cli("show", learned, "--concept", row["id"], "--format", "json"))
        assert details["trust"] == row["trust"]
        assert details["histogram"] == row["histogram"]
        assert sum(details["histogram"]) == round(row["prevalence"] * ROWS)
        assert len(details["top"]) == len(row["top"])
        heading = cli("show", learned, "--concept", row["id"], "--format", "md").splitlines()[0]
        assert heading == f"# {row['id']}: {details['label']}"
        assert cli("show", learned, "--concept", row["id"]).startswith(row["id"])


# Encode ------------------------------------------------------------------------------------------


def test_encode_writes_what_python_returns(cli: Cli, learned: Path, lex: sc.Lexicon) -> None:
    new = items().head(30)
    new.write_csv("new.csv")
    expected = lex.encode(new["text"]).to_scipy()
    for end in ("safetensors", "npz", "parquet"):
        assert f"codes.{end}" in cli("encode", learned, "new.csv", "--out", f"codes.{end}")
    dense = expected.toarray()
    assert np.array_equal(Codes.load(Path("codes.safetensors")).to_scipy().toarray(), dense)
    assert np.array_equal(load_npz("codes.npz").toarray(), dense)
    long = pl.read_parquet("codes.parquet")
    latents = [lex.row_of(concept) for concept in long["concept"]]
    back = np.zeros_like(dense)
    back[long["row"].to_numpy(), latents] = long["activation"].to_numpy()
    assert np.array_equal(back, dense)
    assert long["name"].to_list() == [lex.concepts["name"][j] for j in latents]
    assert long["id"].to_list() == [f"row-{row}" for row in long["row"]]


def test_encode_vectors(cli: Cli, learned: Path, lex: sc.Lexicon) -> None:
    x = np.random.default_rng(1).standard_normal((20, lex.info["d"])).astype(np.float32)
    np.save("new.npy", x)
    cli("encode", learned, "new.npy")
    found = Codes.load(Path("new.codes.safetensors"))
    assert np.array_equal(found.to_scipy().toarray(), lex.encode(x).to_scipy().toarray())
    assert "exists" in cli("encode", learned, "new.npy", code=2)
    cli("encode", learned, "new.npy", "--overwrite")


def test_encode_into_a_folder(cli: Cli, learned: Path, lex: sc.Lexicon) -> None:
    new = items().head(30)
    new.write_csv("new.csv")
    printed = cli("encode", learned, "new.csv", "--out", "new.codes")
    assert "CodeStore at new.codes: 30 rows over 12 latents" in printed
    wanted = lex.encode(new["text"]).to_scipy().toarray()
    store = CodeStore("new.codes", verify=True)
    assert np.allclose(store.to_scipy().toarray(), wanted, atol=1e-5)
    assert "exists" in cli("encode", learned, "new.csv", "--out", "new.codes", code=2)
    again = cli("encode", learned, "new.csv", "--out", "new.codes", "--resume")
    assert again == f"all rows were there already: {printed}"
    new.with_columns(pl.col("text") + "!").write_csv("other.csv")
    options = ("--out", "new.codes", "--quiet")
    error = cli("encode", learned, "other.csv", *options, "--resume", code=2)
    assert "rows 0 to 29 are not those that the codes in new.codes were made from" in error
    cli("encode", learned, "other.csv", *options, "--overwrite")
    assert not np.array_equal(CodeStore("new.codes").to_scipy().toarray(), wanted)
    error = cli("encode", learned, "new.csv", "--out", "new.npz", "--resume", code=2)
    assert "use --out NAME.codes" in error


def test_encode_a_store_into_a_folder(cli: Cli, learned: Path, lex: sc.Lexicon) -> None:
    x = np.random.default_rng(1).standard_normal((20, lex.info["d"])).astype(np.float32)
    store = VectorStore.create("new.store", dimensions=x.shape[1])
    store.append(x[:7])
    store.append(x[7:])
    cli("encode", learned, "--vectors", "new.store", "--out", "new.codes", "--quiet")
    wanted = lex.encode(x).to_scipy().toarray()
    assert np.array_equal(CodeStore("new.codes").to_scipy().toarray(), wanted)


def test_muted_concepts_stay_silent_in_a_folder(learned: Path, tmp_path: Path) -> None:
    edited = sc.load(learned)
    edited.path = None
    edited.edit("mute", "c3")
    x = np.random.default_rng(1).standard_normal((50, edited.info["d"])).astype(np.float32)
    store = edited.encode_to(tmp_path / "a.codes", x, shard_rows=20)
    assert np.array_equal(store.to_scipy().toarray(), edited.encode(x).to_scipy().toarray())
    assert len(store.column(3)[0]) == 0
    assert len(sc.load(learned).encode(x).column(3)[0]) > 0
    with pytest.raises(ArtifactError, match="begun with other muted"):
        sc.load(learned).encode_to(tmp_path / "a.codes", x, shard_rows=20, resume=True)


@pytest.mark.parametrize("refine", ["none", "refit", "pursuit"])
def test_learn_keeps_how_codes_are_refined(cli: Cli, refine: str) -> None:
    np.save("x.npy", x := vectors())
    cli("learn", "--vectors", "x.npy", "--refine", refine, "--no-baseline", "--quiet", *SMALL)
    made = sc.load("x.lexicon")
    assert made.info["refine"] == made.dictionary.refine == refine
    wanted = made.dictionary.encode(x, refine=refine).to_scipy().toarray()
    assert np.array_equal(made.codes.to_scipy().toarray(), wanted)
    cli("encode", "x.lexicon", "x.npy", "--out", "new.npz")
    assert np.array_equal(load_npz("new.npz").toarray(), wanted)


def test_encode_vectors_from_a_table(cli: Cli, learned: Path, lex: sc.Lexicon) -> None:
    x = np.random.default_rng(1).standard_normal((20, lex.info["d"])).astype(np.float32)
    pl.DataFrame(x, schema=[f"v{i}" for i in range(x.shape[1])]).write_parquet("x.parquet")
    pl.DataFrame({"id": [f"n{i}" for i in range(20)]}).write_csv("ids.csv")
    cli("encode", learned, "--vectors", "x.parquet", "--out", "alone.npz")
    assert np.array_equal(load_npz("alone.npz").toarray(), lex.encode(x).to_scipy().toarray())
    ids = ("ids.csv", "--id", "id")
    cli("encode", learned, *ids, "--vectors", "x.parquet", "--out", "both.parquet")
    both = pl.read_parquet("both.parquet")
    assert both["id"].to_list() == [f"n{row}" for row in both["row"]]
    assert "give a FILE" in cli("encode", learned, code=2)
    pl.DataFrame({"id": ["a"]}).write_csv("ids.csv")
    assert "20 vectors do not fit" in cli("encode", learned, *ids, "--vectors", "x.parquet", code=2)


# Find --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", SENTENCES)
def test_find_gives_concepts_items_and_reasons(
    cli: Cli, learned: Path, lex: sc.Lexicon, topic: str
) -> None:
    phrase = SENTENCES[topic][0].format("Berlin")
    found = json.loads(cli("find", learned, phrase, "--json", "--most", "5"))
    assert 0 < len(found["concepts"]) <= 5
    assert 0 < len(found["items"]) <= 5
    topics = [lex.items["topic"][item["row"]] for item in found["items"]]
    assert topics == [topic] * len(topics)
    names = {row["id"]: lex.label(j) for j, row in enumerate(lex.concepts.to_dicts())}
    for item in found["items"]:
        assert item["because"]
        for reason in item["because"]:
            assert reason["name"] == names[reason["concept"]]
        assert sum(reason["share"] for reason in item["because"]) > 0
    printed = cli("find", learned, phrase, "--most", "5")
    assert found["concepts"][0]["concept"] in printed
    assert printed.count("because: ") == len(found["items"])


def test_find_without_an_encoder_goes_by_words(cli: Cli) -> None:
    np.save("x.npy", vectors())
    items().write_csv("texts.csv")
    options = ("--text", "text", "--vectors", "x.npy", "--no-baseline", "--quiet", *SMALL)
    cli("learn", "texts.csv", *options)
    name = sc.load("texts.lexicon").concepts["name"].drop_nulls()[0]
    found = json.loads(cli("find", "texts.lexicon", name, "--json"))
    assert name in {row["name"] for row in found["concepts"]}


# The rest ----------------------------------------------------------------------------------------


def test_version(cli: Cli) -> None:
    assert cli("version").strip() == sc.__version__


def test_doctor_tells_what_computes(cli: Cli) -> None:
    printed = cli("doctor")
    assert chosen() in printed
    assert sc.__version__ in printed
    assert "all-MiniLM-L6-v2" in printed


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(cli: Cli, command: str) -> None:
    printed = cli(command, "--help")
    assert f"semascope {command}" in printed
    assert command in cli("--help")
    assert command in cli()
    options = {"learn": "--resume", "show": "--concept", "encode": "--out", "find": "--most"}
    assert options.get(command, "--help") in printed


@pytest.mark.parametrize("module", ["semascope", "semascope.cli"])
def test_import_is_light(module: str) -> None:
    heavy = {"torch", "sentence_transformers", "transformers", "sklearn"}
    heavy |= {"polars", "scipy"} if module == "semascope" else set()
    script = f"import sys, {module}; print(sorted(set(sys.modules) & {heavy!r}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_showing_a_lexicon_needs_nothing_to_compute_with(learned: Path) -> None:
    heavy = {"torch", "sklearn", "scipy.optimize", "scipy.stats"}
    script = (
        "import atexit, sys; from semascope.cli import main; "
        f"atexit.register(lambda: print(sorted(set(sys.modules) & {heavy!r}))); main()"
    )
    asked = [sys.executable, "-c", script, "show", str(learned), "--format", "csv"]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.stdout.startswith("id,"), done.stderr
    assert done.stdout.endswith("[]\n")


def test_texts_of_the_demo_hold_no_addresses() -> None:
    def greet(key: object = object()) -> None:
        pass

    greet.__doc__ = f"Greet by {greet!r}, or by <object at 0x7F3a10>.\n\nParameters\n----------"
    assert _description(greet.__doc__).endswith("greet>, or by <object>.")
