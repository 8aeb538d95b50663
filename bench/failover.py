"""How long a failover takes and whether anybody is sent wrong: minimum, median and worst of many runs.

    PATH="$PWD/.cache/parts/bin:$PATH" .venv/bin/python -m bench.failover --runs 20
    PATH="$PWD/.cache/parts/bin:$PATH" .venv/bin/python -m bench.failover --runs 5 --only crash,hang

Everything is real but RLM: HAProxy, the daemon as `rlm-ha serve`, clients that come and clients that stay;
`detection: fast`. Faults come at a random moment between two checks. Beside it HAProxy alone, with the
timings of Vantage's manual. Prints a table in Markdown; exit code 1 where a goal is missed or a run did not
come to its end. All with 20 runs takes about an hour; what else the machine does shows in the worst numbers.
"""

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.failover_alone import alone
from bench.failover_measures import (
    Samples,
    crash,
    daemon_killed,
    hang,
    kills,
    quiet_hang,
    reloads,
    switchovers,
    webhook,
)
from rlm_exporter.demo.processes import Interrupts
from rlm_exporter.errors import RlmExporterError

Measure = Callable[[Interrupts, int], Iterator[Samples]]


class Unit(StrEnum):
    """What a number counts."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    CONNECTIONS = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table; goals are upper bounds, in seconds or connections."""

    what: str
    unit: Unit = Unit.SECONDS
    median: float | None = None
    worst: float | None = None
    p99: float | None = None
    of: str | None = None
    """The samples that say of how many connections these are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A measurement that can be chosen by itself."""

    measure: Measure
    one_by_one: bool
    """Whether every run has a stage of its own; the others have one for all."""
    rows: Mapping[str, Row]


BENCHES: Mapping[str, Bench] = {
    "crash": Bench(
        measure=crash,
        one_by_one=True,
        rows={
            "crash": Row(what="crash: first new client on the standby", worst=3.5),
            "crash_return": Row(
                what="crash: connections to the old server after its return", unit=Unit.CONNECTIONS, worst=0
            ),
        },
    ),
    "hang": Bench(
        measure=hang,
        one_by_one=True,
        rows={
            "hang": Row(what="hang, with clients: first new client on the standby", median=10, worst=15),
            "stuck": Row(what="hang, with clients: the last stuck session is cut", median=10, worst=15),
        },
    ),
    "quiet-hang": Bench(
        measure=quiet_hang,
        one_by_one=True,
        rows={"quiet_hang": Row(what="hang, without clients: committed", worst=15)},
    ),
    "switchover": Bench(
        measure=switchovers,
        one_by_one=False,
        rows={
            "switchover": Row(what="switchover by hand: committed", unit=Unit.MILLISECONDS, p99=2),
            "switchover_haproxy": Row(
                what="of it at HAProxy: from the first command to the new server in its table",
                unit=Unit.MILLISECONDS,
                p99=0.05,
            ),
        },
    ),
    "webhook": Bench(
        measure=webhook,
        one_by_one=False,
        rows={
            "webhook": Row(what="webhook answered, while an operation runs", unit=Unit.MILLISECONDS, p99=0.05)
        },
    ),
    "reload": Bench(
        measure=reloads,
        one_by_one=False,
        rows={
            "reload_wrong": Row(
                what="connections to a wrong server, in 5 reloads of HAProxy",
                unit=Unit.CONNECTIONS,
                worst=0,
                of="reload_connections",
            )
        },
    ),
    "kill": Bench(
        measure=kills,
        one_by_one=False,
        rows={
            "kill_wrong": Row(
                what="connections to a wrong server, in a kill and cold start of HAProxy",
                unit=Unit.CONNECTIONS,
                worst=0,
                of="kill_connections",
            )
        },
    ),
    "daemon": Bench(
        measure=daemon_killed,
        one_by_one=False,
        rows={
            "daemon_killed": Row(
                what="the daemon killed at every step: as wanted again after its start", worst=10
            )
        },
    ),
    "alone": Bench(
        measure=alone,
        one_by_one=False,
        rows={
            "alone": Row(what="HAProxy alone, crash: first answer of the standby"),
            "alone_return": Row(
                what="HAProxy alone: connections to the old server after its return", unit=Unit.CONNECTIONS
            ),
        },
    ),
}


