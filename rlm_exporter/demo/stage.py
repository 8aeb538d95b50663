"""The stage: three simulated servers, HAProxy, the daemon, Prometheus, Alertmanager and a fleet of clients.

Everything is a program of its own, started as a user would start it, so that what is shown is the product
and not a model of it.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from rlm_exporter.demo.layout import (
    CLUSTER,
    ISV,
    PRODUCTS,
    SERVERS,
    Choices,
    Layout,
    alertmanager_config,
    balancer_name,
    manifest,
    prometheus_config,
)
from rlm_exporter.demo.processes import Interrupts, Processes, StageError
from rlm_exporter.demo.programs import Programs
from rlm_exporter.render.shipped import example, rule_files
from rlm_exporter.simulator.event import Event
from rlm_exporter.simulator.history import read_events
from rlm_exporter.simulator.launch import python_command, write_rlmutil

Change = Callable[[dict[str, Any]], dict[str, Any]]
"""What is different in a configuration that is otherwise as shipped."""

START_LIMIT = 60.0
"""Seconds for a part to be there: two on a quiet machine, ten where five others want each processor."""

RECENT_BYTES = 128 * 1024
"""Of a record, for the live line: some seconds of visitors."""

HOLDERS_PATIENCE = 600
"""Seconds for which a holder waits for an answer."""


def haproxy_process(balancer: str) -> str:
    """The name of a balancer's program on stage."""
    return "haproxy" if balancer == "lb1" else f"haproxy-{balancer}"


