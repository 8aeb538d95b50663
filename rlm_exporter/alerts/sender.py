"""Takes alerts into the outbox, and brings what waits there to the sinks.

Each sink has a task of its own, so that one that hangs holds up no other. Who sends is settled by a claim
in the store: of several daemons on one database any may send, and one does.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from rlm_exporter.alerts.sinks import SinkFailedError
from rlm_exporter.errors import JournalError
from rlm_exporter.manifest.model import AlertSettings, AlertSink
from rlm_exporter.probe.ports import Clock
from rlm_exporter.store.outbox_records import (
    Accepted,
    AlertRequest,
    Claimed,
    Delivery,
    DeliveryState,
    OutgoingAlert,
    OutgoingMessage,
    Retrying,
    Swept,
)

log = logging.getLogger(__name__)

RETRYING = Retrying(first=timedelta(seconds=5), most=timedelta(minutes=5), give_up=timedelta(days=1))
MARGIN = timedelta(seconds=30)
"""What a claim lasts beyond the attempt: for the store to be told."""

KEEP = timedelta(days=90)
"""For a message and what became of it."""
SWEEP = timedelta(hours=1)

PACE = 5.0
"""Seconds between two looks for what is due; what is asked for here is seen at once."""

COUNT = 15.0
"""Seconds between two counts of what waits."""

PATIENCE = 8.0
"""Seconds that who asks waits to hear what became of it."""

GLANCE = 0.1


class Outbox(Protocol):
    """The part of the store that is needed here."""

    async def accept_alert(
        self, request: AlertRequest, *, sinks: Sequence[str], repeat: timedelta, now: datetime
    ) -> Accepted:
        """Put an alert there, unless it is there."""

    async def claim_deliveries(
        self, *, sinks: Sequence[str], lasting: timedelta, most: int, now: datetime
    ) -> tuple[Claimed, ...]:
        """What is due."""

    async def record_delivery(
        self, claimed: Claimed, *, failure: str | None, retrying: Retrying, now: datetime
    ) -> bool:
        """How an attempt ended; whether the delivery was given up with it."""

    async def waiting_deliveries(self) -> Mapping[str, int]:
        """How many wait, by sink."""

    async def deliveries(self, message: int) -> tuple[Delivery, ...]:
        """What has become of a message."""

    async def messages(self, *, since: datetime, limit: int) -> tuple[OutgoingMessage, ...]:
        """The newest messages."""

    async def sweep_outbox(self, *, keep: timedelta, give_up: timedelta, now: datetime) -> Swept:
        """End what nobody brings, delete some of what is old."""


class Bringer(Protocol):
    """Who brings an alert to a sink."""

    async def bring(self, alert: OutgoingAlert, sink: AlertSink, *, earlier: Sequence[OutgoingAlert]) -> None:
        """Raises SinkFailedError; `earlier` is what the sink was told of the same alert before."""


class DeliveryObserver(Protocol):
    """Is told what becomes of alerts."""

    def waiting(self, numbers: Mapping[str, int] | None) -> None:
        """How many deliveries wait, by sink; None while nobody can tell."""

    def given_up(self, sink: str, number: int) -> None:
        """So many deliveries are tried no more."""

    def stumbled(self, error: Exception) -> None:
        """A defect of ours ended one turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of a request so far."""

    accepted: Accepted
    deliveries: tuple[Delivery, ...]
    """At the sinks that it was for."""


class AlertSender:
    """The daemon's way out for alerts."""

    def __init__(
        self,
        *,
        settings: AlertSettings,
        outbox: Outbox,
        sinks: Bringer,
        clock: Clock,
        observer: DeliveryObserver,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._sinks = sinks
        self._clock = clock
        self._observer = observer
        self._news = {sink.name: asyncio.Event() for sink in settings.sinks}

    @property
    def names(self) -> tuple[str, ...]:
        """Of the sinks."""
        return tuple(self._news)

    async def send(self, request: AlertRequest, *, sinks: Sequence[str]) -> Sent:
        """Make it durable, and wait a while for each sink's first answer. Raises JournalError."""
        accepted = await self._outbox.accept_alert(
            request, sinks=sinks, repeat=self._settings.repeat_interval, now=self._clock.now()
        )
        if accepted.message is None:
            return Sent(accepted=accepted, deliveries=())
        for name in accepted.added:
            self._news[name].set()
        deliveries = await self._first_answers(accepted.message.id, sinks=sinks)
        return Sent(accepted=accepted, deliveries=deliveries)

    async def messages(self, *, since: datetime, limit: int) -> tuple[OutgoingMessage, ...]:
        """The newest messages, with what became of them. Raises JournalError."""
        return await self._outbox.messages(since=since, limit=limit)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweeping())
            group.create_task(self._counting())
            for sink in self._settings.sinks:
                group.create_task(self._serve(sink))

    async def _sweeping(self) -> None:
        """Later than each sink's own giving up, which knows why."""
        while True:
            with self._surviving("old alerts stay in the outbox for now"):
                while await self._sweep():
                    pass
            await self._clock.sleep(SWEEP.total_seconds())

    async def _sweep(self) -> bool:
        swept = await self._outbox.sweep_outbox(
            keep=KEEP, give_up=RETRYING.give_up + SWEEP, now=self._clock.now()
        )
        for sink, number in swept.given_up.items():
            self._observer.given_up(sink, number)
        return bool(swept.deleted)

    async def _counting(self) -> None:
        """Also for sinks that stand in no settings any more: nobody brings them what waits."""
        while True:
            numbers: Mapping[str, int] | None = None
            with self._surviving("nobody knows how many alerts wait"):
                numbers = dict.fromkeys(self._news, 0) | dict(await self._outbox.waiting_deliveries())
            self._observer.waiting(numbers)
            await self._clock.sleep(COUNT)

    @contextlib.contextmanager
    def _surviving(self, trouble: str) -> Iterator[None]:
        """An alert is worth less than what runs beside it: what goes wrong here costs one turn."""
        try:
            yield
        except JournalError as error:
            log.warning("%s: %s", trouble, error)
        except Exception as error:
            log.exception("%s", trouble)
            self._observer.stumbled(error)

    async def _first_answers(self, message: int, *, sinks: Sequence[str]) -> tuple[Delivery, ...]:
        deliveries: tuple[Delivery, ...] = ()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                deliveries = await self._deliveries(message, sinks)
                while not all(map(_has_answered, deliveries)):
                    await asyncio.sleep(GLANCE)
                    deliveries = await self._deliveries(message, sinks)
        return deliveries

    async def _deliveries(self, message: int, sinks: Sequence[str]) -> tuple[Delivery, ...]:
        return tuple(each for each in await self._outbox.deliveries(message) if each.sink in sinks)

    async def _serve(self, sink: AlertSink) -> None:
        news = self._news[sink.name]
        while True:
            news.clear()
            # What was claimed is tried again when its claim runs out.
            with self._surviving(f"alerts to {sink.name} wait"):
                while await self._next(sink):
                    pass
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PACE):
                    await news.wait()

    async def _next(self, sink: AlertSink) -> bool:
        """Bring what is due first; False if nothing is."""
        due = await self._outbox.claim_deliveries(
            sinks=(sink.name,), lasting=sink.timeout + MARGIN, most=1, now=self._clock.now()
        )
        for claimed in due:
            failure = None
            try:
                await self._sinks.bring(claimed.message, sink, earlier=claimed.earlier)
            except SinkFailedError as error:
                failure = str(error)
                log.warning(
                    "alert %d, attempt %d, %s: %s", claimed.message.id, claimed.attempt, sink.name, error
                )
            given_up = await self._outbox.record_delivery(
                claimed, failure=failure, retrying=RETRYING, now=self._clock.now()
            )
            if given_up:
                self._observer.given_up(sink.name, 1)
        return bool(due)


def _has_answered(delivery: Delivery) -> bool:
    return delivery.state is not DeliveryState.WAITING or bool(delivery.detail)
