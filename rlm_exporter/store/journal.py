"""The journal as the rest of the program sees it: what is known, what is wanted, what was done and why."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, insert, update

from rlm_exporter.errors import JournalError
from rlm_exporter.store import (
    alerts,
    client_config,
    clusters,
    history,
    leases,
    manifests,
    operations,
    outbox,
    outbox_intake,
    report_logs,
    seats,
    usage,
    usage_reports,
    usage_rows,
)
from rlm_exporter.store.database import database_at
from rlm_exporter.store.leases import Claimant, Guard, LeasesTaken
from rlm_exporter.store.manifest_records import DeployedManifest, Deployment
from rlm_exporter.store.outbox_records import (
    Accepted,
    AlertRequest,
    Claimed,
    Delivery,
    OutgoingMessage,
    Retrying,
    Swept,
)
from rlm_exporter.store.records import (
    AlertRecord,
    AlertResult,
    ClientConfig,
    ClusterRecord,
    FailedAttempts,
    HeldDecision,
    Operation,
    OperationKind,
    OperationState,
    Pin,
    ReceivedAlert,
    StepOutcome,
)
from rlm_exporter.store.report_records import (
    Denials,
    Ledger,
    PoolSessions,
    Some,
    UsageFacts,
    UsageQuestion,
    Window,
)
from rlm_exporter.store.tables import write_check
from rlm_exporter.store.thread import StoreThread
from rlm_exporter.store.upgrade import check, upgrade
from rlm_exporter.store.usage_records import Denied, LogPlace, Seats, Told, UsageChange, UsageSession

T = TypeVar("T")

# Longer than the databases' own waits for a lock or a statement, so that each is told as what it is.
LIMIT = timedelta(seconds=10)
SHARED_LIMIT = timedelta(seconds=5)
OPENING_LIMIT = timedelta(minutes=2)


class Journal:
    """The durable record. Each method is one transaction, on disk when it returns.

    Every method raises `JournalError` where the database cannot do its part; after a cancelled or timed-out
    write the caller must read again. Times are aware.
    """

    def __init__(self, *, thread: StoreThread, guard: Guard | None = None) -> None:
        self._thread = thread
        self._guard = guard

    @classmethod
    async def open(cls, *, url: str, limit: timedelta | None = None) -> Self:
        """Open the journal at `sqlite:///PATH` or `postgresql://USER@HOST/DATABASE`.

        A file is made or upgraded to this version's schema; its directory must exist. A schema that several
        daemons share must be this version's already. `limit` bounds each later call; None = as suits it.
        """
        database = database_at(url)
        limit = limit or (SHARED_LIMIT if database.is_shared else LIMIT)
        thread = StoreThread(database=database, limit=limit)
        fit = check if database.is_shared else upgrade
        try:
            await thread.call(lambda: fit(database), limit=OPENING_LIMIT)
            database.remember_identity()
        except BaseException:  # also when cancelled: the thread and the file are let go
            with suppress(JournalError):
                await thread.close()
            raise
        return cls(thread=thread)

    async def close(self) -> None:
        """Let the work under way end and let go of the database. May be called twice."""
        await self._thread.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def guarded(self, guard: Guard) -> "Journal":
        """The same journal, of which every write is guarded. It is closed with this one."""
        return Journal(thread=self._thread, guard=guard)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        guard = self._guard
        if guard is None:
            return await self._thread.write(work)

        def guarded(connection: Connection) -> T:
            guard(connection)
            return work(connection)

        return await self._thread.write(guarded)

    async def take_leases(
        self,
        *,
        claimant: Claimant,
        clusters: Iterable[str],
        held: Mapping[str, int],
        resumed: Collection[str],
        lasting: timedelta,
    ) -> LeasesTaken:
        """Renew the leases of these clusters that are held, by token, and take those that have run out.

        Of `resumed`, also those that the claimant's instance holds.
        """
        return await self._write(
            lambda c: leases.take_leases(
                c, claimant=claimant, clusters=clusters, held=held, resumed=resumed, lasting=lasting
            )
        )

    async def release_leases(self, *, claimant: Claimant, held: Mapping[str, int]) -> None:
        """Let go of leases at once."""
        await self._write(lambda c: leases.release_leases(c, claimant=claimant, held=held))

    async def manifests(self) -> tuple[DeployedManifest, ...]:
        """The manifests that were deployed, by cluster."""
        return await self._thread.read(manifests.read_manifests)

    async def deploy(self, deployments: Sequence[Deployment], *, by: str, now: datetime) -> None:
        """Write manifests, all or none.

        Raises `ConflictError` where one was written meanwhile, or while an operation of its cluster is open.
        """
        await self._write(lambda c: manifests.deploy(c, deployments, by=by, now=now))

    async def remove_manifest(self, cluster: str, *, after: int, by: str, now: datetime) -> None:
        """Take a manifest away that has this revision; raises `ConflictError` as `deploy` does."""
        await self._write(lambda c: manifests.remove(c, cluster, after=after, by=by, now=now))

    async def record_usage(self, changes: Sequence[UsageChange], *, late: bool = False) -> None:
        """Write what has changed in who holds what; the same again makes no second row.

        What comes `late` gives way to what was written meanwhile.
        """
        await self._write(lambda c: usage.record_usage(c, changes, late=late))

    async def open_sessions(self, *, cluster: str, server: str) -> tuple[UsageSession, ...]:
        """The sessions of a server that are not over, as far as was written."""
        return await self._thread.read(lambda c: usage.read_open_sessions(c, cluster=cluster, server=server))

    async def log_place(self, *, cluster: str, server: str, isv: str) -> LogPlace:
        """How far the report log of an ISV server has been read."""
        return await self._thread.read(
            lambda c: report_logs.read_place(c, cluster=cluster, server=server, isv=isv)
        )

    async def record_log(
        self,
        *,
        after: LogPlace,
        position: str,
        tellings: Sequence[Told],
        denials: Sequence[Denied],
        now: datetime,
    ) -> LogPlace:
        """Write what was found in a report log behind a place, and the next place, all or nothing.

        Raises `StalePlaceError` if it has been read on from there already.
        """
        return await self._write(
            lambda c: report_logs.record_log(
                c, after=after, position=position, tellings=tellings, denials=denials, now=now
            )
        )

    async def accept_alert(
        self, request: AlertRequest, *, sinks: Sequence[str], repeat: timedelta, now: datetime
    ) -> Accepted:
        """Put an alert into the outbox, unless its sinks have it already; raises `OutboxFullError`."""
        return await self._write(
            lambda c: outbox_intake.accept(c, request, sinks=sinks, repeat=repeat, now=now)
        )

    async def claim_deliveries(
        self, *, sinks: Sequence[str], lasting: timedelta, most: int, now: datetime
    ) -> tuple[Claimed, ...]:
        """What is due at these sinks, kept from other daemons for a while."""
        return await self._write(lambda c: outbox.claim(c, sinks=sinks, lasting=lasting, most=most, now=now))

    async def record_delivery(
        self, claimed: Claimed, *, failure: str | None, retrying: Retrying, now: datetime
    ) -> bool:
        """Write how an attempt ended; whether the delivery was given up with it."""
        return await self._write(
            lambda c: outbox.record(c, claimed, failure=failure, retrying=retrying, now=now)
        )

    async def waiting_deliveries(self) -> Mapping[str, int]:
        """How many deliveries wait, by sink."""
        return await self._thread.read(outbox.waiting)

    async def deliveries(self, message: int) -> tuple[Delivery, ...]:
        """What has become of a message, by sink."""
        return await self._thread.read(lambda c: outbox.deliveries(c, message))

    async def messages(self, *, since: datetime, limit: int) -> tuple[OutgoingMessage, ...]:
        """Messages of the outbox, newest first, with what has become of them."""
        return await self._thread.read(lambda c: outbox.read_messages(c, since=since, limit=limit))

    async def sweep_outbox(self, *, keep: timedelta, give_up: timedelta, now: datetime) -> Swept:
        """End what nobody will bring any more, and delete some of what is old."""
        return await self._write(lambda c: outbox.sweep(c, keep=keep, give_up=give_up, now=now))

    async def record_seats(self, changes: Sequence[Seats]) -> None:
        """Write how many seats there are from a moment on; the same again changes nothing."""
        await self._write(lambda c: seats.record_seats(c, changes))

    async def known_seats(self, *, cluster: str) -> tuple[Seats, ...]:
        """The newest number of seats of each feature."""
        return await self._thread.read(lambda c: seats.read_seats(c, cluster=cluster))

    async def usage_facts(self, question: UsageQuestion) -> UsageFacts:
        """Who used what in a window, and who was refused."""
        return await self._thread.read(lambda c: usage_reports.read_usage(c, question))

    async def held_seats(
        self, *, cluster: str, window: Window, most: int, longer: timedelta | None = None
    ) -> Some:
        """Sessions with a part inside of a window, the longest first."""
        return await self._thread.read(
            lambda c: usage_rows.read_held(c, cluster=cluster, window=window, most=most, longer=longer)
        )

    async def denials(self, question: UsageQuestion, *, most: int) -> Denials:
        """Who was refused in a window, and why; of the newest, so many one by one."""
        return await self._thread.read(lambda c: usage_rows.read_denials(c, question, most=most))

    async def pool_sessions(self, *, cluster: str, window: Window, most: int) -> PoolSessions:
        """Sessions of hosts that had several versions of one product, at most so many."""
        return await self._thread.read(
            lambda c: usage_rows.read_pool_sessions(c, cluster=cluster, window=window, most=most)
        )

    async def ledger(self, *, cluster: str, feature: str, window: Window, most: int) -> Ledger:
        """All sessions and final refusals of one feature in a window; at most so many of each."""
        return await self._thread.read(
            lambda c: usage_rows.read_ledger(c, cluster=cluster, feature=feature, window=window, most=most)
        )

    async def check_writable(self) -> None:
        """Write one row to disk, guarded or not; `JournalError` says why it cannot be."""
        await self._thread.write(_count_check)

    async def cluster(self, name: str) -> ClusterRecord | None:
        """The record of one cluster; None before its first start."""
        return await self._thread.read(lambda c: clusters.read_cluster(c, name))

    async def clusters(self) -> tuple[ClusterRecord, ...]:
        """The records of all clusters, by name."""
        return await self._thread.read(clusters.read_clusters)

    async def found(
        self,
        *,
        cluster: str,
        active: str,
        epoch: int,
        reason: str,
        now: datetime,
        rule: str = OperationKind.FIRST_START,
        trigger: str = "balancer",
        requested_by: str = "controller",
        pins: tuple[Pin, ...] = (),
    ) -> ClusterRecord:
        """The first record of a cluster, with a committed FIRST_START operation that explains it.

        `epoch` is raised above any that the cluster's history has used. `ConflictError` where a record
        stands already.
        """
        return await self._write(
            lambda c: clusters.found_cluster(
                c,
                name=cluster,
                active=active,
                epoch=epoch,
                rule=rule,
                trigger=trigger,
                requested_by=requested_by,
                reason=reason,
                pins=pins,
                now=now,
            )
        )

    async def set_pins(
        self,
        cluster: str,
        *,
        pins: tuple[Pin, ...],
        now: datetime,
        expected_version: int | None = None,
    ) -> ClusterRecord:
        """Replace a cluster's pins; `ConflictError` when its record has not the expected version."""
        return await self._write(
            lambda c: clusters.set_pins(c, cluster, pins=pins, expected_version=expected_version, now=now)
        )

    async def set_pause(
        self, cluster: str, *, until: datetime | None, now: datetime, expected_version: int | None = None
    ) -> ClusterRecord:
        """Pause a cluster until a moment; None ends the pause."""
        return await self._write(
            lambda c: clusters.set_pause(c, cluster, until=until, expected_version=expected_version, now=now)
        )

    async def acknowledge(
        self, cluster: str, *, now: datetime, expected_version: int | None = None
    ) -> ClusterRecord:
        """An operator has seen what was done: cooldown, chase and failed attempts hold nothing any more."""
        return await self._write(
            lambda c: clusters.acknowledge(c, cluster, expected_version=expected_version, now=now)
        )

    async def client_config(self, cluster: str) -> ClientConfig:
        """What an operator has set of the settings that clients get."""
        return await self._thread.read(lambda c: client_config.read_client_config(c, cluster))

    async def set_client_config(
        self, cluster: str, config: ClientConfig, *, told: str, now: datetime
    ) -> ClientConfig:
        """Replace it, with a row in the history that says so in words."""
        return await self._write(
            lambda c: client_config.save_client_config(c, cluster, config, told=told, now=now)
        )

    async def claim(
        self,
        *,
        cluster: str,
        kind: OperationKind,
        rule: str,
        source: str | None,
        target: str,
        requested_by: str,
        reason: str,
        trigger: str,
        expected_version: int,
        now: datetime,
        alerts: Iterable[str] = (),
        idempotency_key: str | None = None,
        minimum_epoch: int = 0,
    ) -> Operation:
        """Open an operation under the highest epoch ever used + 1 (or `minimum_epoch`, if higher).

        `alerts` are the fingerprints of those it answers. `ConflictError` carries the id of the open
        operation, or of the one made with this idempotency key; None when the record moved.
        """
        return await self._write(
            lambda c: operations.claim_operation(
                c,
                cluster=cluster,
                kind=kind,
                rule=rule,
                source=source,
                target=target,
                requested_by=requested_by,
                reason=reason,
                trigger=trigger,
                expected_version=expected_version,
                fingerprints=alerts,
                idempotency_key=idempotency_key,
                minimum_epoch=minimum_epoch,
                now=now,
            )
        )

    async def intend(self, operation_id: int, *, step: str, target: str, epoch: int, now: datetime) -> int:
        """Write what is about to be done; the number under which `done` writes what came of it."""
        return await self._write(
            lambda c: operations.write_intent(
                c, operation_id=operation_id, step=step, target=target, epoch=epoch, now=now
            )
        )

    async def done(
        self,
        operation_id: int,
        number: int,
        *,
        outcome: StepOutcome,
        now: datetime,
        detail: str = "",
    ) -> None:
        """Write what came of a step, once; the same again changes nothing, another is refused."""
        await self._write(
            lambda c: operations.write_outcome(
                c, operation_id=operation_id, number=number, outcome=outcome, detail=detail, now=now
            )
        )

    async def retarget(
        self, operation_id: int, *, target: str, now: datetime, minimum_epoch: int = 0
    ) -> Operation:
        """Lead an open operation to another server under a new epoch, as `claim` finds it."""
        return await self._write(
            lambda c: operations.retarget_operation(
                c, operation_id=operation_id, target=target, minimum_epoch=minimum_epoch, now=now
            )
        )

    async def commit(
        self,
        operation_id: int,
        *,
        outcome: str,
        pins: tuple[Pin, ...],
        cooldown_until: datetime | None,
        now: datetime,
    ) -> ClusterRecord:
        """Make the operation's target and epoch the cluster's truth.

        Pins are replaced; None begins no cooldown and leaves one that runs. A commit made already changes
        nothing and gives the record as it is.
        """
        return await self._write(
            lambda c: operations.commit_operation(
                c,
                operation_id=operation_id,
                outcome=outcome,
                pins=pins,
                cooldown_until=cooldown_until,
                now=now,
            )
        )

    async def end(self, operation_id: int, *, state: OperationState, outcome: str, now: datetime) -> None:
        """Close an operation as ABORTED or FAILED; the cluster's record stays."""
        await self._write(
            lambda c: operations.end_operation(
                c, operation_id=operation_id, state=state, outcome=outcome, now=now
            )
        )

    async def roll_back(
        self, operation_id: int, *, pins: tuple[Pin, ...], outcome: str, now: datetime
    ) -> ClusterRecord:
        """Close an operation as FAILED that the balancers have seen: active stays, its epoch is now ours."""
        return await self._write(
            lambda c: operations.roll_back_operation(
                c, operation_id=operation_id, pins=pins, outcome=outcome, now=now
            )
        )

    async def open_operation(self, cluster: str) -> Operation | None:
        """The operation that is under way, if there is one."""
        return await self._thread.read(lambda c: history.read_open_operation(c, cluster))

    async def operation(self, operation_id: int) -> Operation | None:
        """One operation."""
        return await self._thread.read(lambda c: history.read_operation(c, operation_id))

    async def operation_by_key(self, cluster: str, key: str) -> Operation | None:
        """The operation that an earlier request with this idempotency key made."""
        return await self._thread.read(lambda c: history.read_operation_by_key(c, cluster, key))

    async def last_operation(self, cluster: str) -> Operation | None:
        """The newest operation, whatever its state."""
        return await self._thread.read(lambda c: history.read_last_operation(c, cluster))

    async def operations(
        self, cluster: str, *, since: datetime | None = None, limit: int = 100
    ) -> tuple[Operation, ...]:
        """Operations that started at `since` or later, newest first."""
        return await self._thread.read(
            lambda c: history.read_operations(c, cluster, since=since, limit=limit)
        )

    async def committed_since(self, cluster: str, *, since: datetime) -> int:
        """How many moves were committed, adoptions included; first start and resync move nobody."""
        return await self._thread.read(lambda c: history.count_moves(c, cluster, since=since))

    async def failed_attempts(self, cluster: str) -> FailedAttempts:
        """Operations in a row that ended without a commit since the last move: those of this incident.

        What an operator has acknowledged does not count.
        """
        return await self._thread.read(lambda c: history.count_failed_attempts(c, cluster))

    async def automatic_moves(
        self, cluster: str, *, since: datetime, limit: int = 1000
    ) -> tuple[datetime, ...]:
        """When the automatic moves since a moment were committed, newest first; adoptions are moves."""
        return await self._thread.read(
            lambda c: history.read_automatic_moves(c, cluster, since=since, limit=limit)
        )

    async def record_alerts(
        self, received: Iterable[ReceivedAlert], *, now: datetime
    ) -> tuple[AlertResult, ...]:
        """Take one delivery in, all of it or nothing; one answer for each alert, in order."""
        return await self._write(lambda c: alerts.record_alerts(c, received, now=now))

    async def firing_alerts(self, cluster: str) -> tuple[AlertRecord, ...]:
        """What fires as far as we were told, oldest first."""
        return await self._thread.read(lambda c: alerts.read_firing(c, cluster))

    async def link_alerts(self, operation_id: int, *, alerts: Iterable[str]) -> Operation:
        """Say that alerts with these fingerprints were part of an operation; linked ones stay linked."""
        return await self._write(
            lambda c: operations.link_operation_alerts(c, operation_id=operation_id, fingerprints=alerts)
        )

    async def hold(self, cluster: str, *, rule: str, trigger: str, detail: str, now: datetime) -> None:
        """Write a decision that held; when that is worth a row is the caller's to say."""
        await self._write(
            lambda c: history.insert_held(
                c, cluster=cluster, rule=rule, trigger=trigger, detail=detail, now=now
            )
        )

    async def held(
        self, cluster: str, *, since: datetime | None = None, limit: int = 100
    ) -> tuple[HeldDecision, ...]:
        """Decisions that held at `since` or later, newest first."""
        return await self._thread.read(lambda c: history.read_held(c, cluster, since=since, limit=limit))


def _count_check(connection: Connection) -> None:
    counted = update(write_check).where(write_check.c.id == 1).values(count=write_check.c.count + 1)
    if connection.execute(counted).rowcount == 0:
        connection.execute(insert(write_check).values(id=1, count=1))
