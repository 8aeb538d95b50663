"""Durations are read with their units only, and what is refused is told how to be written."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.manifest.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("2m", 120),
        ("1h", 3600),
        ("500ms", 0.5),
        ("1m30s", 90),
        ("1h1m1s1ms", 3661.001),
        ("300s", 300),
        ("0s", 0),
        ("400d", 400 * 86400),
        ("1d12h", 36 * 3600),
    ],
)
def test_reads_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("30", "write 30s, with its unit"),
        ("007", "write 7s, with its unit"),
        ("30 s", "write 30s"),
        ("2 Minutes", "write 2m"),
        ("1 hr", "write 1h"),
        ("10sec", "write 10s"),
        ("90 days", "write 90d"),
        ("", "write whole numbers with their units, such as 30s, 2m, 1h, 500ms or 1m30s"),
        ("1.5s", "write whole numbers with their units, such as 30s, 2m, 1h, 500ms or 1m30s"),
        ("-5s", "write whole numbers with their units, such as 30s, 2m, 1h, 500ms or 1m30s"),
        ("1:30", "write whole numbers with their units, such as 30s, 2m, 1h, 500ms or 1m30s"),
        ("30s1m", "write whole numbers with their units, such as 30s, 2m, 1h, 500ms or 1m30s"),
        ("30s\n", "write 30s"),
        ("٣s", "write whole numbers with their units, such as 30s, 2m, 1h, 500ms or 1m30s"),
        ("9999999h", "write whole numbers with their units, such as 30s, 2m, 1h, 500ms or 1m30s"),
    ],
)
def test_refuses_anything_else_with_a_suggestion(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=r"^write ") as refused:
        parse_duration(text)
    assert str(refused.value) == advice


@given(st.integers(min_value=0, max_value=10**12))
def test_what_is_written_is_read_as_the_same(millis: int) -> None:
    duration = timedelta(milliseconds=millis)
    assert parse_duration(format_duration(duration)) == duration


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    assert duration >= timedelta(0)
