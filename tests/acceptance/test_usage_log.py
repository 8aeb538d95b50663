"""Who used what, on real parts: the guide's table in psql, and our rows beside the servers' own ledgers."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from rlm_exporter.demo.stage import Stage
from tests.acceptance import ledger
from tests.acceptance.conftest import SetStage
from tests.acceptance.replicas import shared_store, start_second
from tests.acceptance.seeing import FAST, licenses, settled_on, wait_ready, watch
from tests.postgresql import PostgresqlServer, ask

pytestmark = pytest.mark.xdist_group("usage")

HOLDERS = 3
CYCLE = 5.0 + 3.5
"""Seconds: an interval and an attempt of `detection: fast`."""

MINUTE = 60.0 + 1.0
"""Seconds that a server does not show of a beginning, and a moment: the ledger is written after it."""

POLLED = 5.0
"""Seconds between two answers, of any server on stage."""

GUIDES = (
    "id",
    "server_name",
    "feature_name",
    "user_name",
    "hostname",
    "checkout_time",
    "checkin_time",
    "session_duration",
    "active_time",
    "created_at",
)


@pytest.fixture(autouse=True)
def _one_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated servers write their machine's time, and the manifest on stage says that it is UTC."""
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture
def store(postgresql: PostgresqlServer) -> Iterator[str]:
    with shared_store(postgresql) as url:
        yield url


def psql(url: str, command: str) -> str:
    """What an administrator sees."""
    program = shutil.which("psql")
    assert program is not None
    words = [program, "--no-psqlrc", url, "-c", command]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=20).stdout


def in_use(store: str, server: str) -> int:
    """Sessions that the guide's view has on a server."""
    rows = ask(store, "SELECT active_sessions FROM rlm_current_usage WHERE server_name = %s", server)
    return sum(int(str(count)) for (count,) in rows)


def wait_in_use(stage: Stage, store: str, server: str, least: int, *, within: float = 20) -> float:
    return stage.wait(lambda: in_use(store, server) >= least, f"{least} sessions on {server}", within=within)


@pytest.mark.row(28)
@pytest.mark.row(29)
@pytest.mark.row(30)
def test_psql_shows_the_guides_table_and_a_view_that_a_dead_server_leaves(
    set_stage: SetStage, store: str
) -> None:
    stage = set_stage(FAST)
    start_second(stage, store)
    wait_ready(stage)
    stage.start_clients(holders=HOLDERS)
    wait_in_use(stage, store, "rlm1", HOLDERS)
    table, view = psql(store, r"\d rlm_usage_log"), psql(store, r"\d rlm_current_usage")
    killed = time.monotonic()
    stage.kill("rlm1")
    stage.wait(lambda: in_use(store, "rlm1") == 0, "nobody on the dead server", within=CYCLE + 2)
    took = time.monotonic() - killed
    wait_in_use(stage, store, "rlm2", HOLDERS)

    columns = [line.split("|")[0].strip() for line in table.splitlines() if line.count("|") == 4][1:]
    assert tuple(columns[: len(GUIDES)]) == GUIDES
    assert "timestamp without time zone" in table
    for name in ("idx_rlm_usage_server", "idx_rlm_usage_feature", "idx_rlm_usage_time"):
        assert f'"{name}" btree' in table
    for name in ("server_name", "feature_name", "active_sessions", "active_users"):
        assert name in view
    assert took <= CYCLE + 1
    # Those of visitors that were over before, or look like one that stayed, were given back.
    lost = "SELECT count(*) FROM rlm_usage_log WHERE server_name = 'rlm1' AND end_reason = 'server_down'"
    ((ended,),) = ask(store, lost)
    assert isinstance(ended, int)
    assert ended >= HOLDERS


def test_the_log_is_the_ledger_over_kills_of_ours_and_of_the_database(set_stage: SetStage) -> None:
    server = PostgresqlServer()
    try:
        with shared_store(server) as store:
            stage = set_stage(FAST)
            start_second(stage, store)
            wait_ready(stage)
            stage.start_clients(holders=HOLDERS)
            wait_in_use(stage, store, "rlm1", HOLDERS)
            stage.kill("rlm-ha")
            start_second(stage, store)
            wait_ready(stage)
            watch(stage, 2 * POLLED)
            server.kill()
            # Nobody may move while it is away, and somebody comes and goes.
            stage.kill("holders")
            watch(stage, 2 * POLLED)
            server.start()
            watch(stage, 2 * POLLED)
            assert licenses(stage, "switchover", "--to", "rlm2").returncode == 0
            stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2", within=10)
            watch(stage, 2 * POLLED)
            stage.kill("visitors")
            watch(stage, 2 * POLLED)
            compare(rows_of(store), ledger.sessions(stage.folder), now=time.time())
    finally:
        server.close()


def rows_of(store: str) -> list[dict[str, Any]]:
    names = (
        *("server_name", "handle", "user_name", "hostname", "feature_name", "count"),
        *("checkout_time", "checkin_time", "end_reason", "session_duration"),
    )
    found = ask(
        store,
        "SELECT server_name, handle, user_name, hostname, feature_name, count, checkout_time, checkin_time, "
        "end_reason, session_duration FROM rlm_usage_log ORDER BY id",
    )
    return [dict(zip(names, row, strict=True)) for row in found]


def compare(rows: list[dict[str, Any]], held: list[ledger.Held], *, now: float) -> None:
    """Every row is one session of the ledger, no session has two rows, and none that lasted is missing."""
    by_name = {(each.server, each.handle): each for each in held}
    assert len(by_name) == len(held), "handles that were given twice"
    seen: dict[ledger.Held, dict[str, Any]] = {}
    for row in rows:
        began = seconds(row["checkout_time"])
        session = by_name.get((row["server_name"], row["handle"]))
        assert session is not None, f"nobody had this: {row}"
        assert 0 <= session.began - began < MINUTE, f"begun at another time: {row}"
        assert session not in seen, f"twice: {row} and {seen[session]}"
        seen[session] = row
        told = row["user_name"], row["hostname"], row["feature_name"], row["count"]
        assert told == (session.user, session.host, session.product, session.count)
        check_end(row, session)
    lasting = [each for each in held if (each.ended or now) - each.began > 2 * POLLED]
    assert len(lasting) >= HOLDERS
    assert [each for each in lasting if each not in seen] == []
    still_out = {each for each in held if each.ended is None}
    assert {each for each, row in seen.items() if row["checkin_time"] is None} == still_out


def check_end(row: dict[str, Any], session: ledger.Held) -> None:
    """It is over no sooner than it was, and as soon as that could be seen."""
    if row["checkin_time"] is None:
        return
    ended = seconds(row["checkin_time"])
    assert row["end_reason"] in {"returned", "failed_over"}
    assert session.ended is not None, f"not over: {row}"
    assert ended - session.ended > -1.0, f"before its end: {row}"
    assert ended - session.ended < 6 * POLLED, f"long after its end: {row}"
    assert row["session_duration"].total_seconds() == pytest.approx(ended - seconds(row["checkout_time"]))


def seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()
