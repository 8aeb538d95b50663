from typing import Any

import pytest

from rlm_exporter.cli.answers import ClusterStatus
from rlm_exporter.cli.decode import decode
from rlm_exporter.cli.sights import Change, Facet, Sights, Subject, changes, remembered, sights
from tests.cli.documents import (
    ALERT,
    Document,
    balancer,
    down,
    failover,
    license_view,
    open_operation,
    operation,
    server,
    status,
)


def seen(document: Document, *, include_web: bool = True) -> Sights:
    return sights(decode(ClusterStatus, document), include_web=include_web)


def with_rlm3(**parts: Any) -> Document:
    calm = status()
    return status(servers=[*calm["servers"][:2], server("rlm3", role="backup", **parts)])


def told(change: Change) -> tuple[str, str, str, str | None, str]:
    return (change.key.subject, change.key.name, change.key.facet, change.before, change.after)


NAME = "rlm-ha-cluster"
LATER = operation(id=13, kind="switchover", **{"from": "rlm2", "to": "rlm3"})
SPLIT = [{"server": "rlm1", "detail": "rlm1 serves 2 checkouts", "checkouts": 2, "connections": 0}]
LEASE = {"ours": True, "holder": "ha1", "url": None, "remaining_seconds": 9.0, "trouble": None}
PAUSED = failover(paused_until="2025-11-25T11:00:00.000Z")

ROWS = {
    "license": (with_rlm3(license=down()), ("server", "rlm3", "license", "up", "down (refused)")),
    "license degraded": (
        with_rlm3(license=license_view(degraded="no pools")),
        ("server", "rlm3", "license", "up", "up, degraded"),
    ),
    "license unknown": (
        with_rlm3(license=license_view(state="unknown")),
        ("server", "rlm3", "license", "up", "unknown"),
    ),
    "isvs": (
        with_rlm3(isvs=[{"name": "siemens", "running": False}]),
        ("server", "rlm3", "isvs", "running", "siemens not running"),
    ),
    "isvs unknown": (with_rlm3(isvs=[]), ("server", "rlm3", "isvs", "running", "unknown")),
    "web": (
        with_rlm3(web={"state": "down", "http_status": 503, "detail": "busy"}),
        ("server", "rlm3", "web", "up", "down (503)"),
    ),
    "pins": (with_rlm3(pinned=["failover"]), ("server", "rlm3", "pins", "none", "failover")),
    "active": (status(active="rlm3"), ("cluster", NAME, "active", "rlm2", "rlm3")),
    "active unknown": (status(active=None), ("cluster", NAME, "active", "rlm2", "nobody")),
    "ready": (
        status(ready=False, not_ready_because=["no standby is healthy"]),
        ("cluster", NAME, "ready", "yes", "no"),
    ),
    "automatic": (
        status(failover=failover(automatic=False)),
        ("cluster", NAME, "automatic", "yes", "by hand only"),
    ),
    "pause": (
        status(failover=PAUSED),
        ("cluster", NAME, "automatic", "yes", "paused until 2025-11-25 11:00:00"),
    ),
    "split": (status(failover=failover(split_brain=SPLIT)), ("cluster", NAME, "split", "none", "rlm1")),
    "alerts": (
        status(failover=failover(alerts_firing=[ALERT])),
        ("cluster", NAME, "alerts", "none", "RLMActiveServerDown rlm1"),
    ),
    "acts": (status(failover=failover(lease=LEASE)), ("cluster", NAME, "acts", None, "ha1")),
    "view": (
        status(balancers=[balancer("lb1", active="rlm1"), balancer("lb2")]),
        ("balancer", "lb1", "view", "leads to rlm2", "leads to rlm1"),
    ),
    "view strange": (
        status(balancers=[balancer("lb1", unknown_servers=["rlm3"]), balancer("lb2")]),
        ("balancer", "lb1", "view", "leads to rlm2", "leads to rlm2, does not know rlm3"),
    ),
    "view away": (
        status(balancers=[balancer("lb1", reachable=False, error="refused"), balancer("lb2")]),
        ("balancer", "lb1", "view", "leads to rlm2", "cannot be read"),
    ),
    "result": (
        status(failover=failover(operation=open_operation())),
        ("operation", "12", "result", "committed", "open"),
    ),
    "result of a new one": (
        status(failover=failover(last_operation=LATER)),
        ("operation", "13", "result", None, "committed"),
    ),
}


@pytest.mark.parametrize(("document", "expected"), ROWS.values(), ids=ROWS)
def test_one_side_that_looks_otherwise_is_one_change(
    document: Document, expected: tuple[str, str, str, str | None, str]
) -> None:
    assert [told(change) for change in changes(seen(status()), seen(document))] == [expected]


def test_every_side_has_its_row() -> None:
    assert {row[1][2] for row in ROWS.values()} == {facet.value for facet in Facet}
    assert {row[1][0] for row in ROWS.values()} == {subject.value for subject in Subject}


def test_what_only_grows_older_is_no_change() -> None:
    older = with_rlm3(
        license=license_view(consecutive_successes=13, age_seconds=1.0, response_seconds=0.9),
        seats={"in_use": 3, "issued": 40},
    )
    assert changes(seen(status()), seen(older)) == ()


def test_a_web_interface_is_told_of_only_where_it_is_asked_for() -> None:
    ill = with_rlm3(web={"state": "down", "http_status": None, "detail": "refused"})
    assert changes(seen(status(), include_web=False), seen(ill, include_web=False)) == ()


def test_a_change_tells_why() -> None:
    [change] = changes(seen(status()), seen(with_rlm3(license=down())))
    assert change.detail == "rlm1.example.com:5053: connection refused"
    [change] = changes(seen(status()), seen(status(failover=failover(last_operation=LATER))))
    assert change.detail == (
        "switchover rlm2 -> rlm3 by controller: rlm1 failed 2 checks in a row: connection refused"
    )


def test_an_operation_is_not_told_again_after_a_time_without_a_journal() -> None:
    before = seen(status())
    without = seen(status(failover=failover(last_operation=None)))
    assert changes(before, without) == ()
    assert changes(remembered(before, without), seen(status())) == ()
    assert changes(without, seen(status())) != ()


def test_a_server_that_left_the_manifest_is_no_change() -> None:
    fewer = status(servers=status()["servers"][:2])
    assert changes(seen(status()), seen(fewer)) == ()
