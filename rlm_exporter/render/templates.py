"""The templates that stand beside this module, filled in."""

import shlex
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@,./_-+=:")


def template(name: str) -> Template:
    """A template by its file's name, with `sh` to quote a word for a shell and `unit` for a systemd unit."""
    environment = Environment(
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - units and scripts, not HTML
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["sh"] = lambda word: shlex.quote(str(word))
    environment.filters["unit"] = unit_word
    return environment.from_string(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))


def unit_word(value: object) -> str:
    """One word of a command in a systemd unit, where `%` and `$` mean something."""
    word = str(value).replace("%", "%%").replace("$", "$$")
    if word and set(word) <= _PLAIN:
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
