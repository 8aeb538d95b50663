"""A report log on disk as a server, an administrator and logrotate treat it."""

import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from rlm_exporter.rlm.report_log_place import TailPosition
from rlm_exporter.rlm.report_log_values import Denial
from rlm_exporter.usage.report_log_follower import ReportLogFollower


class GrowingLog:
    """Writes denials that can be told apart: the user's name is a number."""

    def __init__(self, path: Path, *, isv: str = "acme", server: str = "rlm1", appends: bool = True) -> None:
        self.path = path
        self._isv = isv
        self._server = server
        self._appends = appends
        self._now = datetime(2024, 12, 31, 20, 0)  # noqa: DTZ001 - the server's local time
        self._file = -1
        self.number = 0
        """Of the newest denial."""
        self._ticks = 0

    def start(self, *before: str, anew: bool = False) -> None:
        """Open the file and write its head."""
        self.stop()
        end = os.O_APPEND if self._appends else 0
        cut = os.O_TRUNC if anew else 0
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | end | cut, 0o644)
        if not anew and not self._appends:
            os.lseek(self._file, 0, os.SEEK_END)
        self._now += timedelta(minutes=7)
        head = ("", "RLM Report Log Format 0, version 15.2", f"ISV: {self._isv}, RLM version 15.2 BL3", "")
        self.lines(*before, *head, f"START {self._server} {self._now:%m/%d/%Y %H:%M}")

    def tick(self) -> int:
        """A number that was not given yet."""
        self._ticks += 1
        return self._ticks

    def stop(self) -> None:
        """The server is gone, and wrote nothing more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def lines(self, *lines: str) -> None:
        """Any lines."""
        self.raw("".join(f"{line}\n" for line in lines))

    def raw(self, text: str) -> None:
        """Any text."""
        os.write(self._file, text.encode())

    def deny(self, times: int = 1) -> None:
        """A timestamp and whole records."""
        self._now += timedelta(minutes=1)
        records = [self.record() for _ in range(times)]
        self.raw(f"{self._now:%m/%d/%Y %H:%M}\n{''.join(records)}")

    def record(self) -> str:
        """The next one, to be written at leisure."""
        self.number += 1
        self._now += timedelta(seconds=1)
        return f'DENY solver 2.5 {self.number} ws1 "" 1 -22 1 {self._now:%m/%d %H:%M}\n'

    def rename(self, name: str) -> Path:
        """Rotate by another name; the server writes on in that file until it starts a new one."""
        return self.path.rename(self.path.with_name(name))

    def copy_and_cut(self, name: str) -> None:
        """Rotate as logrotate's `copytruncate` does."""
        shutil.copyfile(self.path, self.path.with_name(name))
        os.truncate(self.path, 0)

    def switch(self, path: Path) -> None:
        """Go on in another file, each of the two naming the other."""
        before = self.path
        self.lines(f"SWITCH to {path}", f"END {self._now:%m/%d/%Y %H:%M}")
        self.path = path
        self.start(f"SWITCH from {before}")


class LogOfSessions(GrowingLog):
    """Writes whole sessions, one a line pair."""

    handles = 0

    def session(self) -> None:
        """A checkout and its checkin; the user's name is its number."""
        self.checkout()
        self.checkin()

    def checkout(self) -> None:
        self.handles += 1
        n = self.handles
        self.lines(f"{self._now:%m/%d/%Y %H:%M}")
        self.lines(f'OUT solver 2.5 1 user{n} ws1 "" 1 1 0 {n:x} {n:x} 4d2 "" "solver" "2.5" {self.at()}')

    def checkin(self) -> None:
        n = self.handles
        self.lines(f'IN 1 solver 2.5 user{n} ws1 "" 1 0 0 {n:x} {self.at()}')

    def at(self) -> str:
        self.tick()
        return f"{self._now:%m/%d %H:%M}:{self._ticks % 60:02}"


class Reader:
    """Follows, and remembers the denials that it was told."""

    def __init__(self, path: Path, *, since: TailPosition | None = None, from_end: bool = False) -> None:
        self.path = path
        self.follower = ReportLogFollower(path, since=since, from_end=from_end)
        self.told: list[int] = []
        self.gaps = 0

    def read(self, times: int = 1) -> list[int]:
        """Read so many times; all that was told until now."""
        for _ in range(times):
            before = self.follower.gaps
            for event in self.follower.read():
                if isinstance(event, Denial):
                    assert event.at is not None
                    self.told.append(int(event.user))
            self.gaps += self.follower.gaps - before
        return self.told

    def restart(self) -> None:
        """Go on from the place that was kept, and nothing else."""
        since = self.follower.position
        self.follower.close()
        self.follower = ReportLogFollower(self.path, since=since)
