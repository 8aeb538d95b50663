"""The loop that brings alerts to the sinks: what nobody foresaw ends nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rlm_exporter.alerts.sender import AlertSender
from rlm_exporter.alerts.sinks import SinkFailedError
from rlm_exporter.manifest.model import AlertSettings, AlertSink, HttpSink, PostedForm
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.outbox_records import AlertRequest, DeliveryState, MessageStatus, OutgoingAlert

REQUEST = AlertRequest(
    key="k", status=MessageStatus.FIRING, alertname="RlmHaAlert", severity="critical", component="licensing",
    message="No healthy servers available", cluster=None, server=None, requested_by="test",
)  # fmt: skip


class Sinks:
    """Some that do as the test says, by name."""

    def __init__(self) -> None:
        self.brought: list[str] = []
        self.errors: dict[str, list[Exception]] = {}

    async def bring(self, alert: OutgoingAlert, sink: AlertSink) -> None:
        self.brought.append(sink.name)
        errors = self.errors.get(sink.name, [])
        if errors:
            raise errors.pop(0)


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
    sinks = Sinks()
    sinks.errors["pager"] = [RuntimeError("nobody foresaw this")]
    settings = AlertSettings(sinks=(sink("pager"), sink("chat")))
    sender = AlertSender(settings=settings, outbox=journal, sinks=sinks, clock=SystemClock())
    running = asyncio.create_task(sender.run())
    asking = asyncio.create_task(sender.send(REQUEST, sinks=sender.names))
    async with asyncio.timeout(15):
        while sorted(sinks.brought) != ["chat", "pager"]:  # noqa: ASYNC110 - threads set no event
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    assert not running.done()
    assert "bringing alerts to pager failed" in caplog.text
    sent = await asking
    assert {each.sink: each.state for each in sent.deliveries} == {
        "chat": DeliveryState.TAKEN,
        "pager": DeliveryState.WAITING,
    }
    running.cancel()
    await asyncio.wait({running})


async def test_a_sink_that_refuses_is_told_and_tried_later(journal: Journal) -> None:
    sinks = Sinks()
    sinks.errors["pager"] = [SinkFailedError("pager answered 500")]
    settings = AlertSettings(sinks=(sink("pager"),))
    sender = AlertSender(settings=settings, outbox=journal, sinks=sinks, clock=SystemClock())
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
