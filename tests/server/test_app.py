"""Routes, who may use them, and errors."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from rlm_exporter.server.requests import LARGEST_BODY
from tests.alerts.payloads import alert, delivery
from tests.server.daemon import Daemon, daemon
from tests.server.test_auth import TOKENS

WEBHOOK = "/webhooks/alertmanager"
FAILOVER = "/api/v1/clusters/prod/failover"
READS = (
    *("/", "/metrics", "/probe?target=prod", "/api/v1/sd"),
    *("/api/v1/clusters", "/api/v1/clusters/prod", "/api/v1/clusters/prod/events"),
)


def bearer(secret: str | None) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {secret}"}} if secret is not None else {}


# ---- without tokens


async def test_on_loopback_without_tokens_everything_is_open(fresh: Daemon) -> None:
    for path in READS:
        assert (await fresh.get(path)).status == 200
    assert (await fresh.post(WEBHOOK, delivery(alert()))).status == 202


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com",
        "evil.example.com:10053",
        "127.evil.example.com",
        "localhost.evil.example.com",
        "10.0.0.1",
        "[::1",
        "[2001:db8::1]",
        "0.0.0.0",
    ],
)
async def test_a_post_under_another_name_is_refused(fresh: Daemon, host: str) -> None:
    """A web page can have a browser send it to loopback under a name that leads there."""
    for path, document in ((WEBHOOK, delivery(alert())), (FAILOVER, {"to": "rlm2"})):
        answer = await fresh.post(path, document, headers={"Host": host})
        assert answer.problem == (
            403,
            "foreign_host",
            "the Host header is not this machine's loopback address",
        )


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/clusters/prod", "/api/v1/clusters/prod/seats"])
async def test_without_tokens_nothing_is_read_under_another_name(fresh: Daemon, path: str) -> None:
    """A page whose name leads to loopback could have an operator's browser read who holds which seats."""
    answer = await fresh.send("GET", path, headers={"Host": "evil.example.com"})
    assert answer.problem[:2] == (403, "foreign_host")
    for open_path in ("/-/healthy", "/-/ready"):
        assert (await fresh.send("GET", open_path, headers={"Host": "evil.example.com"})).status != 403


@pytest.mark.parametrize("host", ["localhost", "localhost:10053", "127.0.0.1", "127.8.9.10:1", "[::1]:10053"])
async def test_a_post_under_a_name_of_loopback_is_taken(fresh: Daemon, host: str) -> None:
    assert (await fresh.post(WEBHOOK, delivery(alert()), headers={"Host": host})).status == 202


# ---- with tokens


@pytest.mark.parametrize(
    ("secret", "read", "move", "deliver"),
    [
        (None, 401, 401, 401),
        ("x", 401, 401, 401),
        ("v", 200, 403, 403),
        ("o", 200, 422, 403),
        ("w", 403, 403, 202),
    ],
    ids=["no token", "a wrong one", "viewer", "operator", "webhook"],
)
async def test_with_tokens_each_role_gets_its_own(
    tmp_path: Path, secret: str | None, read: int, move: int, deliver: int
) -> None:
    async with daemon(tmp_path, ready=False, tokens=TOKENS) as made:
        for path in READS:
            assert (await made.get(path, **bearer(secret))).status == read, path
        assert (await made.post(FAILOVER, {}, **bearer(secret))).status == move
        assert (await made.post(WEBHOOK, delivery(alert()), **bearer(secret))).status == deliver
        for path in ("/-/healthy", "/-/ready"):
            assert (await made.get(path, **bearer(secret))).status in {200, 503}


async def test_with_tokens_a_refusal_says_what_is_needed_and_not_more(tmp_path: Path) -> None:
    async with daemon(tmp_path, ready=False, tokens=TOKENS) as made:
        nobody = await made.get("/api/v1/clusters/none")
        assert nobody.problem == (401, "unauthenticated", "a token is needed")
        assert nobody.headers["WWW-Authenticate"] == 'Bearer realm="rlm-ha"'
        viewer = await made.post(FAILOVER, {"to": "rlm2"}, **bearer("v"))
        assert viewer.problem == (403, "forbidden", "grafana is viewer: not enough for this")


