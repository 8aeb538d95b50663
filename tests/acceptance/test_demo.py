"""`rlm-ha demo` as a newcomer runs it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance.conftest import network
from tests.simulated import wait_until

pytestmark = pytest.mark.xdist_group("acceptance")

MARK = "RLM_DEMO_TEST_MARK"


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "rlm_exporter.cli", "demo", "--network", network(), *options]


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Where the demo puts its folder; short, because HAProxy's socket stands in it."""
    with tempfile.TemporaryDirectory(prefix="rlm-ha-t-") as folder:
        yield Path(folder)


def environment(temporary: Path) -> dict[str, str]:
    """Every process below inherits the mark, by which it is found again."""
    return {**os.environ, MARK: str(temporary), "TMPDIR": str(temporary)}


def marked(temporary: Path) -> list[int]:
    """Processes that carry the mark and have not ended."""
    mark = f"{MARK}={temporary}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                environ = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if mark in environ:
                found.append(int(folder.name))
    return found


def wait_until_all_are_gone(temporary: Path) -> None:
    """A process that was killed is there until the kernel has come to it; one that was left behind stays."""
    wait_until(lambda: marked(temporary) == [], within=10, what="the end of every process")


def run(arguments: Sequence[str], temporary: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, env=environment(temporary), capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.row(33)
@pytest.mark.row(34)
@pytest.mark.parametrize("scenario", ["primary-hangs", "primary-dies"])
def test_a_scenario_exits_0_and_leaves_nothing(scenario: str, temporary: Path) -> None:
    ended = run(command("--free-ports", "--scenario", scenario), temporary)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "FAILED" not in ended.stdout
    wait_until_all_are_gone(temporary)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("after", ["files and logs", "status page", "Ctrl-C ends everything"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_process_and_no_folder(
    after: str, number: signal.Signals, temporary: Path
) -> None:
    with subprocess.Popen(
        command("--free-ports"),
        env={**environment(temporary), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if after in line:
                break
        demo.send_signal(number)
        demo.communicate(timeout=30)

    assert demo.returncode in {0, 130}
    wait_until_all_are_gone(temporary)
    assert list(temporary.iterdir()) == []


def test_a_killed_demo_takes_its_processes_with_it(temporary: Path) -> None:
    with subprocess.Popen(
        command("--free-ports"),
        env={**environment(temporary), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "Ctrl-C ends everything" in line:
                break
        before = marked(temporary)
        demo.kill()

    assert len(before) > 8
    wait_until_all_are_gone(temporary)


def test_a_busy_port_is_named_before_anything_starts(temporary: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        began = time.monotonic()
        ended = run(command("--daemon-port", str(port)), temporary)

    assert ended.returncode == 1
    assert f"127.0.0.1:{port} (for rlm-ha)" in ended.stderr
    assert "--free-ports" in ended.stderr
    assert list(temporary.iterdir()) == []
    assert time.monotonic() - began < 10


def test_a_long_path_for_temporary_files_is_avoided(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 80)
    long.mkdir()
    with subprocess.Popen(
        command("--free-ports"),
        env={**os.environ, MARK: str(tmp_path), "TMPDIR": str(long), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        told = next(line for line in demo.stdout if "files and logs" in line)
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=30)

    folder = told.removeprefix("files and logs are in ").split()[0]
    assert not folder.startswith(str(long))
    assert not Path(folder).exists()
    wait_until_all_are_gone(tmp_path)
