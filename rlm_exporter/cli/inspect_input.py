"""What the `inspect` commands read: files by their names, `-` for stdin."""

import sys
from dataclasses import dataclass
from pathlib import Path

import click

FILES = click.Path(exists=True, allow_dash=True, path_type=Path)
"""The type of their FILE arguments: what does not exist is a mistake of usage."""

STDIN = Path("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One file's bytes, under the name that messages call it by."""

    name: str
    data: bytes


def read_input(path: Path) -> Input:
    """The whole file, or all of stdin; ends the command where it cannot be read."""
    if path == STDIN:
        return Input(name="<stdin>", data=sys.stdin.buffer.read())
    try:
        return Input(name=str(path), data=path.read_bytes())
    except OSError as error:
        raise click.FileError(str(path), hint=error.strerror or "cannot be read") from error
