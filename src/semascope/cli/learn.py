"""``semascope learn``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from semascope.cli.main import app
from semascope.core import InputError


@app.command()
def learn(
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV, TSV, JSONL, Parquet, Arrow/Feather, or a folder of .txt files."),
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column of texts.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write, NAME.lexicon.")] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Your own vectors (.npy, .npz, .safetensors, .parquet).")
    ] = None,
    items: Annotated[
        Path | None, typer.Option(help="Table that describes the vectors, if no FILE is given.")
    ] = None,
    id: Annotated[str | None, typer.Option(help="Column of unique ids.")] = None,
    encoder: Annotated[
        str | None, typer.Option(help="A sentence-transformers name or folder.")
    ] = None,
    components: Annotated[int | None, typer.Option(help="Number of atoms, m.")] = None,
    active: Annotated[int | None, typer.Option(help="Active latents of a row, k.")] = None,
    max_rows: Annotated[
        int | None, typer.Option(help="Training budget in rows seen (epochs times rows).")
    ] = None,
    refine: Annotated[
        str,
        typer.Option(help="Codes: none (the encoder's), refit or pursuit (best, slowest)."),
    ] = "refit",
    split: Annotated[
        str | None,
        typer.Option(help="Embed long texts by 'sentence' or 'paragraph' instead of truncating."),
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding, if not UTF-8.")] = None,
    together: Annotated[
        str | None,
        typer.Option(
            help="Column whose equal values stay on one side of the split: pairs, authors."
        ),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(help="Column that must not become a name: an outcome (may be repeated)."),
    ] = None,
    previous: Annotated[
        Path | None, typer.Option(help="Lexicon whose concept ids go on where atoms match.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing lexicon or interrupted run.")
    ] = False,
    baseline: Annotated[
        bool, typer.Option(help="Name random atoms and PCA axes too, for comparison.")
    ] = True,
    checkpoint_every: Annotated[
        float, typer.Option(help="Seconds between checkpoints of training.")
    ] = 30.0,
    bank: Annotated[
        Path | None,
        typer.Option(
            help="Vocabulary for names: CSV or TSV with term, description, parent; or child, "
            "parent; a .txt of terms; a WordNet table."
        ),
    ] = None,
    events: Annotated[
        str | None, typer.Option(help="Column of events in their order, such as 'visit > buy'.")
    ] = None,
    events_separator: Annotated[str, typer.Option(help="What stands between events.")] = ">",
    images: Annotated[
        str | None, typer.Option(help="Column of paths to images, from the folder of FILE.")
    ] = None,
    device: Annotated[
        str, typer.Option(help="Where to learn and encode: cpu, cuda, or auto for a GPU if any.")
    ] = "cpu",
    cache: Annotated[bool, typer.Option(help="Keep embedded texts for later runs.")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bars, no table.")] = False,
) -> None:
    """Embed, discover, name and verify: from texts or vectors to a lexicon."""
    import semascope as sc

    if file is not None and items is not None:
        raise InputError(f"give the items once: as FILE ({file}) or with --items ({items})")
    data = file if file is not None else items
    if data is None and vectors is None:
        raise InputError("nothing to learn from: give a FILE of items, or --vectors, or both")
    if out is None:
        base = data if data is not None else vectors
        stem = Path(str(base)).name.split(".")[0]
        out = Path(f"{stem}.lexicon")
    try:
        lexicon = sc.learn(
            data,
            text=text,
            vectors=vectors,
            id=id,
            out=out,
            encoder=encoder,
            components=components,
            active=active,
            max_rows=max_rows,
            refine=refine,  # type: ignore[arg-type]
            split=split,  # type: ignore[arg-type]
            encoding=encoding,
            together=together,
            leave_out=leave_out or (),
            previous=previous,
            seed=seed,
            resume=resume,
            overwrite=overwrite,
            baseline=baseline,
            cache=None if cache else False,
            checkpoint_every=checkpoint_every,
            bank=bank,
            events=events,
            events_separator=events_separator,
            images=images,
            device=device,
            progress=not quiet,
        )
    except KeyboardInterrupt:
        print("interrupted; go on with the same command and --resume", file=sys.stderr)
        raise typer.Exit(130) from None
    if not quiet:
        from semascope.cli.tables import print_overview

        print_overview(lexicon, out)
