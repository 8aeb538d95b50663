"""Report logs to read: those of the tests' data, and small ones made on the spot."""

from collections.abc import Iterable
from pathlib import Path

from rlm_exporter.rlm.report_log import ReportLog, read_report_log
from rlm_exporter.rlm.report_log_values import Session

DATA = Path(__file__).parent.parent / "data" / "report_log"
FILES = sorted(DATA.glob("*.log"))
HEAD = (
    "",
    "RLM Report Log Format 0, version 15.2, authenticated",
    "ISV: acme, RLM version 15.2 BL3",
    "",
    "Some text of the vendor",
    "",
)
START = "START rlm1 03/02/2026 08:00:00"


def out(  # noqa: PLR0917 - the order of the record's fields
    handle: str, at: str, product: str = "solver", count: int = 1, share: str | None = None,
    day: str = "03/02", who: str = "alice ws1", pool: int = 1,
) -> str:  # fmt: skip
    """A checkout of the std format."""
    return (
        f'OUT {product} 2.5 {pool} {who} "" {count} 1 0 {handle} {share or handle} 7f2'
        f' "" "{product}" "2.5" {day} {at}'
    )


def back(handle: str, at: str, why: int = 1, count: int = 1, day: str = "03/02") -> str:
    """A checkin of the std format."""
    return f'IN {why} solver 2.5 alice ws1 "" {count} 0 0 {handle} {day} {at}'


def in_use(handle: str, at: str, product: str = "solver", count: int = 1, day: str = "03/02") -> str:
    """What is out at the beginning or the end of a log."""
    return f'INUSE {product} 3.0 1 alice ws1 "" {count} {handle} {handle} 7f2 {day} {at}'


def text(*lines: str) -> bytes:
    """These lines as a file."""
    return "".join(f"{line}\n" for line in lines).encode()


def log(*lines: str) -> bytes:
    """A file with a head."""
    return text(*HEAD, *lines)


def read(*files: bytes | Path) -> ReportLog:
    """Several files are one log."""
    return read_report_log([each.read_bytes() if isinstance(each, Path) else each] for each in files)


def ends(sessions: Iterable[Session]) -> list[tuple[int, str, str]]:
    """Run, handle and end of each."""
    return [(each.run, each.handle, each.ended.value) for each in sessions]


_DENY = 'DENY solver 3.0 carol ws4 "" 9 -22'
SHAPES = (
    START, "START rlm1 03/02/2026 10:00:00", "03/02/2026 09:00", "12/31/2026 23:30", "01/01/2027 00:00",
    "SWITCH to b.rl", "SWITCH from a.rl", "SHUTDOWN admin rlm1 03/02 12:00:00", "END 03/02/2026 12:00",
    "TIMEJUMP -60 03/02 09:05:00", "TIMEJUMP +525600 03/02 09:05:00", "TIMEZONE -60 0 0 # CET",
    "AUTH: 1 ff", "nonsense", "", 'OUT solver 2.5 1 alice ws1 "', HEAD[1], HEAD[2],
    out("1", "08:10:00"), out("1", "08:10:00", count=3), out("1", "09:10:00"),
    out("2", "08:10:00", share="1"), out("3", "08:10:00", share="2"),
    out("1", "23:59:59", "mesher", day="12/31"), out("2", "00:00:10", day="01/01"),
    back("1", "09:10:00"), back("1", "09:10:00", count=3), back("2", "00:10:00", day="01/01"),
    back("3", "08:10:00"),
    in_use("1", "09:00:00"), in_use("2", "09:00:00", "mesher"), in_use("3", "00:00:00", day="02/29"),
    'OUT solver 2.5 alice ws1 "" 1 4 4 08:10', 'OUT solver 2.5 alice ws1 "" 1 5 4 23:59',
    "IN 1 1 4 00:01", "IN 6 1 5 09:10", 'QUE solver 3.0 dave ws5 "" 8 5 10:03',
    'DEQUE 1 solver 3.0 dave ws5 "" 8 6 03/02 10:02:00',
    f"{_DENY} 0 03/02 08:32", f"{_DENY} 1 9a1 02/29 08:32",
)  # fmt: skip
"""A line of each kind, and some that get in each other's way."""
