"""Functions of yours that options name."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from semascope.core import InputError, did_you_mean


def function_at(where: str, option: str = "--predict") -> Callable[..., Any]:
    """Return the callable that an option names as ``module:function`` or ``file.py:function``.

    It is imported as Python does it, from the working folder as well; semascope itself unpickles
    nothing.

    Raises
    ------
    InputError
        If there is no such module or function.

    Examples
    --------
    >>> from semascope.cli.functions import function_at
    >>> function_at("math:sqrt")(9.0)
    3.0
    """
    name, _, attribute = where.rpartition(":")
    if not name or not attribute:
        raise InputError(f"{option} is module:function or file.py:function, got '{where}'")
    if name.endswith(".py"):
        path = Path(name)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if not path.is_file() or spec is None or spec.loader is None:
            raise InputError(f"{option}: there is no file {name}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, str(Path.cwd()))
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as err:
            if err.name is None or not f"{name}.".startswith(f"{err.name}."):
                raise
            raise InputError(f"{option}: there is no module {name}") from err
        finally:
            sys.path.pop(0)
    found = getattr(module, attribute, None)
    if not callable(found):
        known = [one for one in vars(module) if callable(vars(module)[one])]
        raise InputError(
            f"{option}: {name} has no function '{attribute}'{did_you_mean(attribute, known)}"
        )
    return found  # type: ignore[no-any-return]
