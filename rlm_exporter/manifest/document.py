"""A YAML document with the line of every part, and the problems found in it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]
"""Keys and list positions from the top of the document."""

Value: TypeAlias = "str | Sequence[Value] | Mapping[str, Value] | None"
"""Scalars stay text, whatever they look like; None is an empty one."""

_WORD = re.compile(r"[A-Za-z0-9_-]+")
_SHOWN = 60


class Plain(str):
    """A scalar that stands without quotes, so that it may also mean a number, true or false."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, where it is, and what to do about it."""

    source: str
    line: int | None
    path: Path = ()
    text: str

    @property
    def dotted(self) -> str:
        """The path as people write it; empty for the document as a whole."""
        return dotted_path(self.path)

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{place}: {self.dotted}: {self.text}" if self.path else f"{place}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of a file."""

    source: str
    line: int
    value: Value
    lines: Mapping[Path, int]
    """The line of each key and each list item."""
    broken: frozenset[Path] = field(default_factory=frozenset)
    """Parts whose form is wrong: they have their problem already, so checks of meaning pass them over."""

    @property
    def root(self) -> "Part":
        """The whole document."""
        return Part(document=self, path=())

    def without(self, broken: frozenset[Path]) -> "Document":
        """The same with more parts known to be broken."""
        return replace(self, broken=self.broken | broken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A place in a document: what stands there, and how to complain about it."""

    document: Document
    path: Path

    def at(self, *steps: Step) -> "Part":
        """A place below this one, whether or not anything stands there."""
        return Part(document=self.document, path=self.path + steps)

    @property
    def value(self) -> Value:
        """What stands here; None where nothing does, or nothing usable."""
        found: Value = self.document.value
        for depth, step in enumerate(self.path):
            if self.path[: depth + 1] in self.document.broken:
                return None
            found = _below(found, step)
        return found

    @property
    def text(self) -> str | None:
        """The scalar that stands here; None where there is none."""
        value = self.value
        return value if isinstance(value, str) else None

    @property
    def is_broken(self) -> bool:
        """Whether something stands here, or around here, whose form is wrong."""
        depths = range(len(self.path) + 1)
        return any(self.path[:depth] in self.document.broken for depth in depths)

    @property
    def is_given(self) -> bool:
        """Whether something usable stands here."""
        return self.value is not None

    @property
    def name(self) -> str:
        """The last key of the place."""
        return str(self.path[-1]) if self.path else ""

    @property
    def line(self) -> int:
        """The line of this place; of what is around it where nothing stands here."""
        for depth in range(len(self.path), 0, -1):
            line = self.document.lines.get(self.path[:depth])
            if line is not None:
                return line
        return self.document.line

    def children(self) -> "Iterator[Part]":
        """The usable values of a mapping, or the items of a list, in their order."""
        value = self.value
        steps: Sequence[Step] = ()
        if isinstance(value, Mapping):
            steps = tuple(value)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            steps = range(len(value))
        return (part for part in (self.at(step) for step in steps) if part.is_given)

    def problem(self, text: str) -> Problem:
        """Say what is wrong here."""
        return Problem(source=self.document.source, line=self.line, path=self.path, text=text)


def _below(value: Value, step: Step) -> Value:
    if isinstance(value, Mapping) and isinstance(step, str):
        return value.get(step)
    if isinstance(value, Sequence) and not isinstance(value, str) and isinstance(step, int):
        return value[step] if step < len(value) else None
    return None


def dotted_path(path: Path) -> str:
    """`spec.features[0].name`; a key that is no plain word stands in brackets."""
    written = ""
    for step in path:
        if isinstance(step, int):
            written += f"[{step}]"
        elif len(step) <= _SHOWN and _WORD.fullmatch(step):
            written += f".{step}"
        else:
            written += f"[{shown(step)}]"
    return written.removeprefix(".")


def shown(value: Value) -> str:
    """A value as a message quotes it: on one line, of bounded length."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        cut = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
        printable = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in cut)
        return f'"{printable}"'
    return "a mapping" if isinstance(value, Mapping) else "a list"
