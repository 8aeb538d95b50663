"""The simulated RLM server as clients, balancers and operators meet it: real processes on real sockets."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rlm_exporter.errors import RlmExporterError
from rlm_exporter.simulator.control import set_mode
from rlm_exporter.simulator.launch import python_command
from rlm_exporter.simulator.mode import Mode
from rlm_exporter.simulator.protocol import (
    ALL_IN_USE,
    NO_PRODUCT,
    NO_SERVER,
    UNKNOWN_HANDLE,
    Message,
    decode,
    encode,
)
from tests.ports import free_port
from tests.simulated import SimulatedServer, wait_until

TLS = Path(__file__).parents[1] / "data" / "tls"
ISV_QUESTION: Message = {"op": "isv", "isv": "siemens"}
PING: Message = {"op": "ping"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SimulatedServer]:
    with SimulatedServer(tmp_path, host="127.0.71.1", products="STARCCM:2023.1000:2") as running:
        yield running


class Client:
    """One connection that asks and gets answers."""

    def __init__(self, host: str, port: int, *, limit: float = 5.0) -> None:
        self._socket = socket.create_connection((host, port), limit)
        self._lines = self._socket.makefile("rb")

    def ask(self, message: Message) -> Message:
        self._socket.sendall(encode(message))
        return decode(self._lines.readline())

    def is_cut(self) -> bool:
        try:
            return self._lines.readline() == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


def main_client(server: SimulatedServer) -> closing[Client]:
    return closing(Client(server.host, server.port))


def isv_client(server: SimulatedServer) -> closing[Client]:
    return closing(Client(server.host, server.isv_port))


def checkout(product: str = "STARCCM", count: int = 1) -> Message:
    return {
        "op": "checkout", "product": product, "version": "2023.1", "count": count, "user": "alice",
        "host": "ws1", "pid": 7,
    }  # fmt: skip


def refuses(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


def ledger(server: SimulatedServer) -> list[tuple[str, object]]:
    records = [json.loads(line) for line in server.ledger.read_text(encoding="utf-8").splitlines()]
    return [(record["kind"], record.get("why")) for record in records]


def isv_row(server: SimulatedServer) -> str:
    with main_client(server) as client:
        text = str(client.ask({"op": "rlmstat"})["text"])
    return " ".join(next(line for line in text.splitlines() if line.startswith("\tsiemens")).split())


def test_sends_clients_to_the_isv_port_of_the_host_they_used(server: SimulatedServer) -> None:
    with main_client(server) as client:
        assert client.ask(ISV_QUESTION) == {"server": "rlm1", "host": "", "port": server.isv_port}


def test_sends_clients_to_the_name_of_its_host_line(tmp_path: Path) -> None:
    with (
        SimulatedServer(tmp_path, more=["--host-line", "lb.example.com"]) as server,
        main_client(server) as client,
    ):
        assert client.ask(ISV_QUESTION)["host"] == "lb.example.com"


def test_knows_no_server_for_another_isv(server: SimulatedServer) -> None:
    with main_client(server) as client:
        reply = client.ask({"op": "isv", "isv": "ansys"})
    assert (reply["server"], reply["error"]) == ("rlm1", NO_SERVER)


def test_gives_seats_until_all_are_in_use(server: SimulatedServer) -> None:
    with isv_client(server) as client:
        assert [client.ask(checkout())["handle"] for _ in range(2)] == ["1", "2"]
        assert client.ask(checkout()) == {
            "server": "rlm1",
            "error": ALL_IN_USE,
            "text": "All licenses in use",
        }
        assert client.ask(checkout("NXCAE"))["error"] == NO_PRODUCT
        assert client.ask({"op": "checkin", "handle": "1"}) == {"server": "rlm1"}
        assert client.ask({"op": "checkin", "handle": "1"})["error"] == UNKNOWN_HANDLE
        assert client.ask(checkout())["handle"] == "3"
    wait_until(lambda: ledger(server)[-1] == ("checkin", 2), what="the seats' return")
    assert ledger(server) == [
        ("start", None),
        ("checkout", None),
        ("checkout", None),
        ("denial", ALL_IN_USE),
        ("denial", NO_PRODUCT),
        ("checkin", 1),
        ("checkout", None),
        ("checkin", 2),
        ("checkin", 2),
    ]


def test_a_seat_is_held_as_long_as_its_connection(server: SimulatedServer) -> None:
    with isv_client(server) as other:
        with isv_client(server) as holder:
            holder.ask(checkout(count=2))
            assert other.ask(checkout())["error"] == ALL_IN_USE
        wait_until(lambda: "handle" in other.ask(checkout()), what="a free seat")


def test_nobody_checks_in_the_seat_of_another(server: SimulatedServer) -> None:
    with isv_client(server) as holder, isv_client(server) as other:
        handle = holder.ask(checkout())["handle"]
        assert other.ask({"op": "checkin", "handle": handle})["error"] == UNKNOWN_HANDLE


def test_heartbeats_tell_who_serves(server: SimulatedServer) -> None:
    with isv_client(server) as client:
        assert client.ask(PING) == {"server": "rlm1"}


@pytest.mark.parametrize(
    ("request_bytes", "logged"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", "ERROR: HTTP request on main port from IP [::ffff:127.0.0.1]:"),
        (b"STATUS\r\n", "ERROR: Bad request from IP [::ffff:127.0.0.1]:"),
        (b"\x16\x03\x01\x02", "Request: 16 03 01 02"),
        (b"{no json}\n", "ERROR: Bad request from IP [::ffff:127.0.0.1]:"),
    ],
)
def test_logs_foreign_bytes_on_the_main_port(
    server: SimulatedServer, request_bytes: bytes, logged: str
) -> None:
    with socket.create_connection((server.host, server.port), 5) as connection:
        connection.sendall(request_bytes)
        assert connection.recv(1) == b""
    assert logged in server.dlog.read_text(encoding="utf-8")


def test_a_bare_connect_leaves_no_trace_in_the_log(server: SimulatedServer) -> None:
    for _ in range(5):
        socket.create_connection((server.host, server.port), 5).close()
    with main_client(server) as client:
        client.ask(ISV_QUESTION)
    assert "ERROR" not in server.dlog.read_text(encoding="utf-8")


def test_the_web_interface_shows_the_pools(server: SimulatedServer) -> None:
    with closing(http.client.HTTPConnection(server.host, server.web_port, timeout=5)) as connection:
        connection.request("GET", "/goforms/rlmstat")
        answer = connection.getresponse()
        assert answer.status == 200
        assert "STARCCM v2023.1000" in answer.read().decode()


def test_with_a_certificate_the_web_interface_speaks_https(tmp_path: Path) -> None:
    certificate = tmp_path / "rlm1.pem"
    certificate.write_bytes((TLS / "rlm-cert.pem").read_bytes() + (TLS / "rlm-key.pem").read_bytes())
    trusting = ssl.create_default_context(cafile=str(TLS / "rlm-cert.pem"))
    trusting.check_hostname = False
    with SimulatedServer(tmp_path, host="127.0.71.1", more=("--web-certificate", str(certificate))) as server:
        connection = http.client.HTTPSConnection(server.host, server.web_port, timeout=5, context=trusting)
        with closing(connection):
            connection.request("GET", "/")
            assert connection.getresponse().status == 200


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    certificate = tmp_path / "rlm1.pem"
    certificate.write_text("no certificate")
    answer = subprocess.run(
        python_command(
            "server", "--name", "rlm9", "--host", "127.0.71.1", "--port", str(free_port(["127.0.71.1"])),
            "--web-port", str(free_port(["127.0.71.1"])), "--isv", "siemens:0=X:1.0:1",
            "--web-certificate", str(certificate),
        ),
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    expected = f"rlm9 cannot start: {certificate}: a PEM file with a certificate and its key expected"
    assert (answer.returncode, answer.stderr.strip()) == (1, expected)


def test_a_dead_isv_server_is_started_again_and_counted(server: SimulatedServer) -> None:
    assert isv_row(server) == f"siemens {server.isv_port} Yes 0"
    os.kill(server.isv_pid, signal.SIGKILL)
    wait_until(lambda: isv_row(server) == f"siemens {server.isv_port} Yes 1", what="the restart")
    with isv_client(server) as client:
        assert client.ask(checkout())["handle"] == "1"


def test_isv_servers_do_not_outlive_their_rlm(server: SimulatedServer) -> None:
    with isv_client(server) as holder:
        holder.ask(checkout())
        os.kill(server.pid, signal.SIGKILL)
        assert holder.is_cut()
    wait_until(lambda: refuses(server.host, server.isv_port), what="the end of the ISV server")


def test_a_killed_server_cuts_its_clients_and_starts_again_at_once(server: SimulatedServer) -> None:
    with isv_client(server) as holder:
        holder.ask(checkout())
        server.kill()
        assert holder.is_cut()
        server.start()
    with isv_client(server) as client:
        assert client.ask(checkout())["handle"] == "1"


def test_a_stopped_server_accepts_and_says_nothing_until_it_goes_on(server: SimulatedServer) -> None:
    server.stop()
    for port in (server.port, server.isv_port, server.web_port):
        with closing(Client(server.host, port, limit=0.3)) as client, pytest.raises(TimeoutError):
            client.ask(PING)
    server.go_on()
    with main_client(server) as client:
        assert client.ask(ISV_QUESTION)["server"] == "rlm1"


def test_ends_on_sigterm_and_says_so_in_the_ledger(server: SimulatedServer) -> None:
    assert server.end() == 0
    assert ledger(server)[-1] == ("shutdown", None)
    assert not server.control.exists()


def test_mode_refuse_closes_every_port_and_cuts_clients(server: SimulatedServer) -> None:
    with isv_client(server) as holder:
        holder.ask(checkout())
        server.set_mode(Mode.REFUSE)
        assert holder.is_cut()
    for port in (server.port, server.isv_port, server.web_port):
        with pytest.raises(ConnectionRefusedError):
            Client(server.host, port)
    server.set_mode(Mode.OK)
    with main_client(server) as client:
        assert client.ask(ISV_QUESTION)["server"] == "rlm1"


def test_mode_web_dead_closes_the_web_port_alone(server: SimulatedServer) -> None:
    with isv_client(server) as holder:
        holder.ask(checkout())
        server.set_mode(Mode.WEB_DEAD)
        assert refuses(server.host, server.web_port)
        assert holder.ask(PING) == {"server": "rlm1"}
    with main_client(server) as client:
        assert client.ask(ISV_QUESTION)["server"] == "rlm1"
    server.set_mode(Mode.OK)
    assert not refuses(server.host, server.web_port)


def test_mode_hang_keeps_every_answer_until_it_ends(server: SimulatedServer) -> None:
    with isv_client(server) as holder:
        holder.ask(checkout())
        server.set_mode(Mode.HANG)
        for port, question in ((server.port, ISV_QUESTION), (server.isv_port, PING)):
            with closing(Client(server.host, port, limit=0.3)) as client, pytest.raises(TimeoutError):
                client.ask(question)
        server.set_mode(Mode.OK)
        assert holder.ask(PING) == {"server": "rlm1"}


def test_mode_isv_dead_leaves_rlm_answering(server: SimulatedServer) -> None:
    server.set_mode(Mode.ISV_DEAD)
    assert isv_row(server) == f"siemens {server.isv_port} No 0"
    with pytest.raises(ConnectionRefusedError):
        Client(server.host, server.isv_port)
    with main_client(server) as client:
        assert client.ask(ISV_QUESTION)["error"] == NO_SERVER
    server.set_mode(Mode.OK)
    assert isv_row(server) == f"siemens {server.isv_port} Yes 0"


def test_mode_no_pools_ends_seats_and_denies_new_ones(server: SimulatedServer) -> None:
    with isv_client(server) as holder:
        holder.ask(checkout())
        server.set_mode(Mode.NO_POOLS)
        assert holder.is_cut()
    wait_until(lambda: ledger(server)[-1] == ("checkin", 8), what="the seat's end")
    with isv_client(server) as client:
        assert client.ask(checkout())["error"] == NO_PRODUCT
        server.set_mode(Mode.OK)
    with isv_client(server) as client:
        assert "handle" in client.ask(checkout())


def test_mode_slow_answers_late(server: SimulatedServer) -> None:
    server.set_mode(Mode.SLOW, seconds=0.4)
    for connect in (main_client, isv_client):
        with connect(server) as client:
            began = time.monotonic()
            client.ask({"op": "rlmstat", "sections": "pools"})
            assert time.monotonic() - began >= 0.4


def test_the_mode_outlives_the_isv_server(server: SimulatedServer) -> None:
    server.set_mode(Mode.NO_POOLS)
    os.kill(server.isv_pid, signal.SIGKILL)
    wait_until(lambda: isv_row(server) == f"siemens {server.isv_port} Yes 1", what="the restart")
    with isv_client(server) as client:
        assert client.ask(checkout())["error"] == NO_PRODUCT


def test_the_switch_says_when_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(RlmExporterError, match="no simulated server"):
        set_mode(tmp_path / "nobody", Mode.OK)


@pytest.mark.parametrize("taken", ["port", "isv_port", "web_port"])
def test_says_which_port_is_taken(server: SimulatedServer, taken: str) -> None:
    ports = {name: free_port([server.host]) for name in ("port", "isv_port", "web_port")}
    ports[taken] = getattr(server, taken)
    answer = subprocess.run(
        python_command(
            "server", "--name", "rlm9", "--host", server.host, "--port", str(ports["port"]),
            "--web-port", str(ports["web_port"]), "--isv", f"siemens:{ports['isv_port']}=X:1.0:1",
        ),
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith("rlm9 cannot start: ")
    assert str(ports[taken]) in answer.stderr
    assert "address already in use" in answer.stderr


def test_ends_with_its_tether(tmp_path: Path) -> None:
    host, port, isv_port = "127.0.71.1", free_port(["127.0.71.1"]), free_port(["127.0.71.1"])
    command = python_command(
        "server", "--name", "rlm1", "--host", host, "--port", str(port), "--tethered",
        "--isv", f"siemens:{isv_port}=X:1.0:1", "--dlog", str(tmp_path / "dlog"),
    )  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline().startswith("ready rlm1 ")
        assert os.getpgid(process.pid) == process.pid
        process.stdin.close()
        assert process.wait(timeout=10) == 0
