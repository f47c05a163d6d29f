"""Tables of items: every way in, and every bad input with the one line it gets."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semascope.core.errors import InputError
from semascope.vectors.tables import Items, items_from, read_items

TEXT_KINDS = ["csv", "tsv", "jsonl", "ndjson", "json"]
BINARY_KINDS = ["parquet", "pq", "arrow", "feather", "ipc"]
SOUPS = pl.DataFrame({"key": ["a", "b"], "review": ["good soup", "cold soup"], "stars": [5, 1]})


def write(frame: pl.DataFrame, path: Path) -> Path:
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind in ("csv", "tsv"):
        content = frame.write_csv(separator="," if kind == "csv" else "\t").encode()
    elif kind in ("jsonl", "ndjson"):
        content = frame.write_ndjson().encode()
    elif kind == "json":
        content = frame.write_json().encode()
    else:
        frame.write_parquet(path) if kind in ("parquet", "pq") else frame.write_ipc(path)
        return path
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def texts(items: Items) -> list[str]:
    assert items.text is not None
    return items.frame[items.text].to_list()


def refused(make: Any, *parts: str) -> None:
    """Check that `make` fails with one line that holds each of `parts`."""
    with pytest.raises(InputError) as caught:
        make()
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("name", [*TEXT_KINDS, *BINARY_KINDS, *(f"{k}.gz" for k in TEXT_KINDS)])
def test_every_kind_of_file_gives_the_same_table(tmp_path: Path, name: str) -> None:
    path = write(SOUPS, tmp_path / f"soups.{name}")
    items = read_items(path, text="review", id="key")
    assert items.frame.equals(SOUPS)
    assert (items.text, items.id, items.skipped) == ("review", "key", {})
    assert items.source == str(path)


def test_extensions_may_be_upper_case(tmp_path: Path) -> None:
    assert texts(read_items(file(tmp_path, "A.CSV", "text\nhi\n"))) == ["hi"]


def test_an_arrow_stream_is_read_like_an_arrow_file(tmp_path: Path) -> None:
    SOUPS.write_ipc_stream(tmp_path / "soups.arrow")
    assert read_items(tmp_path / "soups.arrow", text="review").frame["stars"].to_list() == [5, 1]


def test_a_path_with_pattern_characters_is_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "day=1"
    folder.mkdir()
    path = write(SOUPS, folder / "soups[1]*.parquet")
    assert read_items(path, text="review").frame.columns == ["id", *SOUPS.columns]


# Surrogates are no characters; NUL cannot be told from UTF-16. The letter in front keeps a column
# of digits from being numbers.
CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NASTY = st.sampled_from(
    ['"', '""', ',"', "\n", "\r\n", "\r", ";", "\t", "a,b", "é\u2028漢", "\ufeff", "🙂", "'", "\\n"]
)
# every example writes its file anew, so one folder serves them all
FIXTURE = [HealthCheck.function_scoped_fixture]
TEXTS = st.lists(st.one_of(CELL, NASTY).map(lambda cell: f"t{cell}"), min_size=1, max_size=8)


@pytest.mark.parametrize("kind", [*TEXT_KINDS, *BINARY_KINDS, "csv.gz"])
@given(rows=TEXTS)
@settings(deadline=None, max_examples=40, suppress_health_check=FIXTURE)
def test_texts_survive_the_way_through_a_file(tmp_path: Path, kind: str, rows: list[str]) -> None:
    frame = pl.DataFrame({"n": range(len(rows)), "text": rows, "note": rows[::-1]})
    path = write(frame, tmp_path / f"cells.{kind}")
    assert read_items(path, text="text").frame.drop("id").equals(frame)


@given(rows=TEXTS, mark=st.sampled_from(",;|"))
@settings(deadline=None, max_examples=40, suppress_health_check=FIXTURE)
def test_texts_survive_with_gaps_in_the_last_column(
    tmp_path: Path, rows: list[str], mark: str
) -> None:
    frame = pl.DataFrame({"text": rows, "note": [None] * len(rows)}, schema_overrides={"note": str})
    path = file(tmp_path, "gaps.csv", frame.write_csv(separator=mark))
    assert texts(read_items(path, text="text")) == rows


# Delimited text


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["soups.csv", "soups.tsv"])
def test_the_delimiter_is_found_out(tmp_path: Path, name: str, mark: str) -> None:
    path = file(tmp_path, name, SOUPS.write_csv(separator=mark))
    assert read_items(path, text="review", id="key").frame.equals(SOUPS)


def test_other_delimiters_in_the_cells_do_not_mislead(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "text;price\nso, so;1,5\nmilk, bread, ham;2,5\n")
    assert read_items(path).frame["price"].to_list() == ["1,5", "2,5"]
    path = file(tmp_path, "b.csv", "text\nyes; no; maybe\nyes | no\n")
    assert texts(read_items(path)) == ["yes; no; maybe", "yes | no"]


def test_a_column_that_was_asked_for_decides_the_delimiter(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "id;long, text;n\n1;a, b;2\n2;c, d;3\n")
    assert texts(read_items(path, text="long, text")) == ["a, b", "c, d"]
    path = file(tmp_path, "b.csv", "yes;no\nwell\nso\n")
    assert texts(read_items(path, text="yes;no")) == ["well", "so"]


def test_a_delimiter_that_does_not_fit_every_row_is_named_with_the_row(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "text;n\ngood;1\nnot; so good;2\n")
    for text in (None, "text", "txet"):
        refused(lambda text=text: read_items(path, text=text), "line 3", "3 cells", "2", "';'")


@pytest.mark.parametrize(
    ("row", "cells"), [("cold soup", 1), ("cold soup,1,2", 3), ('"cold\nsoup",1,2', 3)]
)
def test_ragged_rows_are_named_by_line(tmp_path: Path, row: str, cells: int) -> None:
    path = file(tmp_path, "a.csv", f'text,n\n"good\nsoup",5\n{row}\nwarm,3\n')
    refused(
        lambda: read_items(path, text="text"),
        f"line 4 of {path} has {cells} cells and the header has 2",
        "needs quotes around it",
    )


def test_one_delimiter_too_many_at_the_very_end_is_a_ragged_row(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "text,n\ngood,5\ncold,1,")
    refused(lambda: read_items(path), "line 3", "3 cells and the header has 2")


@pytest.mark.parametrize("bad", ['"cold soup,1', '"cold" soup,1'])
def test_quotes_that_do_not_close_are_named_by_line(tmp_path: Path, bad: str) -> None:
    path = file(tmp_path, "a.csv", f"text,n\nwarm,2\n{bad}\ngood soup,5\n")
    refused(lambda: read_items(path), "line 3 of", "quote that is not closed or not doubled")


def test_stray_quotes_inside_a_cell_are_kept(tmp_path: Path) -> None:
    # polars alone joins these two rows into one without a word
    rows = 'p,5" disk,\n,y","two\nlines"\nq,a"b"c,1\n'
    items = read_items(file(tmp_path, "a.csv", f"n,text,note\n{rows}"), text="text")
    assert texts(items) == ['5" disk', 'y"', 'a"b"c']
    assert items.frame["note"].to_list() == [None, "two\nlines", "1"]


def test_blank_lines_of_a_csv_are_no_rows(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "\n\ntext,n\ngood,1\n\ncold,\n\n\n")
    items = read_items(path, text="text")
    assert items.frame.rows() == [("row-0", "good", 1), ("row-1", "cold", None)]
    assert items.skipped == {}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(tmp_path: Path, end: str) -> None:
    path = file(tmp_path, "a.csv", end.join(["text,n", "good,1", "cold,2"]) + end)
    assert read_items(path, text="text").frame["n"].to_list() == [1, 2]


def test_long_cells_are_read(tmp_path: Path) -> None:
    long = "soup " * 300_000
    path = file(tmp_path, "a.csv", f'text,n\n"{long}",\nb"c,2\n')
    assert texts(read_items(path, text="text")) == [long, 'b"c']


def test_types_come_from_the_whole_column(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "text,n\n" + "a,1\n" * 2000 + "b,x\n")
    assert read_items(path).frame["n"].dtype == pl.String


def test_an_asked_column_must_not_be_there_twice(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "text,text\na,b\n")
    refused(lambda: read_items(path, text="text"), "more than one column 'text'", "rename")


# JSON


def test_a_bad_json_line_is_named(tmp_path: Path) -> None:
    lines = ['{"text": "a"}', "", '{"text": "b"', '{"text": "c"}']
    path = file(tmp_path, "a.jsonl", "\n".join(lines))
    refused(lambda: read_items(path), f"line 3 of {path} is not valid JSON", "column 13")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("[1, 2]", "line 2 of"),
        ("[1, 2]", "holds a list; it must hold an object"),
        ('"b"', 'holds "b"; it must hold an object'),
        ("17", "holds 17;"),
        ("null", "holds null;"),
        ('{"n": NaN}', "line 2 of"),
        ('{"n": NaN}', "NaN is no JSON value, write null"),
        ('{"text": "cut \\ud83d"}', "line 2 of"),
        ('{"text": "cut \\ud83d"}', "half of a surrogate pair"),
    ],
)
def test_json_lines_that_are_no_objects_are_named(tmp_path: Path, line: str, part: str) -> None:
    path = file(tmp_path, "a.jsonl", f'{{"text": "a"}}\n{line}\n')
    refused(lambda: read_items(path), part)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ('{"data": [{"text": "a"}]}', ["holds an object with data; it must hold a list"]),
        ('"a"', ['holds "a"; it must hold a list of objects']),
        ('[{"text": "a"}, "b"]', ["row 1 (counted from 0)", 'holds "b"']),
        ('[\n{"text": "a"},\n{"text": ]', ["line 3 of", "is not valid JSON", "column 10"]),
        ('[\n{"text": "a"},\n{"text": "\\ude42"}]', ["line 3 of", "half of a surrogate pair"]),
        ('[{"a": "x"}, {"a": {"b": 1}}]', ["cannot be read as JSON"]),
        ("{", ["line 1 of", "is not valid JSON"]),
        ("[]", ["has no rows"]),
    ],
)
def test_bad_json_says_what_and_where(tmp_path: Path, content: str, parts: list[str]) -> None:
    path = file(tmp_path, "a.json", content)
    refused(lambda: read_items(path), str(path), *parts)


def test_json_lines_may_be_called_json(tmp_path: Path) -> None:
    path = file(tmp_path, "a.json", '{"text": "a"}\n{"text": "b"}\n')
    assert texts(read_items(path)) == ["a", "b"]


@pytest.mark.parametrize("kind", ["json", "jsonl"])
def test_nested_values_and_escapes_are_kept(tmp_path: Path, kind: str) -> None:
    rows = [
        {"text": "🙂 a", "tags": ["x", "y"], "by": {"name": "Ann", "age": 3}},
        {"text": "\\ud83d is an escape", "tags": [], "by": None},
    ]
    lines = [json.dumps(row) for row in rows]
    content = "\n".join(lines) if kind == "jsonl" else f"[{','.join(lines)}]"
    frame = read_items(file(tmp_path, f"a.{kind}", content)).frame
    assert frame.drop("id").to_dicts() == rows


def test_a_key_that_only_a_late_line_has_is_a_column(tmp_path: Path) -> None:
    path = file(tmp_path, "a.jsonl", '{"text": "a"}\n' * 2000 + '{"text": "b", "late": 1}\n')
    assert read_items(path).frame["late"].null_count() == 2000


# Files


def test_a_missing_file_gets_a_hint(tmp_path: Path) -> None:
    write(SOUPS, tmp_path / "soups.csv")
    refused(lambda: read_items(tmp_path / "soup.csv"), "no file", "did you mean 'soups.csv'?")
    refused(lambda: read_items(tmp_path / "no" / "soup.csv"), "there is no folder")
    refused(lambda: read_items(tmp_path / ("x" * 300)), "no file")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("a.xlsx", "save the sheet as CSV"),
        ("a.txt", "a folder of .txt files"),
        ("a.jsnl", "did you mean '.jsonl'?"),
        ("a", "has no extension"),
        ("a.parquet.gz", "(text kinds also .gz)"),
    ],
)
def test_an_unknown_extension_lists_the_allowed(tmp_path: Path, name: str, part: str) -> None:
    path = file(tmp_path, name, "text\na\n")
    refused(lambda: read_items(path), part, ".csv, .tsv, .jsonl, .ndjson, .json, .parquet")


@pytest.mark.parametrize("name", [*TEXT_KINDS, *BINARY_KINDS, "csv.gz"])
def test_an_empty_file_is_called_empty(tmp_path: Path, name: str) -> None:
    empty = gzip.compress(b"") if name.endswith(".gz") else b""
    refused(lambda: read_items(file(tmp_path, f"a.{name}", empty)), "is empty")


@pytest.mark.parametrize("name", ["csv", "tsv", "parquet", "arrow"])
def test_a_header_alone_is_no_table(tmp_path: Path, name: str) -> None:
    path = write(SOUPS.clear(), tmp_path / f"a.{name}")
    refused(lambda: read_items(path), "has the columns key, review, stars and no rows")


@pytest.mark.parametrize("name", BINARY_KINDS)
def test_a_damaged_binary_file_is_named(tmp_path: Path, name: str) -> None:
    path = file(tmp_path, f"a.{name}", b"ARROW1 no such thing" * 9)
    refused(lambda: read_items(path), f"{path} is not a readable .{name} file")


def test_a_damaged_gz_file_is_named(tmp_path: Path) -> None:
    whole = gzip.compress(SOUPS.write_csv().encode())
    path = file(tmp_path, "a.csv.gz", whole[:-9])
    refused(lambda: read_items(path), f"{path} cannot be read")


def test_gz_is_told_by_content(tmp_path: Path) -> None:
    plain = SOUPS.write_csv().encode()
    for path in (file(tmp_path, "a.csv.gz", plain), file(tmp_path, "b.csv", gzip.compress(plain))):
        assert read_items(path, text="review", id="key").frame.equals(SOUPS)


def test_a_zip_file_called_csv_is_named(tmp_path: Path) -> None:
    refused(lambda: read_items(file(tmp_path, "a.csv", b"PK\x03\x04...")), "zip or Excel file")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_encodings_with_a_mark_are_found_out(tmp_path: Path, encoding: str, kind: str) -> None:
    frame = pl.DataFrame({"text": ["crème brûlée", "漢字 🙂"], "n": [1, 2]})
    plain = write(frame, tmp_path / f"plain.{kind}").read_text(encoding="utf-8")
    path = file(tmp_path, f"a.{kind}", plain.encode(encoding))
    assert read_items(path, text="text").frame.drop("id").equals(frame)


def test_another_encoding_names_the_byte_and_can_be_said(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "text\nsoup\ncrème\n".encode("latin-1"))
    refused(
        lambda: read_items(path),
        f"{path} is not UTF-8: byte 0xe8 at offset 12 (line 3)",
        "--encoding latin-1",
    )
    assert texts(read_items(path, encoding="latin-1")) == ["soup", "crème"]
    assert texts(items_from(path, encoding="latin-1")) == ["soup", "crème"]
    refused(lambda: read_items(path, encoding="ascii"), "is not ASCII: byte 0xe8")
    refused(lambda: read_items(path, encoding="latin1000"), "'latin1000' is not a text encoding")
    binary = write(SOUPS, tmp_path / "a.parquet")
    refused(lambda: read_items(binary, encoding="utf-8"), "--encoding is for text files")


def test_utf16_without_a_mark_is_told_from_text(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "text\nsoup\n".encode("utf-16-le"))
    refused(lambda: read_items(path), "NUL bytes", "--encoding utf-16-le")
    assert texts(read_items(path, encoding="utf-16-le")) == ["soup"]


# Folders


def test_a_folder_of_txt_files_is_sorted_by_name(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    file(tmp_path, "b.txt", "second\nline")
    file(tmp_path, "a.TXT", "\ufefffirst")
    file(tmp_path, "sub/c.txt.gz", gzip.compress("third é".encode()))
    file(tmp_path, "d.txt", " \n ")
    file(tmp_path, "notes.md", "not read")
    file(tmp_path, ".hidden.txt", "not read")
    items = read_items(tmp_path)
    assert items.frame.rows() == [
        ("a.TXT", "first"),
        ("b.txt", "second\nline"),
        ("sub/c.txt.gz", "third é"),
    ]
    assert (items.text, items.id) == ("text", "id")
    assert items.skipped == {"not .txt": 1, "no text": 1}


def test_a_folder_without_txt_files_says_what_it_holds(tmp_path: Path) -> None:
    refused(lambda: read_items(tmp_path), "holds no .txt file (it is empty)")
    write(SOUPS, tmp_path / "soups.csv")
    refused(lambda: read_items(tmp_path), "holds no .txt file (found soups.csv)")


def test_a_bad_file_of_a_folder_is_named(tmp_path: Path) -> None:
    file(tmp_path, "a.txt", "é".encode("latin-1"))
    refused(lambda: read_items(tmp_path), f"{tmp_path}/a.txt is not UTF-8", "offset 0 (line 1)")
    assert texts(read_items(tmp_path, encoding="latin-1")) == ["é"]


# The text column


def test_a_missing_column_lists_what_there_is(tmp_path: Path) -> None:
    path = write(SOUPS, tmp_path / "a.csv")
    refused(
        lambda: read_items(path, text="revew"),
        f"--text asks for column 'revew', which is not in {path}",
        "did you mean 'review'?; columns: key, review, stars",
    )
    refused(lambda: read_items(path, text="review", id="kye"), "--id asks for", "'key'")


def test_numbers_are_not_turned_into_text(tmp_path: Path) -> None:
    for kind in ("csv", "jsonl", "parquet"):
        path = write(SOUPS, tmp_path / f"a.{kind}")
        refused(
            lambda path=path: read_items(path, text="stars"),
            "column 'stars'",
            "holds Int64, not text",
            "columns of text: key, review",
        )


def test_rows_without_text_are_skipped_and_counted() -> None:
    items = items_from(["a", None, "", " \t\n\u00a0", "b"])
    assert items.frame.rows() == [("row-0", "a"), ("row-4", "b")]
    assert items.skipped == {"no text": 3}


@pytest.mark.parametrize("rows", [[None, None], ["", " "]])
def test_a_table_without_any_text_is_refused(rows: list[str | None]) -> None:
    refused(lambda: items_from({"t": rows}, text="t"), "no row of", "column 't': all 2 are empty")


@pytest.mark.parametrize(
    ("columns", "guess"),
    [
        ({"Text": ["a"], "other": ["a long text of more than twenty"]}, "Text"),
        ({"abstract": ["a"], "b": ["c"]}, "abstract"),
        ({"story": ["a long text of more than twenty"], "city": ["Rome"], "n": [1]}, "story"),
    ],
)
def test_the_text_column_is_guessed_where_it_is_clear(columns: dict[str, Any], guess: str) -> None:
    assert items_from(columns).text == guess


@pytest.mark.parametrize(
    "columns",
    [
        {"city": ["Rome"], "n": [1]},
        {"city": ["Rome"], "text": ["a"], "review": ["b"]},
        {"plot": ["a long text of more than twenty"], "cast": ["a long text of more than twenty"]},
    ],
)
def test_where_the_text_column_is_not_clear_the_choices_are_listed(columns: dict[str, Any]) -> None:
    names = ", ".join(name for name in columns if name != "n")
    refused(lambda: items_from(columns), "say which with --text", f"columns of text: {names}")


def test_a_table_without_text_columns_lists_its_columns() -> None:
    refused(lambda: items_from({"n": [1], "x": [0.5]}), "no column of text", "n (Int64)")
    refused(lambda: items_from({"key": ["a long key of more than twenty"]}, id="key"), "no column")


def test_a_table_need_not_have_text() -> None:
    given = pl.DataFrame({"text": ["a", None], "n": [1, 2]})
    items = items_from(given, need_text=False)
    assert items.text is None
    assert items.skipped == {}
    assert items.frame.rows() == [("row-0", "a", 1), ("row-1", None, 2)]
    assert given.columns == ["text", "n"]
    # Rows that have a vector keep their place even without a text.
    asked = items_from(given, need_text=False, text="text")
    assert (asked.text, asked.skipped, len(asked.frame)) == ("text", {}, 2)


# Ids


def test_ids_are_made_from_row_numbers_of_the_whole_table() -> None:
    items = items_from({"text": ["a", "", "c"], "n": [1, 2, 3]})
    assert items.frame.rows() == [("row-0", "a", 1), ("row-2", "c", 3)]


def test_a_column_called_id_that_was_not_asked_for_stays_as_it_is() -> None:
    items = items_from({"id": [7, 7], "text": ["a", "b"]})
    assert items.id == "row_id"
    assert items.frame.rows() == [("row-0", 7, "a"), ("row-1", 7, "b")]
    assert items_from({"id": [1], "row_id": [2], "text": ["a"]}).id == "row_id_2"


def test_ids_become_text_and_keep_their_zeros(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "key,text\n007,a\n7,b\n")
    assert read_items(path, id="key").frame["key"].to_list() == ["007", "7"]
    items = items_from({"key": [7, 8], "text": ["a", "b"]}, id="key")
    assert items.frame["key"].to_list() == ["7", "8"]


def test_repeated_ids_name_the_id_and_both_rows(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "key,text\na,\nb,x\nc,y\nb,z\nc,z\n")
    refused(
        lambda: read_items(path, text="text", id="key"),
        "the id 'b' occurs more than once",
        f"column 'key' of {path}: rows 1 and 3 (counted from 0)",
    )


@pytest.mark.parametrize("missing", [None, "", "  "])
def test_empty_ids_are_named_by_row(missing: str | None) -> None:
    columns = {"key": ["a", "b", missing], "text": ["x", "", "y"]}
    refused(lambda: items_from(columns, id="key"), "an id is empty", "row 2 (counted from 0)")


def test_an_empty_id_does_no_harm_in_a_row_that_is_skipped() -> None:
    items = items_from({"key": ["a", None], "text": ["x", ""]}, id="key")
    assert items.frame["key"].to_list() == ["a"]


def test_ids_must_be_text_or_whole_numbers() -> None:
    columns = {"key": [0.5, 1.5], "text": ["a", "b"]}
    refused(lambda: items_from(columns, id="key"), "are Float64", "text or whole numbers")


# What is in memory


def test_tables_in_memory_give_what_files_give(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    columns = SOUPS.to_dict(as_series=False)
    ways = {
        "dict": columns,
        "list": SOUPS.to_dicts(),
        "polars DataFrame": SOUPS,
        "pandas DataFrame": pandas.DataFrame(columns),
        "pyarrow Table": pyarrow.table(columns),
    }
    for kind, data in ways.items():
        items = items_from(data, text="review", id="key")
        assert items.frame.equals(SOUPS)
        assert items.source.startswith("the ")
        assert items.source.endswith(kind)
    path = write(SOUPS, tmp_path / "a.csv")
    assert items_from(str(path), text="review", id="key").frame.equals(SOUPS)


def test_columns_of_texts_are_tables_of_one_column() -> None:
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    rows = ["a", "b"]
    for data in (rows, tuple(rows), numpy.array(rows), pl.Series(rows), pandas.Series(rows)):
        assert texts(items_from(data)) == rows
        assert items_from(data, text="review").text == "review"


def test_categories_are_text_and_missing_values_of_pandas_are_missing() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": pandas.Categorical(["a", None, "b"]), "n": [1, None, 3]})
    items = items_from(frame)
    assert items.frame.rows() == [("row-0", "a", 1.0), ("row-2", "b", 3.0)]
    assert items.frame["text"].dtype == pl.String


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ([], ["the list has the columns text and no rows"]),
        ({}, ["the dict has no rows"]),
        (["a", 5], ["row 1 (counted from 0) is of type int"]),
        ([{"text": "a"}, "b"], ["row 1 (counted from 0) is of type str"]),
        ({"text": ["a", "b"], "n": [1]}, ["the dict does not make a table", "height"]),
        ({"text": ["a", 5]}, ["the dict does not make a table"]),
        (5, ["the int does not make a table", "a list of str", "or a path"]),
        (pl.LazyFrame({"text": ["a"]}), ["polars LazyFrame", "collected, if lazy"]),
        ("a text\nof two lines", ["pass texts as a list"]),
        ("a text", ["no file a text"]),
    ],
)
def test_data_that_is_no_table_says_what_is(data: Any, parts: list[str]) -> None:
    refused(lambda: items_from(data), *parts)


def test_pandas_columns_must_have_one_type_and_one_name() -> None:
    pandas = pytest.importorskip("pandas")
    mixed = pandas.DataFrame({"text": ["a", 5]})
    twice = pandas.DataFrame([["a", "b"]], columns=["text", "text"])
    for frame in (mixed, twice):
        refused(lambda frame=frame: items_from(frame), "the pandas DataFrame does not make a table")
