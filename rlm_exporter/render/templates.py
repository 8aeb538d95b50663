"""The templates that stand beside this module, filled in."""

import shlex
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@,./_-+=:")


def template(name: str) -> Template:
    """A template by its file's name, with filters that quote for a shell (`sh`) and for units of systemd."""
    environment = Environment(
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - units and scripts, not HTML
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["sh"] = lambda word: shlex.quote(str(word))
    environment.filters |= {"unit_path": unit_path, "unit_item": unit_item, "unit_word": unit_word}
    return environment.from_string(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))


def unit_path(value: object) -> str:
    """A path that fills the rest of a line of a unit: nothing but `%` means something there."""
    return str(value).replace("%", "%%")


def unit_item(value: object) -> str:
    """One path of several in a line of a unit."""
    word = unit_path(value)
    if word and set(word) <= _PLAIN:
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unit_word(value: object) -> str:
    """One word of a command in a unit, where `$` means something too."""
    return unit_item(str(value).replace("$", "$$"))
