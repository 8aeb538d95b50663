"""What the server needs from outside, by shape."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from rlm_exporter.manifest.deployment import Deployed, Kept
from rlm_exporter.manifest.document import Path as Place
from rlm_exporter.manifest.document import Value
from rlm_exporter.store.records import AlertResult, HeldDecision, Operation, ReceivedAlert
from rlm_exporter.store.report_records import (
    Denials,
    Ledger,
    PoolSessions,
    Some,
    UsageFacts,
    UsageQuestion,
    Window,
)


class Clock(Protocol):
    """The wall clock."""

    def now(self) -> datetime:
        """Aware, in UTC."""
        ...


class Journal(Protocol):
    """The journal for reading, and for alerts. Every method raises JournalError."""

    async def record_alerts(
        self, alerts: Iterable[ReceivedAlert], *, now: datetime
    ) -> tuple[AlertResult, ...]:
        """Write all alerts of a delivery in one transaction; what each was, in the same order."""
        ...

    async def open_operation(self, cluster: str) -> Operation | None:
        """The one under way."""
        ...

    async def link_alerts(self, operation_id: int, *, alerts: Iterable[str]) -> Operation:
        """Say that these alerts belong to an operation's incident."""
        ...

    async def operations(
        self, cluster: str, *, since: datetime | None = None, limit: int = 100
    ) -> tuple[Operation, ...]:
        """Newest first."""
        ...

    async def operation(self, operation_id: int) -> Operation | None:
        """One, whole."""
        ...

    async def automatic_moves(self, cluster: str, *, since: datetime) -> tuple[datetime, ...]:
        """When moves that nobody asked for were committed."""
        ...

    async def held(
        self, cluster: str, *, since: datetime | None = None, limit: int = 100
    ) -> tuple[HeldDecision, ...]:
        """Decisions that held, newest first."""
        ...


class Reports(Protocol):
    """The usage log, for long looks; every method raises JournalError."""

    async def usage_facts(self, question: UsageQuestion) -> UsageFacts:
        """Who used what in a window, and who was refused."""
        ...

    async def held_seats(
        self, *, cluster: str, window: Window, most: int, longer: timedelta | None = None
    ) -> Some:
        """Sessions with a part inside of a window, the longest first."""
        ...

    async def denials(self, question: UsageQuestion, *, most: int) -> Denials:
        """Who was refused in a window, and why; of the newest, so many one by one."""
        ...

    async def pool_sessions(self, *, cluster: str, window: Window, most: int) -> PoolSessions:
        """Sessions of hosts that had several versions of one product, at most so many."""
        ...

    async def ledger(self, *, cluster: str, feature: str, window: Window, most: int) -> Ledger:
        """All sessions and final refusals of one feature in a window; at most so many of each."""
        ...


class Deploying(Protocol):
    """Changes which clusters the daemon looks after, and what it knows of them."""

    def kept(self, name: str) -> Kept | None:
        """A cluster's manifest, and whose it is."""
        ...

    async def reload(self) -> tuple[Deployed, ...]:
        """Read the files again; raises ManifestError, NotDeployedError, JournalError."""
        ...

    async def deploy(
        self, text: str, *, source: str, by: str, dry_run: bool, after: Mapping[str, int | None] | None = None
    ) -> tuple[Deployed, ...]:
        """Take a text's clusters into the store; raises as `reload` does."""
        ...

    async def tune(
        self, name: str, values: Mapping[Place, Value], *, by: str, dry_run: bool
    ) -> tuple[Deployed, ...]:
        """Set some values of a manifest; raises as `reload` does."""
        ...

    async def remove(self, name: str, *, by: str) -> Deployed:
        """Look after a cluster no more; raises as `reload` does."""
        ...
