"""The site of the manual's page: its hosts, ports and paths, with simulated servers, a real HAProxy and us.

All of it runs on a machine of its own (`page_machine.py`). What sites would have beside our product is made
here: an rlmutil where scripts call it, and stand-ins for the programs that would wait for a minute or log in
to other hosts.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from rlm_exporter.demo.processes import Interrupts, Processes
from rlm_exporter.simulator.control import set_mode
from rlm_exporter.simulator.launch import python_command, write_rlmutil
from rlm_exporter.simulator.mode import Mode
from tests.acceptance import page_text
from tests.acceptance.page_machine import Machine

CLUSTER = "rlm-ha-cluster"
SERVERS = ("rlm1", "rlm2", "rlm3")
ISVS = {"siemens": (5055, "STARCCM:2023.1000:20,NXCAE:2023.1000:10"), "lstc": (5056, "LSDYNA:13.0:8")}
DAEMON = "http://127.0.0.1:10053"
LIMIT = 60.0
_NETWORK = "127.0.53"
_BALANCER = f"{_NETWORK}.10"
_SINK_PORT = 10080
_TLS = page_text.ROOT / "tests" / "data" / "tls"
_RLM_HA = (sys.executable, "-m", "rlm_exporter.cli")


def host(server: str) -> str:
    """Its name in the page."""
    return f"{server}.vantage.com"


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
        self.folder = folder
        self._files = folder / "files"
        (folder / "root").mkdir()
        self.machine = Machine(root=folder / "root", files=self._files)
        self.processes = Processes(folder=folder, interrupts=Interrupts())

    def __enter__(self) -> Self:
        self._write_files()
        self._write_stand_ins()
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
        self.processes.end_all()
        self.machine.__exit__(kind, error, trace)

    # ---- what tests do

    def run(self, *words: str) -> Ended:
        """Run a command to its end, as somebody who works on that machine."""
        ended = subprocess.run(
            self.machine.command(*words, folder=self.folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
            env=self._environment(),
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
        self.processes.start(
            name, self.machine.command(*words, folder=self.folder), environment=self._environment()
        )

    def status(self) -> Ended:
        """Our own status of the cluster, as JSON."""
        return self.run(*_RLM_HA, "license-servers", "status", CLUSTER, "-j")

    def deploy_with_sites(self) -> None:
        """The page's manifest, in which each server stands somewhere."""
        document = yaml.safe_load(page_text.manifest())
        for role, site in (("primary", "north"), ("secondary", "north"), ("backup", "south")):
            document["spec"]["highAvailability"][role]["site"] = site
        path = self.folder / "with-sites.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        self.vantage("license-servers", "deploy", str(path), "--yes")

    def mode(self, server: str, mode: Mode) -> None:
        """Let a server behave so from now on."""
        set_mode(self.folder / f"{server}.control", mode)

    def until(self, claim: Callable[[], bool], what: str) -> None:
        """Return as soon as that is so."""
        deadline = time.monotonic() + LIMIT
        while not claim():
            self.processes.check()
            assert time.monotonic() < deadline, f"{what}: not within {LIMIT:g} s"
            time.sleep(0.05)

    def lines(self, name: str) -> list[str]:
        """The lines of a file of `folder`; none while it is not there."""
        path = self.folder / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def alerts(self) -> list[dict[str, Any]]:
        """What the sink has got."""
        return [json.loads(line) for line in self.lines("alerts")]

    def next_round(self) -> None:
        """Let a script that sleeps go on, and return when it sleeps again."""
        before = len(self.lines("rounds"))
        if before:
            (self.folder / "go").write_text("\n", encoding="utf-8")
        self.until(lambda: len(self.lines("rounds")) > before, "the end of the script's round")

    # ---- inside

    def _environment(self) -> dict[str, str]:
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder), "PYTHONPATH": str(page_text.ROOT)}

    def _write_files(self) -> None:
        """What the machine has beside the files of this one, each where the page says."""
        bin_folder = self._files / "opt" / "rlm" / "bin"
        for path in (bin_folder, self._files / "var/log/rlm", self._files / "etc/haproxy"):
            path.mkdir(parents=True)
        write_rlmutil(bin_folder / "rlmutil")
        for name in (page_text.HEALTH_CHECK, page_text.FAILOVER, page_text.BACKUP, page_text.HA_TEST):
            _write_program(bin_folder / name, page_text.script(name))
        hosts = ["127.0.0.1 localhost", f"{_BALANCER} rlm-lb.vantage.com"]
        hosts += [f"{_NETWORK}.{number} {host(server)}" for number, server in enumerate(SERVERS, start=1)]
        (self._files / "etc/hosts").write_text("\n".join([*hosts, ""]), encoding="utf-8")
        (self.folder / f"{CLUSTER}.yaml").write_text(page_text.manifest(), encoding="utf-8")
        (self.folder / "settings.yaml").write_text(yaml.safe_dump(self._settings()), encoding="utf-8")
        pair = (_TLS / "rlm-cert.pem").read_bytes() + (_TLS / "rlm-key.pem").read_bytes()
        (self.folder / "web.pem").write_bytes(pair)
        self._render_haproxy()

    def _settings(self) -> dict[str, Any]:
        sink = {"webhook": {"url": f"http://127.0.0.1:{_SINK_PORT}/"}}
        return {
            "apiVersion": "rlm-ha/v1",
            "kind": "ExporterConfig",
            "spec": {"loadBalancers": {CLUSTER: self._balancer()}, "alerts": {"sinks": {"pager": sink}}},
        }

    def _balancer(self) -> dict[str, Any]:
        return {
            "host": "rlm-lb.vantage.com",
            "webPort": 5054,
            "haproxy": [{"name": "lb1", "url": f"unix:{self.folder}/lb1.sock"}],
        }

    def _render_haproxy(self) -> None:
        """The page's manifest names no ISV ports, which the balancer has to carry."""
        document = yaml.safe_load(page_text.manifest())
        spec = document["spec"]
        for role in ("primary", "secondary", "backup"):
            spec["highAvailability"][role]["isvPorts"] = {isv: port for isv, (port, _) in ISVS.items()}
        spec["loadBalancer"] = self._balancer()
        path = self.folder / "for-haproxy.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        words = ("render", "haproxy", str(path), "--bind", "rlm-lb.vantage.com")
        to = str(self._files / "etc/haproxy")
        subprocess.run([*_RLM_HA, *words, "--output", to], check=True, capture_output=True, timeout=LIMIT)

    def _write_stand_ins(self) -> None:
        programs = self.folder / "bin"
        programs.mkdir()
        os.mkfifo(self.folder / "go")
        folder = shlex.quote(str(self.folder))
        # A minute is over when the test says so.
        _write_program(
            programs / "sleep", f'#!/bin/sh\necho "$@" >>{folder}/rounds\nread -r _ <{folder}/go\n'
        )
        _write_program(programs / "ssh", f'#!/bin/sh\nprintf "%s\\n" "$1" >>{folder}/ssh\n')
        _write_program(programs / "scp", '#!/bin/sh\nprintf "%s\\n" "$1" >"$2"\n')

    def _start(self) -> None:
        for number, server in enumerate(SERVERS, start=1):
            self._start_server(server, f"{_NETWORK}.{number}")
        sink = str(Path(__file__).with_name("page_sink.py"))
        self.start("sink", sys.executable, sink, str(_SINK_PORT), str(self.folder / "alerts"))
        installed = self.run(*_RLM_HA, "compat", "install", "--dir", str(self.folder / "bin"))
        assert installed.code == 0, installed.err
        for server in SERVERS:
            self.until((self.folder / f"{server}.control").exists, server)
        self.start("haproxy", "haproxy", "-W", "-f", "/etc/haproxy/haproxy.cfg")
        words = ("--config", str(self.folder / "settings.yaml"), "--state-dir", str(self.folder / "state"))
        self.start("daemon", *_RLM_HA, "serve", *words)
        self.until((self.folder / "lb1.sock").exists, "HAProxy")
        self.until(lambda: self.run("curl", "-s", f"{DAEMON}/-/healthy").code == 0, "the daemon")
        self.vantage("license-servers", "deploy", f"{CLUSTER}.yaml")
        self.until(self.is_ready, "a cluster that is ready for a move")

    def is_ready(self) -> bool:
        """Whether a move would be possible now."""
        ended = self.status()
        return ended.code in {0, 1} and bool(ended.document["ready"])

    def _start_server(self, server: str, address: str) -> None:
        isvs = [word for isv, (port, pools) in ISVS.items() for word in ("--isv", f"{isv}:{port}={pools}")]
        self.start(
            server,
            *python_command(
                "server",
                *("--name", host(server), "--host", address, "--port", "5053", *isvs),
                *("--web-port", "5054", "--web-certificate", str(self.folder / "web.pem")),
                *("--control", str(self.folder / f"{server}.control")),
                *("--dlog", str(self.folder / f"{server}.dlog")),
            ),
        )


def _write_program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
