from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from rlm_exporter.failover.external import Component
from rlm_exporter.failover.memory import Standing
from rlm_exporter.failover.reasons import NUMBERS, RULES, Hold, Reason, Rule
from rlm_exporter.haproxy.view import BalancerReading
from rlm_exporter.manifest.model import FailoverPolicy, HealthCheckPolicy
from rlm_exporter.probe.result import Failure, FailureReason
from rlm_exporter.probe.snapshot import Health
from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.rlm.status import Permanent
from rlm_exporter.server.documents import (
    ClusterState,
    cluster_document,
    cooldown_remaining,
    is_healthy,
    not_ready_because,
    operation_document,
)
from rlm_exporter.sync.drift import FileDrift, FileState, ServerDrift
from tests.metrics.situations import NOW, server_down, server_up, status, web_result
from tests.server import states


def because(given: ClusterState) -> tuple[str, ...]:
    return not_ready_because(
        cluster=given.cluster, snapshot=given.snapshot, readings=given.readings, standing=given.standing
    )


def with_servers(**parts: Any) -> ClusterState:
    known = states.state()
    servers = tuple(parts.get(part.server, part) for part in known.snapshot.servers)
    return replace(known, snapshot=replace(known.snapshot, servers=servers))


def server(given: ClusterState, name: str) -> dict[str, Any]:
    (found,) = [each for each in cluster_document(given)["servers"] if each["name"] == name]
    assert isinstance(found, dict)
    return found


def test_a_cluster_in_which_all_is_well_is_ready() -> None:
    assert because(states.state()) == ()


def test_one_healthy_standby_is_enough_and_the_active_one_is_none() -> None:
    assert because(with_servers(rlm1=server_down("rlm1"), rlm2=server_down("rlm2"))) == ()
    assert because(with_servers(rlm2=server_down("rlm2"), rlm3=server_down("rlm3"))) == (
        "no standby is healthy",
    )


def test_every_balancer_has_to_be_read_and_to_know_every_name() -> None:
    reading = states.state().readings[0]
    assert reading.view is not None
    unknown = replace(reading, view=replace(reading.view, unknown_servers=frozenset({"rlm3", "rlm2"})))
    away = BalancerReading(balancer="lb2", at=NOW, view=None, error="lb2: no answer within 2 s")
    assert because(replace(states.state(), readings=(unknown, away))) == (
        "balancer lb1 does not know rlm2, rlm3 in every backend",
        "balancer lb2: lb2: no answer within 2 s",
    )


def test_a_journal_that_cannot_be_written_or_read_is_a_reason() -> None:
    unwritable = replace(states.state(), standing=states.standing(store_writable=False))
    assert because(unwritable) == ("the journal cannot be written",)
    document = cluster_document(replace(states.state(), journal_readable=False))
    assert (document["ready"], document["not_ready_because"]) == (False, ["the journal cannot be read"])


def test_healthy_is_that_the_active_one_serves() -> None:
    assert is_healthy(states.state())
    assert is_healthy(with_servers(rlm2=server_down("rlm2")))
    assert not is_healthy(with_servers(rlm1=server_down("rlm1")))
    assert not is_healthy(states.nothing_known())


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (Health(), ("unknown", None, None, None)),
        (Health(successes=1), ("up", None, None, None)),
        (
            Health(failures=1, failure=Failure(reason=FailureReason.REFUSED, detail="nobody")),
            ("down", "refused", "nobody", None),
        ),
        (
            Health(successes=2, degraded=Failure(reason=FailureReason.POOLS_MISSING, detail="no solver")),
            ("up", None, None, "no solver"),
        ),
    ],
)
def test_a_license_state_is_a_word_with_its_reason(
    health: Health, expected: tuple[str, str | None, str | None, str | None]
) -> None:
    part = replace(server_up("rlm2", status("15.2-two-isvs")), health=health)
    found = server(with_servers(rlm2=part), "rlm2")["license"]
    assert (found["state"], found["reason"], found["detail"], found["degraded"]) == expected


