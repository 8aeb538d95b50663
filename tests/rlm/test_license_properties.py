"""Whatever the bytes are, the reader of license files raises its own error alone, and invents nothing."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.license_file import SHAPES, seconds
from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.license_compare import compare
from rlm_exporter.rlm.license_failover import failover_grants
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_findings import find_faults
from rlm_exporter.rlm.license_values import License, LicenseFile, LicenseKind
from tests.rlm.license_files import FILES, TODAY

WORDS = st.sampled_from(
    ["HOST", "SERVER", "ISV", "DAEMON", "LICENSE", "FEATURE", "UPGRADE", "CUSTOMER", "siemens", "STARCCM",
     "ANY", "5053", "70000", "1.0", "permanent", "31-dec-2027", "29-feb-2027", "20", "0", "single", "token",
     "rlm_failover", "_primary_server=localhost", "sig=60PG", 'sig="60', 'PG"', '"', '="', "SIGN=1", "_ck=1",
     "port=5055", "port=x", "platforms=x64_linux", "start=1-jan-2028", "isv=a", "REDUNDANT", "\\", "#", "=",
     "=a", "a=", "\n", "\n", "\n", "\r\n", "\t", "\ufeff", "\xa0", "\x0b", "\x1c", "\x85", "\u2028"]
)  # fmt: skip
TEXTS = st.lists(WORDS, max_size=60).map(" ".join)
FIELDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,12}", fullmatch=True)
DAYS = st.one_of(st.none(), st.dates(min_value=date(1000, 1, 1)))


def judge(data: bytes | str) -> LicenseFile | None:
    """Read it and judge it, and hold both to what may be said of any file; None for what is no text."""
    try:
        file = parse_license_file(data)
    except FormatError:
        return None
    found = find_faults(file, as_of=TODAY, strict=True, balancers=("lb",))
    last = max(file.lines, 1)
    lines = [each.line for group in (file.hosts, file.isvs, file.licenses, found) for each in group]
    assert all(1 <= line <= last for line in lines)
    for license_ in file.licenses:
        assert (license_.count is not None) == (license_.kind is LicenseKind.COUNTED)
    assert compare([("a", file), ("b", file)]) == ()
    assert len(failover_grants(file)) <= len(file.licenses)
    return file


@given(st.binary(max_size=400))
@example(b"\xff\xfeH")
@example(b"\xef\xbb\xbf")
@example(b"\xef\xbb\xbf\xe4")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    judge(data)


@given(TEXTS)
@example('HOST "')
@example("HOST a\n\\")
@example("\r")
@example("LICENSE a b 1.0 \u0661-jan-2027 5")
def test_any_words_in_any_order_are_read(text: str) -> None:
    assert judge(text.replace("\0", "")) is not None


@given(st.sampled_from(FILES), st.data())
def test_a_file_that_is_cut_anywhere_is_read(file: Path, data: st.DataObject) -> None:
    whole = file.read_bytes()
    assert judge(whole[: data.draw(st.integers(0, len(whole)))]) is not None


@given(st.lists(st.tuples(FIELDS, FIELDS, DAYS, st.integers(0, 10**6)), max_size=8), st.booleans())
def test_what_is_written_is_read(rows: list[tuple[str, str, date | None, int]], windows: bool) -> None:
    end = "\r\n" if windows else "\n"
    lines = [
        f"LICENSE {isv} {product} 1.0 {_written(day)} {count} sig=AB" for isv, product, day, count in rows
    ]
    file = judge(end.join(lines))
    assert file is not None
    assert [_told(each) for each in file.licenses] == [
        (isv, product, None if day is None else day, count or None) for isv, product, day, count in rows
    ]


def _written(day: date | None) -> str:
    return "permanent" if day is None else f"{day.day}-{day:%b}-{day.year}"


def _told(license_: License) -> tuple[str, str, date | None, int | None]:
    expires = license_.expires if isinstance(license_.expires, date) else None
    return license_.isv, license_.product, expires, license_.count


@pytest.mark.parametrize("text", ["", " ", "\n" * 3, "#", "\ufeff", "\\", '"'])
def test_next_to_nothing_is_read_as_nothing(text: str) -> None:
    file = judge(text)
    assert file is not None
    assert (file.hosts, file.isvs, file.licenses) == ((), (), ())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_time_grows_with_the_size_alone(shape: Callable[[int], str]) -> None:
    small, large = (seconds(shape(number).encode()) for number in (120, 1920))
    assert large < 64 * max(small, 0.001)  # sixteen times the text; a square would be 256
