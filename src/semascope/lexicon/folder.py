"""The lexicon on disk: one folder, whole or absent, checked when it is opened."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from semascope.core import (
    ArtifactError,
    Codes,
    did_you_mean,
    load_tensors,
    new_folder,
    plain_os_errors,
    read_json,
    save_tensors,
    verify_checksums,
    write_checksums,
    write_json,
    write_table,
)
from semascope.discover import Dictionary
from semascope.lexicon.card import card
from semascope.lexicon.concepts import upgraded
from semascope.lexicon.families import FAMILIES
from semascope.lexicon.ledger_file import read_edits, write_edits
from semascope.lexicon.lexicon import SCHEMA_VERSION, Lexicon
from semascope.lexicon.replay import replay_edits

INFO, DICTIONARY, CONCEPTS = "lexicon.json", "dictionary.safetensors", "concepts.parquet"
CODES, ITEMS, SPLITS = "codes.safetensors", "items.parquet", "splits.safetensors"
NAMES, EDITS, CARD = "names.safetensors", "edits.jsonl", "README.md"
KIN = "families.parquet"


def load(path: str | Path, *, verify: bool = True) -> Lexicon:
    """Open a lexicon.

    Parameters
    ----------
    path : str or Path
        The folder.
    verify : bool, default True
        Compare every file with its checksum. Sizes are compared in any case.

    Raises
    ------
    ArtifactError
        If there is no lexicon, a file is missing, truncated or changed, or its schema is newer than
        this version of semascope.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> sc.learn(vectors=x, components=12, active=2, out="demo.lexicon", progress=False)
    Lexicon of 12 concepts (0 named) on 400 items, held-out FVU ...
    >>> sc.load("demo.lexicon").codes.shape
    (400, 12)
    """
    path = Path(path)
    if not (path / INFO).is_file():
        if path.exists():
            raise ArtifactError(f"{path} is not a lexicon: it has no {INFO}")
        near = (p.name for p in path.parent.glob("*.lexicon")) if path.parent.is_dir() else ()
        raise ArtifactError(
            f"no lexicon at {path}{did_you_mean(path.name, near)}; "
            f"make one with 'semascope learn FILE --out {path}'"
        )
    info = read_json(path / INFO)
    found = info.get("schema") if isinstance(info, dict) else None
    if not isinstance(found, int):
        raise ArtifactError(f"{path / INFO} states no schema version; it is damaged")
    if found > SCHEMA_VERSION:
        raise ArtifactError(
            f"{path} has schema {found}, this version of semascope reads up to {SCHEMA_VERSION}; "
            "upgrade with: pip install -U semascope"
        )
    verify_checksums(path, only=None if verify else set())
    base = upgraded(pl.read_parquet(path / CONCEPTS))
    dictionary = Dictionary.load(path / DICTIONARY)
    return Lexicon(
        dictionary=dictionary,
        base=base,
        base_codes=Codes.load(path / CODES),
        items=pl.read_parquet(path / ITEMS),
        splits=np.asarray(load_tensors(path / SPLITS)[0]["splits"]),
        name_vectors=np.asarray(load_tensors(path / NAMES)[0]["vectors"]),
        info=info,
        edits=read_edits(
            path / EDITS, lambda edits: replay_edits(base, edits, dictionary.n_dimensions)
        ),
        path=path,
        base_families=_families(path / KIN),
    )


def write_lexicon(lexicon: Lexicon, path: Path, *, overwrite: bool = False) -> None:
    """Write a lexicon's folder atomically, with checksums and a card.

    Examples
    --------
    >>> import numpy as np
    >>> import semascope as sc
    >>> x = np.random.default_rng(0).standard_normal((400, 8))
    >>> lex = sc.learn(vectors=x, components=12, active=2, progress=False)
    >>> lex.save("saved.lexicon")
    >>> sorted(p.name for p in lex.path.iterdir())[:4]
    ['README.md', 'checksums.json', 'codes.safetensors', 'concepts.parquet']
    """
    if path.exists() and overwrite:
        _require_ours(path)
    with new_folder(path, overwrite=overwrite) as folder:
        write_json(folder / INFO, lexicon.info | {"schema": SCHEMA_VERSION})
        lexicon.dictionary.save(folder / DICTIONARY)
        write_table(lexicon.base, folder / CONCEPTS)
        write_table(lexicon.base_families, folder / KIN)
        lexicon.base_codes.save(folder / CODES)
        write_table(lexicon.items, folder / ITEMS)
        save_tensors(folder / SPLITS, {"splits": lexicon.splits})
        save_tensors(folder / NAMES, {"vectors": lexicon.name_vectors})
        text = card(path.name, lexicon.info, lexicon.concepts, lexicon.families)
        (folder / CARD).write_text(text, encoding="utf-8")
        write_checksums(folder)
        # After the checksums: people's edits change this file, and nothing else does.
        write_edits(folder / EDITS, lexicon.edits)


def _families(path: Path) -> pl.DataFrame:
    """Read families; lexicons that were made before there were any have no such file."""
    if not path.is_file():
        return pl.DataFrame(schema=FAMILIES)
    found = pl.read_parquet(path)
    lacking = [name for name in FAMILIES if name not in found.columns]
    empty = (pl.lit(None, dtype=FAMILIES[name]).alias(name) for name in lacking)
    return found.with_columns(empty).select(*FAMILIES)


def remove_run(path: Path) -> None:
    """Delete the folder of a finished run.

    Examples
    --------
    >>> from pathlib import Path
    >>> from semascope.lexicon.folder import remove_run
    >>> remove_run(Path("nothing-there"))
    """
    with plain_os_errors(path):
        shutil.rmtree(path, ignore_errors=True)


def _require_ours(path: Path) -> None:
    if not path.is_dir() or not any(_known(p) for p in path.iterdir()):
        raise ArtifactError(f"{path} exists and is not a lexicon; it is not overwritten")


def _known(path: Path) -> Any:
    return path.name == INFO
