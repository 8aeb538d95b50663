"""What the prober knows of a cluster at one moment, immutable and dated."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rlm_exporter.probe.license_reading import LicenseReading
from rlm_exporter.probe.result import Failure, LicenseResult, TcpResult, WebResult
from rlm_exporter.rlm.status import RlmStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The memory of recent checks of one server. Both counts are 0 before the first check."""

    failures: int = 0
    """Failed checks in a row."""
    successes: int = 0
    """Good checks in a row."""
    with_pools: int = 0
    """Good checks in a row that found the wanted pools; a standby that waits for RLM's takeover has none."""
    failure: Failure | None = None
    """Why the last check failed; None when it was good or there was none."""
    degraded: Failure | None = None
    """What is missing although the service answers (pools, features); moves nothing by itself."""
    good_since: datetime | None = None
    """When the first of the good checks in a row ended."""
    failing_since: datetime | None = None
    """When the first of the failed checks in a row began."""
    last_failed_start: datetime | None = None
    """When the newest failed check of this row began."""
    last_failed_end: datetime | None = None

    @property
    def known(self) -> bool:
        """Whether there has been any check at all."""
        return self.failures + self.successes > 0

    @property
    def is_up(self) -> bool:
        """Whether the last check was good."""
        return self.successes > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSnapshot:
    """All that is known of one server. Replaced, never edited: renderers keep work by its identity."""

    server: str
    health: Health = Health()
    license: LicenseResult | None = None
    """The last check's deciding attempt; its payload is None when it failed."""
    status: RlmStatus | None = None
    """The last check's answer, also where a wanted ISV server is down; None = unknown now."""
    web: WebResult | None = None
    web_failures: int = 0
    tcp: TcpResult | None = None
    checked_at: datetime | None = None
    """When the last check ended."""
    check_started_at: datetime | None = None
    license_files: LicenseReading | None = None
    """The last reading of its license files; None before the first, or where none are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSnapshot:
    """One cluster at one moment; `servers` in the manifest's order."""

    cluster: str
    taken_at: datetime
    servers: tuple[ServerSnapshot, ...]

    def server(self, name: str) -> ServerSnapshot:
        """The part of one server; `KeyError` for a name that is not a member."""
        for part in self.servers:
            if part.server == name:
                return part
        raise KeyError(name)

    def age(self, name: str, now: datetime) -> timedelta | None:
        """How long ago the last check of a server ended; None before the first."""
        ended = self.server(name).checked_at
        return None if ended is None else now - ended
