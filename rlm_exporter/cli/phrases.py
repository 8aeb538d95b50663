"""Times and durations in words that fit a narrow column."""

from datetime import UTC, datetime, timedelta

UNKNOWN = "-"


def seconds_in_words(seconds: float | None) -> str:
    """`12 ms`, `3.4 s`, `42 s`, `12 min`, `3 h`, `5 d`; `-` for unknown."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} d"


def age_in_words(seconds: float | None) -> str:
    """As above, in whole seconds at the least: nobody cares about the milliseconds of an age."""
    return seconds_in_words(seconds) if seconds is None or seconds >= 9.95 else f"{seconds:.0f} s"


def size_in_words(size: int) -> str:
    """`120 kB`, `3.4 MB`, `1.2 GB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"


def moment_in_words(moment: datetime | None) -> str:
    """`2025-11-25 08:12:03` in UTC; the label says so."""
    return UNKNOWN if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def between(earlier: datetime, later: datetime) -> str:
    """How long it was from one to the other."""
    return seconds_in_words(max((later - earlier) / timedelta(seconds=1), 0.0))
