"""The shapes of rlmstat's lines: what one stripped line says, wherever it stands.

Every expression is anchored and possessive: it never goes back over what it has taken, so that no line
costs more than its length.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from rlm_exporter.rlm.expiry import parse_expiry
from rlm_exporter.rlm.status import Checkout, IsvServer

_WHERE = re.compile(r"(\S*+) \(port ([0-9]++)\)(?>(?:, up (.*+))?)")
"""What follows `status on` in a heading."""
_POOL = re.compile(r"([^\s,:]++) v([^\s,:]++)(?>(?:, pool: ([0-9]++))?)")
_USAGE = re.compile(r"([^\s,:]++) v([^\s,:]++): ")
_SEATS = re.compile(r"([0-9]++)/([0-9]++)")
_AT = re.compile(r"([0-9]{1,2}+)/([0-9]{1,2}+) ([0-9]{1,2}+):([0-9]{2})")
_HANDLE = re.compile(r"\(handle: ([0-9A-Fa-f]++)\)")
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]++")
_UPTIME = re.compile(r"(?>(?:([0-9]{1,7}+)d )?)([0-9]{1,7}+):([0-9]{2}):([0-9]{2})")
_CTIME = re.compile(r"[A-Za-z]{3} ([A-Za-z]{3}) ++([0-9]{1,2}+) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([0-9]{4})")
_ISV_ROW = re.compile(r"(\S++)\s++([0-9]++)\s++(Yes|No)\s++([0-9]++)", re.IGNORECASE)
_STATISTIC = re.compile(r"[A-Z][a-z]++:(?:\s++[0-9]++ \([0-9]++/sec\)){3}")
_TOTALS = re.compile(
    r"obsolete: [0-9]++, (?>(?:[a-z_ ]++: [0-9]++, )*)total checkouts: [0-9]++", re.IGNORECASE
)
_UNCOUNTED = re.compile(r"uncounted, inuse: [0-9]++", re.IGNORECASE)
_OPENING = re.compile(r"rlm(?:util|stat) v\S++|Setting license file path to .*+|Copyright .*+")
"""What every answer begins with, also one of which nothing more comes."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Section(Enum):
    """What the lines up to the next heading are about."""

    PREAMBLE = auto()
    RLM = auto()
    ISV_TABLE = auto()
    ISV = auto()
    POOLS = auto()
    USAGE = auto()
    BETWEEN = auto()
    """Behind a separator; a heading should follow."""


