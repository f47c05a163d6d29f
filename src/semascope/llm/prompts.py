"""Prompts are files: those of the package, or a folder of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template

from semascope.core import InputError, did_you_mean, listed, plain_os_errors

SECTIONS = ("system", "user")


@dataclass(frozen=True)
class Prompt:
    """Two messages with placeholders such as ``${items}``.

    Parameters
    ----------
    name : str
        Name of the file, without its suffix.
    system, user : str
        The two sections of the file, ``## system`` and ``## user``.

    Examples
    --------
    >>> from semascope.llm import Prompt
    >>> Prompt("greet", "Be brief.", "Greet ${who}.").filled(who="Ada")
    ('Be brief.', 'Greet Ada.')
    """

    name: str
    system: str
    user: str

    @property
    def placeholders(self) -> set[str]:
        """Names of the placeholders."""
        return {*Template(self.system).get_identifiers(), *Template(self.user).get_identifiers()}

    def filled(self, **values: str | int) -> tuple[str, str]:
        """Return both messages with values for all placeholders."""
        return Template(self.system).substitute(values), Template(self.user).substitute(values)


def load_prompt(name: str, folder: str | Path | None = None) -> Prompt:
    """Read a prompt: the user's, if his folder has it, or the package's.

    A prompt is a Markdown file with the sections ``## system`` and ``## user``. One's own has to
    use the same placeholders as the package's; ``$$`` stands for a dollar sign. `prompt_names`
    lists the prompts, `shipped` shows one.

    Parameters
    ----------
    name : str
        Such as ``"name"``.
    folder : str or Path, optional
        Of the user's own prompts, any of them, each called as the package's.

    Raises
    ------
    InputError
        If the folder, a section, or a placeholder is missing, or one is unknown.

    Examples
    --------
    >>> from semascope.llm import load_prompt
    >>> sorted(load_prompt("detect").placeholders)
    ['code', 'items', 'n', 'name']
    """
    original = _parsed(name, shipped(name), f"the package's {name}.md")
    if folder is None:
        return original
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"no folder of prompts at {folder}")
    files = [path for path in sorted(folder.glob("*.md")) if path.stem.lower() != "readme"]
    if not files:
        raise InputError(
            f"{folder} holds no prompts; prompts: {listed(f'{n}.md' for n in prompt_names())}"
        )
    for path in files:
        if path.stem not in prompt_names():
            raise InputError(
                f"{path} is no prompt of semascope{did_you_mean(path.stem, prompt_names())}; "
                f"prompts: {listed(f'{n}.md' for n in prompt_names())}"
            )
    path = folder / f"{name}.md"
    if not path.exists():
        return original
    with plain_os_errors(path):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as err:
            raise InputError(f"{path} is not UTF-8 text ({err})") from err
    own = _parsed(name, text, str(path))
    wanted = original.placeholders
    for found in sorted(own.placeholders - wanted):
        raise InputError(
            f"{path} has a placeholder ${{{found}}} that is unknown"
            f"{did_you_mean(found, wanted)}; there are: {_braced(wanted)}"
        )
    if wanted - own.placeholders:
        raise InputError(f"{path} lacks the placeholders {_braced(wanted - own.placeholders)}")
    return own


def check_prompts(folder: str | Path | None) -> None:
    """Raise `InputError` if a folder of the user's own prompts cannot be used.

    Examples
    --------
    >>> from semascope.llm import check_prompts
    >>> check_prompts("nowhere")
    Traceback (most recent call last):
    ...
    semascope.core.errors.InputError: no folder of prompts at nowhere
    """
    for name in prompt_names():
        load_prompt(name, folder)


@cache
def prompt_names() -> tuple[str, ...]:
    """Return the names of all prompts.

    Examples
    --------
    >>> from semascope.llm import prompt_names
    >>> "detect" in prompt_names()
    True
    """
    folder = files("semascope.llm") / "prompts"
    return tuple(sorted(p.name[:-3] for p in folder.iterdir() if p.name.endswith(".md")))


def shipped(name: str) -> str:
    """Return the text of the package's prompt, to begin one's own from.

    Examples
    --------
    >>> from semascope.llm import shipped
    >>> shipped("detect").splitlines()[0]
    '## system'
    """
    if name not in prompt_names():
        raise InputError(
            f"no prompt '{name}'{did_you_mean(name, prompt_names())}; "
            f"prompts: {listed(prompt_names())}"
        )
    return (files("semascope.llm") / "prompts" / f"{name}.md").read_text(encoding="utf-8")


def _parsed(name: str, text: str, where: str) -> Prompt:
    parts: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.splitlines():
        head = line.removeprefix("## ").strip().lower() if line.startswith("## ") else ""
        if head in SECTIONS:
            if head in parts:
                raise InputError(f"{where} has two sections '## {head}'")
            current = parts.setdefault(head, [])
        elif current is not None:
            current.append(line)
    for section in SECTIONS:
        if not "".join(parts.get(section, [])).strip():
            raise InputError(f"{where} has no text in a section '## {section}'")
    system, user = ("\n".join(parts[section]).strip() for section in SECTIONS)
    for part in (system, user):
        if not Template(part).is_valid():
            raise InputError(
                f"{where} has a '$' that begins no placeholder; write $$ for a dollar sign"
            )
    return Prompt(name, system, user)


def _braced(names: set[str]) -> str:
    return ", ".join(f"${{{name}}}" for name in sorted(names))
