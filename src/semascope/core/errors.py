"""The errors of semascope: one root, and messages that say what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SemascopeError(Exception):
    """Root of every error that semascope raises on purpose.

    The command line prints its message on one line and exits with ``exit_code``.

    Examples
    --------
    >>> from semascope.core import SemascopeError, InputError
    >>> issubclass(InputError, SemascopeError) and issubclass(InputError, ValueError)
    True
    """

    exit_code = 2


class InputError(SemascopeError, ValueError):
    """What the user passed in cannot be used: a column, a file, a shape, a value.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.core import InputError, as_vectors
    >>> try:
    ...     as_vectors(np.array([[1.0, np.nan]]))
    ... except InputError as err:
    ...     print(err)
    vectors hold a value that is not finite at row 0, column 1 (nan); remove or repair that row
    """


class ArtifactError(SemascopeError):
    """A lexicon, a vector store or a run folder is damaged, newer than this version, or in the way.

    Examples
    --------
    >>> import semascope as sc
    >>> try:
    ...     sc.load("nowhere.lexicon")
    ... except sc.core.ArtifactError as err:
    ...     print(err)
    no lexicon at nowhere.lexicon; make one with 'semascope learn FILE --out nowhere.lexicon'
    """


class MissingExtraError(SemascopeError, ImportError):
    """An optional dependency is needed and not installed; the message names the extra.

    Examples
    --------
    >>> from semascope.core import MissingExtraError
    >>> print(MissingExtraError.of("umap", "text", "drawing"))
    drawing needs the package umap; install it with: pip install 'semascope[text]'
    """

    @classmethod
    def of(cls, package: str, extra: str, purpose: str) -> MissingExtraError:
        """Build the message for `package`, which `extra` brings and `purpose` needs."""
        return cls(
            f"{purpose} needs the package {package}; "
            f"install it with: pip install 'semascope[{extra}]'"
        )


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest option, or an empty string.

    Parameters
    ----------
    word : str
        What was asked for.
    options : iterable of str
        What exists.

    Examples
    --------
    >>> from semascope.core import did_you_mean
    >>> did_you_mean("revew", ["review", "stars"])
    "; did you mean 'review'?"
    >>> did_you_mean("zzz", ["review", "stars"])
    ''
    """
    lowered = {option.lower(): option for option in options}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return f"; did you mean '{lowered[close[0]]}'?" if close else ""


def listed(options: Iterable[str], most: int = 12) -> str:
    """Join names for a message, shortened after `most` of them.

    Examples
    --------
    >>> from semascope.core import listed
    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    names = list(options)
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
