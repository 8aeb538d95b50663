"""Small programs that stand in for rlmutil, and ways to see what became of them."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "rlmstat"
DEADLINE = 10.0
"""Seconds after which a condition that was waited for has failed."""


def shell(path: Path, body: str) -> Path:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def alive(pid: int) -> bool:
    """Whether that process still runs: one that is dead and not reaped by its parent does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def until(condition: Callable[[], bool]) -> None:
    """Return when that is so; fail when it does not become so in time."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.01)


async def until_written(path: Path) -> int:
    """The number that a program writes into that file."""
    await until(lambda: path.exists() and path.read_text().endswith("\n"))
    return number(path)


async def until_gone(pid: int) -> None:
    """Return when that process is gone."""
    await until(lambda: not alive(pid))


def number(path: Path) -> int:
    """What a program wrote there."""
    return int(path.read_text())


def open_files() -> int:
    """How many file descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> set[int]:
    """Our own child processes, dead ones that nobody reaped included."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(stat.rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(entry.name))
    return found
