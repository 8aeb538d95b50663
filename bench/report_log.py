"""How fast report logs are read, and whether time grows with their size alone: 1x, 4x, 16x.

    python -m bench.report_log

Below the formats stand shapes that are meant to be slow, and the floor: what it takes in this Python to split
the std log into its fields with one expression a line, without making anything of them. Exit code 1 where a
format is read at less than 200,000 records a second, though the floor shows a machine that could do it, or
where time grows faster than the size.
"""

import argparse
import re
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

from bench.timing import processor_seconds
from rlm_exporter.rlm.report_log_reader import ReportLogReader

WANTED = 200_000
_PIECE = 1024 * 1024
_STAMP_EVERY = 40
_BEGIN = datetime(2026, 3, 2, 8)  # noqa: DTZ001 - the server's local time
_HELD = 300
"""So many seats are out at once."""


def _head(number: int) -> list[str]:
    return [
        "",
        f"RLM Report Log Format {number}, version 15.2, authenticated",
        "ISV: acme, RLM version 15.2 BL3",
        "",
        "Some text of the vendor",
        "",
        f"START rlm1 {_BEGIN:%m/%d/%Y %H:%M:%S}",
    ]


def _day(number: int, out: Callable[[int, datetime], str], back: Callable[[int, datetime], str]) -> list[str]:
    """Checkouts, each followed by the checkin of an earlier one, a denial here and there, and timestamps."""
    lines: list[str] = []
    at = _BEGIN
    for index in range(number // 2):
        at += timedelta(seconds=45)
        lines.append(out(index, at))
        if index >= _HELD:
            lines.append(back(index - _HELD, at))
        if index % _STAMP_EVERY == 0:
            lines.append(f"{at:%m/%d/%Y %H:%M}")
            lines.append(f'DENY solver 2.5 user{index % 977} ws{index % 613} "" 1 -22 1 {at:%m/%d %H:%M}')
    return lines


def _who(index: int) -> str:
    return f'solver_{index % 25} 2025.1 {{}}user{index % 977} ws{index % 613}.example.com ""'


def std(number: int) -> list[str]:
    """The default format."""
    return _head(0) + _day(
        number,
        lambda index, at: (
            f"OUT {_who(index).format('3 ')} 1 {_HELD} 0 {index + 1:x} {index + 1:x} 7f2"
            f' "" "solver_{index % 25}" "2025.1" {at:%m/%d %H:%M:%S}'
        ),
        lambda index, at: f"IN 1 {_who(index).format('')} 1 {_HELD} 0 {index + 1:x} {at:%m/%d %H:%M:%S}",
    )


def detailed(number: int) -> list[str]:
    """The longest one."""
    return _head(2) + _day(
        number,
        lambda index, at: (
            f"OUT {_who(index).format('3 ')} 1 {_HELD} 0 {index + 1:x} {index + 1:x} 7f2"
            f' "" "solver_{index % 25}" "2025.1" {at:%m/%d %H:%M:%S}.{index % 10000:04}'
            ' "Linux 5.14.0-427.el9.x86_64" "/opt/acme/bin/solver" 0 0 192.0.2.7'
        ),
        lambda index, at: (
            f"IN 1 {_who(index).format('')} 1 {_HELD} 0 {index + 1:x} {at:%m/%d %H:%M:%S}.{index % 10000:04}"
        ),
    )


def small(number: int) -> list[str]:
    """The shortest one."""
    return _head(1) + _day(
        number,
        lambda index, at: f"OUT {_who(index).format('')} 1 {index + 1:x} {index + 1:x} {at:%H:%M}",
        lambda index, at: f"IN 1 1 {index + 1:x} {at:%H:%M}",
    )


def never_back(number: int) -> list[str]:
    """Checkouts without a checkin, all of them sharing one seat."""
    return _head(0) + [
        f'OUT solver 2.5 1 alice ws1 "" 1 1 0 {index + 1:x} 1 7f2 "" "solver" "2.5" 03/02 09:00:00'
        for index in range(number)
    ]


def one_handle(number: int) -> list[str]:
    """One handle given out over and over, at the same time."""
    return _head(0) + [
        f'OUT solver 2.5 {index} alice ws1 "" {index + 1} 1 0 1 1 7f2 "" "solver" "2.5" 03/02 09:00:00'
        for index in range(number)
    ]


def one_handle_back(number: int) -> list[str]:
    """And taken back in the order that is worst for us."""
    lines = one_handle(number // 2)
    return (
        lines
        + [f'IN 1 solver 2.5 alice ws1 "" {index + 1} 1 0 1 03/02 09:00:00' for index in range(number // 2)][
            ::-1
        ]
    )


def nearly(number: int) -> list[str]:
    """Lines that are records but for their end, full of what an expression may stumble over."""
    return _head(0) + [f'OUT a b 1 c d "e" {"1 " * 30}"x" "y" "z" 03/02 09:00' for _ in range(number)]


def no_dates(number: int) -> list[str]:
    """Not one line that has a year."""
    return [f'DENY solver 2.5 alice ws1 "" 1 -22 1 03/0{index % 9 + 1} 09:00' for index in range(number)]


FORMATS: tuple[Callable[[int], list[str]], ...] = (std, detailed, small)
HOSTILE: tuple[Callable[[int], list[str]], ...] = (never_back, one_handle, one_handle_back, nearly, no_dates)

_FLOOR = re.compile(r'("[^"]*"|[^ ]+)(?: |$)')


def read_bytes(data: bytes) -> int:
    """Read it all in pieces of the usual size; how many events there were."""
    reader = ReportLogReader()
    events = 0
    for at in range(0, len(data), _PIECE):
        events += len(reader.feed(data[at : at + _PIECE]))
    return events + len(reader.close())


def split(data: bytes) -> int:
    """The floor."""
    return sum(len(_FLOOR.findall(line)) for line in data.decode().split("\n"))


def seconds(work: Callable[[bytes], int], data: bytes) -> float:
    """Processor time of reading a log."""
    return processor_seconds(lambda: work(data))


def measure(shape: Callable[[int], list[str]], times: int, work: Callable[[bytes], int]) -> float:
    """Print how long it took; seconds a record."""
    lines = shape(20_000 * times)
    data = "\n".join((*lines, "")).encode()
    took = seconds(work, data)
    name = shape.__name__ if work is read_bytes else f"({work.__name__} {shape.__name__})"
    rate = f"{len(lines) / took:12,.0f}"
    print(f"{name:18}{len(lines):9}{len(data) / 1e6:8.2f}{took:9.3f}{rate}", end="")
    return took / len(lines)


def main() -> int:
    """Print a line for each shape and size."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    sound = True
    print(f"{'shape':18}{'records':>9}{'MB':>8}{'seconds':>9}{'records/s':>12}   per record, 1x = 1")
    floor = measure(std, 1, split)
    print()
    for shape in (*FORMATS, *HOSTILE):
        first = last = 0.0
        for times in (1, 4, 16):
            last = measure(shape, times, read_bytes)
            first = first or last
            print(f"   {last / first:.2f}")
        sound = sound and last < 2 * first
        if shape in FORMATS:
            sound = sound and (last < 1 / WANTED or last < 4 * floor)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
