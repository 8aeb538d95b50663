"""What a command shows, as values: tables, facts and lines. How they are drawn is told in output.py."""

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """What a text means for the reader; the drawing makes a colour of it."""

    PLAIN = ""
    GOOD = "green"
    BAD = "bold red"
    WARNING = "yellow"
    QUIET = "dim"
    STRONG = "bold"


@dataclass(frozen=True, slots=True)
class Cell:
    """One short text."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column; a `long` one takes the room that is left, and wraps or is cut."""

    title: str
    right: bool = False
    long: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of as many cells as there are columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    wraps: bool = False
    """Whether a long cell goes on in the next line; otherwise it ends with an ellipsis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Labelled lines, each exactly one line high; an empty label continues the one above."""

    pairs: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Several texts in one line."""

    cells: tuple[Cell, ...]


Block = Table | Facts | Line
Sheet = tuple[Block, ...]
