"""The site of the manual's page: its hosts, ports and paths, with simulated servers, a real HAProxy and us.

All of it runs on a machine of its own (`page_machine.py`). What sites would have beside our product is made
for it (`page_files.py`): an rlmutil where scripts call it, and stand-ins for the programs that would wait for
a minute or log in to other hosts.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rlm_exporter.demo.processes import Interrupts, Processes
from rlm_exporter.simulator.control import set_mode
from rlm_exporter.simulator.launch import python_command
from rlm_exporter.simulator.mode import Mode
from tests.acceptance.page_files import (
    CLUSTER,
    ISVS,
    LIMIT,
    RLM_HA,
    SERVERS,
    SINK_PORT,
    address,
    environment,
    host,
    write_files,
)
from tests.acceptance.page_machine import Machine

DAEMON = "http://127.0.0.1:10053"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


class PageHouse:
    """As a context manager, with everything running and ready for a move."""

    def __init__(self, folder: Path) -> None:
        """`folder` is empty, and its path short enough for that of a unix socket."""
        self.folder = folder
        (folder / "root").mkdir()
        self.machine = Machine(root=folder / "root", files=folder / "files")
        self._processes = Processes(folder=folder, interrupts=Interrupts())

    def __enter__(self) -> Self:
        write_files(self.folder, self.folder / "files")
        self.machine.__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The machine first: what runs there has its parent here, and is not gone before that one has seen it.
        self.machine.__exit__(kind, error, trace)
        self._processes.end_all()

    def run(self, *words: str) -> Ended:
        """Run a command to its end."""
        ended = subprocess.run(
            self.machine.command(*words, folder=self.folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
            env=environment(self.folder),
        )
        return Ended(code=ended.returncode, out=ended.stdout, err=ended.stderr)

    def vantage(self, *words: str) -> Ended:
        """Run `vantage` to a good end."""
        ended = self.run("vantage", *words)
        assert ended.code == 0, ended.err
        return ended

    def run_script(self, name: str) -> Ended:
        """Run a script of the page, where the page has it."""
        return self.run(f"/opt/rlm/bin/{name}")

    def start(self, name: str, *words: str) -> None:
        """Start a command that does not end by itself; what it says goes to NAME.log."""
        command = self.machine.command(*words, folder=self.folder)
        self._processes.start(name, command, environment=environment(self.folder))

    def status(self) -> Ended:
        """Our own status of the cluster, as JSON."""
        return self.run(*RLM_HA, "license-servers", "status", CLUSTER, "-j")

    def mode(self, server: str, mode: Mode) -> None:
        """Let a server behave so from now on."""
        set_mode(self.folder / f"{server}.control", mode)

    def until(self, claim: Callable[[], bool], what: str) -> None:
        """Return as soon as that is so; an error when a program has ended that should not."""
        deadline = time.monotonic() + LIMIT
        while not claim():
            self._processes.check()
            assert time.monotonic() < deadline, f"{what}: not within {LIMIT:g} s"
            time.sleep(0.05)

    def alerts(self) -> list[dict[str, Any]]:
        """What the sink has got."""
        return [json.loads(line) for line in self._lines("alerts")]

    def next_round(self) -> None:
        """Let a script that sleeps go on, and return when it sleeps again."""
        before = len(self._lines("rounds"))
        if before:
            self.until(self._wake, "a script that sleeps")
        self.until(lambda: len(self._lines("rounds")) > before, "the end of the script's round")

    def _wake(self) -> bool:
        try:
            pipe = os.open(self.folder / "go", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False  # nobody sleeps yet
        with os.fdopen(pipe, "w") as go:
            go.write("\n")
        return True

    def _lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def _start(self) -> None:
        for server in SERVERS:
            self._start_server(server)
        sink = str(Path(__file__).with_name("page_sink.py"))
        self.start("sink", sys.executable, sink, str(SINK_PORT), str(self.folder / "alerts"))
        installed = self.run(*RLM_HA, "compat", "install", "--dir", str(self.folder / "bin"))
        assert installed.code == 0, installed.err
        for server in SERVERS:
            self.until((self.folder / f"{server}.control").exists, server)
        self.start("haproxy", "haproxy", "-W", "-f", "/etc/haproxy/haproxy.cfg")
        words = ("--config", str(self.folder / "settings.yaml"), "--state-dir", str(self.folder / "state"))
        self.start("daemon", *RLM_HA, "serve", *words)
        self.until((self.folder / "lb1.sock").exists, "HAProxy")
        self.until(lambda: self.run("curl", "-s", f"{DAEMON}/-/healthy").code == 0, "the daemon")
        self.vantage("license-servers", "deploy", f"{CLUSTER}.yaml")
        self.until(lambda: bool(self.status().document["ready"]), "a cluster that is ready for a move")

    def _start_server(self, server: str) -> None:
        isvs = [word for isv, (port, pools) in ISVS.items() for word in ("--isv", f"{isv}:{port}={pools}")]
        self.start(
            server,
            *python_command(
                "server",
                *("--name", host(server), "--host", address(server), "--port", "5053", *isvs),
                *("--web-port", "5054", "--web-certificate", str(self.folder / "web.pem")),
                *("--control", str(self.folder / f"{server}.control")),
                *("--dlog", str(self.folder / f"{server}.dlog")),
            ),
        )
