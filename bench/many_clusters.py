"""How far one daemon goes: what it costs to watch 1, 10, 50, 100 and 200 clusters of three servers.

    python -m bench.many_clusters [--clusters 1,10] [--seconds 60] [--detection fast] [--down] [--balancers]

The servers are one listener that takes every connection, and a shell script in place of rlmutil that prints
the answer of a server with 20 products and 20 checkouts. So nearly all that is measured is the daemon's own
doing; the script's processes stand in a column of their own. The row of one cluster is the floor.

`--down`: nobody answers, and rlmutil says so. `--balancers`: each cluster has a HAProxy of its own as well.

Columns: processor seconds of the daemon a second, and of rlmutil's stand-in; resident memory; the page of all
metrics in MB; the median and longest time of a scrape of it, and of a scrape of one cluster; runs of rlmutil
a second; by how many ms waits of all kinds ended too late (the worst of a hundred, and the worst of all); and
the longest time between two checks of one server that is not the active one: 33 s by the manifest.
"""

import argparse
import contextlib
import http.client
import itertools
import os
import resource
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from rlm_exporter.haproxy.config import RenderOptions, render_config
from rlm_exporter.manifest.load import load_manifests

COUNTS = (1, 10, 50, 100, 200)
WARM_UP = 20.0
"""Seconds: every server has been checked once, and everybody knows who is active."""
SCRAPES = 20
PRODUCTS = 20
LICENSE_PORT, WEB_PORT, ISV_PORT = 15053, 15054, 15055
TICK = os.sysconf("SC_CLK_TCK")

SCRIPT = """\
#!/bin/sh
# $4 is PORT@HOST. The file is made by a redirection alone: its time says when this began.
host=${{4#*@}}
: > "{calls}/$host.$$"
case $host in
*.1) printf '%s\\n' '{active}' ;;
*) printf '%s\\n' '{standby}' ;;
esac
"""
REFUSED = """\
rlmutil v15.2
Copyright (C) 2006-2023, Reprise Software, Inc. All rights reserved.


Error connecting to "rlm" server

Connection attempted to host: "" on port 5053

No error"""


def answer(*, serves: bool) -> str:
    """What a server says, with seats out or without."""
    in_use = 1 if serves else 0
    pools = "\n".join(
        f"\tproduct{number} v3.0, pool: {number}\n"
        f"\t\tcount: 40, # reservations: 0, inuse: {in_use}, exp: permanent\n"
        f"\t\tobsolete: 0, min_remove: 120, total checkouts: {50 * in_use}"
        for number in range(1, PRODUCTS + 1)
    )
    usage = "\n".join(
        f"\tproduct{number} v3.0: user{number}@ws{number} 1/0 at 11/03 09:01  (handle: {number:x})"
        for number in range(1, PRODUCTS + 1)
    )
    return f"""\
rlmutil v15.2
Copyright (C) 2006-2023, Reprise Software, Inc. All rights reserved.


\trlm status on rlm (port {LICENSE_PORT}), up 03:09:01
\trlm software version v15.2 (build:3)
\t--------- ISV servers ----------
\t   Name           Port Running Restarts
acme             {ISV_PORT}   Yes      0
\t------------------------
\tacme ISV server status on rlm (port {ISV_PORT}), up 03:08:58
\tacme software version v15.2 (build: 3)
\t------------------------
\tacme license pool status on rlm (port {ISV_PORT})
{pools}
\t------------------------
\tacme license usage status on rlm (port {ISV_PORT})
{usage if serves else ""}"""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured."""

    seconds: float
    detection: str
    down: bool
    balancers: bool


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Of a process at one moment."""

    own: float
    children: float
    resident: float
    """MB."""


