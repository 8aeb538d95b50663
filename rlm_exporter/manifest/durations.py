"""Durations as manifests and flags write them: `30s`, `2m`, `1h`, `500ms`, `1m30s`, `400d`."""

import re
from datetime import timedelta

_DURATION = re.compile(
    r"(?=[0-9])(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?(?:([0-9]{1,6})ms)?"
)


def parse_duration(text: str) -> timedelta:
    """Read one duration. Raises ValueError, whose text says what to write instead."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"write {suggestion(text)}")
    days, hours, minutes, seconds, millis = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=millis)


def suggestion(text: str) -> str:
    """What the writer may have meant, or examples of the form."""
    if re.fullmatch(r"[0-9]{1,6}", text):
        return f"{int(text)}s, with its unit"
    squeezed = re.sub(r"\s+", "", text[:40].lower())
    squeezed = re.sub(r"(sec|second)s?$", "s", squeezed)
    squeezed = re.sub(r"(min|minute)s?$", "m", squeezed)
    squeezed = re.sub(r"(hr|hour)s?$", "h", squeezed)
    squeezed = re.sub(r"days?$", "d", squeezed)
    if _DURATION.fullmatch(squeezed):
        return squeezed
    return "whole numbers with their units, such as 30s, 2m, 1h, 500ms or 1m30s"


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads as this; below a millisecond is cut off."""
    millis = duration // timedelta(milliseconds=1)
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        count, millis = divmod(millis, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
