"""Carries out what operators wish for: moves, pauses, acknowledgements, maintenance. One wish at a time."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from rlm_exporter.failover.by_hand import Done, Plan, judge, judge_maintenance
from rlm_exporter.failover.decide import trace
from rlm_exporter.failover.lookout import Lookout
from rlm_exporter.failover.ports import Clock, Journal
from rlm_exporter.failover.reasons import Reason
from rlm_exporter.failover.steps import with_maintenance
from rlm_exporter.failover.trigger import (
    AckRequest,
    FailoverRequest,
    MaintenanceRequest,
    PauseRequest,
    Refusal,
    RefusalKind,
    Trigger,
    TriggerKind,
)
from rlm_exporter.failover.wishes import Wish
from rlm_exporter.store.records import ClusterRecord, Operation, OperationKind

log = logging.getLogger(__name__)


class Operators:
    """The part of a cluster's one writer that answers operators. Each method gives the record as it is then.

    Every method raises JournalError, ConflictError among them.
    """

    def __init__(
        self,
        *,
        cluster: str,
        journal: Journal,
        lookout: Lookout,
        clock: Clock,
        carry_on: Callable[[Operation], Awaitable[ClusterRecord]],
        firing: Callable[[], tuple[str, ...]],
        minimum_epoch: Callable[[], int],
    ) -> None:
        """`firing` are the fingerprints of alerts that fire; `minimum_epoch` is above what balancers know."""
        self._cluster = cluster
        self._journal = journal
        self._lookout = lookout
        self._clock = clock
        self._carry_on = carry_on
        self._firing = firing
        self._minimum_epoch = minimum_epoch

    async def serve(self, wish: Wish, record: ClusterRecord) -> ClusterRecord:
        """Answer one wish and do what it asks for."""
        match wish.request:
            case FailoverRequest():
                return await self._move(wish, wish.request, record)
            case PauseRequest():
                return await self._pause(wish, wish.request, record)
            case AckRequest():
                return await self._acknowledge(wish, wish.request, record)
            case MaintenanceRequest():
                return await self._maintain(wish, wish.request, record)

    async def _move(self, wish: Wish, request: FailoverRequest, record: ClusterRecord) -> ClusterRecord:
        if request.idempotency_key is not None:
            known = await self._journal.operation_by_key(self._cluster, request.idempotency_key)
            if known is not None:
                wish.answer(known)
                return record
        situation = self._lookout.glance(record, Trigger(kind=TriggerKind.OPERATOR))
        answer = judge(request, situation)
        if isinstance(answer, Plan) and request.dry_run:
            seen = await self._lookout.situation(record, Trigger(kind=TriggerKind.DETECTOR))
            answer = replace(answer, rules=trace(seen))
        if not isinstance(answer, Plan) or request.dry_run:
            wish.answer(answer)
            return record
        operation = await self._claim(request, answer, record)
        wish.answer(operation)
        return await self._carry_on(operation)

    async def _claim(self, request: FailoverRequest, plan: Plan, record: ClusterRecord) -> Operation:
        return await self._journal.claim(
            cluster=self._cluster,
            kind=plan.kind,
            rule=Reason.OPERATOR,
            source=record.active,
            target=plan.target,
            requested_by=request.requested_by,
            reason=request.reason,
            trigger=TriggerKind.OPERATOR,
            expected_version=record.version,
            alerts=self._firing(),
            idempotency_key=request.idempotency_key,
            now=self._clock.now(),
            minimum_epoch=self._minimum_epoch(),
        )

    async def _pause(self, wish: Wish, request: PauseRequest, record: ClusterRecord) -> ClusterRecord:
        now = self._clock.now()
        until = None if request.lasting is None else now + request.lasting
        record = await self._journal.set_pause(
            self._cluster, until=until, now=now, expected_version=record.version
        )
        detail = "resumed" if until is None else f"paused until {until:%Y-%m-%d %H:%M:%S} UTC"
        await self._note("resume" if until is None else "pause", detail, request)
        wish.answer(Done(detail=detail))
        return record

    async def _acknowledge(self, wish: Wish, request: AckRequest, record: ClusterRecord) -> ClusterRecord:
        record = await self._journal.acknowledge(
            self._cluster, now=self._clock.now(), expected_version=record.version
        )
        detail = "acknowledged: cooldown, chase and failed attempts hold nothing back"
        await self._note("ack", detail, request)
        wish.answer(Done(detail=detail))
        return record

    async def _maintain(
        self, wish: Wish, request: MaintenanceRequest, record: ClusterRecord
    ) -> ClusterRecord:
        judged = judge_maintenance(request, self._lookout.glance(record))
        if isinstance(judged, Refusal):
            wish.answer(judged)
            return record
        if judged is not None:
            moved = await self._move_away(request, judged, record)
            if moved.active == request.server:
                detail = f"clients could not be moved away from {request.server}; see the journal"
                wish.answer(Refusal(kind=RefusalKind.SERVES_NOW, detail=detail))
                return moved
            record = moved
        pins = with_maintenance(record.pins, request.server, enable=request.enable, now=self._clock.now())
        record = await self._journal.set_pins(
            self._cluster, pins=pins, now=self._clock.now(), expected_version=record.version
        )
        detail = f"{request.server} is {'in' if request.enable else 'out of'} maintenance"
        await self._note("maintenance", detail, request)
        wish.answer(Done(detail=detail))
        return record

    async def _move_away(
        self, request: MaintenanceRequest, target: str, record: ClusterRecord
    ) -> ClusterRecord:
        wished = FailoverRequest(
            target=target,
            kind=OperationKind.SWITCHOVER,
            requested_by=request.requested_by,
            reason=request.reason or f"maintenance of {request.server}",
        )
        answer = judge(wished, self._lookout.glance(record, Trigger(kind=TriggerKind.OPERATOR)))
        if isinstance(answer, Plan):
            return await self._carry_on(await self._claim(wished, answer, record))
        return record

    async def _note(
        self, word: str, detail: str, request: PauseRequest | AckRequest | MaintenanceRequest
    ) -> None:
        told = f"{detail}; by {request.requested_by}" + (f": {request.reason}" if request.reason else "")
        log.info("cluster=%s operator=%s %s", self._cluster, word, told)
        await self._journal.hold(
            self._cluster, rule=word, trigger=TriggerKind.OPERATOR, detail=told, now=self._clock.now()
        )
