"""The Python examples of the README run as they stand."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_example_runs(number, capsys):
    code = compile(BLOCKS[number], f"README.md, example {number + 1}", "exec")
    exec(code, {"__name__": "readme"})
    assert "Error" not in capsys.readouterr().err


def test_there_are_examples():
    assert len(BLOCKS) >= 2
