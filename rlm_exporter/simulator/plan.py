"""What a simulated server is asked to be, read from its command line."""

from argparse import ArgumentTypeError
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from rlm_exporter.rlm.status import Permanent

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductPlan:
    """One pool: `count` seats of a product up to `version`."""

    product: str
    version: str
    count: int
    expires: date | Permanent


@dataclass(frozen=True, slots=True, kw_only=True)
class IsvPlan:
    """One ISV server: its name, its port and its pools."""

    name: str
    port: int
    products: tuple[ProductPlan, ...]


def parse_isv(argument: str) -> IsvPlan:
    """Read `NAME:PORT=PRODUCT:VERSION:COUNT[:EXPIRES],...`; EXPIRES as in a license file, `31-jan-2026`."""
    head, equals, tail = argument.partition("=")
    name, colon, port = head.partition(":")
    if not (name and colon and equals):
        raise ArgumentTypeError(f"{argument!r}: NAME:PORT=PRODUCT:VERSION:COUNT[:EXPIRES],... expected")
    products = tuple(_parse_product(item) for item in tail.split(",") if item)
    return IsvPlan(name=name, port=parse_port(port), products=products)


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
        return Decimal(version)
    except InvalidOperation:
        raise ArgumentTypeError(f"{version!r} is not a version (a decimal number)") from None


def _parse_expiry(word: str) -> date | Permanent:
    if word == Permanent.PERMANENT:
        return Permanent.PERMANENT
    try:
        day, month, year = word.lower().split("-")
        return date(int(year), _MONTHS.index(month) + 1, int(day))
    except ValueError:
        raise ArgumentTypeError(f"{word!r} is not a date such as 31-jan-2026, or permanent") from None


def expiry_text(expires: date | Permanent) -> str:
    """The expiry as RLM prints it."""
    if isinstance(expires, Permanent):
        return expires.value
    return f"{expires.day}-{_MONTHS[expires.month - 1]}-{expires.year}"


def isv_argument(plan: IsvPlan) -> str:
    """The text that `parse_isv` reads back."""
    products = (
        f"{one.product}:{one.version}:{one.count}:{expiry_text(one.expires)}" for one in plan.products
    )
    return f"{plan.name}:{plan.port}={','.join(products)}"
