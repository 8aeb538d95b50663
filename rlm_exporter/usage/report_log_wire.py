"""What a report log told, as JSON for the way to the daemon, and the place of its reader as text (pure).

Times are the server's own, without a zone: the daemon knows its zone, and veils names before anything is
stored. Of each event only what the usage log takes is sent.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.report_log_place import TailPosition
from rlm_exporter.rlm.report_log_values import Begun, Denial, Ended, Event, Session

DEEPEST = 4
"""Places within a place: a log that was switched names the one before."""

LONGEST_WORD = 1024
LARGEST_NUMBER = 2**31 - 1


def written_place(position: TailPosition) -> str:
    """A place as text, to be given back to the reader some day."""
    return orjson.dumps(position).decode()


def read_place(text: str) -> TailPosition:
    """The place again; raises FormatError."""
    try:
        return _place(orjson.loads(text), DEEPEST)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FormatError(f"no place in a report log: {error}") from error


def _place(told: Mapping[str, Any], deepest: int) -> TailPosition:
    left = told["left"]
    return TailPosition(
        name=str(told["name"]),
        device=int(told["device"]),
        inode=int(told["inode"]),
        offset=int(told["offset"]),
        first=str(told["first"]),
        last=str(told["last"]),
        begins=_optional_moment(told["begins"]),
        dated=_optional_moment(told["dated"]),
        left=None if left is None or not deepest else _place(left, deepest - 1),
    )


def _optional_moment(told: str | None) -> datetime | None:
    return None if told is None else datetime.fromisoformat(told)


def written_events(events: Iterable[Event]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Sessions and denials, each as JSON takes them."""
    sessions, denials = [], []
    for event in events:
        if isinstance(event, Session):
            told = event._asdict()
            lasted = None if event.lasted is None else event.lasted.total_seconds()
            sessions.append({name: told[name] for name in SESSION} | {"lasted": lasted})
        elif isinstance(event, Denial):
            denials.append({name: value for name, value in event._asdict().items() if name in DENIAL})
    return sessions, denials


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
    if told.keys() != wanted.keys():
        missing, foreign = sorted(wanted.keys() - told.keys()), sorted(map(str, told.keys() - wanted.keys()))
        raise FormatError(f"{where}: without {missing or 'nothing'}, and with {foreign or 'nothing'} unknown")
    read: dict[str, Any] = {}
    for name, reader in wanted.items():
        try:
            read[name] = reader(told[name])
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


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is not None:
        raise ValueError("a time with a zone; the server's own is wanted")
    if not _FIRST <= moment.year <= _LAST:
        raise ValueError("outside of all years that a log can have")
    return moment


_FIRST, _LAST = 1970, 9998


def _span(value: object) -> timedelta:
    if type(value) not in {int, float}:
        raise ValueError("not a number of seconds")
    return timedelta(seconds=value)  # type: ignore[arg-type]  # a number, see above


def _or_none(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


SESSION: Mapping[str, Reader] = {
    "product": _or_none(_text),
    "version": _or_none(_text),
    "user": _or_none(_text),
    "host": _or_none(_text),
    "seats": _number,
    "handle": _text,
    "begun": Begun,
    "out": _or_none(_moment),
    "ended": Ended,
    "back": _or_none(_moment),
    "reason": _or_none(_number),
    "lasted": _or_none(_span),
    "not_after": _or_none(_moment),
}
DENIAL: Mapping[str, Reader] = {
    "product": _text,
    "version": _text,
    "user": _text,
    "host": _text,
    "seats": _number,
    "why": _number,
    "last_attempt": _number,
    "at": _or_none(_moment),
}
