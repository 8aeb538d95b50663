from datetime import UTC, datetime, timedelta, timezone

import pytest

from rlm_exporter.cli.phrases import age_in_words, between, moment_in_words, seconds_in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (0.0, "0 ms"),
        (0.0124, "12 ms"),
        (0.9994, "999 ms"),
        (0.9995, "1.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (119.0, "119 s"),
        (120.0, "2 min"),
        (7199.0, "120 min"),
        (7200.0, "2 h"),
        (172_800.0, "2 d"),
    ],
)
def test_seconds_are_told_in_the_unit_that_fits(seconds: float | None, words: str) -> None:
    assert seconds_in_words(seconds) == words


def test_an_age_has_no_milliseconds() -> None:
    assert (age_in_words(None), age_in_words(0.2), age_in_words(61.2)) == ("-", "0 s", "61 s")


def test_moments_are_told_in_utc() -> None:
    moment = datetime(2025, 11, 25, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert moment_in_words(moment) == "2025-11-24 23:30:00"
    assert moment_in_words(None) == "-"


def test_a_clock_set_back_makes_no_negative_time() -> None:
    later = datetime(2025, 11, 25, tzinfo=UTC)
    assert between(later, later - timedelta(seconds=3)) == "0 ms"