def test_the_web_interface_is_up_down_unknown_or_not_asked() -> None:
    answer = status("15.2-two-isvs")
    ours = web_result(Failure(reason=FailureReason.LOCAL, detail="no free file descriptor"))
    ill = web_result(Failure(reason=FailureReason.HTTP_STATUS, detail="503 Service Unavailable"))
    unknown = {"state": "unknown", "http_status": None, "detail": None}
    for web, expected in (
        (web_result(), {"state": "up", "http_status": 200, "detail": None}),
        (ill, {"state": "down", "http_status": None, "detail": "503 Service Unavailable"}),
        (ours, unknown),
        (None, unknown),
    ):
        part = replace(server_up("rlm2", answer), web=web)
        assert server(with_servers(rlm2=part), "rlm2")["web"] == expected
    off = states.state()
    off = replace(off, cluster=replace(off.cluster, health_check=HealthCheckPolicy(check_web=False)))
    assert server(off, "rlm2")["web"] == {"state": "off", "http_status": None, "detail": None}


def test_seats_are_summed_over_the_pools_that_have_numbers() -> None:
    answer = status("15.2-two-isvs")
    assert server(states.state(), "rlm1")["seats"] == {"in_use": 8, "issued": 54}
    one_unread = replace(answer, pools=(answer.pools[0], replace(answer.pools[1], inuse=None)))
    seats = server(with_servers(rlm1=server_up("rlm1", one_unread)), "rlm1")["seats"]
    assert seats == {"in_use": answer.pools[0].inuse, "issued": answer.pools[0].issued}
    for pools in ((), (replace(answer.pools[0], inuse=None),)):
        nothing = server_up("rlm1", replace(answer, pools=pools))
        assert server(with_servers(rlm1=nothing), "rlm1")["seats"] is None


@pytest.mark.parametrize(
    ("expires", "expected"),
    [(Permanent.PERMANENT, "permanent"), (date(2027, 1, 31), "2027-01-31"), (None, None)],
)
def test_an_end_of_a_license_is_a_date_a_word_or_unknown(
    expires: date | Permanent | None, expected: str | None
) -> None:
    answer = status("15.2-two-isvs")
    dated = replace(answer, pools=(replace(answer.pools[0], expires=expires),))
    (pool,) = server(with_servers(rlm1=server_up("rlm1", dated)), "rlm1")["pools"]
    assert pool["expires"] == expected


def test_pins_and_balancers_stand_by_each_server() -> None:
    found = server(states.degraded(), "rlm2")
    assert found["pinned"] == ["failover"]
    assert found["balancers"] == [{"balancer": "lb1", "status": "MAINT", "sessions": 4}]
    assert cluster_document(states.degraded())["failover"]["pins"] == [
        {"server": "rlm2", "kind": "failover", "since": "2025-11-03T11:58:00.000Z", "until": None}
    ]


def test_a_balancer_that_cannot_be_read_is_unknown_not_old() -> None:
    assert cluster_document(states.degraded())["balancers"][1] == {
        "name": "lb2",
        "reachable": False,
        "error": "connection refused",
        "refuses": None,
        "masters": [],
        "active": None,
        "epoch": None,
        "pid": None,
        "unknown_servers": [],
        "web_differs": None,
    }


@pytest.mark.parametrize(("seconds", "expected"), [(180, 180.0), (0, 0.0), (-5, 0.0), (None, 0.0)])
def test_a_cooldown_runs_out_and_never_below_zero(seconds: float | None, expected: float) -> None:
    until = None if seconds is None else NOW + timedelta(seconds=seconds)
    standing = states.standing(record=states.committed(cooldown_until=until))
    assert cooldown_remaining(standing, FailoverPolicy(), NOW).total_seconds() == expected
    assert cooldown_remaining(states.nothing_known().standing, FailoverPolicy(), NOW) == timedelta()


def decided(standing: Standing) -> dict[str, Any] | None:
    found = cluster_document(replace(states.state(), standing=standing))["failover"]["decision"]
    assert found is None or isinstance(found, dict)
    return found


def test_a_decision_has_its_number_its_word_and_who_asked() -> None:
    assert decided(states.standing()) == {
        "number": NUMBERS[Reason.ACTIVE_HEALTHY],
        "rule": "active_healthy",
        "detail": "rlm1 answers",
        "at": "2025-11-03T11:59:48.000Z",
        "trigger": "detector",
    }
    assert decided(states.nothing_known().standing) is None


@pytest.mark.parametrize("reason", Reason)
def test_every_rule_can_be_shown(reason: Reason) -> None:
    found = decided(states.standing(decision=Hold(reason=reason, detail=""), trigger=None))
    assert found is not None
    assert (found["rule"], found["trigger"]) == (reason.value, None)


