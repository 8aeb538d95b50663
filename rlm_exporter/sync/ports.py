"""What bringing license files to servers needs from outside, by shape."""

from datetime import datetime, timedelta
from typing import Protocol

from rlm_exporter.probe.child import Ended
from rlm_exporter.probe.result import Failure, LicenseResult
from rlm_exporter.sync.names import Present


class Clock(Protocol):
    """Time, so that a test can move it."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never jumps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when that much time has passed."""
        ...


class Transport(Protocol):
    """The folder of one server's license files. Everything raises SyncError."""

    async def read(self) -> Present:
        """Every file that RLM would load."""
        ...

    async def put(self, name: str, data: bytes) -> None:
        """Have this in the file at once and whole, or not at all."""
        ...

    async def remove(self, name: str) -> None:
        """Have no such file."""
        ...


class LicenseProbe(Protocol):
    """Asks a server for its status."""

    async def probe(self, host: str, port: int, *, timeout: timedelta) -> LicenseResult:
        """One answer; whatever goes wrong is a result."""
        ...


class Rlmutil(Protocol):
    """The program that speaks RLM's protocol."""

    async def run(self, *arguments: str, timeout: timedelta, limit: int) -> Ended | Failure:
        """What it said within the time and `limit` bytes; a failure where it cannot be started."""
        ...
