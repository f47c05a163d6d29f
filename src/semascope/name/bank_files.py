"""Read banks: WordNet-like tables, glossaries, taxonomies, is-a pairs."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from semascope.core import InputError, did_you_mean
from semascope.name.bank import Bank

_COLUMNS = {
    "term": ("term", "name", "label", "concept", "entry"),
    "description": ("description", "definition", "gloss", "meaning"),
    "parent": ("parent", "broader", "hypernym"),
    "synonyms": ("synonyms", "aliases"),
}
_EDGES = ({"child", "parent"}, {"narrower", "broader"}, {"hyponym", "hypernym"})


def read_bank(path: str | Path) -> Bank:
    r"""Read a bank from a file, plain or gzipped; what it is shows in its first line.

    Parameters
    ----------
    path : str or Path
        One of:

        - one term a line (``.txt``);
        - CSV or TSV with a column ``term`` and, if you have them, ``description``, ``parent``
          and ``synonyms``; several parents or synonyms are divided by ``|``;
        - CSV or TSV with columns ``child`` and ``parent``: a taxonomy or is-a pairs
          (where terms are above each other in a circle, each is broader than all of it);
        - a WordNet-like table with columns ``synset``, ``members``, ``hypernyms``,
          ``instance_hypernyms`` and ``definition``.

    Raises
    ------
    InputError
        If the file is missing, empty or none of these, or a row does not fit its header.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.name import read_bank
    >>> _ = Path("kinds.csv").write_text("child,parent\napple,fruit\nfig,fruit\n")
    >>> bank = read_bank("kinds.csv")
    >>> bank.terms, bank.parents
    (('apple', 'fig', 'fruit'), ((2,), (2,), ()))
    """
    path = Path(path)
    # Ends of lines are kept for fields in quotes that have several.
    lines = [line for line in _text(path).splitlines(keepends=True) if line.strip()]
    if not lines:
        raise InputError(f"the bank {path} is empty; it needs at least one term")
    stem = path.name.removesuffix(".gz")
    if stem.endswith(".txt"):
        return _glossary([{"term": line} for line in lines], str(path))
    mark = "\t" if "\t" in lines[0] else ","
    reader = csv.DictReader(lines, delimiter=mark, quoting=_quoting(mark), strict=True)
    try:
        header = [name.strip().lower() for name in reader.fieldnames or []]
        reader.fieldnames = header
        rows = list(reader)
    except csv.Error as err:
        raise InputError(
            f"the bank {path} has quotes that do not close, or text after them ({err}); a quote "
            'inside of quotes is written twice, as ""'
        ) from err
    if len(header) > 1:
        _check_fields(rows, header, mark, str(path))
    if {"synset", "members", "hypernyms"} <= set(header):
        return _wordnet(rows, str(path))
    if any(edge <= set(header) for edge in _EDGES) and "term" not in header:
        edge = next(edge for edge in _EDGES if edge <= set(header))
        child = next(n for n in ("child", "narrower", "hyponym") if n in edge)
        return _edges([(r[child], r[(edge - {child}).pop()]) for r in rows], str(path))
    if len(header) == 1 and header[0] not in _COLUMNS["term"]:
        return _glossary([{"term": line} for line in lines], str(path))
    found = {w: next((n for n in names if n in header), None) for w, names in _COLUMNS.items()}
    if found["term"] is None:
        raise InputError(
            f"the bank {path} has the columns {', '.join(header)}; it needs 'term' (with "
            f"'description', 'parent'), 'child' and 'parent', or one term a line in a .txt"
            f"{did_you_mean(header[0], ['term', 'child'])}"
        )
    return _glossary([{w: r[n] for w, n in found.items() if n} for r in rows], str(path))


def _check_fields(
    rows: Sequence[dict[str, str | None]], header: Sequence[str], mark: str, source: str
) -> None:
    """Raise for a row with more fields than columns: what it says would be lost."""
    for number, row in enumerate(rows, 1):
        rest: Sequence[str] = row.get(None) or ()  # type: ignore[call-overload]
        if any(field.strip() for field in rest):
            begins = mark.join(str(row[name]) for name in header)
            quotes = "; text that holds commas stands in double quotes" if mark == "," else ""
            raise InputError(
                f"row {number} of the bank {source}, '{begins[:60]}', has {len(header) + len(rest)}"
                f" fields for {len(header)} columns{quotes}"
            )


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"no bank at {path}; give a file of terms, a taxonomy or a WordNet table")
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise InputError(
            f"the bank {path} is not UTF-8 (byte {err.start}); save it as UTF-8"
        ) from err
    except (OSError, EOFError, zlib.error) as err:
        raise InputError(f"the bank {path} cannot be read: {err}") from err


def _quoting(mark: str) -> Literal[0, 3]:
    # Tab-separated tables hold quotes as plain characters.
    return csv.QUOTE_NONE if mark == "\t" else csv.QUOTE_MINIMAL


def _clean(text: str | None) -> str:
    return " ".join((text or "").replace("_", " ").split())


def _split(text: str | None, mark: str = "|") -> list[str]:
    return [part for part in map(_clean, (text or "").split(mark)) if part]


def _glossary(rows: Sequence[dict[str, str | None]], source: str) -> Bank:
    merged: dict[str, tuple[list[str], list[str], list[str]]] = {}
    for place, row in enumerate(rows, 1):
        term = _clean(row.get("term"))
        if not term:
            said = next((text for key, text in row.items() if key and _clean(text)), None)
            if said:
                raise InputError(f"row {place} of the bank {source} has '{said}' and no term")
            continue
        description, parents, synonyms = merged.setdefault(term, ([], [], []))
        description += [d for d in [_clean(row.get("description"))] if d]
        parents += _split(row.get("parent"))
        synonyms += _split(row.get("synonyms"))
        for parent in parents:
            merged.setdefault(parent, ([], [], []))
    if not merged:
        raise InputError(f"the bank {source} has no terms below its header")
    number = {term: i for i, term in enumerate(merged)}
    return Bank(
        tuple(merged),
        tuple(tuple(dict.fromkeys(s)) for _, _, s in merged.values()),
        tuple(" ".join(d[:1]) for d, _, _ in merged.values()),
        tuple(_numbers(p, number, term) for term, (_, p, _) in merged.items()),
        source,
    )


def _edges(pairs: Iterable[tuple[str | None, str | None]], source: str) -> Bank:
    above: dict[str, list[str]] = {}
    for child, parent in pairs:
        below, wider = _clean(child), _clean(parent)
        if below:
            above.setdefault(below, [])
        if below and wider:
            above[below].append(wider)
    for wider in [p for parents in above.values() for p in parents]:
        above.setdefault(wider, [])
    number = {term: i for i, term in enumerate(above)}
    parents = tuple(_numbers(p, number, term) for term, p in above.items())
    return Bank(tuple(above), parents=parents, source=source)


def _wordnet(rows: Sequence[dict[str, str | None]], source: str) -> Bank:
    number = {str(row["synset"]): i for i, row in enumerate(rows)}
    members = [_split(row["members"]) or [str(row["synset"])] for row in rows]
    parents = tuple(
        _numbers(
            _split(row["hypernyms"], ",") + _split(row.get("instance_hypernyms"), ","),
            number,
            str(row["synset"]),
        )
        for row in rows
    )
    return Bank(
        tuple(m[0] for m in members),
        tuple(tuple(m[1:]) for m in members),
        tuple(_clean(row.get("definition")) for row in rows),
        parents,
        source,
    )


def _numbers(names: Iterable[str], number: dict[str, int], own: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number[n] for n in names if n in number and n != own))