async def test_with_tokens_a_stranger_is_refused_before_his_body_is_read(tmp_path: Path) -> None:
    async with daemon(tmp_path, ready=False, tokens=TOKENS) as made:
        assert (await made.post(WEBHOOK, {"version": "3"})).status == 401
        assert (await made.post(WEBHOOK, {"version": "3"}, **bearer("w"))).status == 400
        counted = made.services.instruments.common()["rlm_ha_webhook_alerts_total"]
        assert 'result="unauthenticated"} 1' in counted
        assert 'result="invalid"} 1' in counted


async def test_bytes_that_are_no_text_are_no_token(tmp_path: Path) -> None:
    async with daemon(tmp_path, ready=False, tokens=TOKENS) as made:
        answer = await made.get("/api/v1/clusters", headers={"Authorization": "Bearer \udcff"})
        assert answer.problem[0] == 401


async def test_with_tokens_any_name_will_do(tmp_path: Path) -> None:
    async with daemon(tmp_path, ready=False, tokens=TOKENS) as made:
        more = {"Host": "rlm-ha.example.com", "Authorization": "Bearer w"}
        assert (await made.post(WEBHOOK, delivery(alert()), headers=more)).status == 202


# ---- errors


async def test_what_is_not_there_is_a_problem(fresh: Daemon) -> None:
    assert (await fresh.get("/nothing")).problem == (404, "not_found", "GET /nothing: not found")
    long = await fresh.get("/" + "x" * 4000)
    assert len(long.problem[2]) < 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/api/v1/clusters/prod", "DELETE,GET,HEAD"),
        ("DELETE", "/api/v1/clusters", "GET,HEAD"),
        ("GET", FAILOVER, "POST"),
        ("PUT", WEBHOOK, "POST"),
        ("POST", "/metrics", "GET,HEAD"),
    ],
)
async def test_another_method_is_a_problem_that_names_the_right_one(
    fresh: Daemon, method: str, path: str, allowed: str
) -> None:
    answer = await fresh.send(method, path)
    assert answer.problem == (405, "method_not_allowed", f"{method} {path}: method not allowed")
    assert answer.headers["Allow"] == allowed


async def test_a_body_above_the_limit_is_a_problem(fresh: Daemon) -> None:
    answer = await fresh.post(FAILOVER, {"to": "rlm2", "reason": "x" * LARGEST_BODY})
    assert answer.problem == (413, "too_large", f"the body has more than {LARGEST_BODY} bytes")


# ---- metrics, health


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ],
)
async def test_metrics_come_in_the_form_that_is_asked_for(fresh: Daemon, accept: str, expected: str) -> None:
    answer = await fresh.get("/metrics", headers={"Accept": accept, "Accept-Encoding": "identity"})
    assert (answer.status, answer.headers["Content-Type"]) == (200, expected)
    assert b"rlm_exporter_build_info{" in answer.body
    assert answer.body.endswith(b"# EOF\n") is ("openmetrics" in expected)


async def test_metrics_are_packed_for_whom_it_pleases(fresh: Daemon) -> None:
    plain = await fresh.get("/metrics", headers={"Accept-Encoding": "identity"})
    packed = await fresh.get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body


async def test_head_is_get_without_the_body(fresh: Daemon) -> None:
    for path in READS:
        answer = await fresh.send("HEAD", path)
        assert (answer.status, answer.body) == (200, b"")


async def test_a_daemon_that_knows_nothing_yet_is_healthy_and_not_ready(fresh: Daemon) -> None:
    assert (await fresh.get("/-/healthy")).status == 200
    answer = await fresh.get("/-/ready")
    assert answer.status == 503
    assert answer.body.decode().splitlines() == [
        "not ready",
        "prod: who is active is not known yet",
        "prod: no standby is healthy",
        "lab: who is active is not known yet",
        "lab: no standby is healthy",
    ]


async def test_a_daemon_that_knows_its_clusters_is_ready(local: Daemon) -> None:
    answer = await local.get("/-/ready")
    assert (answer.status, answer.body) == (200, b"rlm-ha is ready\n")
