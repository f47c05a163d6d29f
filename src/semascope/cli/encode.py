"""``semascope encode``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from semascope.cli.main import app
from semascope.core import ArtifactError, InputError, require_writable, write_atomic, write_codes
from semascope.core.code_shards import MANIFEST, SUFFIX, check_free, place_of, read_state
from semascope.lexicon import Lexicon, load

SUFFIXES = (".safetensors", ".npz", ".parquet", SUFFIX)
VECTORS = {".npy", ".npz", ".safetensors"}


@app.command()
def encode(
    lexicon: Annotated[Path, typer.Argument(help="A lexicon.")],
    file: Annotated[
        Path | None, typer.Argument(help="New rows: a table with texts, or a file of vectors.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column of texts.")] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(
            help="Vectors of the new rows (.npy, .npz, .safetensors, .parquet, a vector store)."
        ),
    ] = None,
    id: Annotated[str | None, typer.Option(help="Column of unique ids.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write: .safetensors, .npz (scipy) or .parquet; or a folder, NAME.codes, "
            "for millions of rows."
        ),
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding, if not UTF-8.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a folder of codes that is not finished.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace OUT once all is done.")
    ] = False,
    device: Annotated[
        str, typer.Option(help="Where to encode: cpu, cuda, or auto for a GPU if there is one.")
    ] = "cpu",
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Write the codes of new rows: which concepts each one shows, and how strongly."""
    if file is not None and vectors is None and file.suffix in VECTORS:
        file, vectors = None, file
    named = file or vectors
    if named is None:
        raise InputError("nothing to encode: give a FILE of texts, or --vectors, or both")
    out = out or Path(f"{named.name.split('.')[0]}.codes.safetensors")
    if out.suffix not in SUFFIXES:
        raise InputError(f"cannot write codes as '{out.suffix}'; use one of {', '.join(SUFFIXES)}")
    if out.suffix == SUFFIX:
        check_free(out, resume=resume, overwrite=overwrite)
    elif resume:
        raise InputError(
            f"--resume goes on with a folder of codes, and {out} is a file; use --out NAME{SUFFIX}"
        )
    elif out.exists() and not overwrite:
        raise ArtifactError(f"{out} exists; choose another --out, or replace it with --overwrite")
    with _hint(out):
        require_writable(out)
        opened = load(lexicon)
        if named.suffix == ".parquet" and text is None and opened.info["encoder"] is None:
            # Nothing embeds texts here, so the table can only hold vectors.
            file, vectors = (None, file) if vectors is None else (file, vectors)
        ids = items = None
        if file is not None:
            from semascope.vectors import read_items

            items = read_items(
                file,
                text=text or same_column(opened, file),
                id=id,
                encoding=encoding,
                need_text=vectors is None,
            )
            ids = items.frame[items.id]
        if vectors is not None:
            from semascope.vectors import VectorStore, as_source

            source = VectorStore.open(vectors) if vectors.is_dir() else as_source(vectors)
            if ids is not None and len(ids) != source.shape[0]:
                raise InputError(
                    f"{source.shape[0]} vectors do not fit the {len(ids)} rows of {file}"
                )
            if out.suffix == SUFFIX:
                _fill(
                    opened,
                    out,
                    source,
                    resume=resume,
                    overwrite=overwrite,
                    device=device,
                    quiet=quiet,
                )
                return
            if out.suffix == ".safetensors":
                # Vectors may be larger than memory; their codes are written as they come.
                parts = (codes for _, codes in opened.encode_blocks(source, device=device))
                _done(write_codes(out, parts, len(opened.concepts)), out)
                return
            codes = opened.encode(source, device=device)
        elif items is not None:
            if out.suffix == SUFFIX:
                some = items.frame[items.text or ""]
                _fill(
                    opened,
                    out,
                    some,
                    resume=resume,
                    overwrite=overwrite,
                    device=device,
                    quiet=quiet,
                )
                return
            codes = opened.encode(items.frame[items.text or ""], device=device)
        if out.suffix == ".safetensors":
            codes.save(out)
        elif out.suffix == ".npz":
            from scipy.sparse import save_npz

            write_atomic(out, lambda tmp: _save_npz(save_npz, tmp, codes.to_scipy()))
        else:
            _write_long(opened, codes, ids, out)
        _done(codes, out)


def _fill(
    opened: Lexicon,
    out: Path,
    x: object,
    *,
    resume: bool,
    overwrite: bool,
    device: str,
    quiet: bool,
) -> None:
    at = place_of(out, resume=resume, overwrite=overwrite)
    ready = resume and (at / MANIFEST).exists() and read_state(at).complete
    codes = opened.encode_to(
        out, x, device=device, resume=resume, overwrite=overwrite, progress=not quiet
    )
    typer.echo(f"all rows were there already: {codes!r}" if ready else repr(codes))


@contextmanager
def _hint(out: Path) -> Iterator[None]:
    """Tell whoever interrupts the filling of a folder how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        if out.suffix != SUFFIX:
            raise
        print("interrupted; go on with the same command and --resume", file=sys.stderr)
        raise typer.Exit(130) from None


def same_column(opened: object, file: Path) -> str | None:
    """Return the column that the lexicon was learned from, if the new table has it too."""
    import polars as pl

    name = getattr(opened, "text", None)
    if name is None or file.is_dir():
        return None
    try:
        if file.suffix in {".parquet", ".pq"}:
            columns = pl.read_parquet_schema(file)
        elif file.suffix in {".csv", ".tsv"}:
            columns = pl.read_csv(
                file, n_rows=0, separator="\t" if file.suffix == ".tsv" else ","
            ).schema
        else:
            return None
    except (OSError, pl.exceptions.PolarsError):
        return None
    return name if name in columns else None


def _save_npz(save: object, path: Path, matrix: object) -> None:
    with path.open("wb") as file:
        save(file, matrix)  # type: ignore[operator]


def _write_long(opened: object, codes: object, ids: object, out: Path) -> None:
    """One line for each active pair: row, id, concept, name, activation."""
    import polars as pl

    matrix = codes.to_scipy().tocoo()  # type: ignore[attr-defined]
    table = opened.concepts  # type: ignore[attr-defined]
    columns = {
        "row": matrix.row,
        "concept": table["id"].gather(matrix.col),
        "name": table["name"].gather(matrix.col),
        "activation": matrix.data,
    }
    if ids is not None:
        columns["id"] = ids.gather(matrix.row)  # type: ignore[attr-defined]
    write_atomic(out, pl.DataFrame(columns).write_parquet)


def _done(codes: object, out: Path) -> None:
    typer.echo(f"{codes!r}: {out}")
