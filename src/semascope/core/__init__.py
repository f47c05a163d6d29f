"""Arrays, codes, errors, artifact files, progress, random numbers, scores: what every room uses."""

from semascope.core.ahead import ahead
from semascope.core.arrays import (
    FloatArray,
    as_vectors,
    expect_rows,
    from_torch,
    gather,
    is_mapped,
    release_pages,
    row_blocks,
)
from semascope.core.code_store import CodeStore
from semascope.core.codes import Codes, write_codes
from semascope.core.columns import as_frame, as_series
from semascope.core.database import open_database
from semascope.core.errors import (
    ArtifactError,
    InputError,
    MissingExtraError,
    SemascopeError,
    did_you_mean,
    listed,
)
from semascope.core.files import (
    new_folder,
    plain_os_errors,
    read_json,
    require_writable,
    sha256,
    verify_checksums,
    write_atomic,
    write_checksums,
    write_json,
)
from semascope.core.interrupt import interruptible
from semascope.core.locks import held
from semascope.core.places import cache_folder
from semascope.core.progress import Progress, progress
from semascope.core.random import SPLITS, generator, seed_from, split_of
from semascope.core.scores import Score, auroc, kendall_w
from semascope.core.shards import ShardFile, check_content, check_size, damaged, read_manifest
from semascope.core.tables import write_table
from semascope.core.tensors import load_tensors, save_tensors

__all__ = [
    "SPLITS",
    "ArtifactError",
    "CodeStore",
    "Codes",
    "FloatArray",
    "InputError",
    "MissingExtraError",
    "Progress",
    "Score",
    "SemascopeError",
    "ShardFile",
    "ahead",
    "as_frame",
    "as_series",
    "as_vectors",
    "auroc",
    "cache_folder",
    "check_content",
    "check_size",
    "damaged",
    "did_you_mean",
    "expect_rows",
    "from_torch",
    "gather",
    "generator",
    "held",
    "interruptible",
    "is_mapped",
    "kendall_w",
    "listed",
    "load_tensors",
    "new_folder",
    "open_database",
    "plain_os_errors",
    "progress",
    "read_json",
    "read_manifest",
    "release_pages",
    "require_writable",
    "row_blocks",
    "save_tensors",
    "seed_from",
    "sha256",
    "split_of",
    "verify_checksums",
    "write_atomic",
    "write_checksums",
    "write_codes",
    "write_json",
    "write_table",
]
