"""Usage from report logs on real parts: one read by the daemon, one shipped, over outages of both ways.

The outages last seconds here; RLM_HA_OUTAGES=60,600 (seconds of the database, of the network) is what
`make soak` has.
"""

import json
import os
import signal
import sys
import time
from typing import Any

import pytest
import yaml

from rlm_exporter.demo.layout import CLUSTER, ISV
from rlm_exporter.demo.stage import Stage
from tests.acceptance import ledger
from tests.acceptance.conftest import SetStage
from tests.acceptance.replicas import shared_store, start_second, wire
from tests.acceptance.seeing import FAST, licenses, settled_on, wait_ready, watch
from tests.acceptance.test_usage_log import seconds, wait_in_use
from tests.postgresql import PostgresqlServer, ask

pytestmark = pytest.mark.xdist_group("usage")

HOLDERS = 3
DATABASE_AWAY, NETWORK_AWAY = map(float, os.environ.get("RLM_HA_OUTAGES", "6,8").split(","))
SECOND = 1.5
"""A log cuts off what is below a second, and the ledger is written a moment after it."""
READ = 5.0
"""Seconds after which what a log tells is in the table, if nothing is away."""


@pytest.fixture(autouse=True)
def _one_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated servers write their machine's time, and the manifest on stage says that it is UTC."""
    monkeypatch.setenv("TZ", "UTC")


def write_report_logs(stage: Stage) -> None:
    """Every server writes one; the daemon is told of rlm1's."""
    for server in ("rlm1", "rlm2", "rlm3"):
        pools = [{"product": "STARCCM", "version": "2023.1000", "count": 400}]
        log = {"path": str(stage.folder / f"{server}.rl"), "append": True}
        isv = {"name": ISV, "port": stage.layout.isv_port, "pools": pools, "report_log": log}
        scenario = stage.folder / f"{server}.json"
        scenario.write_text(json.dumps({"name": server, "isvs": [isv]}), encoding="utf-8")
        stage.kill(server)
        stage.start_server(server, isv="-", scenario=scenario)
    manifest = stage.folder / "cluster.yaml"
    document = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    primary = document["spec"]["highAvailability"]["primary"]
    primary["reportLogs"] = [{"isv": ISV, "path": str(stage.folder / "rlm1.rl")}]
    manifest.write_text(yaml.safe_dump(document), encoding="utf-8")


def start_shipper(stage: Stage, port: int) -> None:
    """Of rlm2's, by way of that port."""
    command = [
        *(sys.executable, "-m", "rlm_exporter.cli", "ship-log", str(stage.folder / "rlm2.rl")),
        *("--to", f"http://127.0.0.1:{port}", "--cluster", CLUSTER, "--server", "rlm2"),
    ]
    stage.processes.start("shipper", command)


def test_nothing_is_lost_or_doubled_while_the_database_and_the_network_are_away(set_stage: SetStage) -> None:
    server = PostgresqlServer()
    try:
        with shared_store(server) as store:
            stage = set_stage(FAST)
            write_report_logs(stage)
            start_second(stage, store)
            wait_ready(stage)
            with wire(stage, stage.layout.daemon_port) as near:
                have_outages(stage, server, store, near)
            compare_with_ledger(stage, store)
    finally:
        server.close()


def have_outages(stage: Stage, server: PostgresqlServer, store: str, near: int) -> None:
    """The database is killed in the middle, and the wire is cut; clients come and go all the time."""
    start_shipper(stage, near)
    stage.start_clients(holders=HOLDERS)
    wait_in_use(stage, store, "rlm1", HOLDERS)
    server.kill()
    watch(stage, DATABASE_AWAY)
    server.start()
    wait_ready(stage)
    assert licenses(stage, "switchover", "--to", "rlm2").returncode == 0
    stage.wait(lambda: settled_on(stage, "rlm2"), "rlm2", within=10)
    watch(stage, READ)
    stage.processes.signal("wire", signal.SIGSTOP)
    watch(stage, NETWORK_AWAY / 2)
    stage.kill("shipper")
    start_shipper(stage, near)
    watch(stage, NETWORK_AWAY / 2)
    stage.processes.signal("wire", signal.SIGCONT)
    stage.kill("visitors")
    stage.kill("holders")


def compare_with_ledger(stage: Stage, store: str) -> None:
    """Every seat that was given is one row that a log has told, to the second; and there is no other row."""
    stage.wait(lambda: not still_out(stage), "nobody with a seat", within=10)
    held = ledger.sessions(stage.folder)
    late = time.monotonic() + READ + 35.0  # the shipper may have waited half a minute for its next try
    stage.wait(lambda: len(told(store)) >= len(held), "every session", within=late - time.monotonic())
    by_name = {(each.server, each.handle): each for each in held}
    assert len(by_name) == len(held), "handles that were given twice"
    for row in told(store):
        began, ended = seconds(row["checkout_time"]), seconds(row["checkin_time"])
        session = by_name.pop((row["server_name"], row["handle"]), None)
        assert session is not None, f"nobody had this, or it is there twice: {row}"
        assert session.ended is not None
        assert (row["user_name"], row["feature_name"]) == (session.user, session.product)
        assert abs(began - session.began) <= SECOND
        assert row["end_reason"] in {"returned", "failed_over"}
        assert abs(ended - session.ended) <= SECOND
    assert by_name == {}
    assert {row["server_name"] for row in told(store)} == {"rlm1", "rlm2"}
    assert ask(store, "SELECT count(*) FROM rlm_usage_log WHERE NOT end_is_exact") == [(0,)]


def still_out(stage: Stage) -> list[ledger.Held]:
    """Those who hold a seat by the ledgers: a server sees the end of a client a moment after it."""
    return [each for each in ledger.sessions(stage.folder) if each.ended is None]


def told(store: str) -> list[dict[str, Any]]:
    """The rows that have the end of a report log."""
    names = (
        *("server_name", "handle", "user_name", "feature_name"),
        *("checkout_time", "checkin_time", "end_reason"),
    )
    found = ask(
        store,
        "SELECT server_name, handle, user_name, feature_name, checkout_time, checkin_time, end_reason "
        "FROM rlm_usage_log WHERE end_is_exact",
    )
    return [dict(zip(names, row, strict=True)) for row in found]
