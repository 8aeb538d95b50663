"""The simulated rlmutil as the prober meets it: a program with arguments, text and an exit status."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.simulator.launch import python_command, write_rlmutil
from rlm_exporter.simulator.mode import Mode
from rlm_exporter.simulator.protocol import Message, decode, encode
from rlm_exporter.simulator.rlmutil import connect_limit
from tests.ports import free_port
from tests.simulated import SimulatedServer

DATA = Path(__file__).parent.parent / "data" / "rlmstat"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SimulatedServer]:
    with SimulatedServer(tmp_path) as running:
        yield running


def rlmutil(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python_command("rlmutil", *arguments),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


def headings(output: str) -> list[str]:
    """The section headings, without what follows `status`."""
    return [line.split(" on ")[0].strip() for line in output.splitlines() if " status on " in line]


def test_tells_everything_with_a(server: SimulatedServer) -> None:
    answer = rlmutil("rlmstat", "-a", "-c", server.endpoint)
    assert answer.returncode == 0
    assert answer.stderr == ""
    assert answer.stdout.startswith(f"Setting license file path to {server.endpoint}\nrlmutil v12.2\n")
    assert headings(answer.stdout) == [
        "rlm status",
        "siemens ISV server status",
        "siemens license pool status",
    ]
    assert f"\tsiemens          {server.isv_port}   Yes      0\n" in answer.stdout
    assert "\t\tcount: 200, # reservations: 0, inuse: 0, exp: permanent\n" in answer.stdout


def test_the_products_own_reader_understands_every_line(server: SimulatedServer) -> None:
    with (
        socket.create_connection((server.host, server.isv_port), 5) as holder,
        holder.makefile("rb") as replies,
    ):
        wish: Message = {"op": "checkout", "product": "STARCCM", "version": "1.0", "count": 3}
        holder.sendall(encode({**wish, "user": "alice", "host": "ws1", "pid": 7}))
        assert decode(replies.readline())["handle"] == "1"
        status = parse_rlmstat(rlmutil("rlmstat", "-a", "-c", server.endpoint).stdout)
    assert status.reachable
    assert status.warnings == ()
    assert [(pool.product, pool.issued, pool.inuse) for pool in status.pools] == [
        ("STARCCM", 200, 3),
        ("NXCAE", 10, 0),
    ]
    assert [(one.user, one.count, one.handle) for one in status.checkouts] == [("alice", 3, "1")]
    assert [(isv.port, isv.running, isv.restarts) for isv in status.isvs] == [(server.isv_port, True, 0)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["rlm status", "siemens ISV server status"]),
        (("-l",), ["siemens license pool status"]),
        (("-l", "siemens"), ["siemens license pool status"]),
        (("-l", "another"), []),
        (("-i",), []),
        (("-a", "-i", "siemens"), ["siemens ISV server status", "siemens license pool status"]),
        (("-a", "-p"), ["rlm status", "siemens ISV server status", "siemens license pool status"]),
    ],
)
def test_tells_only_what_is_asked(
    server: SimulatedServer, options: tuple[str, ...], expected: list[str]
) -> None:
    answer = rlmutil("rlmstat", *options, "-c", server.endpoint)
    assert headings(answer.stdout) == expected
    assert answer.returncode == 0


def test_takes_the_server_from_the_environment(server: SimulatedServer) -> None:
    answer = rlmutil("rlmstat", "-a", RLM_LICENSE=server.endpoint)
    assert answer.stdout.startswith("rlmutil v12.2\n")
    assert "rlm status on rlm1" in answer.stdout


def test_a_server_that_is_not_there_is_an_error_in_rlms_own_words() -> None:
    port = free_port()
    answer = rlmutil("rlmstat", "-a", "-c", f"{port}@127.0.0.1")
    expected = (DATA / "12.2-connect-error.txt").read_text(encoding="utf-8")
    expected = expected.replace("5053@rlm1.example.com", f"{port}@127.0.0.1").replace("5053", str(port))
    assert (answer.stdout, answer.stderr, answer.returncode) == (expected, "", 1)


def test_a_silent_server_of_a_list_is_left_out(server: SimulatedServer) -> None:
    listed = f"{free_port()}@127.0.0.1:{server.endpoint}"
    answer = rlmutil("rlmstat", "-a", "-c", listed)
    assert answer.stdout.startswith(f"Setting license file path to {listed}\n")
    assert "Error" not in answer.stdout
    assert "rlm status on rlm1" in answer.stdout
    assert answer.returncode == 0


def test_a_dead_isv_server_has_a_row_and_no_section(server: SimulatedServer) -> None:
    server.set_mode(Mode.ISV_DEAD)
    answer = rlmutil("rlmstat", "-a", "-c", server.endpoint)
    assert headings(answer.stdout) == ["rlm status"]
    assert f"\tsiemens          {server.isv_port}    No      0\n" in answer.stdout
    assert answer.returncode == 0


def test_an_isv_server_that_hangs_holds_up_the_whole_answer(server: SimulatedServer) -> None:
    os.kill(server.isv_pid, signal.SIGSTOP)
    began = time.monotonic()
    answer = rlmutil("rlmstat", "-a", "-c", server.endpoint, RLM_CONNECT_TIMEOUT="5")
    assert time.monotonic() - began >= 5
    assert headings(answer.stdout) == ["rlm status"]
    assert 'Error connecting to "siemens" server\n\nConnection attempted to host: "" on port' in answer.stdout
    assert answer.returncode == 1


def test_rlmdown_ends_the_server(server: SimulatedServer) -> None:
    answer = rlmutil("rlmdown", "RLM", "-q", "-c", server.endpoint)
    assert answer.returncode == 0
    assert server.wait() == 0
    assert "Shutdown request by" in server.dlog.read_text(encoding="utf-8")
    assert rlmutil("rlmstat", "-a", "-c", server.endpoint).returncode == 1


def test_rlmdown_of_one_isv_server_leaves_rlm_running(server: SimulatedServer) -> None:
    assert rlmutil("rlmdown", "siemens", "-q", "-c", server.endpoint).returncode == 0
    assert headings(rlmutil("rlmstat", "-a", "-c", server.endpoint).stdout) == ["rlm status"]


def test_without_a_server_it_says_how_it_is_used() -> None:
    answer = rlmutil("rlmstat", "-a", RLM_LICENSE="")
    assert answer.stdout.startswith("Usage: rlmutil rlmstat")
    assert answer.returncode == 1


@pytest.mark.parametrize(
    ("setting", "seconds"),
    [("", 10), ("no number", 10), ("0", 5), ("4", 5), ("9", 5), ("14", 10), ("30", 30), ("-20", 20)],
)
def test_the_connect_limit_is_a_multiple_of_five(setting: str, seconds: int) -> None:
    assert connect_limit(setting) == seconds


def test_the_wrapper_runs_from_any_folder_and_passes_its_arguments(
    server: SimulatedServer, tmp_path: Path
) -> None:
    wrapper = tmp_path / "a folder with 'quotes'" / "rlmutil"
    wrapper.parent.mkdir()
    write_rlmutil(wrapper)
    answer = subprocess.run(
        [wrapper, "rlmstat", "-a", "-c", server.endpoint],
        cwd="/", env={}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert "rlm status on rlm1" in answer.stdout


def test_imports_nothing_that_would_slow_each_probe_down() -> None:
    heavy = ("asyncio", "dataclasses", "argparse", "typing")
    program = (
        "import sys; sys.argv = ['']; import rlm_exporter.simulator.rlmutil;"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    root = Path(__file__).parent.parent.parent
    answer = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
