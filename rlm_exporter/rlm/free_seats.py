"""How many seats of each product anybody may still get, by one server's answer (pure).

A seat that is reserved is free for those alone whom the reservation names, so it is not counted as free. Of
a pool rlmstat tells how many seats are in use, and not how many of these came from a reservation. Usage lines
tell it; where handles share seats the lines are more than the seats and cannot be trusted for it. Then all
that is in use counts as taken from what anybody may get: rather too few seats than a job without one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rlm_exporter.rlm.status import Checkout, Pool, RlmStatus


class NoNumber(StrEnum):
    """Why a product that has a pool has no number of free seats."""

    NO_LIMIT = "no_limit"
    """Uncounted: everybody gets one."""
    TOKEN = "token"  # noqa: S105 - RLM's word, and no secret
    """Its seats are those of another product."""
    UNREADABLE = "unreadable"
    """A count is missing in the answer, or is no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatCount:
    """Seats of one version, or of all; each None where it has no number."""

    issued: int | None
    reserved: int | None
    in_use: int | None
    free: int | None
    """What anybody may still get; never negative, also where more is in use than there is."""
    no_number: NoNumber | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSeats:
    """One product of one ISV, over all its pools."""

    isv: str | None
    product: str
    whole: SeatCount
    versions: tuple[tuple[str, SeatCount], ...]
    """A program gets a seat of its own version or of a newer one."""
    holders: tuple[Checkout, ...]
    """One a handle; several may share a seat."""


def feature_seats(status: RlmStatus) -> tuple[FeatureSeats, ...]:
    """All products with a pool, in the order of the answer; names are compared regardless of case."""
    pools: dict[tuple[str, str], list[Pool]] = {}
    for pool in status.pools:
        pools.setdefault(name_key(pool.isv, pool.product), []).append(pool)
    lines: dict[tuple[str, str], list[Checkout]] = {}
    for line in status.checkouts:
        lines.setdefault(name_key(line.isv, line.product), []).append(line)
    return tuple(_feature(found, lines.get(name, [])) for name, found in pools.items())


def name_key(isv: str | None, product: str) -> tuple[str, str]:
    """What makes two products one."""
    return (isv or "").casefold(), product.casefold()


def _feature(pools: list[Pool], lines: list[Checkout]) -> FeatureSeats:
    by_version: dict[str, list[Pool]] = {}
    for pool in pools:
        by_version.setdefault(pool.version, []).append(pool)
    versions = tuple(
        (version, _count(found, [line for line in lines if line.version == version]))
        for version, found in by_version.items()
    )
    return FeatureSeats(
        isv=pools[0].isv,
        product=pools[0].product,
        whole=_sum(tuple(count for _, count in versions)),
        versions=versions,
        holders=tuple(lines),
    )


def _count(pools: list[Pool], lines: list[Checkout]) -> SeatCount:
    """All pools of one version: a usage line names the version and not the pool."""
    no_number = next(filter(None, map(_why_no_number, pools)), None)
    in_use = _total(pool.inuse for pool in pools)
    if no_number is not None or in_use is None:
        why = no_number or NoNumber.UNREADABLE
        return SeatCount(issued=None, reserved=None, in_use=in_use, free=None, no_number=why)
    counted = sum(pool.count or 0 for pool in pools)
    reserved = sum(pool.reservations or 0 for pool in pools)
    ordinary = in_use - min(_from_reservations(lines, in_use=in_use), reserved)
    return SeatCount(
        issued=counted + reserved,
        reserved=reserved,
        in_use=in_use,
        free=max(counted - ordinary, 0),
        no_number=None,
    )


def _why_no_number(pool: Pool) -> NoNumber | None:
    if pool.token:
        return NoNumber.TOKEN
    if pool.uncounted:
        return NoNumber.NO_LIMIT
    if pool.count is None or pool.inuse is None or pool.reservations is None:
        return NoNumber.UNREADABLE
    return None


def _from_reservations(lines: list[Checkout], *, in_use: int) -> int:
    reserved = sum(line.reserved for line in lines)
    return reserved if reserved + sum(line.count for line in lines) == in_use else 0


def _sum(counts: tuple[SeatCount, ...]) -> SeatCount:
    return SeatCount(
        issued=_total(count.issued for count in counts),
        reserved=_total(count.reserved for count in counts),
        in_use=_total(count.in_use for count in counts),
        free=_total(count.free for count in counts),
        no_number=next((count.no_number for count in counts if count.no_number is not None), None),
    )


def _total(numbers: Iterable[int | None]) -> int | None:
    """Their sum; None as soon as one of them is not known."""
    known = list(numbers)
    return None if None in known else sum(number for number in known if number is not None)
