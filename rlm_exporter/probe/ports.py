"""What probing needs from outside, by shape."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from rlm_exporter.probe.addresses import Address
from rlm_exporter.probe.license_reading import LicenseReading
from rlm_exporter.probe.result import LicenseResult, ProbeKind, ProbeResult, TcpResult, WebResult

Jitter = Callable[[], float]
"""A random number from 0 up to 1 (`random.random`); spreads the checks of many servers over time."""


class Clock(Protocol):
    """Time, so that a test can move it."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC; it may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never jumps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when that much monotonic time has passed."""
        ...


class Resolver(Protocol):
    """Names to addresses."""

    async def resolve(self, host: str) -> tuple[Address, ...]:
        """The host's addresses, best first; raises OSError when it has none."""
        ...


class LicenseProbe(Protocol):
    """Asks rlm for everything it knows. Always ends within `timeout`, cancelled or not."""

    async def probe(self, host: str, port: int, *, timeout: timedelta) -> LicenseResult:
        """A failed probe is a result; `ProbeError` only for a reason of ours."""
        ...


class TcpProbe(Protocol):
    """Connects and says nothing: rlm logs an error for every byte it does not expect."""

    async def probe(self, host: str, port: int, *, timeout: timedelta) -> TcpResult:
        """A failed probe is a result; `ProbeError` only for a reason of ours."""
        ...


class WebProbe(Protocol):
    """Asks the web interface for its first page."""

    async def probe(self, host: str, port: int, *, timeout: timedelta) -> WebResult:
        """A failed probe is a result; `ProbeError` only for a reason of ours."""
        ...


class LicenseReader(Protocol):
    """Reads the license files of one server."""

    async def read(self) -> LicenseReading:
        """Read them now. What cannot be read is in the reading's failures; always ends."""
        ...


class Observer(Protocol):
    """Instruments of the prober. Called in the loop: must be quick and must not raise."""

    def observed(self, cluster: str, server: str, kind: ProbeKind, result: ProbeResult[object]) -> None:
        """One probe ended."""
        ...

    def stumbled(self, cluster: str, server: str, error: Exception) -> None:
        """A defect of ours ended one check; the loop goes on with the next."""
        ...
