"""`rlm-ha drill` where it is asked for what cannot be, and what the daemon's word means for it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner

from rlm_exporter.cli import build_program
from rlm_exporter.cli.answers import ClusterStatus
from rlm_exporter.cli.decode import decode
from rlm_exporter.cli.drill_standing import standing_of
from tests.cli.documents import (
    Document,
    down,
    failover,
    license_view,
    open_operation,
    operation,
    server,
    status,
)

NOW = datetime(2025, 11, 25, 9, 0, tzinfo=UTC)
DRILLED = operation(reason="drill: to a standby", requested_by="ada", committed_at="2025-11-25T08:59:00.000Z")

pytestmark = pytest.mark.row(46)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "rlm2"), "go with --failover"),
        (("--any-time",), "go with --failover"),
        (("--window", "22:00-23:00"), "go with --failover"),
        (("--failover",), "say when by --window, or --any-time"),
        (("--failover", "--any-time", "--window", "22:00-23:00"), "say when by --window, or --any-time"),
        (("--failover", "--window", "22-23"), "write it as 22:00-23:30"),
        (
            ("--failover", "--window", "22:00-23:00", "--stay", "50m", "--at", "22:30"),
            "is outside the window 22:00-23:00, or too near its end",
        ),
        (("--at", "soon"), "write it as 22:30"),
        (("--at", "2020-01-01T00:00"), "is over"),
        (("--at", "22:30", "--timezone", "Mars"), "is no time zone"),
        (("--checkout", "take 'one"), "a quote is not closed"),
        (("--junit", "/nowhere/drill.xml"), "there is no folder /nowhere"),
    ],
)
def test_what_cannot_be_is_said_before_anybody_is_asked(words: tuple[str, ...], said: str) -> None:
    ended = CliRunner().invoke(build_program(), ["drill", "site", *words])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert said in ended.stderr


def held(**changes: Any) -> tuple[str, ...]:
    """Why no drill moves anybody, by the failover part of a status without a cooldown."""
    part = failover(**{"cooldown_remaining_seconds": 0.0, **changes})
    return standing_of(decode(ClusterStatus, status(failover=part)), now=NOW).held


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"operation": open_operation()}, "operation 12 (failover to rlm2) is under way"),
        ({"paused_until": "2025-11-25T10:00:00.000Z"}, "failovers are paused until 2025-11-25T10:00+00:00"),
        ({"cooldown_remaining_seconds": 252.4}, "the cooldown runs for 252 s more"),
        ({"last_operation": DRILLED}, "(operation 12 of ada, 60 s ago), which has not returned"),
        ({"last_operation": {**DRILLED, "reason": "drill: return"}}, None),
        ({"last_operation": {**DRILLED, "committed_at": None, "state": "aborted"}}, None),
        ({"last_operation": {**DRILLED, "committed_at": "2025-11-25T07:59:00.000Z"}}, None),
        ({"last_operation": None}, None),
    ],
)
def test_a_drill_waits_for_whoever_is_at_it(changes: dict[str, Any], said: str | None) -> None:
    assert [said in why for why in held(**changes) if said is not None] == ([] if said is None else [True])
    assert said is not None or held(**changes) == ()


def test_a_standby_of_a_drill_is_up_whole_and_not_under_maintenance() -> None:
    def member(name: str, **changes: Any) -> Document:
        return server(name, role="backup", **changes)

    members = [
        server("rlm1", role="primary", active=True),
        member("rlm2", pinned=["maintenance"]),
        member("rlm3", license=license_view(degraded="STARCCM is missing")),
        member("rlm4", license=down()),
        member("rlm5", pinned=["failover"]),
    ]
    standing = standing_of(decode(ClusterStatus, status(servers=members)), now=NOW)
    assert standing.standbys == ("rlm5",)
