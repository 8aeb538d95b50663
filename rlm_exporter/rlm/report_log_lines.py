"""Reads one line of a report log as a record (pure).

Which of the formats std, detailed and small a line has is told by its shape, so a log whose head is missing
is read too.
"""

from collections.abc import Callable

from rlm_exporter.rlm import report_log_layouts as layouts
from rlm_exporter.rlm.report_log_fields import DAYS, dated, moment_of, name_of, number_of, time_of
from rlm_exporter.rlm.report_log_records import (
    Blank,
    Damaged,
    Dated,
    Deny,
    Format,
    In,
    InUse,
    Isv,
    Other,
    Out,
    Queue,
    Record,
    Shutdown,
    Start,
    Switch,
    TimeJump,
    TimeZone,
    Unknown,
)

# What a named tuple's own constructor calls; its way there takes longer than all the rest of it
_new = tuple.__new__
_BLANK = Blank()
_OTHER = Other(None, None)
_EXCERPT = 60
_TIMED_WORDS = ("REREAD", "QUE", "DEQUE", "ROAM_EXTEND", "DYNRES", "METER_DEC", "TEMP")
_KEYWORDS = frozenset(
    (
        "OUT", "IN", "INUSE", "DENY", "START", "END", "SHUTDOWN", "TIMEJUMP", "TIMEZONE", "SWITCH", "PRODUCT",
        "ISV:", "log", *_TIMED_WORDS,
    )
)  # fmt: skip


def read_record(line: str) -> Record:
    """The record of one line, without its line end. Takes any text."""
    reader = _READERS.get(line[:3])
    record = None if reader is None else reader(line)
    return _read_rest(line) if record is None else record


def is_whole(record: Record, line: str, *, detailed: bool) -> bool:
    """Whether a last line that nothing ends was written to its end, as far as its form can tell."""
    line = line.rstrip(" \t")
    match record:
        case Out():
            return not detailed or layouts.ENDS_IN_DETAILS.search(line) is not None
        case In():
            return not detailed or layouts.ENDS_IN_FRACTION.search(line) is not None
        case Deny():
            return not detailed or layouts.ENDS_IN_SECONDS.search(line) is not None
        case InUse() | Shutdown() | TimeJump():
            return layouts.ENDS_IN_SECONDS.search(line) is not None
        case TimeZone():
            return "#" in line
        case Start() | Dated() | Switch() | Queue() | Other() | Blank():
            return True
        case Format() | Isv() | Damaged() | Unknown():
            return False


def excerpt(line: str) -> str:
    """The beginning of a line, for a warning."""
    return line if len(line) <= _EXCERPT else f"{line[:_EXCERPT]}…"


def _read_out(line: str) -> Out | None:
    found = layouts.OUT.fullmatch(line)
    if found is None:
        return _read_small_out(line)
    product, version, pool, user, host, isv_def, count, handle, share, project, on, clock = found.groups()
    day, at = DAYS.get(on), time_of(clock)
    if day is None or at is None:
        return None
    key = int(handle, 16)
    return _new(Out, (
        product, version, number_of(pool), name_of(user), name_of(host), isv_def, number_of(count), handle,
        share, key, key if share == handle else int(share, 16), day, at, project or None,
    ))  # fmt: skip


def _read_small_out(line: str) -> Out | None:
    found = layouts.OUT_SMALL.fullmatch(line)
    if found is None:
        return None
    product, version, user, host, isv_def, count, handle, share, clock = found.groups()
    at = time_of(clock)
    if at is None:
        return None
    return _new(Out, (
        product, version, None, name_of(user), name_of(host), isv_def, number_of(count), handle, share,
        int(handle, 16), int(share, 16), None, at, None,
    ))  # fmt: skip


def _read_in(line: str) -> In | None:
    found = layouts.IN.fullmatch(line)
    if found is None:
        return _read_small_in(line)
    why, product, version, user, host, isv_def, count, handle, on, clock = found.groups()
    day, at = DAYS.get(on), time_of(clock)
    if day is None or at is None:
        return None
    return _new(In, (
        number_of(why), product, version, name_of(user), name_of(host), isv_def, number_of(count), handle,
        int(handle, 16), day, at,
    ))  # fmt: skip


