"""An operator's wishes over HTTP."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rlm_exporter.server.requests import LONGEST_WORD
from tests.probe.parts import REFUSED
from tests.server.daemon import Daemon, Document, daemon, until


async def operations(made: Daemon) -> list[Document]:
    found = (await made.get("/api/v1/clusters/prod/events")).document["operations"]
    assert isinstance(found, list)
    return found


async def active(made: Daemon) -> str:
    return str((await made.get("/api/v1/clusters/prod")).document["active"])


async def test_a_wish_becomes_an_operation_that_can_be_followed(local: Daemon) -> None:
    wish = {"to": "rlm2", "from": "rlm1", "reason": "new disks", "requested_by": "ada"}
    answer = await local.wish(wish)
    assert (answer.status, answer.document["result"]) == (202, "started")
    begun = answer.document["operation"]
    assert (begun["state"], begun["from"], begun["to"]) == ("open", "rlm1", "rlm2")
    ended = await local.settled(begun["id"])
    assert (ended["state"], ended["outcome"]) == ("committed", "done")
    assert (ended["requested_by"], ended["reason"], ended["trigger"]) == ("ada", "new disks", "operator")
    assert ended["epoch"] == 2
    assert ended["committed_at"].endswith("Z")
    assert await active(local) == "rlm2"


@pytest.mark.parametrize(
    "word", ["rlm2", "rlm2.prod.example.com", "rlm2.prod.example.com:5053"], ids=["name", "host", "host:port"]
)
async def test_a_server_may_be_named_in_three_ways(local: Daemon, word: str) -> None:
    answer = await local.wish({"to": word, "dry_run": True})
    assert answer.document["plan"]["to"] == "rlm2"


async def test_a_dry_run_shows_the_plan_and_changes_nothing(local: Daemon) -> None:
    before = await operations(local)
    answer = await local.wish({"to": "rlm3", "dry_run": True}, headers={"Idempotency-Key": "k"})
    assert (answer.status, answer.document["result"]) == (200, "plan")
    plan = answer.document["plan"]
    assert {"from", "to", "steps", "warnings"} <= set(plan)
    assert (plan["from"], plan["to"]) == ("rlm1", "rlm3")
    assert "commit" in plan["steps"]
    applying = [seen["rule"] for seen in plan["rules"] if seen["applies"]]
    assert applying[0] == "active_healthy"
    assert [seen["number"] for seen in plan["rules"]] == sorted(seen["number"] for seen in plan["rules"])
    assert await operations(local) == before
    assert await active(local) == "rlm1"
    assert (await local.wish({"to": "rlm3"}, headers={"Idempotency-Key": "k"})).status == 202


async def test_the_active_one_is_no_operation(local: Daemon) -> None:
    answer = await local.wish({"to": "rlm1"})
    assert (answer.status, answer.document) == (200, {"result": "already_active", "server": "rlm1"})
    assert len(await operations(local)) == 1


async def test_one_idempotency_key_is_one_operation(local: Daemon) -> None:
    key: dict[str, Any] = {"headers": {"Idempotency-Key": "2f9c"}}
    first = await local.wish({"to": "rlm2"}, **key)
    await local.settled(first.document["operation"]["id"])
    again = await local.wish({"to": "rlm2"}, **key)
    assert (again.status, again.document["result"]) == (202, "started")
    assert again.document["operation"]["id"] == first.document["operation"]["id"]
    assert [each["kind"] for each in await operations(local)] == ["switchover", "first_start"]


async def test_a_key_that_comes_twice_at_once_is_one_operation(local: Daemon) -> None:
    key: dict[str, Any] = {"headers": {"Idempotency-Key": "2f9c"}}
    answers = await asyncio.gather(*(local.wish({"to": "rlm2"}, **key) for _ in range(5)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.document["operation"]["id"] for answer in answers}) == 1


# ---- refusals


async def test_an_expectation_that_is_not_so_is_refused(local: Daemon) -> None:
    answer = await local.wish({"to": "rlm3", "from": "rlm2"})
    assert answer.problem[:2] == (412, "expectation_failed")
    assert "rlm1 is active, not rlm2" in answer.problem[2]


async def test_a_second_operation_is_refused_while_one_is_open(local: Daemon) -> None:
    local.doors["prod"].close()
    number = (await local.wish({"to": "rlm2"})).document["operation"]["id"]
    async with asyncio.timeout(5):
        answer = await local.wish({"to": "rlm3"})
    assert answer.problem == (409, "operation_open", f"operation {number} is open")
    document = (await local.get("/api/v1/clusters/prod")).document
    assert document["failover"]["operation"]["id"] == number
    assert (await local.wish({"to": "rlm3"}, verb="switchover")).problem[:2] == (409, "operation_open")
    local.doors["prod"].open()
    await local.settled(number)
    assert await active(local) == "rlm2"


async def test_an_unhealthy_target_is_refused_without_force(local: Daemon) -> None:
    local.license.failures["rlm3.prod.example.com"] = REFUSED
    local.services.controllers["prod"].prober.check_now("rlm3")

    async def down() -> bool:
        document = (await local.get("/api/v1/clusters/prod")).document
        return bool(document["servers"][2]["license"]["state"] == "down")

    await until(down, what="rlm3 down")
    assert (await local.wish({"to": "rlm3"})).problem[:2] == (409, "target_unhealthy")
    plan = (await local.wish({"to": "rlm3", "force": True, "dry_run": True})).document["plan"]
    assert plan["warnings"]
    assert await active(local) == "rlm1"


async def test_a_cluster_that_knows_nothing_yet_refuses(tmp_path: Path) -> None:
    async with daemon(tmp_path, ready=False) as made:
        task = asyncio.create_task(made.services.controllers["prod"].run())
        answer = await made.wish({"to": "rlm2"})
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert answer.problem[:2] == (503, "not_ready")


async def test_a_journal_that_is_away_refuses(local: Daemon) -> None:
    await local.journal.close()
    answer = await local.wish({"to": "rlm2"})
    assert answer.problem[:2] == (503, "store_unavailable")


async def test_a_writer_that_does_not_answer_is_not_waited_for_without_end(
    fresh: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlm_exporter.server.by_hand.ANSWER_LIMIT", 0.1)
    answer = await fresh.wish({"to": "rlm2"})
    assert answer.problem == (
        503,
        "no_answer",
        "no answer yet; the wish stands: look at the cluster's events",
    )


@pytest.mark.parametrize(
    ("document", "kind", "detail"),
    [
        ({}, "invalid", "to: missing; it names the server to move to"),
        ([], "invalid", "not a mapping"),
        ("rlm2", "invalid", "not a mapping"),
        ({"to": 2}, "invalid", "to: not a text"),
        ({"to": None}, "invalid", "to: not a text"),
        ({"to": "rlm2", "force": "true"}, "invalid", "force: not true or false"),
        ({"to": "rlm2", "dry_run": 1}, "invalid", "dry_run: not true or false"),
        (
            {"to": "rlm2", "reason": "x" * (LONGEST_WORD + 1)},
            "invalid",
            f"reason: longer than {LONGEST_WORD} characters",
        ),
        (
            {"to": "rlm2", "dryRun": True},
            "invalid",
            "dryRun: unknown; known are to, from, dry_run, reason, requested_by, force",
        ),
        ({"to": "rlm9"}, "unknown_server", "to: no server 'rlm9'; there are rlm1, rlm2, rlm3"),
        ({"to": ""}, "unknown_server", "to: no server ''; there are rlm1, rlm2, rlm3"),
        (
            {"to": "rlm2", "from": "rlm2.lab.example.com"},
            "unknown_server",
            "from: no server 'rlm2.lab.example.com'; there are rlm1, rlm2, rlm3",
        ),
    ],
)
async def test_a_wish_that_cannot_be_understood_is_refused_with_its_field(
    fresh: Daemon, document: Any, kind: str, detail: str
) -> None:
    assert (await fresh.wish(document)).problem == (422, kind, detail)


@pytest.mark.parametrize(
    ("raw", "content_type", "detail"),
    [
        (b'{"to": "rlm2"}', "text/plain", "the body must be application/json"),
        (b"to=rlm2", "application/x-www-form-urlencoded", "the body must be application/json"),
        (b"{", "application/json", "not JSON: "),
        (b"", "application/json", "not JSON: "),
        (b"\xff", "application/json; charset=utf-8", "not JSON: "),
    ],
    ids=["text", "a form", "cut", "empty", "not UTF-8"],
)
async def test_a_body_that_is_no_json_is_refused(
    fresh: Daemon, raw: bytes, content_type: str, detail: str
) -> None:
    answer = await fresh.send(
        "POST", "/api/v1/clusters/prod/failover", data=raw, headers={"Content-Type": content_type}
    )
    assert answer.problem[:2] == (422, "invalid")
    assert answer.problem[2].startswith(detail)


@pytest.mark.parametrize("key", ["", "x" * (LONGEST_WORD + 1), "schlüssel", "\udcd7\udcf8"])
async def test_a_key_that_is_none_is_refused(fresh: Daemon, key: str) -> None:
    answer = await fresh.wish({"to": "rlm2"}, headers={"Idempotency-Key": key})
    assert answer.problem == (
        422,
        "invalid",
        f"Idempotency-Key: 1 to {LONGEST_WORD} printable ASCII characters are needed",
    )


async def test_a_wish_for_an_unknown_cluster_is_refused(fresh: Daemon) -> None:
    answer = await fresh.post("/api/v1/clusters/none/failover", {"to": "rlm2"})
    assert answer.problem == (404, "unknown_cluster", "no such cluster; known: lab, prod")
    assert (await fresh.post("/api/v1/clusters/prod/explode", {})).problem[:2] == (404, "not_found")


# ---- the rest of an operator's day


async def test_a_pause_stands_in_the_status_until_it_is_lifted(local: Daemon) -> None:
    paused = await local.wish({"for": "2h", "requested_by": "ada"}, verb="pause")
    assert (paused.status, paused.document["result"]) == (200, "done")
    failover = (await local.get("/api/v1/clusters/prod")).document["failover"]
    assert failover["paused_until"].endswith("Z")
    assert (await local.wish({}, verb="resume")).document["result"] == "done"

    async def lifted() -> bool:
        return (await local.get("/api/v1/clusters/prod")).document["failover"]["paused_until"] is None

    await until(lifted, what="the end of the pause")


async def test_maintenance_pins_a_server_until_it_is_given_back(local: Daemon) -> None:
    async def pins() -> list[str]:
        document = (await local.get("/api/v1/clusters/prod")).document
        return [word for server in document["servers"] for word in server["pinned"]]

    assert (await local.wish({"server": "rlm3", "enable": True}, verb="maintenance")).status == 200
    assert await pins() == ["maintenance"]
    assert (await local.wish({"to": "rlm3"})).problem[:2] == (409, "target_unhealthy")
    assert (await local.wish({"server": "rlm3", "enable": False}, verb="maintenance")).status == 200
    assert await pins() == []
    refused = await local.wish({"server": "rlm1", "enable": True}, verb="maintenance")
    assert refused.problem[:2] == (409, "serves_now")


async def test_a_failback_needs_no_name(local: Daemon) -> None:
    await local.settled((await local.wish({"to": "rlm2"}, verb="switchover")).document["operation"]["id"])
    answer = await local.wish({"dry_run": True}, verb="failback")
    assert answer.status == 200, answer.body
    assert (answer.document["plan"]["to"], answer.document["plan"]["kind"]) == ("rlm1", "failback")


async def test_an_acknowledgement_is_noted(local: Daemon) -> None:
    assert (await local.wish({}, verb="ack")).document["result"] == "done"
    failover = (await local.get("/api/v1/clusters/prod")).document["failover"]
    assert failover["acknowledged_at"].endswith("Z")
    assert failover["unacknowledged"] == 0


@pytest.mark.parametrize(
    ("verb", "document", "detail"),
    [
        ("pause", {}, "for: missing; a pause has an end, such as 2h"),
        ("pause", {"for": "0s"}, "for: not between 1 ms and 30 days"),
        ("pause", {"for": "721h"}, "for: not between 1 ms and 30 days"),
        ("pause", {"for": 7200}, "for: not a text"),
        ("maintenance", {"server": "rlm3"}, "server and enable: both are needed"),
        ("maintenance", {"enable": True}, "server and enable: both are needed"),
        ("switchover", {}, "to: missing; it names the server to move to"),
        ("switchover", {"to": "rlm2", "force": True}, "force: unknown; "),
        ("resume", {"for": "2h"}, "for: unknown; known are reason, requested_by"),
        ("ack", {"to": "rlm2"}, "to: unknown; known are reason, requested_by"),
    ],
)
async def test_the_other_verbs_name_the_field_too(
    fresh: Daemon, verb: str, document: Document, detail: str
) -> None:
    answer = await fresh.wish(document, verb=verb)
    assert answer.problem[:2] == (422, "invalid")
    assert answer.problem[2].startswith(detail)
