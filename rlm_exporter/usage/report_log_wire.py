"""What a report log told, as JSON for the way to the daemon, and the place of its reader as text (pure).

Times are the server's own, without a zone: the daemon knows its zone, and veils names before anything is
stored. Of each event only what the usage log takes is sent.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.report_log_place import DEEPEST, TailPosition
from rlm_exporter.rlm.report_log_values import Begun, Denial, Ended, Event, Session
from rlm_exporter.usage.report_log_bounds import FIRST_YEAR, LAST_YEAR, LONGEST, bounded

LONGEST_WORD = 1024
LARGEST_NUMBER = 2**31 - 1


def written_place(position: TailPosition) -> str:
    """A place as text, to be given back to the reader some day.

    Plain ASCII: a file's name may have bytes that are no text anywhere.
    """
    return json.dumps(asdict(position), default=datetime.isoformat, separators=(",", ":"))


def read_place(text: str) -> TailPosition:
    """The place again; raises FormatError."""
    try:
        return _place(json.loads(text), DEEPEST)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise FormatError(f"no place in a report log: {error}") from error


def _place(told: Mapping[str, Any], deepest: int) -> TailPosition:
    left, offset = told["left"], int(told["offset"])
    if offset < 0:
        raise ValueError("an offset below 0")
    return TailPosition(
        name=str(told["name"]),
        device=int(told["device"]),
        inode=int(told["inode"]),
        offset=offset,
        first=str(told["first"]),
        last=str(told["last"]),
        begins=_optional_moment(told["begins"]),
        dated=_optional_moment(told["dated"]),
        left=None if left is None or not deepest else _place(left, deepest - 1),
        # Places of older versions have none.
        earlier=tuple(_place(each, 0) for each in told.get("earlier", ())) if deepest == DEEPEST else (),
    )


def _optional_moment(told: str | None) -> datetime | None:
    return None if told is None else datetime.fromisoformat(told)


def written_events(
    events: Iterable[Event], *, now: datetime
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Sessions and denials, each as JSON takes them: whatever a log has, the daemon can take it.

    `now` is by the clock of the machine that sends them, naive as the log's times.
    """
    sessions, denials = [], []
    for event in events:
        if isinstance(event, Session):
            told = bounded(event, now=now)._asdict()
            lasted = None if told["lasted"] is None else told["lasted"].total_seconds()
            sessions.append(_shortened(told, SESSION) | {"lasted": lasted})
        elif isinstance(event, Denial):
            denials.append(_shortened(bounded(event, now=now)._asdict(), DENIAL))
    return sessions, denials


def _shortened(told: Mapping[str, Any], wanted: Mapping[str, "Reader"]) -> dict[str, Any]:
    values = ((name, told[name]) for name in wanted)
    return {name: value[:LONGEST_WORD] if isinstance(value, str) else value for name, value in values}


def read_session(told: object, *, where: str) -> Session:
    """One of them; raises FormatError with its place."""
    fields = _fields(told, SESSION, where)
    return Session(number=0, run=0, pool=None, isv_def=None, share_handle=None, seen_since=None, **fields)


def read_denial(told: object, *, where: str) -> Denial:
    """One of them; raises FormatError with its place."""
    return Denial(run=0, isv_def="", **_fields(told, DENIAL, where))


def _fields(told: object, wanted: Mapping[str, "Reader"], where: str) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise FormatError(f"{where}: not a mapping")
    missing = sorted(wanted.keys() - told.keys() - LATER)
    foreign = sorted(map(str, told.keys() - wanted.keys()))
    if missing or foreign:
        raise FormatError(f"{where}: without {missing or 'nothing'}, and with {foreign or 'nothing'} unknown")
    read: dict[str, Any] = {}
    for name, reader in wanted.items():
        try:
            read[name] = reader(told.get(name))
        except (ValueError, TypeError, OverflowError) as error:
            raise FormatError(f"{where}.{name}: {error}") from error
    return read


Reader = Callable[[Any], Any]


def _text(value: object) -> str:
    if type(value) is not str or len(value) > LONGEST_WORD:
        raise ValueError(f"not a text of at most {LONGEST_WORD} characters")
    return value


def _number(value: object) -> int:
    if type(value) is not int or abs(value) > LARGEST_NUMBER:
        raise ValueError("not a whole number, or too large")
    return value


def _count(value: object) -> int:
    number = _number(value)
    if number < 0:
        raise ValueError("less than no seat")
    return number


def _handle(value: object) -> str:
    """It is in an index, which takes no long ones."""
    if type(value) is not str or re.fullmatch(HANDLE, value) is None:
        raise ValueError("not a handle of at most 32 hexadecimal digits")
    return value


HANDLE = "^[0-9A-Fa-f]{1,32}$"
"""What a handle looks like."""


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is not None:
        raise ValueError("a time with a zone; the server's own is wanted")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError("outside of all years that a log can have")
    return moment


def _span(value: object) -> timedelta:
    if type(value) not in {int, float}:
        raise ValueError("not a number of seconds")
    span = timedelta(seconds=value)  # type: ignore[arg-type]  # a number, see above
    if not timedelta() <= span <= LONGEST:
        raise ValueError("shorter than nothing, or longer than any session")
    return span


def _or_none(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


SESSION: Mapping[str, Reader] = {
    "product": _or_none(_text),
    "version": _or_none(_text),
    "user": _or_none(_text),
    "host": _or_none(_text),
    "seats": _count,
    "handle": _handle,
    "begun": Begun,
    "out": _or_none(_moment),
    "ended": Ended,
    "back": _or_none(_moment),
    "reason": _or_none(_number),
    "lasted": _or_none(_span),
    "not_after": _or_none(_moment),
    "project": _or_none(_text),
}
LATER = frozenset({"project"})
"""What shippers of older versions do not send."""
DENIAL: Mapping[str, Reader] = {
    "product": _text,
    "version": _text,
    "user": _text,
    "host": _text,
    "seats": _count,
    "why": _number,
    "last_attempt": _number,
    "at": _or_none(_moment),
}
