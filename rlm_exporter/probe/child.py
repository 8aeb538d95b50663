"""One child process with an end: bounded in time and in output, killed with its whole group, and reaped."""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from rlm_exporter.probe.waiting import first_of

REAP_SECONDS = 5.0
"""How long a killed process may take to vanish; one that hangs in the kernel is left to the child watcher."""
DRAIN_SECONDS = 0.5
"""How long we read on after the program ended, where something that it left behind holds the pipe."""
ERRORS_LIMIT = 64 * 1024
"""Bytes of standard error that are kept; the rest is thrown away."""


class Cut(StrEnum):
    """Why a program was killed."""

    TIMEOUT = "timeout"
    OVERFLOW = "overflow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What is left of a child process."""

    cut: Cut | None
    status: int | None
    """The exit status, negative for a signal; None where it was not reaped in time."""
    output: bytes
    errors: bytes


async def run(
    command: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    timeout: timedelta,
    limit: int,
    given: bytes = b"",
    talkative: bool = False,
) -> Ended:
    """Run a program in a process group of its own until it ends, says over `limit` bytes, or time is up.

    `given` is its standard input. A `talkative` program goes on beyond the limit, and what it says then is
    thrown away. Raises OSError where it cannot be started. However this ends, cancelled too, the group is
    killed.
    """
    with _Pipe(limit) as output, _Pipe(ERRORS_LIMIT) as errors, _input(given) as stdin:
        await output.listen()
        await errors.listen()
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=stdin,
            stdout=output.write_end,
            stderr=errors.write_end,
            cwd=cwd,
            env=dict(environment),
            start_new_session=True,
        )
        cut = status = None
        try:
            cut = await _wait(process, output, errors, timeout, talkative=talkative)
        finally:
            status = await _end(process)
        return Ended(cut=cut, status=status, output=output.read(), errors=errors.read())


@contextmanager
def _input(given: bytes) -> Iterator[int]:
    """A file rather than a pipe: a program that does not read it blocks nobody and breaks nothing."""
    if not given:
        yield subprocess.DEVNULL
        return
    with tempfile.TemporaryFile() as file:
        file.write(given)
        file.seek(0)
        yield file.fileno()


async def _wait(
    process: asyncio.subprocess.Process,
    output: "_Pipe",
    errors: "_Pipe",
    timeout: timedelta,
    *,
    talkative: bool,
) -> Cut | None:
    output.close_write_end()
    errors.close_write_end()
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            if talkative:
                await process.wait()
            else:
                await first_of(process.wait(), output.overflow.wait())
            if not output.overflow.is_set():
                await _drain(output)
    except TimeoutError:
        return Cut.TIMEOUT
    return Cut.OVERFLOW if output.overflow.is_set() and not talkative else None


async def _drain(output: "_Pipe") -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await output.end.wait()


async def _end(process: asyncio.subprocess.Process) -> int | None:
    """Kill what is left of the group. Its pipes are not waited for: one may have left the group with them."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(REAP_SECONDS):
            return await process.wait()
    return None


class _Pipe(asyncio.Protocol):
    """One stream of a child, read up to a limit.

    The pipe is ours and not asyncio's, whose `Process.wait` waits for its end as well: a grandchild that
    holds it open would hold us.
    """

    def __init__(self, limit: int) -> None:
        self._chunks: list[bytes] = []
        self._room = limit
        self._transport: asyncio.ReadTransport | None = None
        self.overflow = asyncio.Event()
        self.end = asyncio.Event()

    def __enter__(self) -> Self:
        read_end, self.write_end = os.pipe()
        self._read_end = os.fdopen(read_end, "rb", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_write_end()
        if self._transport is None:
            self._read_end.close()
        else:
            self._transport.close()

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.connect_read_pipe(lambda: self, self._read_end)

    def close_write_end(self) -> None:
        """Ours, so that the pipe ends when the child's end does."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def read(self) -> bytes:
        return b"".join(self._chunks)

    def data_received(self, data: bytes) -> None:
        kept = data[: self._room]
        self._chunks.append(kept)
        self._room -= len(kept)
        if len(kept) < len(data):
            self.overflow.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.end.set()
