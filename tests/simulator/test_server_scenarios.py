"""What a scenario asks for, as clients and rlmstat see it: real processes on real sockets."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.rlm.status import RlmStatus
from rlm_exporter.simulator.protocol import ALL_IN_USE, NO_PRODUCT, TOO_YOUNG, UNKNOWN_HANDLE
from tests.ports import free_port
from tests.simulated import ScenarioServer, SimulatedClient, ask_rlmutil, wait_until

Pools = list[dict[str, object]]


def scenario(*pools: dict[str, object], **more: object) -> dict[str, object]:
    """One ISV server, acme, with these pools, on any free port."""
    isv = {key: more.pop(key) for key in ("report_log",) if key in more}
    return {"style": "15.2-pool", "isvs": [{"name": "acme", "port": 0, "pools": list(pools), **isv}], **more}


def status_of(server: ScenarioServer) -> RlmStatus:
    status = parse_rlmstat(ask_rlmutil("rlmstat", "-a", "-c", server.endpoint).stdout)
    assert status.warnings == ()
    return status


def client_of(server: ScenarioServer) -> SimulatedClient:
    """Where the ISV server is now is asked of rlm, as a client does."""
    with SimulatedClient(server.host, server.port) as main:
        port = main.ask({"op": "isv", "isv": "acme"})["port"]
    assert isinstance(port, int)
    return SimulatedClient(server.host, port)


def products_of(server: ScenarioServer) -> list[str]:
    return [pool.product for pool in status_of(server).pools]


def test_every_kind_of_pool_at_once(tmp_path: Path) -> None:
    document = scenario(
        {"product": "solver", "version": "3.0", "count": 2, "expires": "31-jan-2099"},
        {"product": "solver", "version": "3.0", "count": 1},
        {"product": "paint", "count": 1, "share": "uh"},
        {"product": "mesher", "count": 1, "reserve": [{"count": 2, "user": "alice"}]},
        {"product": "viewer", "count": "uncounted"},
        {"product": "export", "count": "unlimited"},
        {"product": "tokens", "count": 60},
        {"product": "optimizer", "takes": "tokens", "each": 25},
    )
    with ScenarioServer(tmp_path, document) as server, client_of(server) as client:
        for product, count in (("solver", 3), ("paint", 3), ("mesher", 3), ("viewer", 2), ("optimizer", 2)):
            for _ in range(count):
                assert "handle" in client.check_out(product)
        assert client.check_out("optimizer")["error"] == ALL_IN_USE
        status = status_of(server)

    shown = [(p.product, p.pool, p.count, p.reservations, p.inuse) for p in status.pools]
    assert shown == [
        ("solver", 1, 2, 0, 2),
        ("solver", 2, 1, 0, 1),
        ("paint", 3, 1, 0, 1),
        ("mesher", 4, 1, 2, 3),
        ("viewer", 5, None, None, 2),
        ("export", 6, None, 0, 0),
        ("tokens", 7, 60, 0, 50),
        ("optimizer", 8, None, None, None),
    ]
    mesher = [(c.count, c.reserved) for c in status.checkouts if c.product == "mesher"]
    assert mesher == [(0, 1), (0, 1), (1, 0)]
    assert len([c for c in status.checkouts if c.product == "paint"]) == 3
    assert [c.count for c in status.checkouts if c.product == "tokens"] == [25, 25]


def test_a_port_that_is_not_fixed_is_another_one_at_each_start(tmp_path: Path) -> None:
    with ScenarioServer(tmp_path, scenario({"product": "solver", "count": 1})) as server:
        first = server.isv_ports["acme"]
        assert [isv.port for isv in status_of(server).isvs] == [first]
        server.kill()
        server.start()
        second = server.isv_ports["acme"]
        with client_of(server) as client:
            assert "handle" in client.check_out("solver")
    assert first != second


def test_counters_and_handles_begin_anew_with_the_isv_server(tmp_path: Path) -> None:
    with ScenarioServer(tmp_path, scenario({"product": "solver", "count": 9})) as server:
        with client_of(server) as client:
            assert [client.check_out("solver")["handle"] for _ in range(3)] == ["1", "2", "3"]
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text(encoding="ascii")
            os.kill(int(children), signal.SIGKILL)
            assert client.is_cut()
        wait_until(lambda: status_of(server).isvs[0].restarts == 1, what="the restart")
        wait_until(lambda: status_of(server).isvs[0].running, what="the new ISV server")
        status = status_of(server)
        assert [(p.inuse, p.total_checkouts) for p in status.pools] == [(0, 0)]
        assert [c.checkouts for c in status.counters] == [0]
        with client_of(server) as client:
            assert client.check_out("solver")["handle"] == "1"


@contextmanager
def asked_before_midnight(
    folder: Path, *pools: dict[str, object]
) -> Iterator[tuple[ScenarioServer, RlmStatus]]:
    """A server and what it said on the last evening of 2026; a busy machine gets a longer evening."""
    for seconds in (3, 12, 48):
        begins = datetime(2027, 1, 1) - timedelta(seconds=seconds)  # noqa: DTZ001 - its local time
        with ScenarioServer(folder, scenario(*pools, begins=str(begins))) as server:
            status = status_of(server)
            if max(status.dated).year == 2026:
                yield server, status
                return
    raise AssertionError("it could not be asked before midnight")


def test_expired_licenses_leave_at_midnight(tmp_path: Path) -> None:
    with asked_before_midnight(
        tmp_path,
        {"product": "old", "count": 1, "expires": "31-dec-2026"},
        {"product": "new", "count": 1, "expires": "1-jan-2027"},
        {"product": "older", "count": 1, "expires": "30-dec-2026"},
    ) as (server, status):
        assert [pool.product for pool in status.pools] == ["old", "new"]
        wait_until(lambda: products_of(server) == ["new"], within=60, what="midnight")
        assert max(status_of(server).dated).year == 2027
        assert "==== Reread request by automatic@midnight ====" in server.dlog.read_text(encoding="utf-8")


def test_a_reread_takes_up_the_changed_file(tmp_path: Path) -> None:
    document = scenario({"product": "solver", "count": 1})
    with ScenarioServer(tmp_path, document) as server, client_of(server) as client:
        client.check_out("solver")
        changed = scenario({"product": "solver", "count": 5}, {"product": "new", "count": 2})
        server.write({**changed, "name": "rlm1", "port": server.port})
        assert ask_rlmutil("rlmreread", "-c", server.endpoint).returncode == 0
        assert [(p.product, p.count, p.inuse) for p in status_of(server).pools] == [
            ("solver", 5, 1),
            ("new", 2, 0),
        ]
        server.write({"name": "rlm1"})
        assert ask_rlmutil("rlmreread", "acme", "-c", server.endpoint).returncode == 0
        assert products_of(server) == ["solver", "new"]
        assert ask_rlmutil("rlmreread", "other", "-c", server.endpoint).returncode == 1


def test_an_administrator_takes_a_seat_back(tmp_path: Path) -> None:
    document = scenario({"product": "solver", "count": 2, "min_remove": 0}, {"product": "held", "count": 1})
    with ScenarioServer(tmp_path, document) as server, client_of(server) as client:
        handle = str(client.check_out("solver")["handle"])
        with client_of(server) as other:
            young = str(other.check_out("held")["handle"])
            where = (server.host, str(server.isv_ports["acme"]), "acme")
            for wrong, code in ((young, TOO_YOUNG), ("ff", UNKNOWN_HANDLE)):
                answer = ask_rlmutil("rlmremove", "-q", *where, wrong)
                assert (f"({code})" in answer.stdout, answer.returncode) == (True, 1)
            assert ask_rlmutil("rlmremove", *where, handle).returncode == 1, "nobody has said yes"
            assert ask_rlmutil("rlmremove", "-q", *where, handle).returncode == 0
            assert client.is_cut()
            status = status_of(server)
    assert [(p.product, p.inuse) for p in status.pools] == [("solver", 0), ("held", 1)]
    assert "IN: (lmremove) solver v1.0 by alice@ws1" in server.dlog.read_text(encoding="utf-8")


def standby_of(primary: ScenarioServer, folder: Path) -> ScenarioServer:
    document = scenario({"product": "solver", "count": 2}, report_log={"path": str(folder / "standby.rl")})
    standby = {"primary": primary.endpoint, "poll": 0.3}
    return ScenarioServer(folder, {**document, "standby": standby}, name="rlm2")


def test_a_standby_serves_while_its_primary_is_away_and_gives_back_by_itself(tmp_path: Path) -> None:
    with (
        ScenarioServer(tmp_path, scenario({"product": "solver", "count": 2})) as primary,
        standby_of(primary, tmp_path) as standby,
    ):
        assert products_of(standby) == []
        with client_of(standby) as client:
            assert client.check_out("solver")["error"] == NO_PRODUCT
        primary.kill()
        wait_until(lambda: products_of(standby) == ["solver"], what="the takeover")
        with client_of(standby) as client:
            assert "handle" in client.check_out("solver")
            primary.start()
            assert client.is_cut()
        wait_until(lambda: products_of(standby) == [], what="the give-back")
        assert status_of(standby).checkouts == ()
    assert re.search("^IN 8 solver ", (tmp_path / "standby.rl").read_text(encoding="utf-8"), re.MULTILINE)
    assert "IN: (failed server back up) solver" in standby.dlog.read_text(encoding="utf-8")


def test_a_standby_whose_isv_server_dies_stays_without_pools(tmp_path: Path) -> None:
    with (
        ScenarioServer(tmp_path, scenario({"product": "solver", "count": 2})) as primary,
        standby_of(primary, tmp_path) as standby,
    ):
        children = Path(f"/proc/{standby.pid}/task/{standby.pid}/children").read_text(encoding="ascii")
        os.kill(int(children), signal.SIGKILL)
        wait_until(lambda: [isv.restarts for isv in status_of(standby).isvs] == [1], what="the restart")
        wait_until(lambda: status_of(standby).isvs[0].running, what="the new ISV server")
        assert products_of(standby) == []


def test_independent_copies_each_give_the_full_count(tmp_path: Path) -> None:
    """What two servers with one license file must never be allowed to do at the same time."""
    document = scenario({"product": "solver", "count": 2})
    one, two = (ScenarioServer(tmp_path, document, name=name) for name in ("rlm1", "rlm2"))
    with one, two, client_of(one) as first, client_of(two) as second:
        granted = [client.check_out("solver") for client in (first, second) for _ in range(3)]
        assert sum("handle" in reply for reply in granted) == 4
        assert [pool.inuse for server in (one, two) for pool in status_of(server).pools] == [2, 2]


@pytest.mark.parametrize("style", ["9.1", "12.2", "12.2-pool", "15.2", "15.2-pool", "16.1", "16.1-pool"])
def test_every_style_is_read_alike(style: str, tmp_path: Path) -> None:
    document = {**scenario({"product": "solver", "version": "3.0", "count": 2}), "style": style}
    with ScenarioServer(tmp_path, document) as server, client_of(server) as client:
        client.check_out("solver", user="Jane Doe", count=2)
        status = status_of(server)
    assert status.server is not None
    assert status.server.version == style.removesuffix("-pool")
    assert [(p.product, p.version, p.count, p.inuse) for p in status.pools] == [("solver", "3.0", 2, 2)]
    assert [p.pool for p in status.pools] == [1 if style.endswith("-pool") else None]
    assert [(c.user, c.host, c.count, c.handle) for c in status.checkouts] == [("Jane_Doe", "ws1", 2, "1")]


def test_a_scenario_that_is_wrong_is_usage(tmp_path: Path) -> None:
    server = ScenarioServer(tmp_path, {"style": "17", "port": free_port()})
    with pytest.raises(AssertionError, match="not ready"):
        server.start()


def test_what_is_free_leaves_out_reservations_and_sums_over_servers_where_asked(tmp_path: Path) -> None:
    pools: Pools = [
        {"product": "mesher", "version": "2.0", "count": 3, "reserve": [{"count": 2, "user": "zoe"}]},
        {"product": "viewer", "version": "1.0", "count": "uncounted"},
    ]
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with (
        ScenarioServer(folders[0], scenario(*pools)) as one,
        ScenarioServer(folders[1], scenario(*pools), name="rlm2") as two,
        client_of(one) as client,
    ):
        assert "handle" in client.check_out("mesher", user="bob")
        both = f"{one.endpoint}:{two.endpoint}"
        apart = ask_rlmutil("rlmstat", "-avail", "-p", "mesher", "-c", both).stdout
        summed = ask_rlmutil("rlmstat", "-avail", "-b", "-c", both).stdout

    assert re.findall(r"mesher v2\.0 on rlm[12]: (\d+)", apart) == ["2", "3"]
    assert "viewer" not in apart
    assert "mesher v2.0: 5 available" in summed
    assert "viewer v1.0: uncounted available" in summed


def test_isv_data_stands_at_the_end_of_a_usage_line_where_asked(tmp_path: Path) -> None:
    document = scenario({"product": "solver", "version": "3.0", "count": 2})
    with ScenarioServer(tmp_path, document) as server, client_of(server) as client:
        client.check_out("solver", isv_def="project-7")
        with_data = ask_rlmutil("rlmstat", "-I", "-c", server.endpoint).stdout
        without = ask_rlmutil("rlmstat", "-i", "-c", server.endpoint).stdout

    assert " [I: project-7]" in with_data
    assert "project-7" not in without
    assert [c.user for c in parse_rlmstat(with_data).checkouts] == ["alice"]


@pytest.mark.parametrize("status", ["0", "7"])
def test_any_exit_status_can_be_had_with_the_same_text(status: str, tmp_path: Path) -> None:
    """RLM documents none, so nobody may rely on it."""
    gone = f"{free_port()}@127.0.0.1"
    plain = ask_rlmutil("rlmstat", "-a", "-c", gone)
    other = ask_rlmutil("rlmstat", "-a", "-c", gone, RLM_SIMULATED_STATUS=status)

    assert (plain.returncode, other.returncode) == (1, int(status))
    assert other.stdout == plain.stdout
    assert parse_rlmstat(other.stdout).error_kind == "connect"
