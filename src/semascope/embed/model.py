"""A sentence-transformers model: loaded, run so that every bit repeats, and identified."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from semascope.core import MissingExtraError
from semascope.embed.parallel import one_thread
from semascope.embed.pieces import padded_width

Vectors = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]

PURPOSE = "embedding texts"
_LOUD = ("sentence_transformers", "transformers", "huggingface_hub")
# Below these, matrix products take other paths, whose sums round differently.
_FEWEST_ROWS, _FEWEST_TOKENS = 2, 64
# A fast tokenizer is changed by how it is called, and refuses two calls at once when it is.
_TOKENIZING = Lock()


def load_model(source: str, *, local: bool) -> Any:
    """Load a model from a folder or, unless `local`, from the hub; weights as safetensors only."""
    with _quiet():
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as err:
            raise MissingExtraError.of("sentence_transformers", "text", PURPOSE) from err
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


def run_model(
    model: Any, prompt: str, longest: int | None, texts: list[str], *, half: bool
) -> Vectors:
    """Embed texts, each padded to the width that follows from its own length; shape (b, d)."""
    import torch

    with _TOKENIZING:
        features = model.preprocess(texts, prompt=prompt or None)
    mask = features.get("attention_mask")
    if mask is None or mask.ndim != 2:
        groups: list[tuple[Counts, int | None]] = [(np.arange(len(texts)), None)]
    else:
        tokens = mask.sum(dim=1).tolist()
        widths = np.array([padded_width(int(n), longest) for n in tokens], dtype=np.int64)
        groups = [(np.flatnonzero(widths == width), int(width)) for width in np.unique(widths)]
    parts = []
    kind = model.device.type
    with (
        one_thread() if kind == "cpu" else nullcontext(),
        torch.inference_mode(),
        torch.autocast(kind, torch.bfloat16, enabled=half),
    ):
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


def count_tokens(model: Any, prompt: str, texts: list[str]) -> list[int]:
    """Count the tokens of each text before any are cut off."""
    read = [prompt + text for text in texts] if prompt else texts
    with _TOKENIZING:
        return _count_tokens(model.tokenizer, read)


def _count_tokens(tokenizer: Any, read: list[str]) -> list[int]:
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
        return count_words(read)
    return [len(row) for row in ids["input_ids"]]


def count_words(texts: list[str]) -> list[int]:
    """Count words, for what has no tokenizer.

    Examples
    --------
    >>> from semascope.embed.model import count_words
    >>> count_words(["late delivery"])
    [2]
    """
    return [len(text.split()) for text in texts]


def gains_from_bf16(device: Any) -> bool:
    """Tell whether the device multiplies bfloat16 faster than float32.

    Intel's AVX512-BF16 alone, where its tiles (AMX) are missing or hidden by a virtual machine,
    does so at about half the speed of float32: 140 against 260 GFLOP/s on two cores.
    """
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    has = torch.cpu.get_capabilities()
    return bool(
        has.get("amx_bf16")
        or (has.get("avx512_bf16") and "intel" not in str(has.get("cpu_name")).lower())
    )


def module_config(module: Any) -> dict[str, Any]:
    """Return what a module of the pipeline (transformer, pooling, ...) was configured with."""
    config = module.get_config_dict() if hasattr(module, "get_config_dict") else {}
    return {"module": type(module).__name__, **config}


def weights_hash(model: Any) -> str:
    """Return the SHA-256 of all weights, with their names and shapes."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def tokenizer_state(model: Any) -> Any:
    """Return what decides how texts become tokens, as plain data."""
    tokenizer = model.tokenizer
    tokenizer = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(tokenizer, "to_str"):
        return sorted(tokenizer.get_vocab().items()) if hasattr(tokenizer, "get_vocab") else None
    state = json.loads(tokenizer.to_str())
    # These follow the last call, not the model.
    return {key: value for key, value in state.items() if key not in {"truncation", "padding"}}
