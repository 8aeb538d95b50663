"""How long a person waits for the command line: medians, in turns with what they cannot be below.

    .venv/bin/python -m bench.cli_latency --runs 15

A real daemon with two simulated servers on loopback. The floors are a Python that imports click and nothing
else, and curl at the address that the command asks. Prints a table in Markdown, and how busy the machine was:
where others work, the floors show by how much to divide. Exit code 1 where a goal is missed.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from rlm_exporter.demo.processes import Interrupts, Processes
from rlm_exporter.simulator.launch import python_command, write_rlmutil

COMMAND = (str(Path(sys.executable).with_name("rlm-ha")),)
READY_WITHIN = 30.0

MANIFEST = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {{name: site}}
spec:
  type: rlm
  highAvailability:
    enabled: true
    mode: active-passive
    primary: {{name: rlm1, host: 127.0.0.1, port: {0}, isvPorts: {{siemens: {1}}}}}
    secondary: {{name: rlm2, host: 127.0.0.1, port: {2}, isvPorts: {{siemens: {3}}}}}
  monitoring:
    healthCheck: {{interval: 2s, timeout: 1s, retries: 1, checkWeb: false}}
    failover: {{automatic: false}}
  features: [{{name: STARCCM, vendor: siemens}}]
"""


@dataclass(slots=True, kw_only=True)
class Row:
    """One line of the table."""

    what: str
    run: Callable[[], float]
    goal: float | None = None
    """Seconds that the median may take."""
    samples: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    def told(self) -> str:
        """As a row in Markdown, in milliseconds."""
        goal = "" if self.goal is None else f"{self.goal * 1000:.0f}"
        lowest, worst = min(self.samples) * 1000, max(self.samples) * 1000
        return f"| {self.what} | {lowest:.0f} | {self.median * 1000:.0f} | {worst:.0f} | {goal} |"


def main() -> int:
    """0 where every goal is met."""
    parser = argparse.ArgumentParser(description="How long the command line lets a person wait.")
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    with site() as url:
        rows = rows_of(url)
        for row in rows:
            row.run()  # the first run reads files that later ones find in memory
        for _ in range(runs):
            for row in rows:
                row.samples.append(row.run())
    print("| | least ms | median ms | worst ms | goal |\n|---|---|---|---|---|")
    for row in rows:
        print(row.told())
    print(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return int(any(row.goal is not None and row.median > row.goal for row in rows))


def rows_of(url: str) -> list[Row]:
    """Each beside what it cannot be quicker than."""
    curl = shutil.which("curl") or sys.exit("curl is needed")
    targets = cycle(("rlm2", "rlm1"))
    return [
        Row(what="floor: python -c 'import click'", run=lambda: whole(sys.executable, "-c", "import click")),
        Row(what="rlm-ha --help", run=lambda: whole(*COMMAND, "--help"), goal=0.150),
        Row(what="floor: curl the cluster", run=lambda: whole(curl, "-sf", f"{url}/api/v1/clusters/site")),
        Row(what="rlm-ha licenses primary", run=lambda: whole(*COMMAND, "licenses", "primary", "site")),
        Row(
            what="rlm-ha licenses failover, to the first step that is shown",
            run=lambda: first_step(next(targets), url),
            goal=0.400,
        ),
    ]


def whole(*command: str) -> float:
    """Seconds until it has ended."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def first_step(target: str, url: str) -> float:
    """Seconds until a move shows its first line; then its end is waited for."""
    began = time.perf_counter()
    command = (*COMMAND, "licenses", "failover", "site", "--to", target)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        lines = iter(process.stderr or ())
        line = next(lines, b"")
        seen = time.perf_counter() - began
        list(lines)
    if process.returncode or not line.split()[:1]:
        sys.exit(f"the move to {target} failed: {line.decode()}")
    until(lambda: asked(url)["failover"]["operation"] is None, what="the end of the move")
    return seen


@contextlib.contextmanager
def site() -> Iterator[str]:
    """Two simulated servers and the daemon, until the block ends; its address."""
    with Interrupts() as interrupts, tempfile.TemporaryDirectory(prefix="rlm-ha-bench-") as name:
        folder = Path(name)
        programs = Processes(folder=folder, interrupts=interrupts)
        ports = free_ports(5)
        url = f"http://127.0.0.1:{ports[4]}"
        os.environ |= {"RLM_HA_URL": url, "HOME": name}
        write_rlmutil(folder / "rlmutil")
        (folder / "site.yaml").write_text(MANIFEST.format(*ports))
        try:
            for number in (1, 2):
                programs.start(f"rlm{number}", server(number, *ports[2 * number - 2 : 2 * number]))
            programs.start("daemon", daemon(folder, url))
            until(lambda: bool(asked(url)["ready"]), what="a daemon that could move")
            yield url
        finally:
            programs.end_all()


def server(number: int, port: int, isv_port: int) -> list[str]:
    """The command of a simulated server."""
    isv = f"siemens:{isv_port}=STARCCM:2023.1000:20"
    listens = ("--host", "127.0.0.1", "--port", str(port), "--isv", isv)
    return python_command("server", "--name", f"rlm{number}", *listens)


def daemon(folder: Path, url: str) -> tuple[str, ...]:
    """The command of the daemon."""
    files = ("--config", "site.yaml", "--state-dir", str(folder / "state"), "--rlmutil", "./rlmutil")
    return (*COMMAND, "serve", "--listen", url.removeprefix("http://"), *files)


def asked(url: str) -> dict[str, Any]:
    """The cluster as the daemon tells it; raises OSError while there is none."""
    with urllib.request.urlopen(f"{url}/api/v1/clusters/site", timeout=5) as answer:  # noqa: S310 - ours
        told: dict[str, Any] = json.load(answer)
        return told


def until(claim: Callable[[], bool], *, what: str) -> None:
    """Return as soon as it holds."""
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if claim():
                return
        time.sleep(0.02)
    sys.exit(f"{what} did not come about within {READY_WITHIN:g} s")


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses at this moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


if __name__ == "__main__":
    sys.exit(main())