def measure(name: str, runs: int, interrupts: Interrupts, samples: Samples) -> list[str]:
    """Put a measurement's numbers into `samples`; returns what went wrong."""
    bench = BENCHES[name]
    failed = []
    for part in range(runs) if bench.one_by_one else [runs]:
        try:
            for found in bench.measure(interrupts, part):
                for key, values in found.items():
                    samples.setdefault(key, []).extend(values)
                told = ", ".join(f"{key} {values[-1]:.3f}" for key, values in found.items() if values)
                print(f"{time.strftime('%H:%M:%S')} {name}: {told}", file=sys.stderr, flush=True)
        except (RlmExporterError, RuntimeError, OSError) as error:
            failed.append(f"{name}: {error}")
            print(f"{time.strftime('%H:%M:%S')} {failed[-1]}", file=sys.stderr, flush=True)
    return failed


def p99(values: Sequence[float]) -> float:
    """The least value that 99 of 100 do not exceed."""
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]


def missed(row: Row, values: Sequence[float]) -> list[str]:
    """Which goals these numbers do not reach."""
    goals = (
        ("median", row.median, statistics.median(values)),
        ("p99", row.p99, p99(values)),
        ("worst", row.worst, max(values)),
    )
    return [name for name, limit, value in goals if limit is not None and value > limit]


def line(row: Row, samples: Samples, values: Sequence[float]) -> str:
    """One line of the table."""

    def shown(value: float) -> str:
        match row.unit:
            case Unit.SECONDS:
                return f"{value:.2f} s"
            case Unit.MILLISECONDS:
                return f"{value * 1000:.1f} ms"
            case Unit.CONNECTIONS:
                return f"{value:.0f}"

    goals = [
        f"{name} {shown(limit)}"
        for name, limit in (("median", row.median), ("p99", row.p99), ("worst", row.worst))
        if limit is not None
    ]
    verdict = f"missed: {', '.join(missed(row, values))}" if missed(row, values) else "yes" if goals else ""
    what = row.what if row.of is None else f"{row.what} (of {sum(samples[row.of]):,.0f})"
    numbers = [shown(each) for each in (min(values), statistics.median(values), p99(values), max(values))]
    return f"| {what} | {len(values)} | {' | '.join(numbers)} | {', '.join(goals)} | {verdict} |"


def table(chosen: Sequence[str], samples: Samples) -> str:
    """What was measured, in Markdown."""
    lines = [
        "| What | Samples | Minimum | Median | p99 | Worst | Goal | Met |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in chosen:
        for key, row in BENCHES[name].rows.items():
            lines.append(
                line(row, samples, samples[key])
                if key in samples
                else f"| {row.what} | 0 | | | | | | missed: no run came to its end |"
            )
    return "\n".join(lines)


def _chosen(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    return names


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20, help="of each (%(default)s)")
    parser.add_argument("--only", type=_chosen, default=list(BENCHES), help=f"of {','.join(BENCHES)}")
    options = parser.parse_args()
    samples: Samples = {}
    failed: list[str] = []
    load = os.getloadavg()[0]
    with Interrupts() as interrupts:
        try:
            for name in options.only:
                failed += measure(name, options.runs, interrupts, samples)
        except KeyboardInterrupt:
            failed.append("stopped by a signal")
    print(table(options.only, samples))
    print(f"\nLoad of the machine at the start: {load:.1f}, on {os.cpu_count()} processors.")
    for each in failed:
        print(f"Not measured: {each}")
    rows = [(row, samples.get(key, [])) for name in options.only for key, row in BENCHES[name].rows.items()]
    return int(bool(failed) or any(not values or missed(row, values) for row, values in rows))


if __name__ == "__main__":
    sys.exit(main())