_WHOSE = (
    (" ISV server", Section.ISV),
    (" license pool", Section.POOLS),
    (" license usage", Section.USAGE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """`… status on HOST (port N), up …`; `isv` is None for rlm's own."""

    section: Section
    isv: str | None
    host: str
    port: int | None
    uptime: str | None
    """As printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolHead:
    """A pool's first line."""

    product: str
    version: str
    pool: int | None


def read_heading(line: str) -> Heading | None:
    """A section's heading."""
    whose, _, where = line.partition(" status on ")
    found = _WHERE.fullmatch(where)
    if found is None:
        return None
    host, port, uptime = found.groups()
    if whose == "rlm":
        return Heading(section=Section.RLM, isv=None, host=host, port=number(port), uptime=uptime)
    for ending, section in _WHOSE:
        if whose.endswith(ending):
            isv = whose.removesuffix(ending).strip()
            return Heading(section=section, isv=isv, host=host, port=number(port), uptime=uptime)
    return None


def is_separator(line: str) -> bool:
    """Whether it parts two sections; the one before the ISV table names it."""
    return line.startswith("---") and line.strip("- ") in ("", "ISV servers")


def is_opening(line: str) -> bool:
    """Whether rlmutil speaks of itself."""
    return _OPENING.fullmatch(line) is not None


def read_isv_row(line: str) -> IsvServer | None:
    """A row of the ISV table."""
    row = _ISV_ROW.fullmatch(line)
    if row is None:
        return None
    name, port, running, restarts = row.groups()
    return IsvServer(
        name=name, port=number(port), running=running.lower() == "yes", restarts=number(restarts)
    )


def read_pool_head(line: str) -> PoolHead | None:
    """`solver v3.0` or `solver v3.0, pool: 2`."""
    head = _POOL.fullmatch(line)
    if head is None:
        return None
    product, version, pool = head.groups()
    return PoolHead(product=product, version=version, pool=number(pool))


def read_fields(line: str) -> dict[str, str]:
    """`count: 40, # reservations: 0` as a mapping, keys in lower case."""
    pairs = (item.partition(":") for item in line.split(","))
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def read_usage(line: str, isv: str | None) -> Checkout | None:
    """One handle: `solver v3.0: alice@ws1 4/0 at 11/01 09:01  (handle: 15c) [I: isv-data]`.

    Up to 9 the requested version and the handle stand before the seats:
    `solver v3.0: alice@ws1(v2.0) (15c) 4/0 at 11/01 09:01`.
    """
    head = _USAGE.match(line)
    if head is None:
        return None
    rest, data, closing = line[head.end() :].partition(" [I:")
    if data and not closing.endswith("]"):
        return None
    before, mark, after = rest.partition("(handle: ")
    words = before.rsplit(None, 4)
    if len(words) != 5 or words[2] != "at":
        return None
    who, handle = (words[0], _HANDLE.fullmatch((mark + after).rstrip())) if mark else _old_who(words[0])
    seats, at = _SEATS.fullmatch(words[1]), _AT.fullmatch(f"{words[3]} {words[4]}")
    if handle is None or seats is None or at is None:
        return None
    user, found, host = who.rpartition("@")
    ordinary, reserved = number(seats[1]), number(seats[2])
    if not found or ordinary is None or reserved is None:
        return None
    return Checkout(
        isv=isv,
        product=head[1],
        version=head[2],
        user=user,
        host=host,
        count=ordinary,
        reserved=reserved,
        handle=handle[handle.lastindex or 0],
        at="{:0>2}/{:0>2} {:0>2}:{}".format(*at.groups()),
    )


def _old_who(who: str) -> tuple[str, re.Match[str] | None]:
    """`tom@sun1(v1.0) (809f418)`: who it is, and the handle."""
    left, _, handle = who.removesuffix(")").rpartition(" (")
    name, requested, _ = left.rpartition("(v")
    return name, _HEXADECIMAL.fullmatch(handle) if requested else None


def read_ctime(text: str) -> datetime | None:
    """`Mon Mar  3 08:15:02 2025`: the server's local time, whose zone only its owner knows."""
    found = _CTIME.fullmatch(text.strip())
    if found is None or found[1].lower() not in _MONTHS:
        return None
    day, hour, minute, second, year = (int(found[group]) for group in range(2, 7))
    try:
        return datetime(year, _MONTHS.index(found[1].lower()) + 1, day, hour, minute, second)  # noqa: DTZ001 - the zone is not in the text
    except ValueError:
        return None


def read_uptime(text: str) -> int | None:
    """Seconds of `[Nd ]HH:MM:SS`."""
    found = _UPTIME.fullmatch(text)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def read_total(line: str) -> int | None:
    """The third of the columns Recent, Todays, Total; each may be followed by a rate in brackets."""
    columns = [word for word in line.partition(":")[2].split() if not word.startswith("(")]
    return number(columns[2]) if len(columns) > 2 else None


def number(text: str | None) -> int | None:
    """A plain number of a credible size; None for anything else."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 15:
        return None
    return int(text)


def is_whole(line: str) -> bool:
    """Whether a line that no line feed ends may be all that was printed."""
    heading = read_heading(line)
    if heading is not None:
        return heading.uptime is None or read_uptime(heading.uptime) is not None
    start = line[:10].lower()
    if start.startswith(("count:", "uncounted")):
        fields = read_fields(line)
        if "exp" in fields:
            return parse_expiry(fields["exp"]) is not None
        return _UNCOUNTED.fullmatch(line) is not None
    return (
        line.lower() == "token-based license"
        or is_opening(line)
        or (line.startswith("Error connecting to ") and line.endswith(" server"))
        or read_usage(line, None) is not None
        or any(shape.fullmatch(line) for shape in (_TOTALS, _ISV_ROW, _STATISTIC))
    )