class Stage:
    """Starts and ends the parts of one demonstration; nothing outside `folder` is written."""

    def __init__(
        self, *, folder: Path, layout: Layout, choices: Choices, programs: Programs, interrupts: Interrupts
    ) -> None:
        self.folder = folder
        self.layout = layout
        self._programs = programs
        self._choices = choices
        self._processes = Processes(folder=folder, interrupts=interrupts)
        self._records: dict[str, Path] = {}
        self._manifest = folder / "cluster.yaml"

    @property
    def processes(self) -> Processes:
        """The programs, for signals."""
        return self._processes

    def write_files(self) -> None:
        """The manifest, HAProxy's configuration rendered from it by our own command, and an rlmutil."""
        document = manifest(self.layout, self._choices, folder=str(self.folder))
        self._manifest.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        write_rlmutil(self.folder / "rlmutil")
        for number, host in enumerate(self.layout.balancer_hosts):
            self._render(balancer_name(number), host)

    def _render(self, balancer: str, host: str) -> None:
        peers = [
            word
            for number, each in enumerate(self.layout.balancer_hosts)
            for word in ("--peer", f"{balancer_name(number)}={each}:{self.layout.peer_port}")
        ]
        (self.folder / balancer).mkdir()
        self._processes.run(
            "render",
            self._rlm_ha(
                *("render", "haproxy", str(self._manifest), "--balancer", balancer, "--bind", host),
                *(*peers, "--output", str(self.folder / balancer)),
            ),
            limit=START_LIMIT,
        )

    def start_server(self, server: str, *, isv: str = "", scenario: Path | None = None) -> None:
        """One simulated RLM server with its ISV server, or with another one than usual.

        `isv` is NAME:PORT=PRODUCTS, or `-` where the scenario has the ISV servers; `scenario` is a file with
        what else is to be different.
        """
        layout = self.layout
        isv = isv or f"{ISV}:{layout.isv_port}={PRODUCTS}"
        command = python_command(
            "server",
            *("--name", server, "--host", layout.host(server), "--port", str(layout.license_port)),
            *("--web-port", str(layout.web_port)),
            *(() if isv == "-" else ("--isv", isv)),
            *(() if scenario is None else ("--scenario", str(scenario))),
            *("--control", str(self.folder / f"{server}.control")),
            *("--dlog", str(self.folder / f"{server}.dlog")),
            *("--ledger", str(self.folder / f"{server}.ledger")),
        )
        said = self._said(server)
        self._processes.start(server, command)
        self._wait(lambda: self._said(server) > said, server)

    def start_haproxy(self, balancer: str = "lb1") -> None:
        """The real one, with its master, as packages run it."""
        command = [self._programs.haproxy, "-W", "-f", str(self.folder / balancer / "haproxy.cfg")]
        self._processes.start(haproxy_process(balancer), command)
        self._wait((self.folder / f"{balancer}.sock").exists, "HAProxy's stats socket")

    def start_daemon(self) -> None:
        """`rlm-ha serve`, as a user starts it."""
        self._processes.start(
            "rlm-ha",
            self._rlm_ha(
                "serve",
                *("--config", str(self._manifest), "--listen", f"127.0.0.1:{self.layout.daemon_port}"),
                *("--state-dir", str(self.folder / "state"), "--rlmutil", str(self.folder / "rlmutil")),
            ),
            environment=_without_our_variables(),
        )
        self._wait(lambda: self.get(f"{self.layout.daemon_url}/-/healthy") is not None, "rlm-ha serve")

    def start_alertmanager(self, change: Change = lambda example: example) -> None:
        """The real one, with the shipped routing, or with a change to it."""
        path = self._example("alertmanager", lambda text: change(alertmanager_config(text, self.layout)))
        self._processes.start(
            "alertmanager",
            [
                self._programs.alertmanager,
                f"--config.file={path}",
                f"--storage.path={self.folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{self.layout.alertmanager_port}",
                "--cluster.listen-address=",
            ],
        )
        self._wait(lambda: self.get(f"{self.layout.alertmanager_url}/-/ready") is not None, "Alertmanager")

    def start_prometheus(self, rules: Sequence[Path] = ()) -> None:
        """The real one, with the shipped rules, or with these in place of them."""
        paths = [str(path) for path in rules or rule_files()]
        path = self._example("prometheus", lambda text: prometheus_config(text, self.layout, rules=paths))
        self._processes.start(
            "prometheus",
            [
                self._programs.prometheus,
                f"--config.file={path}",
                f"--storage.tsdb.path={self.folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{self.layout.prometheus_port}",
            ],
        )
        self._wait(lambda: self.get(f"{self.layout.prometheus_url}/-/ready") is not None, "Prometheus")

    def start_clients(self, *, rate: float = 50.0, holders: int = 20) -> None:
        """A fleet that knows the balancer's address and nothing else.

        Visitors come and go at a rate and give up after 2 s. Holders keep a seat and have patience, as
        applications without heartbeats do: what ends their silence is the balancer.
        """
        self._start_fleet("visitors", ("--rate", str(rate), "--hold", "0.1"))
        self._start_fleet("holders", ("--holders", str(holders), "--timeout", str(HOLDERS_PATIENCE)))

    def _start_fleet(self, name: str, options: tuple[str, ...]) -> None:
        self._records[name] = record = self.folder / f"{name}.jsonl"
        record.touch()
        self._processes.start(
            name,
            python_command(
                "clients",
                *("--server", f"{self.layout.license_port}@{self.layout.balancer_host}"),
                *("--isv", ISV, "--product", "STARCCM", "--version", "2023.1000"),
                *("--record", str(record), *options),
            ),
        )

    def stop_server(self, server: str) -> None:
        """SIGSTOP: it accepts connections and says nothing, like a machine out of memory."""
        self._processes.signal(server, signal.SIGSTOP)

    def continue_server(self, server: str) -> None:
        """SIGCONT."""
        self._processes.signal(server, signal.SIGCONT)

    def kill(self, name: str) -> None:
        """SIGKILL for a program and all its children."""
        self._processes.kill(name)

    def end(self) -> None:
        """End everything."""
        self._processes.end_all()

    # ---- what can be seen

    def events(self) -> tuple[Event, ...]:
        """What the clients have seen so far."""
        # Each may end in a line that is being written, which would run into the next record's first.
        texts = (record.read_text(encoding="utf-8") for record in self._records.values())
        return read_events("".join(text[: text.rfind("\n") + 1] for text in texts))

    def recent(self, seconds: float) -> tuple[Event, ...]:
        """What visitors have seen lately, from the end of their record: that grows for as long as we run."""
        with self._records["visitors"].open("rb") as record:
            record.seek(max(0, record.seek(0, os.SEEK_END) - RECENT_BYTES))
            tail = record.read().decode("utf-8", "replace")
        whole = tail[tail.find("{") :] if tail.startswith("{") else tail.partition("\n")[2]
        return tuple(event for event in read_events(whole) if event.t > time.monotonic() - seconds)

    def cluster(self) -> dict[str, Any] | None:
        """The API's document of the cluster; None while the daemon does not answer."""
        document: dict[str, Any] | None = self.get(f"{self.layout.daemon_url}/api/v1/clusters/{CLUSTER}")
        return document

    def operations(self) -> list[dict[str, Any]]:
        """The journal's operations, oldest first; empty while the daemon does not answer."""
        document = self.get(f"{self.layout.daemon_url}/api/v1/clusters/{CLUSTER}/events") or {}
        return list(reversed(document.get("operations", [])))

    def alert_fires(self, name: str) -> bool:
        """Whether Prometheus has the alert firing."""
        document = self.get(f"{self.layout.prometheus_url}/api/v1/alerts") or {}
        alerts = document.get("data", {}).get("alerts", [])
        return any(a["labels"].get("alertname") == name and a["state"] == "firing" for a in alerts)

    def get(self, url: str) -> Any:
        """A JSON document (or a text) from one of the parts; None when it does not answer well."""
        import requests  # noqa: PLC0415 - slow to import, and only needed once parts run

        with contextlib.suppress(requests.RequestException):
            session = requests.Session()
            session.trust_env = False
            answer = session.get(url, timeout=2)
            if answer.status_code == 200:
                return answer.json() if "json" in answer.headers.get("Content-Type", "") else answer.text
        return None

    def post(self, url: str, document: Any) -> None:
        """Send a JSON document to one of the parts; StageError when it is not taken."""
        import requests  # noqa: PLC0415 - slow to import, and only needed once parts run

        session = requests.Session()
        session.trust_env = False
        answer = session.post(url, json=document, timeout=5)
        if answer.status_code >= 300:
            raise StageError(f"{url} answered {answer.status_code}: {answer.text[:200]}")

    def wait(self, claim: Callable[[], bool], what: str, *, within: float) -> float:
        """Seconds until `claim` held; StageError when it does not in time, or a part has ended."""
        return self._wait(claim, what, within=within)

    # ---- inside

    def _wait(self, claim: Callable[[], bool], what: str, *, within: float = START_LIMIT) -> float:
        began = time.monotonic()
        while not claim():
            self._processes.check()
            if time.monotonic() - began > within:
                raise StageError(f"{what}: not there within {within:g} s; its log is in {self.folder}")
            time.sleep(0.05)
        return time.monotonic() - began

    def _said(self, server: str) -> int:
        path = self.folder / f"{server}.log"
        return path.read_text(encoding="utf-8").count("ready ") if path.exists() else 0

    def _rlm_ha(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "rlm_exporter.cli", *arguments]

    def _example(self, name: str, change: Change) -> Path:
        path = self.folder / f"{name}.yml"
        path.write_text(yaml.safe_dump(change(example(name)), sort_keys=False), encoding="utf-8")
        return path


def _without_our_variables() -> dict[str, str]:
    """The environment without the user's own settings of a daemon that is not this one."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RLM_HA_")}


@contextlib.contextmanager
def on_stage(stage: Stage, interrupts: Interrupts) -> Iterator[Stage]:
    """A stage that is cleared whatever happens."""
    try:
        yield stage
    finally:
        interrupts.ignore()
        stage.end()


__all__ = ["CLUSTER", "SERVERS", "Stage", "StageError", "on_stage"]
