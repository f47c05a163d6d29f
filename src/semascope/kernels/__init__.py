"""Top-k encoding, sparse decoding and gradients: the hot path of dictionary learning."""

from semascope.kernels.clustered import ClusteredEncoder, Clusters
from semascope.kernels.devices import as_device
from semascope.kernels.encoder import LinearEncoder
from semascope.kernels.ops import (
    SparseRows,
    code_gradients,
    decode,
    scores,
    select_batch_topk,
    select_threshold,
    select_topk,
    weight_gradients,
)
from semascope.kernels.refine import default_rounds, pursue, refit
from semascope.kernels.training import Term, adam_step, add_noise, residual

__all__ = [
    "ClusteredEncoder",
    "Clusters",
    "LinearEncoder",
    "SparseRows",
    "Term",
    "adam_step",
    "add_noise",
    "as_device",
    "code_gradients",
    "decode",
    "default_rounds",
    "pursue",
    "refit",
    "residual",
    "scores",
    "select_batch_topk",
    "select_threshold",
    "select_topk",
    "weight_gradients",
]
