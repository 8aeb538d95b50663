"""Runs programs at a member: here, through the system's ssh, or through a program of the site's.

No shell is started here. What is said goes to files and not through pipes, so that a machine that hangs
holds up nobody: after the time limit the program and its children are killed.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rlm_exporter.backup.members import Member
from rlm_exporter.child import die_with_parent
from rlm_exporter.errors import BackupError
from rlm_exporter.ssh import FAILED, OPTIONS, advice

ERRORS_LIMIT = 64 * 1024
_ENDINGS = ("due to previous errors", "not recoverable: exiting now")
"""Of tar, after the line that tells what is wrong."""
PAUSE = 0.1
"""Seconds between two looks at how much has come."""
REAP_SECONDS = 1.0
"""A killed program is gone at once, or it hangs in the kernel and is left to it."""

Told = Callable[[int], None]
"""Is told how many bytes have come so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a program ended, and what it complained of."""

    status: int
    errors: tuple[str, ...]

    @property
    def why(self) -> str:
        """Its last words that say something, or its exit status; where ssh has failed, what to do, too."""
        lines = [line for line in self.errors if not line.endswith(_ENDINGS)]
        told = lines[-1][:300] if lines else f"it ended with {self.status}"
        what = advice("\n".join(self.errors)) if self.status == FAILED else None
        return told if what is None else f"{told}; {what}"


class Courier:
    """Runs programs at one member, each within the time and the number of bytes."""

    def __init__(self, member: Member, *, seconds: float, largest: int) -> None:
        self._member = member
        self._seconds = seconds
        self._largest = largest

    def ask(self, words: Sequence[str], *, given: bytes = b"") -> tuple[Said, bytes]:
        """Run it and give back what it said. Raises BackupError."""
        with _told(self._member), tempfile.TemporaryFile() as output:
            said = self.run(words, output=output, given=given)
            output.seek(0)
            return said, output.read()

    def run(
        self, words: Sequence[str], *, output: IO[bytes], given: bytes | Path = b"", told: Told | None = None
    ) -> Said:
        """Run it, with a text or a file as its input, and write what it says. Raises BackupError."""
        with _told(self._member), tempfile.TemporaryFile() as errors, _input(given) as stdin:
            process = self._start(words, stdin, output, errors)
            try:
                self._wait(process, output, told or (lambda _: None))
            finally:
                _end(process)
            errors.seek(0)
            text = errors.read(ERRORS_LIMIT).decode("utf-8", "replace")
        lines = tuple(line.strip() for line in text.splitlines() if line.strip())
        return Said(status=process.returncode, errors=lines)

    def _start(
        self, words: Sequence[str], stdin: int, output: IO[bytes], errors: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        command = command_at(self._member, words)
        try:
            return subprocess.Popen(
                command,
                stdin=stdin,
                stdout=output,
                stderr=errors,
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,
                # Who is killed and run again must not meet a tar of his first run: it would put a saved file
                # beside in place of the one that was there.
                preexec_fn=die_with_parent,  # noqa: PLW1509
            )
        except OSError as error:
            raise BackupError(f"{self._member.name}: {command[0]} cannot be run: {error.strerror}") from error

    def _wait(self, process: subprocess.Popen[bytes], output: IO[bytes], told: Told) -> None:
        until = time.monotonic() + self._seconds
        while process.poll() is None:
            size = os.fstat(output.fileno()).st_size
            told(size)
            if size > self._largest:
                limit = f"over {self._largest // 1_000_000} MB"
                raise BackupError(f"{self._member.name}: {limit} came; name less, or raise spec.largest")
            if time.monotonic() > until:
                what = f"no end within {self._seconds:g} s"
                raise BackupError(
                    f"{self._member.name}: {what}; is a file system there stale, or the machine down?"
                )
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PAUSE)  # its end is seen at once
        told(os.fstat(output.fileno()).st_size)


def command_at(member: Member, words: Sequence[str]) -> tuple[str, ...]:
    """The words that are executed here to run these at the member."""
    if member.ssh is None and not member.command:
        return tuple(words)
    there = ("env", "LC_ALL=C", *words)  # some complaints are read
    if member.ssh is not None:
        # sshd gives the words to the login shell there, so each is quoted for it.
        return ("ssh", *OPTIONS, member.ssh, shlex.join(there))
    return (*member.command, *there)


@contextlib.contextmanager
def _told(member: Member) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = f"{error.strerror}; set TMPDIR to a folder with room"
        raise BackupError(f"{member.name}: what goes there and comes cannot be kept: {why}") from error


@contextlib.contextmanager
def _input(given: bytes | Path) -> Iterator[int]:
    if isinstance(given, Path):
        with given.open("rb") as file:
            yield file.fileno()
        return
    with tempfile.TemporaryFile() as file:
        file.write(given)
        file.seek(0)
        yield file.fileno()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(REAP_SECONDS)
