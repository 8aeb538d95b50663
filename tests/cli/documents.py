"""Answers of the daemon, as its API gives them: one cluster of three servers, after a failover."""

from typing import Any

Document = dict[str, Any]

CLUSTER = "rlm-ha-cluster"


def server(name: str, *, role: str, active: bool = False, **changes: Any) -> Document:
    """One healthy server; `changes` replace top-level keys."""
    return {
        "name": name,
        "role": role,
        "host": f"{name}.example.com",
        "port": 5053,
        "web_port": 5054,
        "active": active,
        "license": license_view(),
        "isvs": [
            {"name": "lstc", "port": 5056, "running": True, "restarts": 0},
            {"name": "siemens", "port": 5055, "running": True, "restarts": 0},
        ],
        "web": {"state": "up", "http_status": 200, "detail": None},
        "seats": {"in_use": 17 if active else 0, "issued": 40},
        "pools": [],
        "version": "12.2",
        "pinned": [],
        "balancers": [
            {"balancer": balancer, "status": "UP", "sessions": 17 if active else 0}
            for balancer in ("lb1", "lb2")
        ],
        "double_holders": [],
        "external": [],
        "license_files": None,
        **changes,
    }


def license_view(**changes: Any) -> Document:
    """Up, checked three seconds ago."""
    return {
        "state": "up",
        "reason": None,
        "detail": None,
        "degraded": None,
        "consecutive_failures": 0,
        "consecutive_successes": 12,
        "checked_at": "2025-11-25T08:59:57.000Z",
        "age_seconds": 3.1,
        "response_seconds": 0.012,
        **changes,
    }


def external(reporter: str = "mon1", **changes: Any) -> Document:
    """A monitor's word, twelve seconds old: healthy."""
    return {
        "source": "external",
        "reporter": reporter,
        "component": "server",
        "state": "up",
        "healthy": True,
        "at": "2025-11-25T08:59:48.000Z",
        "age_seconds": 12.0,
        "ttl_seconds": 120.0,
        **changes,
    }


def license_files(**changes: Any) -> Document:
    """Looked at a minute ago; one file is not there."""
    return {
        "in_step": False,
        "fits_machine": None,
        "detail": "acme.lic is missing",
        "files": [{"name": "acme.lic", "state": "missing", "detail": None}],
        "trouble": None,
        "looked_at": "2025-11-25T08:59:00.000Z",
        "age_seconds": 60.0,
        **changes,
    }


def down(reason: str = "refused", detail: str = "rlm1.example.com:5053: connection refused") -> Document:
    """Down for four checks."""
    return license_view(
        state="down", reason=reason, detail=detail, consecutive_failures=4, consecutive_successes=0
    )


def step(number: int, word: str, **changes: Any) -> Document:
    """One step that is done."""
    return {
        "number": number,
        "step": word,
        "target": "rlm2",
        "epoch": 7,
        "intent_at": "2025-11-25T08:12:03.000Z",
        "done_at": "2025-11-25T08:12:03.250Z",
        "outcome": "done",
        "detail": "",
        **changes,
    }


STEPS = [
    step(1, "apply", detail="lb1, lb2 send to rlm2"),
    step(2, "verify", detail="rlm2 answers through the balancer"),
    step(3, "commit"),
]

ALERT: Document = {
    "fingerprint": "0f1e2d3c4b5a6978",
    "alertname": "RLMActiveServerDown",
    "server": "rlm1",
    "status": "firing",
    "starts_at": "2025-11-25T08:11:40.000Z",
    "first_seen": "2025-11-25T08:11:55.000Z",
    "last_seen": "2025-11-25T08:16:55.000Z",
    "deliveries": 2,
}


def operation(**changes: Any) -> Document:
    """A committed failover from rlm1 to rlm2."""
    return {
        "id": 12,
        "cluster": CLUSTER,
        "kind": "failover",
        "rule": "failed_over",
        "state": "committed",
        "outcome": "done",
        "from": "rlm1",
        "to": "rlm2",
        "epoch": 7,
        "requested_by": "controller",
        "reason": "rlm1 failed 2 checks in a row: connection refused",
        "trigger": "detector",
        "started_at": "2025-11-25T08:12:02.900Z",
        "committed_at": "2025-11-25T08:12:04.100Z",
        "ended_at": "2025-11-25T08:12:04.100Z",
        "steps": STEPS,
        "alerts": [ALERT],
        **changes,
    }


def open_operation(*steps: Document, **changes: Any) -> Document:
    """The same, still open."""
    return operation(state="open", outcome="", committed_at=None, ended_at=None, steps=list(steps), **changes)


