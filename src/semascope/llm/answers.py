"""What an answer says: the last JSON object in it, with the code that its question had."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_YES = {"yes": True, "true": True, "y": True, "no": False, "false": False, "n": False}


def read_object(text: str, code: str) -> dict[str, Any]:
    """Return the last JSON object of an answer that has the question's code.

    What a model quotes or thinks before its answer does not count, and neither does an object
    without the code, which may have come from an item.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> from semascope.llm import read_object
    >>> read_object('Item 1 says {"1": "yes"}. So: {"code": "ab12", "1": "no"}', "ab12")
    {'code': 'ab12', '1': 'no'}
    """
    found = [o for o in _objects(_THOUGHT.sub("", text)) if str(o.get("code", "")).strip() == code]
    if not found:
        raise ValueError("the answer has no JSON object with the code of the question")
    return found[-1]


def read_verdicts(text: str, code: str, n: int) -> list[bool]:
    """Return yes or no for each of `n` items; all of them or an error.

    Examples
    --------
    >>> from semascope.llm import read_verdicts
    >>> read_verdicts('{"code": "ab12", "1": "yes", "2": "No."}', "ab12", 2)
    [True, False]
    """
    said = read_object(text, code)
    return [_verdict(said.get(str(i))) for i in range(1, n + 1)]


def read_numbers(text: str, code: str, n: int, highest: float) -> list[float]:
    """Return a number from 0 to `highest` for each of `n` items; all of them or an error.

    Examples
    --------
    >>> from semascope.llm import read_numbers
    >>> read_numbers('{"code": "ab12", "1": 0, "2": "7"}', "ab12", 2, highest=10)
    [0.0, 7.0]
    """
    said = read_object(text, code)
    return [_number(said.get(str(i)), highest) for i in range(1, n + 1)]


def _verdict(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().rstrip(".").lower()
    if value is None or word not in _YES:
        raise ValueError(f"neither yes nor no: {value!r}")
    return _YES[word]


def _number(value: Any, highest: float) -> float:
    if value is None or isinstance(value, bool):
        raise ValueError(f"no number: {value!r}")
    number = float(value) if isinstance(value, int | float | str) else float("nan")
    if not 0 <= number <= highest:
        raise ValueError(f"no number from 0 to {highest}: {value!r}")
    return number


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, dict):
                yield value
        at = text.find("{", end)
