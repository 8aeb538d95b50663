"""Takes a document of texts, numbers, lists and mappings apart, and keeps every problem with its key."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

Value = object
T = TypeVar("T")
_MISSING = object()


class Fields:
    """The keys of one mapping; what is wrong with them is kept under their full name."""

    def __init__(self, fields: Mapping[str, Value], name: str, problems: list[str], folder: Path) -> None:
        self._fields = dict(fields)
        self._name = name
        self._problems = problems
        self._folder = folder

    def __contains__(self, key: str) -> bool:
        return key in self._fields

    def complain(self, key: str, what: str) -> None:
        """One more problem."""
        self._problems.append(f"{self._full(key)}: {what}")

    def text(self, key: str, default: str | None = None) -> str:
        """A text; a number stands for its digits, and what JSON has for true for that word."""
        value = self._take(key, default)
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, (str, int, float)):
            return str(value)
        return self._wrong(key, value, "a text", "")

    def number(self, key: str, default: int | None = None, *, least: int = 0) -> int:
        """A whole number."""
        value = self._take(key, default)
        text = str(value)
        if text.isascii() and text.isdigit() and len(text) < 16 and int(text) >= least:
            return int(text)
        return self._wrong(key, value, f"a whole number from {least}", default or least)

    def port(self, key: str, default: int | None = None, *, least: int = 1) -> int:
        """A TCP port."""
        number = self.number(key, default, least=least)
        return number if number <= 65535 else self._wrong(key, number, "a port up to 65535", 1)

    def parsed(self, key: str, parse: Callable[[str], T], default: T, what: str, *, must: bool = False) -> T:
        """A text that `parse` understands, which raises ValueError where it does not; `must` be there."""
        if key not in self._fields:
            return self._wrong(key, _MISSING, what, default) if must else default
        text = self.text(key)
        try:
            return parse(text)
        except ValueError:
            return self._wrong(key, text, what, default)

    def path(self, key: str) -> Path:
        """A path, relative to the scenario's folder."""
        return self._folder / self.text(key)

    def part(self, key: str) -> "Fields | None":
        """A mapping under this key."""
        if key not in self._fields:
            return None
        return self._mapping(key, self._take(key, None))

    def parts(self, key: str) -> "list[Fields]":
        """A list of mappings under this key."""
        values = self._take(key, [])
        if not isinstance(values, list):
            return self._wrong(key, values, "a list", [])
        found = (self._mapping(f"{key}[{index}]", value) for index, value in enumerate(values))
        return [one for one in found if one is not None]

    def end(self) -> None:
        """Complain about the keys that nobody asked for."""
        for key in self._fields:
            self.complain(key, "there is no such key")

    def _mapping(self, key: str, value: Value) -> "Fields | None":
        if not isinstance(value, dict):
            self._wrong(key, value, "keys and values", None)
            return None
        return Fields(value, self._full(key), self._problems, self._folder)

    def _full(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def _take(self, key: str, default: Value | None) -> Value:
        value = self._fields.pop(key, _MISSING)
        if value is not _MISSING:
            return value
        return _MISSING if default is None else default

    def _wrong(self, key: str, value: Value, what: str, instead: T) -> T:
        self.complain(key, f"{what} expected" + ("" if value is _MISSING else f", not {value!r}"))
        return instead
