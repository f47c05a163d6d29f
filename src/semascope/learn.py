"""The main job: embed, discover, name, measure; one call, one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from semascope.lexicon import Lexicon


def learn(
    data: Any = None,
    *,
    text: str | None = None,
    vectors: Any = None,
    id: str | None = None,
    out: str | Path | None = None,
    encoder: Any = None,
    components: int | None = None,
    active: int | None = None,
    max_rows: int | None = None,
    refine: Literal["none", "refit", "pursuit"] = "refit",
    split: Literal["sentence", "paragraph"] | None = None,
    encoding: str | None = None,
    together: str | None = None,
    leave_out: Sequence[str] = (),
    previous: str | Path | None = None,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    baseline: bool = True,
    cache: Any = None,
    checkpoint_every: float = 30.0,
    bank: Any = None,
    events: str | None = None,
    events_separator: str = ">",
    images: str | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> Lexicon:
    """Learn a lexicon: a dictionary of named and verified concepts.

    Rows are divided by a hash of their id: the dictionary learns on 60 %, names are made from 20 %,
    and every reported score comes from the last 20 %.

    Parameters
    ----------
    data : path, frame, list of str, or None
        The items: CSV, TSV, JSONL, Parquet, Arrow or a folder of ``.txt``; a polars, pandas or
        Arrow table; or a list of texts. None if there are only vectors.
    text : str, optional
        Column of texts to embed. Found by itself if there is only one candidate.
    vectors : array, frame or path, optional
        Vectors (n, d) that describe the items; then no encoder is needed.
    id : str, optional
        Column of unique ids. Without it rows are numbered, and appended rows keep their side.
    out : path, optional
        Folder to write, ``NAME.lexicon``. Without it the lexicon lives in memory until ``save``.
    encoder : str, path, callable or None
        A sentence-transformers name or folder, or a function from a list of texts to vectors. By
        default all-MiniLM-L6-v2, which comes with ``semascope[text]``.
    components, active : int, optional
        Atoms, and active latents of a row. By default chosen from the number of rows.
    max_rows : int, optional
        Training budget in rows seen.
    refine : {"none", "refit", "pursuit"}, default "refit"
        How codes are made better than the encoder's alone: activations fitted anew on the chosen
        atoms, or atoms chosen anew as well, which reconstructs best and costs most.
    split : {"sentence", "paragraph"}, optional
        Embed long texts piece by piece instead of truncating them.
    encoding : str, optional
        Encoding of a text file, if it is not UTF-8.
    together : str, optional
        Column whose equal values stay on one side of the split: pairs that were compared, or all
        rows of one author. Its values are hashed instead of the ids.
    leave_out : sequence of str
        Columns that must not become names: outcomes that are to be explained later.
    previous : path, optional
        A lexicon over the same encoder whose concept ids go on where atoms match.
    seed : int, default 0
        The same seed gives the same bytes on the same machine.
    resume : bool, default False
        Go on with a run that was interrupted; ends with the same bytes as if it never was.
    overwrite : bool, default False
        Replace an existing lexicon at `out`.
    baseline : bool, default True
        Name random atoms and PCA axes by the same procedure, as a yardstick for trust.
    cache : path or False, optional
        Folder for embedded texts; False keeps none.
    checkpoint_every : float, default 30
        Seconds between checkpoints of training, from which an interrupted run goes on.
    bank : path or Bank, optional
        A vocabulary from which names are taken, beside the words of the texts: a glossary, a
        taxonomy or a WordNet table; see `semascope.name.read_bank`. Needs an encoder.
    events : str, optional
        Column of events that happened to each item, in their order: lists, or strings such as
        ``visit > mail > buy``. Orders of events become names ("visit then buy"), if they hold.
    events_separator : str, default ">"
        What stands between the events of a string.
    images : str, optional
        Column of paths to the image of each item, from the folder of `data` or, if that is no file,
        from the current one. Images are not looked at, but kept for `pipeline.write_sheets`.
    device : {"cpu", "cuda", "auto"}, default "cpu"
        Where the dictionary learns and encodes; "auto" is a GPU if there is one. Another device
        gives other last digits, and so other bytes.
    progress : bool, default True
        Show progress bars.

    Returns
    -------
    Lexicon

    Raises
    ------
    InputError
        If something about the input cannot be used; before any work starts.
    ArtifactError
        If `out` or an interrupted run is in the way.

    Examples
    --------
    >>> import semascope as sc
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> lex = sc.learn(texts, components=8, active=2, progress=False)
    >>> lex.codes.shape
    (120, 8)
    """
    from semascope.pipeline import Request, run

    return run(
        Request(
            data=data,
            text=text,
            vectors=vectors,
            id=id,
            out=None if out is None else Path(out),
            encoder=encoder,
            components=components,
            active=active,
            max_rows=max_rows,
            refine=refine,
            split=split,
            encoding=encoding,
            together=together,
            leave_out=(leave_out,) if isinstance(leave_out, str) else tuple(leave_out),
            previous=None if previous is None else Path(previous),
            seed=seed,
            resume=resume,
            overwrite=overwrite,
            baseline=baseline,
            cache=cache,
            checkpoint_every=checkpoint_every,
            bank=bank,
            events=events,
            events_separator=events_separator,
            images=images,
            device=device,
            progress=progress,
        )
    )