def usage(pid: int) -> Usage:
    """As the kernel has it."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    own, children = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    resident = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return Usage(own=own / TICK, children=children / TICK, resident=resident)


def addresses(number: int) -> list[str]:
    """The three servers of a cluster; the last octet tells the script which one is asked."""
    return [f"127.{100 + number // 250}.{number % 250}.{server}" for server in (1, 2, 3)]


def document(number: int, folder: Path, options: Options) -> dict[str, object]:
    """The manifest of one cluster."""
    roles = zip(("primary", "secondary", "backup"), addresses(number), strict=True)
    servers = {
        role: {
            "name": f"rlm{index}",
            "host": host,
            "port": LICENSE_PORT,
            "webPort": WEB_PORT,
            "isvPorts": {"acme": ISV_PORT},
        }
        for index, (role, host) in enumerate(roles, start=1)
    }
    spec: dict[str, object] = {
        "type": "rlm",
        "highAvailability": {"enabled": True, "mode": "active-passive", **servers},
        "monitoring": {
            "healthCheck": {"interval": "30s", "checkWeb": False},
            "failover": {"detection": options.detection},
        },
        "features": [{"name": "product1", "vendor": "acme"}],
    }
    if options.balancers:
        spec["loadBalancer"] = {
            "host": f"127.{110 + number // 250}.{number % 250}.1",
            "port": LICENSE_PORT,
            "haproxy": [{"name": "lb1", "url": f"unix:{folder}/{number}.sock"}],
        }
    name = {"name": f"cluster{number}"}
    api = "licensing.vantage.com/v1"
    return {"apiVersion": api, "kind": "LicenseServer", "metadata": name, "spec": spec}


@contextlib.contextmanager
def listening(hosts: list[str]) -> Iterator[None]:
    """At each address both ports take connections and close them."""
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for host in hosts:
            for port in (LICENSE_PORT, ISV_PORT):
                listener = stack.enter_context(socket.create_server((host, port), backlog=16))
                selector.register(listener, selectors.EVENT_READ)
        ended = threading.Event()

        def take() -> None:
            while not ended.is_set():
                for key, _ in selector.select(0.5):
                    listener = key.fileobj
                    if isinstance(listener, socket.socket):
                        listener.accept()[0].close()

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield
        ended.set()
        thread.join()


@contextlib.contextmanager
def balancers(manifest: Path, folder: Path) -> Iterator[None]:
    """A HAProxy for each cluster that has one."""
    program = shutil.which("haproxy")
    processes = []
    for cluster in load_manifests([manifest]).clusters:
        for endpoint in cluster.load_balancer.haproxy if cluster.load_balancer else ():
            path = folder / f"{cluster.name}.cfg"
            bind = RenderOptions(bind=cluster.load_balancer.host if cluster.load_balancer else "")
            path.write_text(render_config(cluster, endpoint, bind), encoding="utf-8")
            with (folder / "haproxy.log").open("ab") as log:
                processes.append(subprocess.Popen([str(program), "-f", str(path)], stdout=log, stderr=log))
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def free_port() -> int:
    """For the daemon."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def scrape(port: int, path: str) -> tuple[float, float, int]:
    """The median and the longest time in ms, and the size in bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    took, size = [], 0
    for _ in range(SCRAPES):
        time.sleep(0.25)
        began = time.perf_counter()
        connection.request("GET", path)
        size = len(connection.getresponse().read())
        took.append((time.perf_counter() - began) * 1000)
    connection.close()
    return statistics.median(took), max(took), size


def longest_gap(calls: Path) -> float:
    """The longest time between two checks of one standby."""
    times: dict[str, list[float]] = {}
    for path in calls.iterdir():
        host = path.name.rpartition(".")[0]
        if not host.endswith(".1"):
            times.setdefault(host, []).append(path.stat().st_mtime)
    gaps = [
        later - sooner for each in map(sorted, times.values()) for sooner, later in itertools.pairwise(each)
    ]
    return max(gaps, default=float("nan"))


def measure(number: int, options: Options, folder: Path) -> str:
    """Run a daemon with so many clusters; a row of the table."""
    calls = folder / "calls"
    calls.mkdir()
    texts = [REFUSED, REFUSED] if options.down else [answer(serves=serves) for serves in (True, False)]
    rlmutil = folder / "rlmutil"
    rlmutil.write_text(SCRIPT.format(calls=calls, active=texts[0], standby=texts[1]), encoding="ascii")
    rlmutil.chmod(0o755)
    numbers = range(1, number + 1)
    manifest = folder / "clusters.yaml"
    documents = [document(each, folder, options) for each in numbers]
    manifest.write_text(yaml.safe_dump_all(documents), encoding="ascii")
    hosts = [] if options.down else [host for each in numbers for host in addresses(each)]
    with listening(hosts), balancers(manifest, folder):
        return watch(number, options, folder, manifest, rlmutil)


def watch(number: int, options: Options, folder: Path, manifest: Path, rlmutil: Path) -> str:
    """Start the daemon, look at it for a while, end it."""
    port, late = free_port(), folder / "late"
    store = f"sqlite:///{folder / 'journal.db'}"
    command = [sys.executable, "-m", "bench.many_clusters_daemon", str(manifest), str(port), store]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen([*command, str(rlmutil), str(late)], stderr=log)
    time.sleep(WARM_UP)
    began, before = time.monotonic(), usage(daemon.pid)
    made_before = len(list((folder / "calls").iterdir()))
    time.sleep(options.seconds)
    after, took = usage(daemon.pid), time.monotonic() - began
    made = len(list((folder / "calls").iterdir())) - made_before
    page, one = scrape(port, "/metrics"), scrape(port, "/probe?target=cluster1")
    daemon.send_signal(signal.SIGTERM)
    if daemon.wait(60) != 0:
        raise SystemExit(f"the daemon ended badly:\n{(folder / 'log').read_text(encoding='utf-8')}")
    waits = [tuple(map(float, line.split())) for line in late.read_text(encoding="ascii").splitlines()]
    lates = sorted(by * 1000 for woke, by in waits if began <= woke <= began + took) or [float("nan")]
    return (
        f"{number:8}{(after.own - before.own) / took:8.3f}{(after.children - before.children) / took:9.3f}"
        f"{after.resident:8.0f}{page[2] / 1e6:9.2f}{page[0]:8.1f}{page[1]:8.1f}{one[0]:8.1f}{one[1]:8.1f}"
        f"{made / took:9.1f}{lates[int(len(lates) * 0.99)]:9.1f}{lates[-1]:9.1f}"
        f"{longest_gap(folder / 'calls'):9.1f}"
    )


def main() -> int:
    """Print a row for each number of clusters."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clusters", default=",".join(map(str, COUNTS)))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--detection", default="normal", choices=("fast", "normal"))
    parser.add_argument("--down", action="store_true")
    parser.add_argument("--balancers", action="store_true")
    given = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    options = Options(
        seconds=given.seconds, detection=given.detection, down=given.down, balancers=given.balancers
    )
    print(
        f"{'clusters':>8}{'CPU s/s':>8}{'rlmutil':>9}{'MB':>8}{'page MB':>9}{'ms':>8}{'most':>8}{'one ms':>8}"
        f"{'most':>8}{'checks/s':>9}{'late 99%':>9}{'most':>9}{'gap s':>9}"
    )
    for number in map(int, given.clusters.split(",")):
        with tempfile.TemporaryDirectory(prefix="many-", dir="/tmp") as folder:  # a short path, for sockets
            print(measure(number, options, Path(folder)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
