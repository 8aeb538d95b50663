"""Keeps lines on disk, in memory that does not grow with their number, and gives them back in order."""

import heapq
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self, TextIO

_IN_MEMORY = 20_000
_FILES = 64
"""So many are open at once; more are merged into one."""


class Spool:
    """Lines by number, each its own. The files have no names, and are gone with the spool."""

    def __init__(self, *, in_memory: int = _IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._newest: list[tuple[int, str]] = []
        self._files: list[TextIO] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            for file in self._files:
                stack.enter_context(file)
        self._files.clear()

    def add(self, number: int, line: str) -> None:
        """Keep a line; it holds no line feed."""
        self._newest.append((number, line))
        if len(self._newest) >= self._in_memory:
            self._store()

    def lines(self) -> Iterator[str]:
        """All of them, the lowest number first. May be asked again once it has ended."""
        self._newest.sort()
        return (line for _, line in heapq.merge(*map(_read, self._files), self._newest))

    def _store(self) -> None:
        if len(self._files) >= _FILES:
            merged = _written(heapq.merge(*map(_read, self._files)))
            for file in self._files:
                file.close()
            self._files = [merged]
        self._newest.sort()
        self._files.append(_written(iter(self._newest)))
        self._newest.clear()


def _written(pairs: Iterator[tuple[int, str]]) -> TextIO:
    file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n")  # noqa: SIM115 - closed by the spool
    file.writelines(f"{number} {line}\n" for number, line in pairs)
    return file


def _read(file: TextIO) -> Iterator[tuple[int, str]]:
    file.seek(0)
    for line in file:
        number, _, text = line.partition(" ")
        yield int(number), text.rstrip("\n")
