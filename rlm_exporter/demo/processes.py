"""Starts programs so that none of them is ever left behind: not by Ctrl-C, not by an error, not by a kill."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Self

from rlm_exporter.child import die_with_parent
from rlm_exporter.errors import RlmExporterError

PATIENCE = 5.0
"""Seconds between SIGTERM and SIGKILL."""


class StageError(RlmExporterError):
    """A part of the demonstration that does not start or has ended by itself."""


class Interrupts:
    """Turns SIGINT, SIGTERM and SIGHUP into KeyboardInterrupt, but never in the middle of a start.

    A program that is started but not yet noted down would be left behind.
    """

    def __init__(self) -> None:
        self._held = 0
        self._pending = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._held:
            self._pending = True
        else:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let an interrupt wait until the block has ended."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            if self._pending and not self._held:
                self._pending = False
                raise KeyboardInterrupt

    def ignore(self) -> None:
        """From now on nothing interrupts: the cleaning up has begun."""
        self._held += 1


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Processes:
    """The programs of one demonstration, each in a process group of its own with its log in `folder`."""

    def __init__(self, *, folder: Path, interrupts: Interrupts) -> None:
        self._folder = folder
        self._interrupts = interrupts
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str], *, environment: dict[str, str] | None = None) -> None:
        """Start a program under a name; its output goes to NAME.log."""
        with (
            self._interrupts.held(),
            (self._folder / f"{name}.log").open("ab") as log,
        ):
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self._folder,
                start_new_session=True,
                # One thread, so code between fork and exec is safe; it holds even if we are SIGKILLed.
                preexec_fn=die_with_parent,  # noqa: PLW1509
            )

    def run(self, name: str, command: Sequence[str], *, limit: float) -> None:
        """Run a program to its end; StageError when that takes too long or is not a good one."""
        self.start(name, command)
        try:
            code = self.wait_end(name, within=limit)
        except StageError:
            self.kill(name)
            raise
        if code != 0:
            raise StageError(f"{name} has ended with {code}:\n{self.log(name).strip()}")

    def pid(self, name: str) -> int:
        """The program's process id, which is its group's too."""
        return self._running[name].pid

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the program and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running[name].pid, number)

    def kill(self, name: str) -> None:
        """SIGKILL for the whole group, and reap."""
        with self._interrupts.held():
            process = self._running.pop(name)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait_end(self, name: str, *, within: float) -> int:
        """The exit status of a program that ends by itself; StageError when it does not in time."""
        try:
            code = self._running[name].wait(within)
        except subprocess.TimeoutExpired as error:
            raise StageError(f"{name} has not ended within {within:g} s") from error
        self.kill(name)
        return code

    def log(self, name: str) -> str:
        """What the program has said so far."""
        return (self._folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def check(self) -> None:
        """Raise StageError when a program has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                last = "\n".join(self.log(name).splitlines()[-10:])
                raise StageError(f"{name} has ended with {process.returncode}:\n{last}")

    def end_all(self) -> None:
        """SIGTERM for all, SIGKILL for the groups that do not go; returns when nothing is left."""
        for name in reversed(self._running):
            self.signal(name, signal.SIGTERM)
            self.signal(name, signal.SIGCONT)
        deadline = time.monotonic() + PATIENCE
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for name in list(self._running):
            self.kill(name)
