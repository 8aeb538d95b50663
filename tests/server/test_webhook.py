"""Alertmanager's deliveries over HTTP, with a real journal behind them."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from rlm_exporter.alerts.webhook import LARGEST
from rlm_exporter.metrics.instruments import Instruments
from tests.alerts.payloads import alert, body, delivery, labelled
from tests.server.daemon import Answer, Daemon, daemon

PATH = "/webhooks/alertmanager"


def counted(instruments: Instruments) -> dict[str, float]:
    """What our own metric says of deliveries, without zeros."""
    lines = [
        line
        for family in instruments.common().values()
        for line in family.splitlines()
        if line.startswith("rlm_ha_webhook_alerts_total{")
    ]
    found = {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in lines}
    return {result: count for result, count in found.items() if count}


def stored(folder: Path) -> list[tuple[Any, ...]]:
    """What another program reads from the journal's file."""
    connection = sqlite3.connect(f"file:{folder / 'journal.db'}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT fingerprint, status, deliveries FROM alert ORDER BY id").fetchall()
    finally:
        connection.close()


async def deliver(made: Daemon, *alerts: Any, **changes: Any) -> Answer:
    return await made.post(PATH, delivery(*alerts, **changes))


async def test_an_alert_is_on_disk_before_the_answer(fresh: Daemon) -> None:
    answer = await deliver(fresh, alert())
    assert (answer.status, answer.document) == (202, {"accepted": {"new": 1}})
    assert stored(fresh.folder) == [("93ab1c0f5b2d7e11", "firing", 1)]
    assert counted(fresh.services.instruments) == {"new": 1}


async def test_a_repeat_is_counted_and_is_no_second_alert(fresh: Daemon) -> None:
    for expected in ({"new": 1}, {"repeat": 1}, {"repeat": 1}):
        assert (await deliver(fresh, alert())).document == {"accepted": expected}
    resolved = alert(status="resolved", endsAt="2026-03-02T08:09:00Z")
    assert (await deliver(fresh, resolved)).document == {"accepted": {"resolved": 1}}
    assert (await deliver(fresh, alert())).document == {"accepted": {"stale": 1}}
    assert stored(fresh.folder) == [("93ab1c0f5b2d7e11", "resolved", 5)]
    assert counted(fresh.services.instruments) == {"new": 1, "repeat": 2, "resolved": 1, "stale": 1}


async def test_alerts_about_others_are_accepted_and_not_kept(fresh: Daemon) -> None:
    """A refusal would bring them back at every interval."""
    alerts = [labelled(f"{n}", rlm_action="failover", cluster="elsewhere") for n in range(200)]
    answer = await deliver(fresh, *alerts, labelled("x", alertname="RLMLicenseExpiring", cluster="prod"))
    assert (answer.status, answer.document) == (202, {"accepted": {"unknown_cluster": 200, "ignored": 1}})
    assert stored(fresh.folder) == []


async def test_an_alert_moves_nothing_that_is_healthy(local: Daemon) -> None:
    for name in ("prod", "lab"):
        await deliver(local, labelled(name, rlm_action="failover", cluster=name, server="rlm1"))

    status = (await local.get("/api/v1/clusters")).document
    assert [each["active"] for each in status["clusters"]] == ["rlm1", "rlm1"]
    kinds = [
        operation["kind"]
        for name in ("prod", "lab")
        for operation in (await local.get(f"/api/v1/clusters/{name}/events")).document["operations"]
    ]
    assert kinds == ["first_start", "first_start"]


async def test_an_alert_that_comes_during_an_operation_is_part_of_it(local: Daemon) -> None:
    local.doors["prod"].close()
    number = (await local.wish({"to": "rlm2"})).document["operation"]["id"]
    assert (await deliver(local, alert())).status == 202
    local.doors["prod"].open()
    assert [each["fingerprint"] for each in (await local.settled(number))["alerts"]] == ["93ab1c0f5b2d7e11"]


