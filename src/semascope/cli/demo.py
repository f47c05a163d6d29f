"""``semascope demo``: the main job on texts that lie on every machine."""

from __future__ import annotations

import importlib
import inspect
import io
import logging
import pkgutil
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Annotated

import polars as pl
import typer

from semascope.cli.main import app
from semascope.core import write_atomic

# The first sentences say what a thing does, and keep the demo short.
_MOST_CHARACTERS = 400
# Defaults that are shown as objects lie elsewhere in each process.
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

PACKAGES = ("numpy", "scipy", "sklearn", "torch", "polars", "pandas")
STANDARD = (
    "argparse", "array", "ast", "asyncio", "base64", "bisect", "calendar", "cmath", "collections",
    "concurrent.futures", "configparser", "contextlib", "csv", "ctypes", "datetime", "decimal",
    "difflib", "dis", "email", "enum", "fileinput", "fractions", "ftplib", "functools", "gettext",
    "glob", "gzip", "hashlib", "heapq", "html", "http.client", "http.cookies", "http.server",
    "imaplib", "importlib", "inspect", "io", "ipaddress", "itertools", "json", "locale", "logging",
    "lzma", "mailbox", "math", "mimetypes", "multiprocessing", "operator", "os", "pathlib", "pdb",
    "pickletools", "platform", "plistlib", "poplib", "pprint", "queue", "random", "re", "sched",
    "secrets", "select", "selectors", "shelve", "shlex", "shutil", "signal", "smtplib", "socket",
    "socketserver", "sqlite3", "ssl", "statistics", "string", "struct", "subprocess", "tarfile",
    "tempfile", "textwrap", "threading", "time", "timeit", "tokenize", "trace", "traceback",
    "tracemalloc", "types", "typing", "unittest", "urllib.parse", "urllib.request", "uuid",
    "warnings", "wave", "weakref", "xml.dom.minidom", "xml.etree.ElementTree", "xmlrpc.client",
    "zipfile", "zlib", "zoneinfo",
)  # fmt: skip


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the texts and the lexicon.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
) -> None:
    """Learn the concepts in the documentation of the scientific packages installed here."""
    import semascope as sc
    from semascope.cli.tables import print_overview
    from semascope.core import plain_os_errors

    with plain_os_errors(out):
        out.mkdir(exist_ok=True)
    frame = docstrings()
    path = out / "docstrings.parquet"
    write_atomic(path, frame.write_parquet)
    counts = frame["package"].value_counts(sort=True)
    found = ", ".join(f"{n} {package}" for package, n in counts.iter_rows())
    print(f"{len(frame):,} docstrings in {path}: {found}", file=sys.stderr)
    lexicon = sc.learn(
        path, text="doc", id="id", out=out / "docstrings.lexicon", seed=seed, overwrite=True
    )
    print_overview(lexicon, out / "docstrings.lexicon")


def docstrings() -> pl.DataFrame:
    """Collect what the public functions and classes of the installed packages say they do.

    Returns
    -------
    polars.DataFrame
        ``id`` (qualified name), ``doc`` (the docstring up to its first section), ``package``,
        ``kind`` (*class* or *function*).

    Examples
    --------
    >>> from semascope.cli.demo import docstrings
    >>> docstrings.__name__
    'docstrings'
    """
    rows: dict[str, tuple[str, str, str]] = {}
    seen: set[str] = set()
    with _silence():
        for package, module in _modules():
            for name, thing in _members(module):
                doc = _description(inspect.getdoc(thing) or "")
                where = f"{module.__name__}.{name}"
                # Aliases and inherited texts say nothing new.
                if len(doc) < 40 or doc in seen or where in rows:
                    continue
                seen.add(doc)
                rows[where] = (doc, package, "class" if inspect.isclass(thing) else "function")
    names = sorted(rows)
    return pl.DataFrame(
        {
            "id": names,
            "doc": [rows[name][0] for name in names],
            "package": [rows[name][1] for name in names],
            "kind": [rows[name][2] for name in names],
        }
    )


@contextmanager
def _silence() -> Iterator[None]:
    """Keep imports of odd corners from warning or logging about what is not installed here."""
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            # Some modules reset the filters when they are imported; nothing is shown all the same.
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _modules() -> Iterator[tuple[str, ModuleType]]:
    for name in STANDARD:
        module = _imported(name)
        if module is not None:
            yield "standard library", module
    for package in PACKAGES:
        top = _imported(package)
        if top is None:
            continue
        yield package, top
        for info in pkgutil.walk_packages(top.__path__, f"{package}.", onerror=lambda _: None):
            parts = info.name.split(".")
            hidden = any(p.startswith("_") or p in _SKIPPED for p in parts[1:])
            if hidden or len(parts) > 4:
                continue
            module = _imported(info.name)
            if module is not None:
                yield package, module


_SKIPPED = frozenset(
    {"tests", "test", "conftest", "testing", "setup", "f2py", "distutils", "externals", "onnx",
     "contrib", "benchmark", "bottleneck", "tensorboard", "caffe2", "vendor", "jit", "fx",
     "__main__", "cuda", "xpu", "mps", "mtia", "ao", "package"}
)  # fmt: skip


def _imported(name: str) -> ModuleType | None:
    if name in sys.modules:
        return sys.modules[name]
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit):
        # Some public modules need packages, devices or systems that are not here.
        return None


def _members(module: ModuleType) -> Iterator[tuple[str, object]]:
    root = module.__name__.split(".")[0]
    for name in sorted(vars(module)):
        thing = vars(module)[name]
        if name.startswith("_") or not (inspect.isclass(thing) or callable(thing)):
            continue
        home = getattr(thing, "__module__", None) or ""
        if home.split(".")[0].lstrip("_") != root and home not in ("", "builtins"):
            continue
        yield name, thing
        # The methods of large classes (arrays, frames, tensors) are their packages' functions.
        if inspect.isclass(thing) and sum(callable(v) for v in vars(thing).values()) > 40:
            for method in sorted(vars(thing)):
                if not method.startswith("_") and callable(getattr(thing, method, None)):
                    yield f"{name}.{method}", getattr(thing, method)


def _description(doc: str) -> str:
    """Return the text before the first section, without signature lines."""
    lines: list[str] = []
    for line in doc.splitlines():
        if set(line.strip()) in ({"-"}, {"="}, {"~"}) and lines:
            lines.pop()
            break
        if line.strip().lower() in {"args:", "arguments:", "returns:", "example::", "examples:"}:
            break
        if line.startswith((">>>", ".. ")):
            break
        lines.append(line)
    while lines and ("->" in lines[0] or (lines[0].rstrip().endswith(")") and "(" in lines[0])):
        lines.pop(0)
    return _ADDRESS.sub("", "\n".join(lines)).strip()[:_MOST_CHARACTERS]
