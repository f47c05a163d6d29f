"""Top-k encoding, sparse decoding and gradients: the hot path of dictionary learning."""

from semascope.kernels.ops import (
    SparseRows,
    code_gradients,
    decode,
    encode_topk,
    scores,
    select_batch_topk,
    select_threshold,
    select_topk,
    weight_gradients,
)

__all__ = [
    "SparseRows",
    "code_gradients",
    "decode",
    "encode_topk",
    "scores",
    "select_batch_topk",
    "select_threshold",
    "select_topk",
    "weight_gradients",
]
