"""How fast license files are read, and whether time grows with their size alone: 1x, 4x, 16x.

python -m bench.license_file
"""

import sys
from collections.abc import Callable
from datetime import date

from bench.timing import processor_seconds
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_findings import find_faults

_HEAD = "HOST rlm1.example.com 0123456789ab 5053\nISV siemens port=5055\n"
_SIGNATURE = "60PG4510KTXVQ0WYBX785XAKTDKUCHB7T683Y2MG22M088S8UAFR0VKPMFGPKH4X"
_TODAY = date(2027, 1, 1)


def plain(number: int) -> str:
    """Licenses of the common kind, three lines each."""
    return _HEAD + "".join(
        f"LICENSE siemens PRODUCT_{index} 2027.1 31-dec-2027 {index % 90 + 1} share=uh _ck={index:06x}\n"
        f'  issued=1-jan-2026 platforms="x64_l x64_w" customer="A company of some size"\n'
        f'  sig="{_SIGNATURE}\n    {_SIGNATURE[::-1]}"\n'
        for index in range(number)
    )


def unknown_words(number: int) -> str:
    """One license followed by words that RLM does not know."""
    return _HEAD + "LICENSE siemens STARCCM 2027.1 permanent 5 sig=AB\n" + "word\n" * (40 * number)


def open_quotes(number: int) -> str:
    """A quote that is never closed on every license."""
    return _HEAD + 'LICENSE siemens STARCCM 2027.1 permanent 5 customer="A company sig=AB\n' * (5 * number)


def keyword_lines_in_quotes(number: int) -> str:
    """A value that no quote closes, full of lines that begin with a statement's word."""
    return (
        _HEAD
        + 'LICENSE siemens STARCCM 2027.1 permanent 5 _notes="\n'
        + "ISV of ours, and much more text\n" * (10 * number)
    )


def blanks(number: int) -> str:
    """Blanks, line breaks and backslashes without end."""
    return _HEAD + (" " * 50 + "\\" + " " * 100 + "\n") * (2 * number)


SHAPES: tuple[Callable[[int], str], ...] = (
    plain,
    unknown_words,
    open_quotes,
    keyword_lines_in_quotes,
    blanks,
)


def seconds(data: bytes) -> float:
    """Processor time of reading and judging a file."""
    return processor_seconds(lambda: find_faults(parse_license_file(data), as_of=_TODAY))


def main() -> int:
    """Print a line for each shape; exit code 1 where time grows faster than the size."""
    steady = True
    print(f"{'shape':26}{'MB':>8}{'seconds':>10}{'MB/s':>8}   per byte, 1x = 1")
    for shape in SHAPES:
        first: float | None = None
        for times in (1, 4, 16):
            data = shape(1300 * times).encode()
            took = seconds(data)
            first = first or took / len(data)
            growth = took / len(data) / first
            steady = steady and growth < 2
            megabytes = len(data) / 1e6
            print(f"{shape.__name__:26}{megabytes:8.2f}{took:10.3f}{megabytes / took:8.1f}   {growth:.2f}")
    return 0 if steady else 1


if __name__ == "__main__":
    sys.exit(main())
