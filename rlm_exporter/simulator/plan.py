"""What a simulated server is asked to be."""

from argparse import ArgumentTypeError
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path

from rlm_exporter.rlm.expiry import parse_expiry
from rlm_exporter.rlm.status import Permanent
from rlm_exporter.simulator.style import Style

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

NEW_AT_EACH_START = 0
"""The port of an ISV server whose license file gives it none."""
MIN_REMOVE_SECONDS = 120
"""RLM's default for how long a checkout must last before rlmremove may take it."""


class Counting(StrEnum):
    """How a pool's seats are counted."""

    COUNTED = "counted"
    UNCOUNTED = "uncounted"
    """`UNCOUNTED` in rlmstat."""
    UNLIMITED = "unlimited"
    """`count: unlimited` in rlmstat."""
    TOKEN = "token"  # noqa: S105 - a sort of license
    """A checkout takes seats of another product."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Seats that only a user or a host may take; "" is anybody's."""

    count: int
    user: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductPlan:
    """One pool: `count` seats of a product up to `version`, reserved ones not among them."""

    product: str
    version: str
    count: int
    expires: date | Permanent = Permanent.PERMANENT
    counting: Counting = Counting.COUNTED
    share: str = ""
    """Letters of who shares one seat: `u` the same user, `h` the same host, `i` the same isv-def."""
    reservations: tuple[Reservation, ...] = ()
    takes: str = ""
    """The product whose seats a token license takes, `each` of them at a time."""
    each: int = 1
    min_remove: int = MIN_REMOVE_SECONDS


class ReportFormat(StrEnum):
    """How much a report log tells of each checkout."""

    STD = "std"
    SMALL = "small"
    DETAILED = "detailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLogPlan:
    """Where an ISV server writes its report log; without `append` it starts anew with the server."""

    path: Path
    append: bool = False
    format: ReportFormat = ReportFormat.STD


@dataclass(frozen=True, slots=True, kw_only=True)
class IsvPlan:
    """One ISV server: its name, its port and its pools."""

    name: str
    port: int
    products: tuple[ProductPlan, ...]
    report_log: ReportLogPlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandbyPlan:
    """RLM's own failover: whose place to take, and every how many seconds to look."""

    host: str
    port: int
    poll: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPlan:
    """rlm itself. `name` is how it calls itself in every reply."""

    name: str
    host: str
    port: int
    isvs: tuple[IsvPlan, ...]
    web_port: int | None = None
    web_certificate: Path | None = None
    """For HTTPS; a PEM file that has its key too."""
    host_line: str = ""
    """The name of the ISV server's host that is handed to clients; "" is the one they used."""
    style: Style = Style.V12
    standby: StandbyPlan | None = None
    begins: datetime | None = None
    """What the server's clock shows at the start (naive: local); None is the real time."""
    control: Path | None = None
    ledger: Path | None = None
    dlog: Path | None = None


def parse_isv(argument: str) -> IsvPlan:
    """Read `NAME:PORT=PRODUCT:VERSION:COUNT[:EXPIRES],...`; EXPIRES as in a license file, `31-jan-2026`.

    PORT 0 is a new one at each start.
    """
    head, equals, tail = argument.partition("=")
    name, colon, port = head.partition(":")
    if not (name and colon and equals):
        raise ArgumentTypeError(f"{argument!r}: NAME:PORT=PRODUCT:VERSION:COUNT[:EXPIRES],... expected")
    products = tuple(_parse_product(item) for item in tail.split(",") if item)
    number = NEW_AT_EACH_START if port == "0" else parse_port(port)
    return IsvPlan(name=name, port=number, products=products)


def parse_port(argument: str) -> int:
    """A TCP port from 1 to 65535."""
    if not argument.isdigit() or not 1 <= int(argument) <= 65535:
        raise ArgumentTypeError(f"{argument!r} is not a port (1 to 65535)")
    return int(argument)


def _parse_product(item: str) -> ProductPlan:
    product, *rest = item.split(":")
    if not product or len(rest) not in (2, 3) or not rest[1].isdigit():
        raise ArgumentTypeError(f"{item!r}: PRODUCT:VERSION:COUNT[:EXPIRES] expected")
    decimal_version(rest[0])
    expires = _parse_expiry(rest[2]) if len(rest) == 3 else Permanent.PERMANENT
    return ProductPlan(product=product, version=rest[0], count=int(rest[1]), expires=expires)


def decimal_version(version: str) -> Decimal:
    """A version as RLM compares it: 1.2 is above 1.10."""
    try:
        found = Decimal(version)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise ArgumentTypeError(f"{version!r} is not a version (a decimal number)")
    return found


def _parse_expiry(word: str) -> date | Permanent:
    expires = parse_expiry(word)
    if expires is None:
        raise ArgumentTypeError(f"{word!r} is not a date such as 31-jan-2026, or permanent")
    return expires


def expiry_text(expires: date | Permanent) -> str:
    """The expiry as RLM prints it."""
    if isinstance(expires, Permanent):
        return expires.value
    return f"{expires.day}-{_MONTHS[expires.month - 1]}-{expires.year}"
