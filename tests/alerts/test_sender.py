"""The loop that brings alerts to the sinks: what nobody foresaw ends nothing."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from rlm_exporter.alerts.sender import COUNT, RETRYING, AlertSender, Outbox
from rlm_exporter.alerts.sinks import SinkFailedError
from rlm_exporter.errors import JournalError
from rlm_exporter.manifest.model import AlertSettings, AlertSink, HttpSink, PostedForm
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.outbox_records import AlertRequest, DeliveryState, MessageStatus, OutgoingAlert
from tests.clock import FakeClock

REQUEST = AlertRequest(
    key="k", status=MessageStatus.FIRING, alertname="RlmHaAlert", severity="critical", component="licensing",
    message="No healthy servers available", cluster=None, server=None, requested_by="test",
)  # fmt: skip


class Sinks:
    """Some that do as the test says, by name."""

    def __init__(self) -> None:
        self.brought: list[str] = []
        self.earlier: list[list[str]] = []
        self.errors: dict[str, list[Exception]] = {}

    async def bring(self, alert: OutgoingAlert, sink: AlertSink, *, earlier: Sequence[OutgoingAlert]) -> None:
        self.brought.append(sink.name)
        self.earlier.append([each.request.severity for each in earlier])
        errors = self.errors.get(sink.name, [])
        if errors:
            raise errors.pop(0)


@dataclass
class Notes:
    """What the sender told."""

    numbers: list[Mapping[str, int] | None] = field(default_factory=list)
    ended: list[tuple[str, int]] = field(default_factory=list)
    defects: list[Exception] = field(default_factory=list)

    def waiting(self, numbers: Mapping[str, int] | None) -> None:
        self.numbers.append(numbers)

    def given_up(self, sink: str, number: int) -> None:
        self.ended.append((sink, number))

    def stumbled(self, error: Exception) -> None:
        self.defects.append(error)


def sink(name: str) -> AlertSink:
    kind = HttpSink(form=PostedForm.WEBHOOK, url="http://127.0.0.1:9/", url_file=None, token_file=None)
    return AlertSink(name=name, kind=kind, timeout=timedelta(seconds=1))


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with await Journal.open(url=f"sqlite:///{tmp_path / 'journal.db'}") as opened:
        yield opened


async def test_a_defect_at_one_sink_ends_neither_the_loop_nor_the_others(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    sinks, notes = Sinks(), Notes()
    sinks.errors["pager"] = [RuntimeError("nobody foresaw this")]
    settings = AlertSettings(sinks=(sink("pager"), sink("chat")))
    sender = AlertSender(settings=settings, outbox=journal, sinks=sinks, clock=SystemClock(), observer=notes)
    running = asyncio.create_task(sender.run())
    asking = asyncio.create_task(sender.send(REQUEST, sinks=sender.names))
    async with asyncio.timeout(15):
        while sorted(sinks.brought) != ["chat", "pager"]:  # noqa: ASYNC110 - threads set no event
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    assert not running.done()
    assert "alerts to pager wait" in caplog.text
    assert [str(each) for each in notes.defects] == ["nobody foresaw this"]
    sent = await asking
    assert {each.sink: each.state for each in sent.deliveries} == {
        "chat": DeliveryState.TAKEN,
        "pager": DeliveryState.WAITING,
    }
    running.cancel()
    await asyncio.wait({running})


async def test_a_sink_that_refuses_is_told_and_tried_later(journal: Journal) -> None:
    sinks, notes = Sinks(), Notes()
    sinks.errors["pager"] = [SinkFailedError("pager answered 500")]
    settings = AlertSettings(sinks=(sink("pager"),))
    sender = AlertSender(settings=settings, outbox=journal, sinks=sinks, clock=SystemClock(), observer=notes)
    running = asyncio.create_task(sender.run())
    sent = await sender.send(REQUEST, sinks=("pager",))
    (delivery,) = sent.deliveries
    assert (delivery.state, delivery.detail) == (DeliveryState.WAITING, "pager answered 500")
    due = datetime.now(UTC) + timedelta(hours=1)
    (again,) = await journal.claim_deliveries(
        sinks=("pager",), lasting=timedelta(seconds=30), most=1, now=due
    )
    assert again.attempt == 2
    running.cancel()
    await asyncio.wait({running})


class Away:
    """A store that fails as the test says, and else is the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> object:
        if self.error is not None and name in {"waiting_deliveries", "sweep_outbox"}:
            raise self.error
        return getattr(self._journal, name)


