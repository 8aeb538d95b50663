"""How quickly a scrape is answered, beside blackbox_exporter and prometheus_client in the same run.

    .venv/bin/python -m bench.exposition [--seconds 8]

Needs `wrk` and `prometheus-blackbox-exporter` (Debian's packages of these names). blackbox_exporter serves
its own page of some 50 series; ours has 1,000 and 100,000, of which one server's change every second, and
comes out of the whole application, middlewares and all. Goal: at 1,000 series below blackbox_exporter's own
page, in median and 99th percentile, with 1 and with 8 connections, asked without a pause. At 100,000, asked
twice a second: no stall of the event loop above 20 ms.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

SCRIPT = """\
wrk.headers["Accept-Encoding"] = os.getenv("BENCH_ENCODING")
done = function(summary, latency, requests)
   io.write(string.format("RESULT %f %f %d %d\\n", latency:percentile(50), latency:percentile(99),
            summary.requests, summary.errors.status + summary.errors.read + summary.errors.timeout))
end
"""
STALL_GOAL_MS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A page that is served, and by whom."""

    name: str
    url: str
    encoding: str = "identity"
    stalls: str | None = None
    """Where its longest stall is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One load on one page."""

    p50: float
    p99: float
    requests: int
    errors: int


def program(name: str) -> str:
    """Its path; ends the run where it is missing."""
    found = shutil.which(name)
    if found is None:
        sys.exit(f"{name} is missing: apt-get install {name}")
    return found


@contextmanager
def blackbox() -> Iterator[str]:
    """blackbox_exporter's own page."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "blackbox.yml"
        config.write_text("modules: {tcp: {prober: tcp}}\n", encoding="utf-8")
        command = [
            program("prometheus-blackbox-exporter"),
            f"--config.file={config}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            wait_for(f"http://127.0.0.1:{port}/metrics")
            yield f"http://127.0.0.1:{port}/metrics"
        finally:
            process.kill()
            process.wait()


@contextmanager
def served(kind: str, series: int) -> Iterator[int]:
    """One of our servers; gives its port."""
    command = [sys.executable, "-m", "bench.exposition_server", kind, str(series)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline() if process.stdout is not None else "")
    finally:
        process.kill()
        process.wait()


def wait_for(url: str) -> None:
    """Until it answers."""
    for _ in range(100):
        try:
            ask(url)
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit(f"{url} does not answer")


def ask(url: str, encoding: str = "identity") -> bytes:
    """One answer's body."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": encoding})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        body: bytes = answer.read()
    return body


def load(page: Served, *, connections: int, seconds: int, script: Path) -> Measure:
    """wrk's figures, in milliseconds."""
    command = [program("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", f"-s{script}", page.url]
    environment = {**os.environ, "BENCH_ENCODING": page.encoding}
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    found = re.search(r"RESULT (\S+) (\S+) (\d+) (\d+)", told)
    if found is None:
        sys.exit(f"wrk said: {told}")
    return Measure(
        p50=float(found[1]) / 1000,
        p99=float(found[2]) / 1000,
        requests=int(found[3]),
        errors=int(found[4]),
    )


def series_of(url: str) -> int:
    """How many lines of the page are samples."""
    return sum(not line.startswith(b"#") for line in ask(url).splitlines())


def row(page: Served, *, seconds: int, script: Path) -> dict[str, object]:
    """All that is measured of one page; printed as a line of the table."""
    if page.stalls is not None:
        ask(page.stalls)
    one, eight = (load(page, connections=each, seconds=seconds, script=script) for each in (1, 8))
    stall = None if page.stalls is None else float(ask(page.stalls))
    size = len(ask(page.url, page.encoding))
    cells = [
        *(page.name, f"{series_of(page.url):,}", f"{size / 1000:,.0f}"),
        *(f"{each:.2f}" for each in (one.p50, one.p99, eight.p50, eight.p99)),
        "" if stall is None else f"{stall:.1f}",
    ]
    print(f"| {' | '.join(cells)} |", flush=True)
    if one.errors + eight.errors:
        sys.exit(f"{page.name}: {one.errors + eight.errors} answers were no 200")
    return {"name": page.name, "one": one, "eight": eight, "stall": stall}


def main() -> int:
    """Measure, print, and say which goals are missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=8, help="for each load (default 8)")
    seconds: int = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "load.lua"
        script.write_text(SCRIPT, encoding="utf-8")
        print("| page | series | kB | p50, 1 conn., ms | p99 | p50, 8 conn. | p99 | longest stall |")
        print("|---|---:|---:|---:|---:|---:|---:|---:|")
        rows = [*small(seconds, script), *large(seconds)]
    missed = [
        f"{size}, {which}: {getattr(ours, which)} ms, blackbox_exporter {getattr(theirs, which)} ms"
        for size in ("one", "eight")
        for which in ("p50", "p99")
        for ours, theirs in [(rows[1][size], rows[0][size])]
        if getattr(ours, which) >= getattr(theirs, which)
    ]
    missed += [
        f"{each['name']}: a stall of {each['stall']} ms"
        for each in rows[4:]
        if isinstance(each["stall"], float) and each["stall"] > STALL_GOAL_MS and "ours" in str(each["name"])
    ]
    print(json.dumps({"missed": missed, "load": os.getloadavg()[0]}))
    return 1 if missed else 0


def small(seconds: int, script: Path) -> list[dict[str, object]]:
    """1,000 series, and their peers, asked without a pause."""
    with blackbox() as url, served("ours", 1000) as port, served("generate_latest", 1000) as other:
        pages = [
            Served(name="blackbox_exporter, its own", url=url),
            page_of("ours", port),
            page_of("ours, gzip", port, encoding="gzip"),
            page_of("generate_latest", other),
        ]
        return [row(page, seconds=seconds, script=script) for page in pages]


def large(seconds: int) -> list[dict[str, object]]:
    """100,000 series, asked twice a second."""
    with served("ours", 100_000) as port, served("generate_latest", 100_000) as other:
        pages = [
            page_of("ours", port),
            page_of("ours, gzip", port, encoding="gzip"),
            page_of("generate_latest", other),
        ]
        return [calm_row(page, seconds=seconds) for page in pages]


def calm_row(page: Served, *, seconds: int) -> dict[str, object]:
    """The same at the pace of a server that scrapes often; the 99th percentile is the worst one."""
    ask(page.url, page.encoding)
    ask(page.stalls or "")
    took = []
    for _ in range(2 * seconds):
        began = time.perf_counter()
        ask(page.url, page.encoding)
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.5)
    stall = float(ask(page.stalls or ""))
    size = len(ask(page.url, page.encoding))
    cells = (f"{page.name}, twice a second", f"{series_of(page.url):,}", f"{size / 1000:,.0f}")
    figures = (f"{statistics.median(took):.1f}", f"{max(took):.1f}", "", "", f"{stall:.1f}")
    print(f"| {' | '.join((*cells, *figures))} |", flush=True)
    return {"name": page.name, "stall": stall}


def page_of(name: str, port: int, *, encoding: str = "identity") -> Served:
    """One of our servers' pages."""
    base = f"http://127.0.0.1:{port}"
    return Served(name=name, url=f"{base}/metrics", encoding=encoding, stalls=f"{base}/stall")


if __name__ == "__main__":
    sys.exit(main())
