"""The client fleet against real simulated servers: what it records of good and of bad times."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlm_exporter.simulator.event import ClientKind, Event, EventKind
from rlm_exporter.simulator.history import first_session_on, longest_gap, sessions, split_sessions
from rlm_exporter.simulator.mode import Mode
from tests.ports import free_port
from tests.simulated import SimulatedClients, SimulatedServer, wait_until

HOSTS = ("127.0.72.1", "127.0.72.2")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[SimulatedServer, SimulatedServer]]:
    """Two servers with the same ports on two addresses, as a site has them."""
    port, isv_port = free_port(HOSTS), free_port(HOSTS)
    one, two = (
        SimulatedServer(tmp_path, name=name, host=host, port=port, isv_port=isv_port)
        for name, host in zip(("rlm1", "rlm2"), HOSTS, strict=True)
    )
    with one, two:
        yield one, two


def having(clients: SimulatedClients, kind: EventKind, client: ClientKind) -> list[Event]:
    return [event for event in clients.events() if (event.kind, event.client) == (kind, client)]


def wait_for(
    clients: SimulatedClients, kind: EventKind, client: ClientKind, *, number: int = 1
) -> list[Event]:
    wait_until(lambda: len(having(clients, kind, client)) >= number, what=f"{number} x {kind} of a {client}")
    return having(clients, kind, client)


def test_records_who_answered_on_both_ports_and_when(
    servers: tuple[SimulatedServer, SimulatedServer], tmp_path: Path
) -> None:
    with SimulatedClients(tmp_path / "record", servers[0].endpoint, servers[1].endpoint) as clients:
        visits = wait_for(clients, EventKind.SESSION, ClientKind.VISIT, number=10)
        holders = wait_for(clients, EventKind.SESSION, ClientKind.HOLDER, number=2)
        assert clients.end() == 0
    for event in [*visits, *holders]:
        assert (event.main, event.isv_server, event.error) == ("rlm1", "rlm1", None)
        assert event.main_answered is not None
        assert event.isv_started is not None
        assert event.isv_answered is not None
        assert event.started == event.main_started
        assert event.started < event.main_answered <= event.isv_started < event.isv_answered <= event.ended
    assert split_sessions(visits) == ()


def test_visits_begin_at_a_steady_rate_and_return_their_seats(
    servers: tuple[SimulatedServer, SimulatedServer], tmp_path: Path
) -> None:
    with SimulatedClients(tmp_path / "record", servers[0].endpoint, rate=50, holders=0) as clients:
        visits = wait_for(clients, EventKind.SESSION, ClientKind.VISIT, number=100)
        wait_until(lambda: ledger_kinds(servers[0]).count("checkin") >= 50, what="50 checkins")
        clients.end()
    begun = sorted(event.started for event in visits)
    assert 1.5 < begun[99] - begun[0] < 5.0  # 1.98 s by the clock; a loaded machine may lag
    assert "denial" not in ledger_kinds(servers[0])


def ledger_kinds(server: SimulatedServer) -> list[str]:
    return [json.loads(line)["kind"] for line in server.ledger.read_text(encoding="utf-8").splitlines()]


def test_holders_notice_a_kill_at_once_and_go_to_the_next_server(
    servers: tuple[SimulatedServer, SimulatedServer], tmp_path: Path
) -> None:
    one, two = servers
    with SimulatedClients(tmp_path / "record", one.endpoint, two.endpoint, rate=20) as clients:
        before = wait_for(clients, EventKind.SESSION, ClientKind.HOLDER, number=2)[-1].ended
        one.kill()
        lost = wait_for(clients, EventKind.LOST, ClientKind.HOLDER, number=2)
        wait_for(clients, EventKind.SESSION, ClientKind.HOLDER, number=4)
        wait_until(lambda: first_session_on(clients.events(), "rlm2", after=before) is not None)
        clients.end()
    assert {event.isv_server for event in lost} == {"rlm1"}
    events = clients.events()
    failed = [event for event in events if event.kind is EventKind.FAILED]
    assert failed
    assert all(event.endpoint == one.endpoint for event in failed)
    assert longest_gap(events, since=events[0].t, until=sessions(events)[-1].t).seconds < 3


def test_silence_is_recorded_as_stuck_by_visits_and_holders(
    servers: tuple[SimulatedServer, SimulatedServer], tmp_path: Path
) -> None:
    one, _ = servers
    with SimulatedClients(tmp_path / "record", one.endpoint, timeout=0.5) as clients:
        wait_for(clients, EventKind.SESSION, ClientKind.HOLDER, number=2)
        one.stop()
        holders = wait_for(clients, EventKind.STUCK, ClientKind.HOLDER, number=2)
        visits = wait_for(clients, EventKind.STUCK, ClientKind.VISIT)
        number = len(sessions(clients.events()))
        one.go_on()
        wait_until(lambda: len(sessions(clients.events())) > number + 5, what="sessions after the hang")
        clients.end()
    assert holders[0].isv_server == "rlm1"
    unanswered = [event for event in visits if event.main is None]
    assert unanswered
    assert all(event.error == "no answer within 0.5 s" for event in unanswered)
    assert all(0.5 <= event.ended - event.started < 2 for event in unanswered)


def test_an_isv_server_that_is_dead_is_a_failure_with_the_main_ports_name(
    servers: tuple[SimulatedServer, SimulatedServer], tmp_path: Path
) -> None:
    one, _ = servers
    one.set_mode(Mode.ISV_DEAD)
    with SimulatedClients(tmp_path / "record", one.endpoint, holders=0) as clients:
        event = wait_for(clients, EventKind.FAILED, ClientKind.VISIT)[0]
        clients.end()
    assert (event.main, event.isv_server) == ("rlm1", None)
    assert event.error == "No server for this ISV (-112)"


def test_a_denial_names_who_denied(servers: tuple[SimulatedServer, SimulatedServer], tmp_path: Path) -> None:
    one, _ = servers
    one.set_mode(Mode.NO_POOLS)
    with SimulatedClients(tmp_path / "record", one.endpoint, holders=0) as clients:
        event = wait_for(clients, EventKind.DENIED, ClientKind.VISIT)[0]
        clients.end()
    assert (event.main, event.isv_server) == ("rlm1", "rlm1")
    assert event.error == "No authorization for product (-1)"


def test_clients_follow_a_host_line_around_the_host_they_used(
    servers: tuple[SimulatedServer, SimulatedServer], tmp_path: Path
) -> None:
    """A host line that names another host leads clients there: a split session."""
    one, two = servers
    one.kill()
    astray = SimulatedServer(
        tmp_path, name="rlm1", host=one.host, port=one.port, isv_port=one.isv_port,
        more=["--host-line", two.host],
    )  # fmt: skip
    with astray, SimulatedClients(tmp_path / "record", one.endpoint, holders=0) as clients:
        wait_for(clients, EventKind.SESSION, ClientKind.VISIT)
        clients.end()
    assert {(event.main, event.isv_server) for event in split_sessions(clients.events())} == {
        ("rlm1", "rlm2")
    }
