"""Which seat an operator means who wants one back, and what became of it. Pure.

RLM frees by the handle alone, and a handle is a number that each ISV server counts for itself: two of them
have the same one soon, and after a restart it belongs to somebody else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rlm_exporter.rlm.free_seats import name_key
from rlm_exporter.rlm.rlmstat_lines import is_opening
from rlm_exporter.rlm.status import Checkout, RlmStatus

LONGEST_SAYING = 200
"""Characters of rlmutil's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatWish:
    """What an operator says of the seat; names as they are printed, regardless of case. None = any."""

    handle: str
    isv: str | None = None
    product: str | None = None
    user: str | None = None
    host: str | None = None
    since: str | None = None
    """As rlmstat prints it: who has looked says it again, and gets nobody else's seat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSeat:
    """The one seat that is meant."""

    server: str
    isv: str
    port: int
    """Of the ISV server, which frees it."""
    checkout: Checkout
    shares: bool
    """Whether several handles share seats of that product: one comes back with the last of its handles."""

    def told(self, *, names: bool) -> str:
        """In words; without `names` nobody is named."""
        line = self.checkout
        who = f" of {line.user}@{line.host}" if names else ""
        return (
            f"handle {line.handle} of {self.isv} on {self.server} ({line.product} v{line.version}{who}, "
            f"since {line.at})"
        )


class NotReleasedKind(StrEnum):
    """Why a seat was not freed; the server maps each to a status."""

    SERVER_UNKNOWN = "server_unknown"
    """The server could not be asked who holds what."""
    UNKNOWN_HANDLE = "unknown_handle"
    AMBIGUOUS_HANDLE = "ambiguous_handle"
    ISV_UNKNOWN = "isv_unknown"
    """Where its ISV server listens is not told."""
    RLM_REFUSED = "rlm_refused"
    NOT_VERIFIED = "not_verified"
    """RLM was told, and whether it did so could not be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReleased:
    """Why not, as a word and in words."""

    kind: NotReleasedKind
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A seat has come back."""

    seat: FoundSeat
    detail: str


def find_seat(status: RlmStatus, wish: SeatWish, *, server: str) -> FoundSeat | NotReleased:
    """The one seat in a server's answer that the wish is about, or why it is not one."""
    same_handle = _merged(line for line in status.checkouts if _same(line.handle, wish.handle))
    meant = [line for line in same_handle if _fits(line, wish)]
    if not meant:
        return _unknown(wish, same_handle, server)
    if len(meant) > 1:
        told = "; ".join(map(_told, meant))
        detail = f"several have handle {wish.handle} on {server}: {told}. Say which by its ISV or product"
        return NotReleased(kind=NotReleasedKind.AMBIGUOUS_HANDLE, detail=detail)
    (line,) = meant
    others = [each for each in same_handle if each != line and _same(each.isv or "", line.isv or "")]
    if others:
        told = "; ".join(map(_told, others))
        detail = f"RLM frees by the handle alone, and {line.isv} has another with {wish.handle}: {told}"
        return NotReleased(kind=NotReleasedKind.AMBIGUOUS_HANDLE, detail=detail)
    place = next((each for each in status.isvs if _same(each.name, line.isv or "")), None)
    if place is None or place.port is None:
        detail = f"{server} does not tell the port of the ISV server {line.isv or 'of that seat'}"
        return NotReleased(kind=NotReleasedKind.ISV_UNKNOWN, detail=detail)
    return FoundSeat(
        server=server, isv=place.name, port=place.port, checkout=line, shares=_shares(status, line)
    )


def is_held(status: RlmStatus, seat: FoundSeat) -> bool:
    """Whether the same one still has it: the handle may be somebody else's by now."""
    return any(_identity(line) == _identity(seat.checkout) for line in status.checkouts)


def is_complete(status: RlmStatus, seat: FoundSeat) -> bool:
    """Whether a line that is missing in the answer is really gone."""
    has_isv = any(_same(each.name, seat.isv) and each.running for each in status.isvs)
    return status.error_kind is None and has_isv


def last_words(output: bytes) -> str:
    """What rlmutil said last beside its banner, at a length for people; empty if nothing."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
    said = [line for line in lines if line and not is_opening(line)]
    return said[-1][:LONGEST_SAYING] if said else ""


def _unknown(wish: SeatWish, same_handle: list[Checkout], server: str) -> NotReleased:
    if same_handle:
        told = "; ".join(map(_told, same_handle))
        detail = f"handle {wish.handle} on {server} is another seat than the one that is meant: {told}"
    else:
        detail = f"nobody has handle {wish.handle} on {server}; it may have been given back"
    return NotReleased(kind=NotReleasedKind.UNKNOWN_HANDLE, detail=detail)


def _merged(lines: Iterable[Checkout]) -> list[Checkout]:
    """RLM may print one checkout in several lines, each with a part of its seats."""
    found: dict[tuple[str, ...], Checkout] = {}
    for line in lines:
        before = found.get(_identity(line))
        found[_identity(line)] = line if before is None else _added(before, line)
    return list(found.values())


def _added(first: Checkout, second: Checkout) -> Checkout:
    return Checkout(
        isv=first.isv,
        product=first.product,
        version=first.version,
        user=first.user,
        host=first.host,
        count=first.count + second.count,
        reserved=first.reserved + second.reserved,
        handle=first.handle,
        at=first.at,
    )


def _identity(line: Checkout) -> tuple[str, ...]:
    words = (line.isv or "", line.product, line.version, line.user, line.host, line.handle, line.at)
    return tuple(word.casefold() for word in words)


def _fits(line: Checkout, wish: SeatWish) -> bool:
    pairs = (
        (wish.isv, line.isv or ""),
        (wish.product, line.product),
        (wish.user, line.user),
        (wish.host, line.host),
        (wish.since, line.at),
    )
    return all(wanted is None or _same(wanted, there) for wanted, there in pairs)


def _shares(status: RlmStatus, line: Checkout) -> bool:
    name = (*name_key(line.isv, line.product), line.version)
    lines = [each for each in status.checkouts if (*name_key(each.isv, each.product), each.version) == name]
    pools = [each for each in status.pools if (*name_key(each.isv, each.product), each.version) == name]
    return sum(each.count + each.reserved for each in lines) > sum(pool.inuse or 0 for pool in pools)


def _told(line: Checkout) -> str:
    return f"{line.product} v{line.version} of {line.isv}, {line.user}@{line.host} since {line.at}"


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
