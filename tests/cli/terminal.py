"""Runs `rlm-ha` or a shell on a terminal of its own, and reads what is drawn there."""

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cli.command import LIMIT

HOME = "\x1b[H"
"""Where a screen that is drawn again begins."""

_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|[\r\x07]")


def plain(text: str) -> str:
    """The text without what steers a terminal."""
    return _SEQUENCE.sub("", text)


@dataclass(slots=True, kw_only=True)
class Terminal:
    """A terminal with a program on it."""

    process: asyncio.subprocess.Process
    descriptor: int
    text: str = ""
    """All that was written to it."""

    @property
    def screens(self) -> list[list[str]]:
        """Each screen that was drawn whole, as lines; the newest last."""
        return [plain(part).split("\n") for part in self.text.split(HOME)[1:]]

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.descriptor, keys.encode())

    async def until(self, claim: Callable[[str], bool]) -> str:
        """Read until that is true of all that was written; then all of it."""
        try:
            async with asyncio.timeout(LIMIT):
                while not claim(self.text):
                    part = await asyncio.to_thread(_read, self.descriptor)
                    assert part, f"it ended: {self.text[-4000:]!r}"
                    self.text += part
        except TimeoutError:
            raise AssertionError(f"not within {LIMIT:g} s: {self.text[-4000:]!r}") from None
        return self.text

    async def end(self) -> int:
        """Read until the program has ended; its exit code."""
        async with asyncio.timeout(LIMIT):
            while part := await asyncio.to_thread(_read, self.descriptor):
                self.text += part
            return await self.process.wait()


@contextlib.asynccontextmanager
async def on_terminal(
    *words: str, home: Path, variables: Mapping[str, str], columns: int = 80, lines: int = 24
) -> AsyncIterator[Terminal]:
    """Run these words there; what still runs afterwards is killed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=home,
        env=dict(variables),
        preexec_fn=take_terminal,
    )
    os.close(theirs)
    try:
        yield Terminal(process=process, descriptor=ours)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)


def _read(descriptor: int) -> str:
    try:
        return os.read(descriptor, 65536).decode(errors="replace")
    except OSError:  # Linux tells of the closed other end so
        return ""
