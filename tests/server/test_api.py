"""Reading: the shapes that the command line and others rely on."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from tests.alerts.payloads import alert, delivery
from tests.probe import parts
from tests.server.daemon import Daemon, Document, until

STATUS = {
    "name",
    "healthy",
    "ready",
    "not_ready_because",
    "active",
    "active_host",
    "active_since",
    "epoch",
    "taken_at",
    "servers",
    "balancers",
    "failover",
}
SERVER = {
    "name",
    "role",
    "host",
    "port",
    "web_port",
    "active",
    "license",
    "isvs",
    "web",
    "seats",
    "pools",
    "version",
    "pinned",
    "balancers",
}
LICENSE = {
    "state",
    "reason",
    "detail",
    "degraded",
    "consecutive_failures",
    "consecutive_successes",
    "checked_at",
    "age_seconds",
    "response_seconds",
}
FAILOVER = {
    "automatic",
    "takeover",
    "failback",
    "detection",
    "triggers",
    "threshold",
    "cooldown_seconds",
    "cooldown_remaining_seconds",
    "pins",
    "decision",
    "alerts_firing",
    "operation",
    "last_operation",
}
OPERATION = {
    "id",
    "kind",
    "rule",
    "state",
    "outcome",
    "from",
    "to",
    "epoch",
    "requested_by",
    "reason",
    "trigger",
    "started_at",
    "committed_at",
    "ended_at",
    "steps",
    "alerts",
}
STEP = {"number", "step", "target", "epoch", "intent_at", "done_at", "outcome", "detail"}
ALERT = {
    "fingerprint",
    "alertname",
    "server",
    "status",
    "starts_at",
    "first_seen",
    "last_seen",
    "deliveries",
}


async def status(made: Daemon, name: str = "prod") -> Document:
    answer = await made.get(f"/api/v1/clusters/{name}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    return answer.document


async def test_a_cluster_that_nobody_has_looked_at_yet_is_unknown_not_zero(fresh: Daemon) -> None:
    document = await status(fresh)
    assert set(document) >= STATUS
    assert [document[key] for key in ("active", "active_host", "active_since", "epoch")] == [None] * 4
    assert (document["healthy"], document["ready"]) == (False, False)
    assert document["not_ready_because"] == ["who is active is not known yet", "no standby is healthy"]
    for server in document["servers"]:
        assert server["license"]["state"] == "unknown"
        assert server["license"]["age_seconds"] is server["license"]["checked_at"] is None
        assert server["seats"] is server["version"] is None
        assert (server["isvs"], server["pools"], server["pinned"], server["balancers"]) == ([], [], [], [])
    failover = document["failover"]
    assert failover["decision"] is failover["operation"] is failover["last_operation"] is None


async def test_a_healthy_cluster_has_every_key_of_the_contract(local: Daemon) -> None:
    await local.post("/webhooks/alertmanager", delivery(alert()))

    async def fires() -> bool:
        return bool((await status(local))["failover"]["alerts_firing"])

    await until(fires, what="the alert in the status")
    document = await status(local)
    assert set(document) >= STATUS
    assert (document["name"], document["healthy"], document["ready"]) == ("prod", True, True)
    assert (document["active"], document["active_host"]) == ("rlm1", "rlm1.prod.example.com")
    assert (document["epoch"], document["not_ready_because"], document["balancers"]) == (1, [], [])
    for server, role in zip(document["servers"], ("primary", "secondary", "backup"), strict=True):
        assert set(server) >= SERVER
        assert set(server["license"]) >= LICENSE
        assert (server["role"], server["active"]) == (role, role == "primary")
        assert (server["license"]["state"], server["license"]["reason"]) == ("up", None)
        assert server["license"]["consecutive_successes"] > 1
        assert 0 <= server["license"]["age_seconds"] < 30
        assert server["web"] == {"state": "off", "http_status": None, "detail": None}
        assert server["isvs"] == [{"name": "siemens", "port": 49152, "running": True, "restarts": 0}]
        assert server["seats"] == {"in_use": 5, "issued": 20}
        assert server["pools"] == [
            {
                "isv": "siemens",
                "product": "STARCCM",
                "version": "2023.1000",
                "issued": 20,
                "reserved": 0,
                "in_use": 5,
                "expires": "permanent",
            }
        ]
        assert server["version"] == "12.2"
    failover = document["failover"]
    assert set(failover) >= FAILOVER
    assert failover["triggers"] == ["alerts", "detector"]
    assert (failover["threshold"], failover["cooldown_seconds"]) == (2, 300.0)
    assert failover["cooldown_remaining_seconds"] == 0
    assert {"number", "rule", "detail", "at", "trigger"} == set(failover["decision"])
    assert failover["decision"]["rule"] == "active_healthy"
    assert failover["decision"]["number"] == 9
    (fired,) = failover["alerts_firing"]
    assert set(fired) == ALERT
    assert (fired["fingerprint"], fired["starts_at"]) == ("93ab1c0f5b2d7e11", "2026-03-02T08:00:00.123Z")
    assert failover["operation"] is None
    last = failover["last_operation"]
    assert set(last) >= OPERATION
    assert (last["kind"], last["state"], last["from"], last["to"]) == (
        "first_start",
        "committed",
        None,
        "rlm1",
    )


async def test_all_clusters_are_listed_as_each_alone(local: Daemon) -> None:
    answer = await local.get("/api/v1/clusters")
    assert set(answer.document) == {"clusters"}
    assert [each["name"] for each in answer.document["clusters"]] == ["prod", "lab"]
    assert set(answer.document["clusters"][0]) == set(await status(local))


async def test_a_server_that_fails_is_down_with_its_reason(local: Daemon) -> None:
    local.license.failures["rlm3.prod.example.com"] = parts.REFUSED
    local.services.controllers["prod"].prober.check_now("rlm3")

    async def down() -> bool:
        return bool((await status(local))["servers"][2]["license"]["state"] == "down")

    await until(down, what="rlm3 down")
    found = (await status(local))["servers"][2]
    assert found["license"]["reason"] == "refused"
    assert found["license"]["detail"]
    assert (found["license"]["consecutive_successes"], found["license"]["consecutive_failures"]) == (0, 1)
    assert (found["isvs"], found["pools"], found["seats"]) == ([], [], None)


async def test_pools_without_numbers_are_no_seats(local: Daemon) -> None:
    local.license.statuses["rlm2.prod.example.com"] = parts.status(
        pools=(parts.pool(count=None, inuse=None),)
    )
    local.services.controllers["prod"].prober.check_now("rlm2")

    async def unknown() -> bool:
        return (await status(local))["servers"][1]["seats"] is None

    await until(unknown, what="seats unknown")


@pytest.mark.parametrize("path", ["", "/events", "/operations/1"])
async def test_an_unknown_cluster_is_a_problem_that_names_the_known_ones(fresh: Daemon, path: str) -> None:
    answer = await fresh.get(f"/api/v1/clusters/none{path}")
    assert answer.problem == (404, "unknown_cluster", "no such cluster; known: lab, prod")


async def test_an_operation_is_found_in_its_own_cluster_alone(local: Daemon) -> None:
    number = (await status(local))["failover"]["last_operation"]["id"]
    found = await local.get(f"/api/v1/clusters/prod/operations/{number}")
    assert found.document["id"] == number
    for path, name in (
        (f"/api/v1/clusters/lab/operations/{number}", "lab"),
        (f"/api/v1/clusters/prod/operations/{10**18 - 1}", "prod"),
    ):
        assert (await local.get(path)).problem == (
            404,
            "unknown_operation",
            f"{name} has no such operation",
        )


@pytest.mark.parametrize("number", ["0x1", "-1", "1" * 19, "latest"])
async def test_an_operation_that_is_no_number_is_not_found(fresh: Daemon, number: str) -> None:
    answer = await fresh.get(f"/api/v1/clusters/prod/operations/{number}")
    assert answer.problem[:2] == (404, "not_found")


async def test_events_are_the_journal_newest_first(local: Daemon) -> None:
    first = (await local.wish({"to": "rlm2"})).document["operation"]["id"]
    await local.settled(first)
    document = (await local.get("/api/v1/clusters/prod/events")).document
    assert [(each["kind"], each["to"]) for each in document["operations"]] == [
        ("switchover", "rlm2"),
        ("first_start", "rlm1"),
    ]
    assert all(set(each) >= OPERATION for each in document["operations"])
    assert all(set(step) == STEP for step in document["operations"][0]["steps"])
    assert [step["step"] for step in document["operations"][0]["steps"]] == ["apply", "verify", "commit"]
    assert document["decisions"]
    assert set(document["decisions"][0]) == {"id", "at", "rule", "trigger", "detail"}


async def test_events_are_bounded_in_number_and_in_time(local: Daemon) -> None:
    await local.settled((await local.wish({"to": "rlm2"})).document["operation"]["id"])
    events = "/api/v1/clusters/prod/events"
    assert len((await local.get(f"{events}?limit=1")).document["operations"]) == 1
    later = quote((datetime.now(UTC) + timedelta(hours=1)).isoformat())
    document = (await local.get(f"{events}?since={later}")).document
    assert document == {"operations": [], "decisions": []}
    long_ago = (await local.get(f"{events}?since=2001-01-01T00:00:00Z")).document
    assert len(long_ago["operations"]) == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=0", "limit: not a number from 1 to 1000"),
        ("limit=1001", "limit: not a number from 1 to 1000"),
        ("limit=", "limit: not a number from 1 to 1000"),
        ("limit=-1", "limit: not a number from 1 to 1000"),
        ("limit=%D9%A3", "limit: not a number from 1 to 1000"),
        ("limit=" + "1" * 5000, "limit: not a number from 1 to 1000"),
        ("since=yesterday", "since: 'yesterday' is not a time"),
        ("since=2026-03-02T08:00:00", "since: without a time zone; append Z for UTC"),
        (
            "since=0001-01-01T00:00:00%2B14:00",
            "since: '0001-01-01T00:00:00+14:00' is outside of all years",
        ),
    ],
)
async def test_a_bound_that_is_none_is_a_problem(fresh: Daemon, query: str, expected: str) -> None:
    answer = await fresh.get(f"/api/v1/clusters/prod/events?{query}")
    assert answer.problem == (422, "invalid", expected)


async def test_without_its_journal_a_daemon_still_says_what_it_sees(local: Daemon) -> None:
    await local.stop_controllers()
    await local.journal.close()
    document = await status(local)
    assert (document["active"], document["healthy"], document["ready"]) == ("rlm1", True, False)
    assert document["not_ready_because"] == ["the journal cannot be read"]
    assert document["failover"]["last_operation"] is None
    page = await local.get("/")
    assert page.status == 200
    assert b"the journal cannot be read" in page.body
    for path in ("events", "operations/1"):
        answer = await local.get(f"/api/v1/clusters/prod/{path}")
        assert answer.problem == (503, "store_unavailable", "the journal cannot be read now")
