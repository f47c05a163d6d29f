"""Run the stages one after the other, each finished one kept on disk until the lexicon stands."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from semascope.core import (
    ArtifactError,
    Codes,
    progress,
    read_json,
    write_atomic,
    write_codes,
    write_json,
    write_table,
)
from semascope.discover import Dictionary, fit_dictionary, recipe_for
from semascope.embed import TextEncoder, embed_texts, load_encoder
from semascope.lexicon import (
    ByEncoder,
    ByWords,
    Lexicon,
    Relevance,
    describe_latents,
    load,
    match_concepts,
    split_rows,
)
from semascope.pipeline.assemble import in_memory, name_vectors, versions, with_names
from semascope.pipeline.families import find_families
from semascope.pipeline.kept import clear, kept_folder, sweep
from semascope.pipeline.metrics import measure_lexicon
from semascope.pipeline.naming import Material, name_and_verify
from semascope.pipeline.request import Inputs, Request, check_output, read_inputs
from semascope.vectors import VectorSource, as_source


def run(request: Request) -> Lexicon:
    """Carry out a request; see `semascope.learn`.

    Examples
    --------
    >>> from semascope.pipeline import Request, run
    >>> texts = [f"the {what} number {i}" for i in range(60) for what in ("late train", "warm tea")]
    >>> run(Request(data=texts, components=8, active=2, progress=False)).codes.shape
    (120, 8)
    """
    check_output(request)
    inputs = read_inputs(request)
    if request.out is None:
        with TemporaryDirectory(prefix="semascope-") as folder:
            lexicon = _Run(request, inputs, Path(folder)).lexicon()
            loose = in_memory(lexicon.base_codes, lexicon.dictionary)
            lexicon.base_codes, lexicon.dictionary = loose
            return lexicon
    with kept_folder(request.out, afresh=request.overwrite and not request.resume) as kept:
        run = _Run(request, inputs, kept)
        if request.out.exists() and not request.overwrite:
            lexicon = _already_there(run, request.out)
        else:
            lexicon = run.lexicon()
            lexicon.save(request.out, overwrite=request.overwrite)
        if request.resume:
            sweep(request.out)
    opened = load(request.out, verify=False)
    opened.encoder = lexicon.encoder
    return opened


def _already_there(run: _Run, out: Path) -> Lexicon:
    """Take the lexicon of a run that was killed after its last rename."""
    run.claim()
    lexicon = load(out)
    if lexicon.info.get("data_fingerprint") != run.inputs.fingerprint:
        raise ArtifactError(f"{out} exists and comes from other data; it is not overwritten")
    return lexicon


def _reserve(path: Path) -> None:
    """Take the space for a mapped file now: a full disk met through a map kills the process."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _named_encoder(encoder: Any) -> str | None:
    if encoder is None or isinstance(encoder, str | Path):
        return None if encoder is None else str(encoder)
    return str(getattr(encoder, "__qualname__", type(encoder).__qualname__))


def _digest_items(items: pl.DataFrame) -> str:
    names = "\0".join(items.columns).encode()
    return hashlib.blake2b(
        names + items.hash_rows().to_numpy().tobytes(), digest_size=16
    ).hexdigest()