def test_an_operation_is_told_with_its_steps_and_alerts() -> None:
    document = operation_document(states.operation())
    assert (document["from"], document["to"], document["state"]) == ("rlm1", "rlm2", "open")
    assert (document["committed_at"], document["ended_at"]) == (None, None)
    assert document["steps"] == [
        {
            "number": 1,
            "step": "apply",
            "target": "rlm2",
            "epoch": 8,
            "intent_at": "2025-11-03T11:59:57.000Z",
            "done_at": "2025-11-03T11:59:57.040Z",
            "outcome": "done",
            "detail": "lb1 send to rlm2",
        },
        {
            "number": 2,
            "step": "verify",
            "target": "rlm2",
            "epoch": 8,
            "intent_at": "2025-11-03T11:59:58.000Z",
            "done_at": None,
            "outcome": None,
            "detail": "",
        },
    ]
    assert [alert["alertname"] for alert in document["alerts"]] == ["RLMFailoverWanted"]


def test_the_open_operation_and_the_firing_alerts_stand_in_the_status() -> None:
    failover = cluster_document(states.moving())["failover"]
    assert failover["operation"]["id"] == 12
    assert [alert["fingerprint"] for alert in failover["alerts_firing"]] == ["93ab1c0f5b2d7e11"]


def test_a_host_with_seats_in_two_pools_of_a_product_is_listed() -> None:
    answer = parse_rlmstat(
        "\tacme license usage status on ls1 (port 49152)\n"
        "\tsolver v3.0: alice@ws1 1/0 at 11/01 09:01  (handle: 15c) \n"
        "\tsolver v2.0: bob@ws1 1/0 at 11/01 09:02  (handle: 15d) \n"
        "\tsolver v2.0: bob@ws2 1/0 at 11/01 09:02  (handle: 15e) \n"
    )
    assert server(with_servers(rlm1=server_up("rlm1", answer)), "rlm1")["double_holders"] == [
        {
            "isv": "acme",
            "product": "solver",
            "host": "ws1",
            "versions": ["2.0", "3.0"],
            "users": ["alice", "bob"],
        }
    ]
    assert server(states.state(), "rlm3")["double_holders"] == []


@pytest.mark.row(32)
def test_reports_of_other_monitors_stand_with_the_server_that_they_are_about() -> None:
    web = states.report("rlm2", component=Component.WEB, healthy=False)
    given = states.state(reports=(states.report(), web, states.report(at=NOW - timedelta(minutes=2))))
    fresh, stale = server(given, "rlm1")["external"]
    assert fresh == {
        "source": "external",
        "reporter": "mon1",
        "component": "server",
        "state": "up",
        "healthy": True,
        "at": fresh["at"],
        "age_seconds": 12.0,
        "ttl_seconds": 120.0,
    }
    assert (stale["state"], stale["healthy"], stale["age_seconds"]) == ("unknown", True, 120.0)
    assert [(each["component"], each["state"]) for each in server(given, "rlm2")["external"]] == [
        ("web", "down")
    ]
    assert server(given, "rlm3")["external"] == []


@pytest.mark.row(13)
def test_what_was_seen_of_license_files_stands_with_their_server() -> None:
    files = (
        FileDrift(name="acme.lic", state=FileState.DIFFERS, detail="acme solver v3.0: count is 9"),
        FileDrift(name="old.lic", state=FileState.FOREIGN),
    )
    looked_at = NOW - timedelta(minutes=1)
    seen = ServerDrift(server="rlm1", at=looked_at, files=files, in_step=False, fits_machine=True)
    given = states.state(drifts={"rlm1": seen})

    assert server(given, "rlm1")["license_files"] == {
        "in_step": False,
        "fits_machine": True,
        "detail": "acme.lic is not as its master (acme solver v3.0: count is 9)",
        "files": [
            {"name": "acme.lic", "state": "differs", "detail": "acme solver v3.0: count is 9"},
            {"name": "old.lic", "state": "foreign", "detail": None},
        ],
        "trouble": None,
        "looked_at": looked_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "age_seconds": 60.0,
    }
    assert server(given, "rlm2")["license_files"] is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.reason.value)
def test_the_api_names_a_decision_by_its_rule_s_number_and_word(rule: Rule) -> None:
    decided = states.standing(decision=Hold(reason=rule.reason, detail="as it is"))
    decision = cluster_document(states.state(standing=decided))["failover"]["decision"]
    assert (decision["number"], decision["rule"]) == (rule.number, rule.reason.value)


def test_a_move_in_the_journal_is_named_by_the_same_word() -> None:
    for rule in RULES:
        assert operation_document(states.operation(rule=rule.reason.value))["rule"] == rule.reason.value