def failover(**changes: Any) -> Document:
    """The failover part of a status, in the cooldown of the move."""
    return {
        "automatic": True,
        "takeover": "controlled",
        "license": None,
        "failback": "manual",
        "detection": "normal",
        "triggers": ["alerts", "detector"],
        "threshold": 2,
        "cooldown_seconds": 300.0,
        "cooldown_remaining_seconds": 252.4,
        "paused_until": None,
        "acknowledged_at": None,
        "unacknowledged": 0,
        "pins": [{"server": "rlm1", "kind": "failover", "since": "2025-11-25T08:12:04.100Z", "until": None}],
        "decision": {
            "number": 9,
            "rule": "active_healthy",
            "detail": "rlm2 answers",
            "at": "2025-11-25T08:59:58.000Z",
            "trigger": "detector",
        },
        "lease": None,
        "split_brain": [],
        "alerts_firing": [],
        "operation": None,
        "last_operation": operation(),
        **changes,
    }


def failover_license(**changes: Any) -> Document:
    """What the standby's license file grants."""
    return {
        "kind": "rlm_failover_server",
        "server": "rlm2",
        "isvs": ["siemens"],
        "primary": "rlm1",
        "does_not_cover": "does not act while the primary's rlm runs",
        **changes,
    }


def balancer(name: str, **changes: Any) -> Document:
    """One balancer that does as it should."""
    return {
        "name": name,
        "reachable": True,
        "error": None,
        "refuses": None,
        "masters": [],
        "active": "rlm2",
        "epoch": 7,
        "pid": 4711,
        "unknown_servers": [],
        "web_differs": None,
        **changes,
    }


def status(**changes: Any) -> Document:
    """rlm2 is active, rlm1 dead and pinned, rlm3 ready."""
    return {
        "name": CLUSTER,
        "healthy": True,
        "ready": True,
        "not_ready_because": [],
        "active": "rlm2",
        "active_host": "rlm2.example.com",
        "active_since": "2025-11-25T08:12:04.100Z",
        "epoch": 7,
        "taken_at": "2025-11-25T09:00:00.000Z",
        "servers": [
            server(
                "rlm1",
                role="primary",
                license=down(),
                isvs=[],
                web={"state": "down", "http_status": None, "detail": "connection refused"},
                seats=None,
                pinned=["failover"],
                balancers=[{"balancer": name, "status": "MAINT", "sessions": 0} for name in ("lb1", "lb2")],
            ),
            server("rlm2", role="secondary", active=True),
            server("rlm3", role="backup"),
        ],
        "balancers": [balancer("lb1"), balancer("lb2")],
        "failover": failover(),
        **changes,
    }


def crowded_status() -> Document:
    """As much as one cluster of three servers and two balancers can have to say at once, and at length."""
    long = "a sentence that is far longer than any line of a terminal with eighty columns could ever hold"
    return status(
        name="a-cluster-with-a-name-of-a-length-that-is-unusual",
        healthy=False,
        ready=False,
        not_ready_because=["no standby is healthy", f"balancer lb2: {long}", "the journal cannot be written"],
        active_host="license-server-two.department.subsidiary.example.com",
        servers=[
            server(
                "rlm1",
                role="primary",
                license=down("unreachable", long),
                isvs=[],
                seats=None,
                external=[external(), external(long)],
            ),
            server(
                "rlm2",
                role="secondary",
                active=True,
                license=license_view(degraded=long, response_seconds=119.4, age_seconds=86_399),
                seats={"in_use": 11_800, "issued": 12_000},
            ),
            server(
                "rlm3",
                role="backup",
                license=down("isv_port_changed", long),
                web={"state": "down", "http_status": 503, "detail": long},
                isvs=[{"name": "siemens", "port": 5055, "running": False, "restarts": 3}],
            ),
        ],
        balancers=[
            balancer("lb1", active="rlm1", unknown_servers=["rlm3"]),
            balancer("lb2", reachable=False, error=long, active=None, epoch=None, pid=None),
        ],
        failover=failover(
            failback="automatic",
            pins=[
                {
                    "server": name,
                    "kind": "settle",
                    "since": "2025-11-25T08:59:59.000Z",
                    "until": "2025-11-25T09:00:04.000Z",
                }
                for name in ("rlm1", "rlm3")
            ],
            decision={
                "number": 6,
                "rule": "adopted",
                "detail": long,
                "at": "2025-11-25T08:59:58.000Z",
                "trigger": "balancer",
            },
            alerts_firing=[ALERT, ALERT | {"server": "rlm3"}],
            operation=open_operation(step(1, "apply", done_at=None, outcome=None), reason=long),
            last_operation=operation(state="failed", outcome="rolled_back", reason=long),
        ),
    )