@dataclass
class _Run:
    request: Request
    inputs: Inputs
    folder: Path

    def lexicon(self) -> Lexicon:
        self.claim()
        encoder = self._encoder()
        source = self._vectors(encoder)
        dictionary, training = self._dictionary(source)
        codes = self._codes(dictionary, source)
        material = Material(
            source=source,
            items=self.inputs.items,
            rows={s: split_rows(self.inputs.splits, s, seed=self.request.seed) for s in _SIDES},
            text=self.inputs.text,
            relevance=self._relevance(encoder, source),
            leave_out=[self.inputs.id, *self._image_column(), *self.request.leave_out],
            seed=self.request.seed,
            bank=self.inputs.bank,
            events=self.inputs.events,
        )
        table = self._named(dictionary, codes, material)
        families = self._families(dictionary, codes, table, material)
        metrics = self._metrics(dictionary, codes, table, material)
        lexicon = self._assembled(dictionary, codes, table, metrics, encoder, training, material)
        lexicon.base_families = families
        return lexicon

    def claim(self) -> None:
        """Take the folder for this request, or make sure that it already belongs to it."""
        r = self.request
        plan = {
            "components": r.components,
            "active": r.active,
            "max_rows": r.max_rows,
            "refine": r.refine,
            "split": r.split,
            "seed": r.seed,
            "baseline": r.baseline,
            "fingerprint": self.inputs.fingerprint,
            "text": self.inputs.text,
            "id": self.inputs.id,
            "together": r.together,
            "leave_out": list(r.leave_out) or None,
            "encoder": _named_encoder(r.encoder),
            "items": _digest_items(self.inputs.items),
            "rows": len(self.inputs.items),
            "previous": None if r.previous is None else r.previous.name,
            "bank": None if self.inputs.bank is None else self.inputs.bank.describe(),
            "events": self.inputs.events,
            "images": self.inputs.images,
        }
        path = self.folder / "run.json"
        if path.exists():
            before = read_json(path)
            changed = [key for key in plan if before.get(key) != plan[key]]
            if changed:
                raise ArtifactError(
                    f"the interrupted run in {self.folder} was started with other "
                    f"{', '.join(changed)}; repeat its arguments, or start again with --overwrite"
                )
        else:
            # Whatever lies here belongs to a run whose folder was being removed when it was killed.
            clear(self.folder)
            write_json(path, plan)

    def _image_column(self) -> list[str]:
        return [] if self.inputs.images is None else [self.inputs.images["column"]]

    def _encoder(self) -> TextEncoder | None:
        if self.inputs.source is not None and self.request.encoder is None:
            return None
        return load_encoder(self.request.encoder)

    def _vectors(self, encoder: TextEncoder | None) -> VectorSource:
        if self.inputs.source is not None:
            return self.inputs.source
        path = self.folder / "vectors.npy"
        if not path.exists() and encoder is not None and self.inputs.text is not None:
            texts = self.inputs.items[self.inputs.text]

            def write(temporary: Path) -> None:
                shape = (len(texts), encoder.dimensions)
                out = np.lib.format.open_memmap(temporary, "w+", np.float32, shape)
                _reserve(temporary)
                _, report = embed_texts(
                    texts,
                    encoder=encoder,
                    cache=self.request.cache,
                    out=out,
                    split=self.request.split,
                    show_progress=self.request.progress,
                )
                out.flush()
                # How much came from the cache says how the run went, not what it made.
                record = {k: v for k, v in report.as_dict().items() if k != "n_cached"}
                write_json(self.folder / "embedding.json", record)

            write_atomic(path, write)
        return as_source(path)

    def _dictionary(self, source: VectorSource) -> tuple[Dictionary, dict[str, Any]]:
        path, record = self.folder / "dictionary.safetensors", self.folder / "training.json"
        if not record.exists():
            r = self.request
            index = np.flatnonzero(self.inputs.splits == 0)
            recipe = recipe_for(
                len(index),
                source.shape[1],
                n_components=r.components,
                n_active=r.active,
                max_rows=r.max_rows,
                refine=r.refine,
                seed=r.seed,
            )
            with progress("discover", recipe.max_rows, "rows", show=r.progress) as bar:
                fit = fit_dictionary(
                    source,
                    recipe,
                    index=index,
                    checkpoint=self.folder / "checkpoint.safetensors",
                    checkpoint_every=r.checkpoint_every,
                    device=r.device,
                    on_step=lambda rows, fvu: bar.advance(rows, f"FVU {fvu:.3f}"),
                )
            replace(fit.dictionary, refine=r.refine).save(path)
            write_json(
                record,
                {
                    "recipe": asdict(recipe),
                    "device": r.device,
                    "rows_seen": fit.state.rows_seen,
                    "stopped_early": fit.state.rows_seen < recipe.max_rows,
                    "history": fit.state.history,
                },
            )
        return Dictionary.load(path), read_json(record)

    def _codes(self, dictionary: Dictionary, source: VectorSource) -> Codes:
        path = self.folder / "codes.safetensors"
        if path.exists():
            return Codes.load(path)
        with progress("encode", source.shape[0], "rows", show=self.request.progress) as bar:

            def parts() -> Any:
                for _, codes in dictionary.encode_blocks(source, device=self.request.device):
                    yield codes
                    bar.advance(len(codes))

            return write_codes(path, parts(), dictionary.n_components)

    def _relevance(self, encoder: TextEncoder | None, source: VectorSource) -> Relevance | None:
        if self.inputs.text is None:
            return None
        if encoder is None:
            return ByWords(self.inputs.items[self.inputs.text])

        def embed(names: list[str]) -> np.ndarray:
            return embed_texts(names, encoder=encoder, cache=self.request.cache)[0]

        return ByEncoder(embed, source)

    def _named(self, dictionary: Dictionary, codes: Codes, material: Material) -> pl.DataFrame:
        path = self.folder / "concepts.parquet"
        if path.exists():
            return pl.read_parquet(path)
        drawn = material.contrasts(dictionary, codes, "name")
        table = describe_latents(codes, dictionary.atoms, drawn, self._ids(dictionary))
        named = name_and_verify(
            material, dictionary, codes, drawn, show_progress=self.request.progress
        )
        table = with_names(table, *named)
        write_atomic(path, partial(write_table, table))
        return table

    def _families(
        self, dictionary: Dictionary, codes: Codes, table: pl.DataFrame, material: Material
    ) -> pl.DataFrame:
        path = self.folder / "families.parquet"
        if path.exists():
            return pl.read_parquet(path)
        families = find_families(material, dictionary, codes, table)
        write_atomic(path, partial(write_table, families))
        return families

    def _ids(self, dictionary: Dictionary) -> list[str]:
        if self.request.previous is None:
            return [f"c{j}" for j in range(dictionary.n_components)]
        old = load(self.request.previous)
        matching = match_concepts(old.dictionary.atoms, old.base["id"].to_list(), dictionary.atoms)
        write_json(self.folder / "matching.json", matching.fate)
        return matching.ids

    def _metrics(
        self, dictionary: Dictionary, codes: Codes, table: pl.DataFrame, material: Material
    ) -> dict[str, Any]:
        path = self.folder / "metrics.json"
        if not path.exists():
            metrics = measure_lexicon(
                material,
                dictionary,
                codes,
                table,
                baseline=self.request.baseline,
                show_progress=self.request.progress,
            )
            write_json(path, metrics)
        # Read back, so that their order is that of a resumed run.
        return dict(read_json(path))

    def _assembled(
        self,
        dictionary: Dictionary,
        codes: Codes,
        table: pl.DataFrame,
        metrics: dict[str, Any],
        encoder: TextEncoder | None,
        training: dict[str, Any],
        material: Material,
    ) -> Lexicon:
        source, relevance = material.source, material.relevance
        described = None if encoder is None else encoder.describe()
        if described is not None and isinstance(self.request.encoder, str | Path):
            described["source"] = str(self.request.encoder)
        info = {
            "n": source.shape[0],
            "d": source.shape[1],
            "id": self.inputs.id,
            "together": self.request.together,
            "leave_out": list(self.request.leave_out),
            "text": self.inputs.text,
            "encoder": described,
            "embedding": self._record("embedding"),
            "form": dictionary.form,
            "refine": dictionary.refine,
            "seed": self.request.seed,
            "parameters": training["recipe"],
            "training": {k: v for k, v in training.items() if k != "recipe"},
            "splits": {s: int((self.inputs.splits == i).sum()) for i, s in enumerate(_SIDES)},
            "skipped": self.inputs.skipped,
            "zero_vectors": self.inputs.zero_rows,
            "split_texts": self.request.split,
            "data_fingerprint": self.inputs.fingerprint,
            "matching": self._record("matching"),
            "bank": None if self.inputs.bank is None else self.inputs.bank.describe(),
            "events": self.inputs.events,
            "images": self.inputs.images,
            "metrics": metrics,
            "versions": versions(),
        }
        return Lexicon(
            dictionary=dictionary,
            base=table,
            base_codes=codes,
            items=self.inputs.items,
            splits=self.inputs.splits,
            name_vectors=name_vectors(table, relevance, source.shape[1]),
            info=info,
            encoder=self.request.encoder,
        )

    def _record(self, name: str) -> Any:
        path = self.folder / f"{name}.json"
        return read_json(path) if path.exists() else None


_SIDES = ("discover", "name", "verify")