def _read_small_in(line: str) -> In | None:
    found = layouts.IN_SMALL.fullmatch(line)
    if found is None:
        return None
    why, count, handle, clock = found.groups()
    at = time_of(clock)
    if at is None:
        return None
    return _new(In, (
        number_of(why), None, None, None, None, None, number_of(count), handle, int(handle, 16), None, at,
    ))  # fmt: skip


def _read_in_use(line: str) -> InUse | None:
    found = layouts.IN_USE.fullmatch(line)
    moment = moment_of(found)
    if found is None or moment is None:
        return None
    product, version, pool, user, host, isv_def, count, handle, share, _, _ = found.groups()
    return InUse(
        product, version, number_of(pool), name_of(user), name_of(host), isv_def, number_of(count), handle,
        share, int(handle, 16), int(share or "0", 16), *moment,
    )  # fmt: skip


def _read_deny(line: str) -> Deny | None:
    found = layouts.DENY.fullmatch(line)
    moment = moment_of(found)
    if found is None or moment is None:
        return None
    product, version, user, host, isv_def, count, why, last, _, _ = found.groups()
    return Deny(
        product, version, name_of(user), name_of(host), isv_def, number_of(count), int(why), int(last),
        *moment,
    )  # fmt: skip


def _read_start(line: str) -> Start | None:
    found = layouts.START.fullmatch(line)
    moment = None if found is None else dated(*found.groups()[1:])
    return None if found is None or moment is None else Start(name_of(found[1]), moment)


def _read_end(line: str) -> Dated | None:
    found = layouts.END.fullmatch(line)
    moment = None if found is None else dated(*found.groups())
    return None if moment is None else Dated(moment, ends=True)


def _read_shutdown(line: str) -> Shutdown | None:
    moment = moment_of(layouts.SHUTDOWN.fullmatch(line))
    return None if moment is None else Shutdown(*moment)


def _read_jump_or_zone(line: str) -> TimeJump | TimeZone | None:
    if zone := layouts.ZONE.fullmatch(line):
        return TimeZone(int(zone[1]))
    jump = layouts.JUMP.fullmatch(line)
    moment = moment_of(jump)
    return None if jump is None or moment is None else TimeJump(int(jump[1]), *moment)


def _read_switch(line: str) -> Switch | None:
    found = layouts.SWITCH.fullmatch(line)
    return None if found is None else Switch(leaves=found[1] == "to", name=found[2])


def _read_product(line: str) -> Other | None:
    return None if layouts.PRODUCT.fullmatch(line) is None else _OTHER


def _read_queue(line: str) -> Queue | None:
    found = layouts.QUEUE.fullmatch(line)
    at = None if found is None else time_of(found[6])
    if found is None or at is None:
        return None
    return Queue(int(found[4], 16), None if found[5] is None else DAYS.get(found[5]), at)


_READERS: dict[str, Callable[[str], Record | None]] = {
    "OUT": _read_out,
    "IN ": _read_in,
    "INU": _read_in_use,
    "DEN": _read_deny,
    "STA": _read_start,
    "END": _read_end,
    "SHU": _read_shutdown,
    "TIM": _read_jump_or_zone,
    "SWI": _read_switch,
    "PRO": _read_product,
    "QUE": _read_queue,
    "DEQ": _read_queue,
}


def _read_rest(line: str) -> Record:
    """What is none of the records above: timestamps, the head, what we pass over, what is damaged."""
    text = line.strip(" \t")
    if text != line and text:
        return read_record(text)
    word = text.partition(" ")[0]
    if not text:
        return _BLANK
    if (stamp := layouts.STAMP.fullmatch(text)) and (moment := dated(*stamp.groups())):
        return Dated(moment, ends=False)
    if word in _TIMED_WORDS and (timed := layouts.TIMED.search(text)):
        return _other(timed[1], timed[2])
    if word in {"AUTH", "AUTH:", "REPROCESSED"} or text.startswith("LICENSE FILE "):
        return _OTHER
    if logged := layouts.LOG.fullmatch(text):
        return _other(logged[1], logged[2])
    if found := layouts.FORMAT.fullmatch(text):
        return Format(int(found[1]), found[2], "authenticated" in found[3])
    if found := layouts.ISV.fullmatch(text):
        return Isv(found[1], found[2])
    if word in _KEYWORDS:
        return Damaged(word, f"damaged or cut record: {excerpt(text)}")
    return Unknown(f"no record of a report log: {excerpt(text)}")


def _other(day: str | None, at: str) -> Other:
    return Other(None if day is None else DAYS.get(day), time_of(at))
