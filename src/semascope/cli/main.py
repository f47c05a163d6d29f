"""Entry point: commands, and errors as one clear line."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import warnings
from typing import Annotated, Any

import typer

from semascope.core import SemascopeError

app = typer.Typer(
    name="semascope",
    help="See what your embeddings mean: concepts that are named, measured and editable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


_MODULES = (
    "compare", "demo", "doctor", "edit", "encode", "explain", "find", "learn", "log", "measure",
    "name", "prediction", "show", "slices", "verify",
)  # fmt: skip
_ELSEWHERE = {"undo": "log", "redo": "log", "version": "main"}


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(help="Show the full traceback of an error.")] = False,
) -> None:
    """Remember the options that every command shares."""
    if debug:
        os.environ["SEMASCOPE_DEBUG"] = "1"


@app.command("version")
def show_version() -> None:
    """Print the version."""
    from semascope import __version__

    typer.echo(__version__)


def main() -> None:
    """Run the command line; user errors become one line and exit code 2.

    Examples
    --------
    >>> import sys
    >>> from semascope.cli import main
    >>> sys.argv = ["semascope", "version"]
    >>> main()
    Traceback (most recent call last):
    ...
    SystemExit: 0
    """
    # A command may be told --debug before or after its name.
    if "--debug" in sys.argv[1:]:
        sys.argv = [sys.argv[0], *(a for a in sys.argv[1:] if a != "--debug")]
        os.environ["SEMASCOPE_DEBUG"] = "1"
    if len(sys.argv) == 1:
        sys.argv = [sys.argv[0], "--help"]
    _register(sys.argv[1:])
    try:
        with warnings.catch_warnings():
            if not os.environ.get("SEMASCOPE_DEBUG"):
                warnings.showwarning = _warn
            sys.exit(app(standalone_mode=False))
    except SemascopeError as err:
        _fail(str(err), err.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as err:
        _fail(f"{err.filename or 'a file'}: {err.strerror or err}", 2)
    except MemoryError:
        _fail("there is not enough memory; use fewer components, or a machine with more", 2)
    except Exception as err:
        # Wrong usage; its class lies in typer or in click, depending on typer's version.
        if hasattr(err, "format_message"):
            _fail(f"{err.format_message()} (all options with --help)", 2)
        _fail(f"unexpected {type(err).__name__}: {err} (see all with --debug)", 1)


def _register(arguments: list[str]) -> None:
    """Import the command that is asked for, or all for help; modules register theirs."""
    asked = next((a for a in arguments if not a.startswith("-")), "")
    module = _ELSEWHERE.get(asked, asked)
    for name in (module,) if module in (*_MODULES, "main") else _MODULES:
        importlib.import_module(f"semascope.cli.{name}")


def _warn(message: Warning | str, *_where: Any, **_more: Any) -> None:
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


def _fail(message: str, code: int) -> None:
    if os.environ.get("SEMASCOPE_DEBUG"):
        traceback.print_exc()
    else:
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)
