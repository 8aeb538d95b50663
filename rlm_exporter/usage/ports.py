"""What this room needs from outside, by shape."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rlm_exporter.probe.snapshot import ClusterSnapshot
from rlm_exporter.rlm.report_log_records import Deny
from rlm_exporter.store.usage_records import Denied, LogPlace, Pruned, Seats, Told, UsageChange, UsageSession


class Clock(Protocol):
    """Time, so that a test can move it."""

    async def sleep(self, seconds: float) -> None:
        """Return when that much time has passed."""
        ...


class SteadyClock(Protocol):
    """How time passes."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never jumps."""
        ...


class WallClock(Clock, Protocol):
    """The same, with the time of day."""

    def now(self) -> datetime:
        """Aware, in UTC."""
        ...


class LogStore(Protocol):
    """What was read of report logs; every method raises JournalError."""

    async def log_place(self, *, cluster: str, server: str, isv: str) -> LogPlace:
        """How far the log of an ISV server has been read."""
        ...

    async def record_log(
        self,
        *,
        after: LogPlace,
        position: str,
        tellings: Sequence[Told],
        denials: Sequence[Denied],
        now: datetime,
    ) -> LogPlace:
        """What was found behind a place, and the next place; raises StalePlaceError where somebody else has
        read on."""
        ...


class Prune(Protocol):
    """Deletes old usage."""

    def __call__(self, *, before: datetime, stopped: Callable[[], bool]) -> Pruned:
        """Blocks; ends soon after `stopped` says so. Raises JournalError."""
        ...


class Prober(Protocol):
    """What is seen of the servers."""

    @property
    def snapshot(self) -> ClusterSnapshot:
        """The newest."""
        ...

    async def changed(self, after: ClusterSnapshot) -> ClusterSnapshot:
        """The next snapshot that is not `after`."""
        ...


class UsageStore(Protocol):
    """The usage log; every method raises JournalError."""

    async def record_usage(self, changes: Sequence[UsageChange], *, late: bool = False) -> None:
        """Write changes; the same again makes no second row. Late ones give way to what was written since."""
        ...

    async def open_sessions(self, *, cluster: str, server: str) -> tuple[UsageSession, ...]:
        """The sessions of a server that are not over."""
        ...

    async def record_seats(self, changes: Sequence[Seats]) -> None:
        """Write how many seats there are from a moment on; the same again changes nothing."""
        ...

    async def known_seats(self, *, cluster: str) -> tuple[Seats, ...]:
        """The newest number of seats of each feature."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What one reading of a report log has found."""

    denials: tuple[Deny, ...] = ()
    lost: bool = False
    """Whether lines may have gone unread: the log was cut, or taken away."""
    more: bool = False
    """Whether there may be more to read at once."""


class Follower(Protocol):
    """Finds the denials in one report log, each once, across its rotations."""

    def read(self) -> Followed:
        """What has come since the last call; blocks. Raises OSError where it cannot be read."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class DenialObserver(Protocol):
    """Counts denials. Called in the loop: must be quick and must not raise."""

    def foreseen(self, cluster: str, server: str, isv: str, feature: str, reason: str) -> None:
        """A denial that may come some day; none has."""
        ...

    def denied(self, cluster: str, server: str, isv: str, feature: str, reason: str) -> None:
        """Somebody was refused for good."""
        ...

    def log_read(self, cluster: str, server: str, isv: str, *, ok: bool) -> None:
        """The report log could be read, or could not."""
        ...

    def stumbled(self, cluster: str, server: str, error: Exception) -> None:
        """A defect of ours ended one reading; the loop goes on with the next."""
        ...
