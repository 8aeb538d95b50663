"""Prints data on stdout: as it is in JSON or YAML, or as a sheet for people."""

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

import click

from rlm_exporter.cli.manners import Format, Manners
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.sheet import Block, Cell, Facts, Line, Sheet, Table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

# ruff: noqa: PLC0415 - rich and yaml are imported only where something is drawn with them


def emit(document: dict[str, Any], sheet: Callable[[], Sheet], *, manners: Manners) -> None:
    """Print the document in the format that was asked for; the sheet is made only if it is wanted."""
    match manners.output:
        case Format.JSON:
            click.echo(json.dumps(document, indent=2))
        case Format.YAML:
            click.echo(_yaml(document), nl=False)
        case Format.TABLE:
            draw(sheet())


def emit_one_of_many(document: dict[str, Any], *, manners: Manners) -> None:
    """Print one document of a stream: a line of JSON, or a YAML document."""
    if manners.output == Format.YAML:
        click.echo(_yaml(document, explicit_start=True), nl=False)
    else:
        click.echo(json.dumps(document))


def _yaml(document: dict[str, Any], *, explicit_start: bool = False) -> str:
    import yaml

    # By way of JSON: what only behaves like a text, such as a name with its line, is nothing to YAML.
    plain = json.loads(json.dumps(document))
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, explicit_start=explicit_start))


def draw(sheet: Sheet) -> None:
    """Draw on stdout, at most as wide as the terminal; 80 columns where there is none."""
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False, emoji=False, markup=False)
    with console.capture() as capture:
        console.print(renderable(sheet))
    # Cells are padded to their column's width, which serves nobody at the end of a line.
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()), color=console.is_terminal)


def is_live(stream: TextIO) -> bool:
    """Whether what is written there can be written over: a terminal that knows more than letters."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def renderable(sheet: Sheet) -> "RenderableType":
    """What rich draws of it."""
    from rich.console import Group

    return Group(*map(_renderable, sheet))


def _renderable(block: Block) -> "RenderableType":
    match block:
        case Table():
            return _table(block)
        case Facts():
            return _facts(block)
        case Line():
            return _line(block)


def _table(table: Table) -> "RenderableType":
    from rich.table import Table as RichTable

    drawn = RichTable(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for column in table.columns:
        # rich takes the room that is missing from the columns that may wrap, and only then from the others.
        drawn.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.long,
            overflow="fold",
        )
    for row in table.rows:
        drawn.add_row(*(_text(cell, cut=not table.wraps) for cell in row))
    return drawn


def _facts(facts: Facts) -> "RenderableType":
    from rich.table import Table as RichTable

    drawn = RichTable.grid(padding=(0, 2, 0, 0), pad_edge=False)
    drawn.add_column(no_wrap=True, style="bold", min_width=10)
    drawn.add_column()
    for label, cell in facts.pairs:
        drawn.add_row(label, _text(cell, cut=True))
    return drawn


def _line(line: Line) -> "RenderableType":
    from rich.text import Text

    text = Text(no_wrap=True, overflow="ellipsis")
    for index, cell in enumerate(line.cells):
        text.append("  " if index else "").append_text(_text(cell, cut=True))
    return text


def _text(cell: Cell, *, cut: bool) -> "Text":
    from rich.text import Text

    return Text(
        printable(cell.text).replace("\n", " "),
        style=cell.tone.value,
        no_wrap=cut,
        overflow="ellipsis" if cut else "fold",
    )
