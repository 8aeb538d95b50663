"""What questions about usage have in common: their time, their words, and who asks them wrong."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from aiohttp import web

from rlm_exporter.manifest.durations import parse_duration
from rlm_exporter.server.documents import Document
from rlm_exporter.server.requests import InvalidError
from rlm_exporter.server.services import SERVICES
from rlm_exporter.store.report_records import Window
from rlm_exporter.usage.figures import last

LONGEST = timedelta(days=400)
LASTS = ("day", "week", "month")
WINDOW = ("last", "since", "until")
"""The parameters that say which time is meant."""

_DAYS = re.compile(r"([0-9]{1,5})([dw])")


def about(cluster: str, window: Window) -> Document:
    """The beginning of every answer."""
    return {"cluster": cluster, "since": iso(window.start), "until": iso(window.end)}


def window_of(request: web.Request) -> Window:
    """Of the query; the last month where it says nothing. It never reaches beyond now."""
    now = request.app[SERVICES].clock.now()
    if "last" in request.query or "since" not in request.query:
        if "since" in request.query or "until" in request.query:
            raise InvalidError("give either last, or since and until")
        return last(choice(request, "last", LASTS, "month"), now)
    start, end = _moment(request, "since"), _moment(request, "until")
    present = now.replace(microsecond=0)
    # What is out now is not out for ever: nothing is known of the time to come.
    start, end = start or now, min(end or present, present)
    if not timedelta() < end - start <= LONGEST:
        raise InvalidError(
            f"since and until: the time between them, until now, is not from 1 s to {LONGEST.days} days"
        )
    return Window(start=start, end=end)


def _moment(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        # A `+` that nobody quoted has become a blank on its way.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        if moment.tzinfo is None:
            raise InvalidError(f"{name}: without a time zone; append Z for UTC")
        return moment.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError) as error:
        raise InvalidError(f"{name}: {text[:40]!r} is not a time such as 2026-03-01T00:00Z") from error


def length(request: web.Request, name: str) -> timedelta | None:
    """How long, such as `3d` or `12h`; None where it is not said."""
    text = request.query.get(name)
    if text is None:
        return None
    if found := _DAYS.fullmatch(text):
        return int(found[1]) * (timedelta(days=1) if found[2] == "d" else timedelta(weeks=1))
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidError(f"{name}: write it like 3d, 12h or 90m") from error


def choice(request: web.Request, name: str, words: Sequence[str], default: str) -> str:
    """One of these words; raises InvalidError."""
    word = request.query.get(name, default)
    if word not in words:
        raise InvalidError(f"{name}: unknown; known are {', '.join(words)}")
    return word


def refuse_strangers(request: web.Request, known: tuple[str, ...]) -> None:
    """A parameter that is spelled wrong would otherwise give another answer than the one asked for."""
    for name in request.query:
        if name not in known:
            raise InvalidError(f"{name[:40]}: unknown; known are {', '.join(known)}")


def iso(moment: datetime | None) -> str | None:
    """As JSON has it."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
