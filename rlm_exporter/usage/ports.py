"""What this room needs from outside, by shape."""

from dataclasses import dataclass
from typing import Protocol

from rlm_exporter.rlm.report_log_records import Deny


class Clock(Protocol):
    """Time, so that a test can move it."""

    async def sleep(self, seconds: float) -> None:
        """Return when that much time has passed."""
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
