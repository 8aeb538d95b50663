"""How many seats clients can get, kept from the answers of the active server (pure)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from rlm_exporter.rlm.status import Pool, RlmStatus
from rlm_exporter.store.usage_records import Seats

Name = tuple[str, str]
"""ISV and product, regardless of case, as RLM compares them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ceiling:
    isv: str
    product: str
    seats: int | None
    reserved: int


class SeatBook:
    """One cluster's. A number stands until an answer has another one: a server that is silent has no less."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._known: dict[Name, Seats] = {}

    def restore(self, known: Iterable[Seats]) -> None:
        """Begin with what was written last."""
        self._known = {_name(each.isv, each.feature): each for each in known}

    def seen(self, status: RlmStatus, *, server: str, at: datetime) -> tuple[Seats, ...]:
        """What an answer of the active server changes."""
        found = _ceilings(status.pools)
        if status.error_kind is None:
            found |= self._gone(found, status)
        changes = [
            Seats(
                cluster=self._cluster,
                isv=each.isv,
                feature=each.product,
                since=at,
                seats=each.seats,
                reserved=each.reserved,
                server=server,
            )
            for name, each in found.items()
            if not _is_known(self._known.get(name), each)
        ]
        self._known |= {_name(each.isv, each.feature): each for each in changes}
        return tuple(changes)

    def _gone(self, found: Mapping[Name, _Ceiling], status: RlmStatus) -> dict[Name, _Ceiling]:
        """Of an ISV server that answers whole, what it no longer has: nobody can get a seat of it."""
        answering = {isv.name.casefold() for isv in status.isvs if isv.running}
        with_pools = {(pool.isv or "").casefold() for pool in status.pools}
        return {
            name: _Ceiling(isv=each.isv, product=each.feature, seats=0, reserved=0)
            for name, each in self._known.items()
            if name not in found and name[0] in answering & with_pools
        }


def _ceilings(pools: Iterable[Pool]) -> dict[Name, _Ceiling]:
    """Over all pools and versions of a product. One without a limit has none as a whole."""
    found: dict[Name, _Ceiling] = {}
    for pool in pools:
        if pool.isv is None:
            continue
        name = _name(pool.isv, pool.product)
        before = found.get(name, _Ceiling(isv=pool.isv, product=pool.product, seats=0, reserved=0))
        issued = pool.issued
        found[name] = _Ceiling(
            isv=before.isv,
            product=before.product,
            seats=None if issued is None or before.seats is None else before.seats + issued,
            reserved=before.reserved + (pool.reservations or 0),
        )
    return found


def _is_known(known: Seats | None, found: _Ceiling) -> bool:
    return known is not None and (known.seats, known.reserved) == (found.seats, found.reserved)


def _name(isv: str, product: str) -> Name:
    return isv.casefold(), product.casefold()