async def test_the_watchdog_is_a_sign_of_life_and_its_end_is_none(fresh: Daemon) -> None:
    watchdog = {"alertname": "Watchdog", "rlm_action": "watchdog"}
    assert (await deliver(fresh, alert(labels=watchdog, status="resolved"))).document == {
        "accepted": {"ignored": 1}
    }
    before = fresh.services.watchdog_seen_at
    assert before is None
    assert (await deliver(fresh, alert(labels=watchdog))).document == {"accepted": {"watchdog": 1}}
    assert fresh.services.watchdog_seen_at is not None
    assert stored(fresh.folder) == []


async def test_what_is_no_delivery_is_refused_and_counted(fresh: Daemon) -> None:
    answer = await deliver(fresh, alert(fingerprint=7))
    assert answer.problem == (400, "invalid", "alerts[0].fingerprint: not a text")
    assert (await fresh.post(PATH, {"version": "3"})).problem[:2] == (400, "invalid")
    assert stored(fresh.folder) == []
    assert counted(fresh.services.instruments) == {"invalid": 2}


async def test_one_alert_that_cannot_be_read_keeps_the_others_out_too(fresh: Daemon) -> None:
    """It comes back; to take a part of a delivery would be to guess."""
    assert (await deliver(fresh, alert(), alert(fingerprint="b", startsAt="soon"))).status == 400
    assert stored(fresh.folder) == []


async def test_a_form_is_refused_because_any_web_page_can_post_one(fresh: Daemon) -> None:
    answer = await fresh.send("POST", PATH, data=body(alert()), headers={"Content-Type": "text/plain"})
    assert answer.problem == (400, "invalid", "the body must be application/json")
    assert stored(fresh.folder) == []


async def test_a_delivery_above_the_limit_is_refused(fresh: Daemon) -> None:
    filler = "x" * LARGEST
    answer = await deliver(fresh, alert(annotations={"summary": filler}))
    assert answer.problem == (413, "too_large", f"the body has more than {LARGEST} bytes")
    assert answer.headers["Connection"] == "close"
    assert counted(fresh.services.instruments) == {"invalid": 1}
    assert (await deliver(fresh, alert(annotations={"summary": filler[: LARGEST - 2000]}))).status == 202


async def test_a_body_that_does_not_arrive_is_given_up(
    fresh: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlm_exporter.server.requests.BODY_LIMIT", 0.1)
    port = int(fresh.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /webhooks/alertmanager HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000\r\n\r\n{"
    )
    async with asyncio.timeout(5):
        answer = await reader.readuntil(b"0.1 s")
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in answer


async def test_a_body_that_is_not_packed_as_it_says_is_refused(fresh: Daemon) -> None:
    answer = await fresh.post(PATH, delivery(alert()), headers={"Content-Encoding": "gzip"})
    assert answer.status == 400
    assert stored(fresh.folder) == []


async def test_a_journal_that_is_away_asks_alertmanager_to_come_back(fresh: Daemon) -> None:
    await fresh.journal.close()
    answer = await deliver(fresh, alert(), labelled("b", rlm_action="failover", cluster="lab"))
    assert answer.problem == (
        503,
        "store_unavailable",
        "the journal cannot take the alerts now; try again",
    )
    assert counted(fresh.services.instruments) == {"unavailable": 2}


async def test_what_needs_no_journal_is_accepted_without_one(fresh: Daemon) -> None:
    await fresh.journal.close()
    assert (await deliver(fresh, labelled("x", alertname="Watchdog"))).status == 202


async def test_a_truncated_delivery_wakes_every_cluster(tmp_path: Path) -> None:
    async with daemon(tmp_path, ready=False) as made:
        before = await deliver(made, alert())
        assert before.status == 202
        assert [name for name, each in made.services.controllers.items() if each._wake.is_set()] == ["prod"]
        assert (await deliver(made, truncatedAlerts=1)).status == 202
        assert all(each._wake.is_set() for each in made.services.controllers.values())
