"""The report log that a simulated ISV server writes, in its three formats."""

import re
from pathlib import Path

import pytest

from tests.simulated import ScenarioServer, SimulatedClient, ask_rlmutil, wait_until


def scenario(log: Path, **how: object) -> dict[str, object]:
    pools = [{"product": "solver", "version": "3.0", "count": 2, "reserve": [{"count": 1, "user": "bob"}]}]
    isv = {"name": "acme", "port": 0, "pools": pools, "report_log": {"path": str(log), **how}}
    return {"style": "15.2", "begins": "2026-12-31 23:00:00", "isvs": [isv]}


def clients_of(server: ScenarioServer) -> SimulatedClient:
    return SimulatedClient(server.host, server.isv_ports["acme"])


def run_a_day(server: ScenarioServer) -> None:
    """Two checkouts, a checkin, a denial on the way to another server and one for good, and the end."""
    with server, clients_of(server) as client:
        first = client.check_out("solver", isv_def="job 7", version="2.5")
        client.check_out("solver", user="bob", host="ws2")
        client.ask({"op": "checkin", "handle": first["handle"]})
        client.check_out("solver", count=3, last_attempt=0)
        client.check_out("other", user="")
        ask_rlmutil("rlmreread", "-c", server.endpoint)
        ask_rlmutil("rlmdown", "RLM", "-q", "-c", server.endpoint)
        server.wait()


def records(log: Path, *words: str) -> list[str]:
    lines = log.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.split(" ")[0] in words]


def masked(line: str) -> str:
    """Without minutes and seconds, which are the machine's."""
    return re.sub("(?<= 23)(:[0-9]{2})+(?= |$)", ":MM", line)


def test_std(tmp_path: Path) -> None:
    log = tmp_path / "acme.rl"
    run_a_day(ScenarioServer(tmp_path, scenario(log)))
    lines = log.read_text(encoding="utf-8").splitlines()

    assert lines[:3] == ["", "RLM Report Log Format 0, version 15.2", "ISV: acme, RLM version 15.2 BL3"]
    assert lines[6] == ""
    assert re.fullmatch("START rlm1 12/31/2026 23:00:[0-9]{2}", lines[7])
    assert re.fullmatch("TIMEZONE -?[0-9]+ [01] 0 # .*", lines[8])
    assert lines[9:12] == [
        "LICENSE FILE acme.lic",
        'PRODUCT solver 3.0 1 2 1 2 "" "" "" "" "" "" 0 0 0 0 0 0 0 0 0',
        "12/31/2026 23:00",
    ]
    assert [masked(line) for line in records(log, "OUT", "IN", "DENY")] == [
        'OUT solver 2.5 1 alice ws1 "job_7" 1 1 0 1 1 7 "" "solver" "2.5" 12/31 23:MM',
        'OUT solver 1.0 1 bob ws2 "" 1 2 1 2 2 7 "" "solver" "1.0" 12/31 23:MM',
        'IN 1 solver 2.5 alice ws1 "job_7" 1 1 1 1 12/31 23:MM',
        'DENY solver 1.0 alice ws1 "" 3 -22 0 7 12/31 23:MM',
        'DENY other 1.0 "" ws1 "" 1 -1 1 7 12/31 23:MM',
    ]
    assert len(records(log, "REREAD")) == 1
    assert len(records(log, "PRODUCT")) == 2
    assert [line.split(" ")[0] for line in lines[-3:]] == ["INUSE", "SHUTDOWN", "END"]


def test_detailed_has_parts_of_seconds(tmp_path: Path) -> None:
    log = tmp_path / "acme.rl"
    run_a_day(ScenarioServer(tmp_path, scenario(log, format="detailed")))

    assert "RLM Report Log Format 2, version 15.2" in log.read_text(encoding="utf-8")
    out, _ = records(log, "OUT")
    assert re.search(r' 12/31 23:[0-9]{2}:[0-9]{2}\.[0-9]{4} "simulated" "simulated" 0 0$', out)
    [back] = records(log, "IN")
    assert re.search(r" 12/31 23:[0-9]{2}:[0-9]{2}\.[0-9]{4}$", back)


def test_small_has_handles_and_minutes(tmp_path: Path) -> None:
    log = tmp_path / "acme.rl"
    run_a_day(ScenarioServer(tmp_path, scenario(log, format="small")))

    assert "RLM Report Log Format 1, version 15.2" in log.read_text(encoding="utf-8")
    out, _ = records(log, "OUT")
    assert re.fullmatch('OUT solver 2.5 alice ws1 "job_7" 1 1 1 23:[0-9]{2}', out)
    [back] = records(log, "IN")
    assert re.fullmatch("IN 1 1 1 23:[0-9]{2}", back)


@pytest.mark.parametrize(("append", "starts"), [(True, 2), (False, 1)])
def test_a_file_is_overwritten_at_each_start_unless_it_is_to_grow(
    tmp_path: Path, append: bool, starts: int
) -> None:
    log = tmp_path / "acme.rl"
    server = ScenarioServer(tmp_path, scenario(log, append=append))
    run_a_day(server)
    run_a_day(server)

    assert len(records(log, "START")) == starts


def test_a_server_that_is_killed_writes_no_end(tmp_path: Path) -> None:
    log = tmp_path / "acme.rl"
    with ScenarioServer(tmp_path, scenario(log)) as server, clients_of(server) as client:
        client.check_out("solver")
        server.kill()
    assert records(log, "OUT", "IN", "INUSE", "SHUTDOWN", "END")[1:] == []


def test_a_switch_names_both_files_and_carries_over_what_is_out(tmp_path: Path) -> None:
    log, new = tmp_path / "acme.rl", tmp_path / "new.rl"
    with ScenarioServer(tmp_path, scenario(log)) as server, clients_of(server) as client:
        client.check_out("solver")
        assert ask_rlmutil("rlmswitchr", "acme", str(new), "-c", server.endpoint).returncode == 0
        wait_until(new.exists, what="the new log")
        client.check_out("solver", user="bob")
        server.end()
    *_, switch, end = log.read_text(encoding="utf-8").splitlines()
    assert (switch, end.split(" ")[0]) == (f"SWITCH to {new}", "END")
    assert records(new, "SWITCH") == [f"SWITCH from {log}"]
    assert records(new, "INUSE")[0].split(" ")[4:6] == ["alice", "ws1"]
    assert len(records(new, "OUT")) == 1


def test_a_client_that_ends_is_code_2(tmp_path: Path) -> None:
    log = tmp_path / "acme.rl"
    with ScenarioServer(tmp_path, scenario(log)) as server:
        with clients_of(server) as client:
            client.check_out("solver")
        wait_until(lambda: len(records(log, "IN")) == 1, what="the checkin")
    assert records(log, "IN")[0].startswith("IN 2 solver ")