@pytest.mark.parametrize(
    ("error", "defects"),
    [(JournalError("the journal is away"), 0), (RuntimeError("nobody foresaw this"), 2)],
    ids=["away", "defect"],
)
async def test_how_many_alerts_wait_is_told_and_unknown_is_not_zero(
    journal: Journal, error: Exception, defects: int
) -> None:
    store, notes, clock = Away(journal), Notes(), FakeClock()
    await journal.accept_alert(REQUEST, sinks=["gone"], repeat=timedelta(hours=4), now=clock.now())
    sender = AlertSender(
        settings=AlertSettings(sinks=(sink("pager"),)),
        outbox=cast("Outbox", store),
        sinks=Sinks(),
        clock=clock,
        observer=notes,
    )
    store.error = error
    running = asyncio.create_task(sender.run())
    await clock.settle()
    assert (notes.numbers, len(notes.defects)) == ([None], defects)
    store.error = None
    await clock.advance(COUNT)
    async with asyncio.timeout(15):
        while len(notes.numbers) < 2:  # noqa: ASYNC110 - threads set no event
            await asyncio.sleep(0.02)
    assert notes.numbers[1] == {"pager": 0, "gone": 1}
    running.cancel()
    await asyncio.wait({running})


async def test_what_is_given_up_is_told_by_sink(journal: Journal) -> None:
    sinks, notes, clock = Sinks(), Notes(), FakeClock()
    sinks.errors["pager"] = [SinkFailedError("pager answered 500")]
    long_ago = clock.now() - RETRYING.give_up
    await journal.accept_alert(REQUEST, sinks=["pager"], repeat=timedelta(hours=4), now=long_ago)
    settings = AlertSettings(sinks=(sink("pager"),))
    sender = AlertSender(settings=settings, outbox=journal, sinks=sinks, clock=clock, observer=notes)
    running = asyncio.create_task(sender.run())
    async with asyncio.timeout(15):
        while not notes.ended:  # noqa: ASYNC110 - threads set no event
            await asyncio.sleep(0.02)
    assert notes.ended == [("pager", 1)]
    running.cancel()
    await asyncio.wait({running})


async def test_only_the_sinks_that_an_alert_is_for_are_told_of(journal: Journal) -> None:
    sinks, notes = Sinks(), Notes()
    settings = AlertSettings(sinks=(sink("chat"), sink("pager")))
    sender = AlertSender(settings=settings, outbox=journal, sinks=sinks, clock=SystemClock(), observer=notes)
    running = asyncio.create_task(sender.run())
    await sender.send(REQUEST, sinks=("chat",))
    sent = await sender.send(REQUEST, sinks=("pager",))
    assert sent.accepted.added == ("pager",)
    assert [(each.sink, each.state) for each in sent.deliveries] == [("pager", DeliveryState.TAKEN)]
    assert sinks.brought == ["chat", "pager"]
    running.cancel()
    await asyncio.wait({running})


async def test_a_sink_is_told_what_it_had_of_an_alert_that_changes_and_ends(journal: Journal) -> None:
    sinks = Sinks()
    sender = AlertSender(
        settings=AlertSettings(sinks=(sink("pager"),)),
        outbox=journal,
        sinks=sinks,
        clock=SystemClock(),
        observer=Notes(),
    )
    running = asyncio.create_task(sender.run())
    for request in (
        replace(REQUEST, severity="warning"),
        REQUEST,
        replace(REQUEST, status=MessageStatus.RESOLVED),
    ):
        await sender.send(request, sinks=("pager",))
    assert sinks.earlier == [[], ["warning"], ["critical", "warning"]]
    running.cancel()
    await asyncio.wait({running})
