"""Feeds the reader of report logs mangled logs until the time is over.

    python -m bench.fuzz_report_log --seconds 600

Seeds are the files of the tests. Exit code 1 with the text that breaks a promise: an error of any kind, a
number that cannot be, another answer where the same bytes come in other pieces, a time beyond what the size
explains.
"""
# ruff: noqa: S101 - a broken promise is what this looks for

import argparse
import random
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

from bench.mangle import fuzz, mangle
from rlm_exporter.rlm.report_log_place import Course, read_head
from rlm_exporter.rlm.report_log_reader import ReportLogReader
from rlm_exporter.rlm.report_log_totals import Totals
from rlm_exporter.rlm.report_log_values import Begun, Denial, Ended, Event, LogWarning, Run, Session

_DATA = Path(__file__).parent.parent / "tests" / "data" / "report_log"
SEEDS = tuple(path.read_bytes() for path in sorted(_DATA.glob("*.log")))
TOKENS = (
    b'"', b'""', b" ", b"  ", b"\t", b"\n", b"\r\n", b"\r", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe4",
    b"\xc2\xa0", b"\nSTART rlm1 03/02/2026 08:00\n", b"\nEND 03/02/2026 12:00\n", b"\n12/31/2999 23:59\n",
    b"\n01/01/1970 00:00\n", b"\nSHUTDOWN a b 03/02 12:00:00\n", b"\nSWITCH to b.rl\n",
    b"\nSWITCH from a.rl\n", b"\nTIMEJUMP -99999 01/01 00:00\n", b"\nTIMEJUMP +999999999 12/31 23:59\n",
    b"\nIN 1 1 1 00:00\n", b"\nIN 6 1 5 23:59\n", b'\nOUT solver 2.5 alice ws1 "" 1 1 1 08:10\n',
    b'\nQUE solver 3.0 dave ws5 "" 8 4 10:03:00\n', b"\nRLM Report Log Format 2, version 15.2\n",
    b"\nTIMEZONE 300 1 0 # EST\n", b" 02/29 ", b" 02/30 ", b" 24:00:00", b"00:00:00.1234", b"999999999",
    b"-22", b"ffffffff", b"\xd9\xa1", b"/", b":",
)  # fmt: skip
_SECONDS_PER_BYTE = 5e-6
"""Some ten times what the slowest shape takes; beyond it something is not linear."""

_LARGEST = 30_000


def make(chance: random.Random) -> bytes:
    """Up to three seeds after one another, their lines at times shuffled, and mangled."""
    data = b"".join(chance.choices(SEEDS, k=chance.choice((1, 1, 1, 2, 3))))
    if chance.random() < 0.3:
        lines = data.split(b"\n")
        chance.shuffle(lines)
        data = b"\n".join(lines)
    return mangle(data, TOKENS, chance, most=_LARGEST)


def read(data: bytes, sizes: tuple[int, ...]) -> tuple[list[Event], dict[str, int]]:
    """All events of a log that comes in pieces of these sizes over and over."""
    reader = ReportLogReader()
    events: list[Event] = []
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        events += reader.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    return events + reader.close(), reader.peak_seats


def check_log(data: bytes) -> None:
    """Read it in two ways; AssertionError where something is not as it must be."""
    events, peaks = read(data, (len(data) or 1,))
    chance = random.Random(data)
    assert (events, peaks) == read(data, (chance.randrange(1, 200), chance.randrange(1, 5000))), (
        "pieces matter"
    )
    lines = data.count(b"\n") + 1
    runs = [each.number for each in events if isinstance(each, Run)]
    sessions = [each for each in events if isinstance(each, Session)]
    denials = [each for each in events if isinstance(each, Denial)]
    warnings = [each.line for each in events if isinstance(each, LogWarning)]
    assert runs == list(range(len(runs))), "runs out of order"
    assert {each.run for each in (*sessions, *denials)} <= set(runs), "a run that is none"
    assert len(sessions) + len(denials) + len(warnings) <= lines, "more than there are lines"
    assert all(1 <= line <= lines for line in warnings), "a line outside the log"
    taken = Counter[str]()
    for each in sessions:
        assert (each.reason is not None) == (each.ended is Ended.IN), "a reason without a checkin"
        assert each.lasted is None or each.lasted >= timedelta(), "shorter than nothing"
        if each.begun is not Begun.UNKNOWN:
            taken[each.product or ""] += each.seats
    assert all(0 <= seats <= taken[product] for product, seats in peaks.items()), "seats of nobody"
    totals = Totals()
    totals.add(events)
    assert totals.sessions == len(sessions), "sums that are none"
    read_head(data)
    Course().after(data)


def main() -> int:
    """Run until the time is over or a promise is broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None, help="the same number gives the same run")
    options = parser.parse_args()
    checks = [(check_log, make)]
    return fuzz(checks, seconds=options.seconds, number=options.seed, per_byte=_SECONDS_PER_BYTE)


if __name__ == "__main__":
    sys.exit(main())
