"""What the one writer of a cluster knows between two looks."""

from dataclasses import dataclass
from datetime import datetime

from rlm_exporter.failover.lease import LeaseView
from rlm_exporter.failover.reasons import Decision
from rlm_exporter.failover.split import Split
from rlm_exporter.failover.trigger import Trigger
from rlm_exporter.haproxy.view import Desired
from rlm_exporter.store.records import AlertRecord, ClusterRecord, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the controller knows at the moment, for everybody who only reads."""

    record: ClusterRecord | None
    desired: Desired | None
    decision: Decision | None
    decided_at: datetime | None
    trigger: Trigger | None
    operation: Operation | None
    """The open one."""
    store_writable: bool
    splits: tuple[Split, ...] = ()
    """Servers that serve beside the active one."""
    lease: LeaseView | None = None
    """Who of several daemons may act; None where we are alone."""
    unpublished: tuple[str, ...] | None = None
    """Which files with client settings could not be written, in words; None where we write none."""


class Memory:
    """The last of everything that was read or decided. The journal is the truth, and outlives this."""

    def __init__(self) -> None:
        self.record: ClusterRecord | None = None
        self.operation: Operation | None = None
        """The open one."""
        self.alerts: tuple[AlertRecord, ...] = ()
        """Those that fire."""
        self.store_writable = True
        self.let_be: int | None = None
        """The epoch under which balancers choose by themselves, after an operation that came to nothing."""
        self.unpublished: tuple[str, ...] | None = None
        """Which files with client settings could not be written the last time; None where we write none."""
        self._decision: Decision | None = None
        self._decided_at: datetime | None = None
        self._trigger: Trigger | None = None

    @property
    def firing(self) -> tuple[str, ...]:
        """The fingerprints of the alerts that fire."""
        return tuple(alert.fingerprint for alert in self.alerts)

    def note(self, decision: Decision, trigger: Trigger | None, *, now: datetime) -> bool:
        """Remember a decision; whether its rule differs from the one before it."""
        changed = self._decision is None or self._decision.reason is not decision.reason
        self._decision, self._decided_at, self._trigger = decision, now, trigger
        return changed

    def forget_decision(self) -> None:
        """The next one is news, whatever it is."""
        self._decision = None

    def standing(
        self, desired: Desired | None, splits: tuple[Split, ...], lease: LeaseView | None
    ) -> Standing:
        """A picture of it, with what balancers are made to have, who serves that should not, and who acts."""
        return Standing(
            record=self.record,
            desired=desired,
            decision=self._decision,
            decided_at=self._decided_at,
            trigger=self._trigger,
            operation=self.operation,
            store_writable=self.store_writable,
            splits=splits,
            lease=lease,
            unpublished=self.unpublished,
        )
