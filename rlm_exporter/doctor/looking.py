"""Has `look` look at a path, and gives up in time: what hangs in the kernel is killed and not waited for."""

import base64
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rlm_exporter.probe.aside import Aside

PROGRAM = (sys.executable, "-I", "-S", str(Path(__file__).with_name("look.py")))
_SPARE = timedelta(seconds=0.5)
"""For the thread that waits for the program: it must be the program's limit that is met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFile:
    """One license file; None for what could not be found out."""

    path: str
    content: bytes | None
    mode: int | None
    target: str | None
    """Where it really is, if it is a link."""
    system: str | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A folder or a file."""

    path: str
    files: tuple[SeenFile, ...] = ()
    system: str | None = None
    """The kind of file system, such as ext4 or nfs4."""
    free: int | None = None
    size: int | None = None
    error: str | None = None
    hangs: bool = False
    """Whether there was no answer in time."""

    @property
    def unreadable(self) -> str | None:
        """Why it cannot be read as one file; None where it can."""
        if self.error is not None:
            return self.error
        if [file.path for file in self.files] != [self.path]:
            return "it is a folder"
        return self.files[0].error

    @property
    def text(self) -> str:
        """Of one file; empty where it cannot be read."""
        content = self.files[0].content if self.unreadable is None else None
        return "" if content is None else content.decode("utf-8", "replace")


async def look(path: str, *, limit: float, program: Sequence[str] = PROGRAM) -> Seen:
    """What is there; always ends within a moment of the limit in seconds."""
    try:
        told = await Aside[bytes | None]("look").run(
            lambda: _run([*program, path], limit), limit=timedelta(seconds=limit) + _SPARE
        )
    except TimeoutError:
        told = None
    if told is None:
        return Seen(path=path, hangs=True, error=f"no answer within {limit:g} s")
    try:
        return _read(path, json.loads(told))
    except (ValueError, KeyError, TypeError):
        return Seen(path=path, error="it could not be looked at")


def _run(command: Sequence[str], limit: float) -> bytes | None:
    """None where it takes longer. What hangs in an uninterruptible wait cannot be killed, nor waited for."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        return process.communicate(timeout=limit)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
        if process.stdout is not None:
            process.stdout.close()
        return None


def _read(path: str, found: dict[str, Any]) -> Seen:
    if "error" in found:
        return Seen(path=path, error=str(found["error"]))
    return Seen(
        path=path,
        files=tuple(_file(each) for each in found["files"]),
        system=found["system"],
        free=found["free"],
        size=found["size"],
    )


def _file(found: dict[str, Any]) -> SeenFile:
    content = found.get("content")
    return SeenFile(
        path=found["path"],
        content=None if content is None else base64.b64decode(content),
        mode=found.get("mode"),
        target=found.get("target"),
        system=found.get("system"),
        error=found.get("error"),
    )
