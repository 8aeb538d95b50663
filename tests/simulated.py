"""Simulated servers and clients for tests: real processes, started and ended here."""

import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rlm_exporter.simulator import launch
from rlm_exporter.simulator.control import set_mode
from rlm_exporter.simulator.event import Event
from rlm_exporter.simulator.history import read_events
from rlm_exporter.simulator.mode import Mode
from rlm_exporter.simulator.protocol import Message, decode, encode
from tests.ports import free_port

READY_LIMIT_SECONDS = 30.0
PRODUCTS = "STARCCM:2023.1000:200,NXCAE:2023.1000:10"


def wait_until(claim: Callable[[], bool], *, within: float = 10.0, what: str = "the condition") -> None:
    """Return as soon as `claim` holds; AssertionError if it does not within so many seconds."""
    deadline = time.monotonic() + within
    while not claim():
        assert time.monotonic() < deadline, f"{what} did not come about within {within:g} s"
        time.sleep(0.02)


class _Program:
    """One program of the simulator, in a session of its own, from its ready line to its end."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        self._command = launch.python_command(module, *arguments)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start it and wait for its ready line, which is returned."""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], READY_LIMIT_SECONDS)[0]:
            self.kill()
            raise AssertionError(f"not ready within {READY_LIMIT_SECONDS:g} s: {self._command}")
        line = self._process.stdout.readline()
        if not line.startswith("ready "):
            self.kill()
            raise AssertionError(f"not ready: {line!r}")
        return line

    @property
    def pid(self) -> int:
        """Its process id, which is its group's too."""
        assert self._process is not None
        return self._process.pid

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the program and its children."""
        os.killpg(self.pid, number)

    def kill(self) -> None:
        """SIGKILL for the whole group, and reap; nothing if it has ended already."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self.signal_group(signal.SIGKILL)
        self._reap()

    def end(self) -> int:
        """SIGTERM, and its exit status."""
        assert self._process is not None
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Its exit status, once it has ended by itself."""
        assert self._process is not None
        self._process.wait(timeout=READY_LIMIT_SECONDS)
        return self._reap()

    def _reap(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        status = self._process.wait()
        self._process.stdout.close()
        self._process = None
        return status

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class SimulatedServer(_Program):
    """A simulated RLM server with one ISV server, as a context manager; may be killed and started again."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "rlm1",
        host: str = "127.0.0.1",
        port: int | None = None,
        isv_port: int | None = None,
        web_port: int | None = None,
        products: str = PRODUCTS,
        more: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.host = host
        self.port = port or free_port([host])
        self.isv_port = isv_port or free_port([host])
        self.web_port = web_port or free_port([host])
        self.control = folder / f"{name}.control"
        self.ledger = folder / f"{name}.ledger"
        self.dlog = folder / f"{name}.dlog"
        super().__init__(
            "server",
            [
                *("--name", name, "--host", host, "--port", str(self.port), "--web-port", str(self.web_port)),
                *("--isv", f"siemens:{self.isv_port}={products}"),
                *("--control", str(self.control), "--ledger", str(self.ledger), "--dlog", str(self.dlog)),
                *more,
            ],
        )

    @property
    def endpoint(self) -> str:
        """`port@host` of the main port."""
        return f"{self.port}@{self.host}"

    @property
    def isv_pid(self) -> int:
        """The process id of its ISV server, which changes when rlm starts it again."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        assert len(children) == 1, f"one ISV server expected, not {children}"
        return int(children[0])

    def set_mode(self, mode: Mode, *, seconds: float = 0.0) -> None:
        """Behave so from now on."""
        set_mode(self.control, mode, seconds=seconds)

    def stop(self) -> None:
        """A hang: SIGSTOP for rlm and its ISV servers."""
        self.signal_group(signal.SIGSTOP)

    def go_on(self) -> None:
        """The end of a hang."""
        self.signal_group(signal.SIGCONT)


class ScenarioServer(_Program):
    """A simulated RLM server after a document, as a context manager; may be killed and started again.

    `document` lacks what is chosen here: the address, the ports (but those of ISV servers), the files.
    """

    def __init__(self, folder: Path, document: dict[str, object], *, name: str = "rlm1") -> None:
        self.name = name
        self.host = str(document.get("host", "127.0.0.1"))
        self.port = free_port([self.host])
        self.control = folder / f"{name}.control"
        self.ledger = folder / f"{name}.ledger"
        self.dlog = folder / f"{name}.dlog"
        self.path = folder / f"{name}.json"
        self.isv_ports: dict[str, int] = {}
        self.write({**document, "name": name, "host": self.host, "port": self.port})
        super().__init__(
            "server",
            [
                *("--scenario", str(self.path), "--control", str(self.control)),
                *("--ledger", str(self.ledger), "--dlog", str(self.dlog)),
            ],
        )

    def write(self, document: dict[str, object]) -> None:
        """Change the scenario's file."""
        self.path.write_text(json.dumps(document), encoding="utf-8")

    def start(self) -> str:
        """As any program; learns the ISV servers' ports."""
        line = super().start()
        words = dict(word.split("=") for word in line.split() if "=" in word)
        self.isv_ports = {
            name: int(port) for name, port in words.items() if name not in ("port", "web", "pid")
        }
        return line

    @property
    def endpoint(self) -> str:
        """`port@host` of the main port."""
        return f"{self.port}@{self.host}"

    def set_mode(self, mode: Mode, *, seconds: float = 0.0) -> None:
        """Behave so from now on."""
        set_mode(self.control, mode, seconds=seconds)


class SimulatedClient:
    """One client's connection to an ISV server's port, which asks and gets answers."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), 5)
        self._lines = self._socket.makefile("rb")

    def ask(self, message: Message) -> Message:
        """The reply."""
        self._socket.sendall(encode(message))
        return decode(self._lines.readline())

    def check_out(self, product: str, *, user: str = "alice", host: str = "ws1", **more: object) -> Message:
        """The reply to a checkout."""
        wish: Message = {"op": "checkout", "product": product, "version": "1.0", "user": user, "host": host}
        return self.ask({**wish, "pid": 7, **more})

    def is_cut(self) -> bool:
        """Whether the server has ended the connection; waits for it."""
        try:
            return self._lines.readline() == b""
        except ConnectionError:
            return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._socket.close()


def ask_rlmutil(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the simulated rlmutil."""
    return subprocess.run(
        launch.python_command("rlmutil", *arguments),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


class SimulatedClients(_Program):
    """A fleet of clients that asks for STARCCM seats, as a context manager."""

    def __init__(
        self,
        record: Path,
        *servers: str,
        rate: float = 20,
        hold: float = 0.05,
        holders: int = 2,
        timeout: float = 2.0,
    ) -> None:
        self.record = record
        super().__init__(
            "clients",
            [
                *(word for server in servers for word in ("--server", server)),
                *("--isv", "siemens", "--product", "STARCCM", "--record", str(record)),
                *("--rate", str(rate), "--hold", str(hold), "--holders", str(holders)),
                *("--timeout", str(timeout)),
            ],
        )

    def events(self) -> tuple[Event, ...]:
        """What they have recorded so far."""
        return read_events(self.record.read_text(encoding="utf-8"))
