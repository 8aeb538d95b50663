"""Feeds the reader of rlmstat's answers mangled ones until the time is over.

    python -m bench.fuzz_rlmstat --seconds 600

Seeds are the answers of the tests. Exit code 1 with the text that breaks a promise: any error at all, a line
outside the text, seats that nobody printed, a time beyond what the size explains, or an answer that is read
otherwise when its lines come one by one.
"""

import argparse
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from bench.mangle import fuzz, mangle
from rlm_exporter.rlm.holders import double_holders
from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.rlm.rlmstat_text import read_text
from rlm_exporter.rlm.status import ErrorKind
from rlm_exporter.rlm.usage_time import when

SEEDS = [
    path.read_bytes()
    for path in sorted((Path(__file__).parent.parent / "tests" / "data" / "rlmstat").glob("*.txt"))
]
TOKENS = (
    b"\n", b"\r\n", b"\t", b"\t\t", b" ", b":", b",", b"@", b"(", b")", b"/", b"v", b"0", b"9" * 20, b"-",
    b"\trlm status on h (port 5053), up 1d 00:00:01\n", b"\t--------- ISV servers ----------\n",
    b"\t------------------------\n", b"\tacme license pool status on h (port 1)\n",
    b"\tacme license usage status on h (port 1)\n", b"\tacme ISV server status on h (port 1), up 00:00:01\n",
    b"\tsolver v3.0, pool: 1\n", b"\t\tcount: 4, # reservations: 1, inuse: 2, exp: 1-jan-2027\n",
    b"\t\tobsolete: 0, min_remove: 120, total checkouts: 12\n", b"Token-based license",
    b"UNCOUNTED, inuse: 1",
    b"\tsolver v3.0: u@h 1/0 at 02/29 09:01  (handle: 15c) \n", b"Error connecting to \"rlm\" server\n",
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xa0", b"\xc2\xa0", b"\0", b"\xd9\xa1", b"unlimited",
    b"    Startup time: Mon Mar  3 08:15:02 2025\n", b"Running", b"Yes", b" [I: x]", b"permanent", b"1-jan-0",
)  # fmt: skip
_INUSE = re.compile(r"inuse\s*:\s*([0-9]{1,15})")
_TABS = re.compile(r"^\t(?=\S)", re.MULTILINE)
_NOW = datetime(2027, 1, 1, tzinfo=UTC)


def check_answer(data: bytes) -> None:
    """Read one; AssertionError where something is not as it must be."""
    status = parse_rlmstat(data)
    assert status.reachable or status.error_kind is not None, "nothing, and no error"  # noqa: S101
    assert status.error_kind in (None, ErrorKind.TRUNCATED) or not status.reachable, "an error and an answer"  # noqa: S101
    lines = data.count(b"\n") + data.count(b"\r") + data.count(b"\0") + 1
    assert all(1 <= each.line <= lines for each in status.warnings), "a line outside the text"  # noqa: S101
    _counted(data, [pool.inuse or 0 for pool in status.pools])
    double_holders(status.checkouts)
    for each in status.checkouts:
        when(each.at, dated=status.dated, now=_NOW, tz=UTC)


def _counted(data: bytes, used: list[int]) -> None:
    """Seats in use must have been printed as such."""
    printed = sum(int(number) for number in _INUSE.findall(read_text(data).lower()))
    assert sum(used) <= printed, f"{sum(used)} seats in use, {printed} printed"  # noqa: S101


def check_whole_and_by_line(data: bytes) -> None:
    """The reader of runs agrees with the one by line; a leading blank turns the first one off."""
    usual = read_text(data)
    fast, slow = parse_rlmstat(usual), parse_rlmstat(_TABS.sub("\t ", usual))
    assert fast.pools == slow.pools, "pools differ"  # noqa: S101
    assert fast.checkouts == slow.checkouts, "usage lines differ"  # noqa: S101


def _maker() -> Callable[[Random], bytes]:
    return lambda chance: mangle(chance.choice(SEEDS), TOKENS, chance)


def main() -> int:
    """Run until the time is over or a promise is broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None, help="the same number gives the same run")
    options = parser.parse_args()
    checks = [(check_answer, _maker()), (check_whole_and_by_line, _maker())]
    return fuzz(checks, seconds=options.seconds, number=options.seed)


if __name__ == "__main__":
    sys.exit(main())
