"""The seats of one ISV server: who holds what, and why somebody is refused."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from rlm_exporter.rlm.status import Checkout
from rlm_exporter.simulator.plan import Counting, ProductPlan, decimal_version
from rlm_exporter.simulator.pool import Grant, PoolLine, PoolState
from rlm_exporter.simulator.protocol import (
    ALL_IN_USE,
    BAD_VERSION,
    EXPIRED,
    NO_PRODUCT,
    TOO_MANY,
    TOO_YOUNG,
    UNKNOWN_HANDLE,
)
from rlm_exporter.simulator.wish import Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A granted wish under its handle (hexadecimal, rising from 1 since the ISV server's start)."""

    handle: str
    share_handle: str
    """The handle of the first who holds the shared seat; its own where nothing is shared."""
    wish: Wish
    product: str
    """What was taken: the tokens, where a token license was asked for."""
    version: str
    """The pool's."""
    grant: Grant
    pool: PoolState
    at: datetime

    @property
    def count(self) -> int:
        """Seats, whether ordinary or reserved ones."""
        return self.grant.seats


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A refused wish with RLM's status code."""

    code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """One handle as rlmstat shows it."""

    checkout: Checkout
    isv_def: str = ""
    requested: str = ""
    """The version that was asked for."""


@dataclass(slots=True, kw_only=True)
class Seats:
    """The pools of one ISV server with their seats."""

    isv: str
    products: tuple[ProductPlan, ...]
    _pools: list[PoolState] = field(init=False)
    _held: dict[str, Seat] = field(init=False, default_factory=dict)
    _last_handle: int = field(init=False, default=0)
    _withdrawn: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._pools = [PoolState(plan=product) for product in self.products]

    def check_out(self, wish: Wish, *, at: datetime) -> Seat | Denial:
        """Grant the wish from the first pool that can, or say why none can."""
        found = self._valid(wish, at.date())
        if isinstance(found, Denial):
            return found
        for pool in found:
            if pool.plan.counting is Counting.TOKEN:
                return self._take_tokens(pool.plan, wish, at)
        for pool in found:
            grant = pool.grant(wish)
            if grant is not None:
                return self._seat(wish, pool, grant, at)
        counted = [pool for pool in found if pool.plan.counting is Counting.COUNTED]
        return Denial(code=TOO_MANY if all(wish.count > pool.issued for pool in counted) else ALL_IN_USE)

    def _valid(self, wish: Wish, today: date) -> list[PoolState] | Denial:
        """The pools of that product that are new enough and not expired."""
        pools = [] if self._withdrawn else [pool for pool in self._pools if not pool.dropped]
        named = [pool for pool in pools if pool.plan.product == wish.product]
        if not named:
            return Denial(code=NO_PRODUCT)
        wanted = decimal_version(wish.version)
        fitting = [pool for pool in named if decimal_version(pool.plan.version) >= wanted]
        if not fitting:
            return Denial(code=BAD_VERSION)
        valid = [pool for pool in fitting if not _is_expired(pool.plan, today)]
        return valid or Denial(code=EXPIRED)

    def _take_tokens(self, plan: ProductPlan, wish: Wish, at: datetime) -> Seat | Denial:
        tokens = replace(wish, product=plan.takes, version="0", count=wish.count * plan.each)
        if plan.takes == plan.product:
            return Denial(code=NO_PRODUCT)
        outcome = self.check_out(tokens, at=at)
        if isinstance(outcome, Denial):
            return outcome
        outcome = replace(outcome, wish=wish)
        self._held[outcome.handle] = outcome
        return outcome

    def _seat(self, wish: Wish, pool: PoolState, grant: Grant, at: datetime) -> Seat:
        self._last_handle += 1
        handle = f"{self._last_handle:x}"
        seat = Seat(
            handle=handle,
            share_handle=pool.take(handle, wish, grant),
            wish=wish,
            product=pool.plan.product,
            version=pool.plan.version,
            grant=grant,
            pool=pool,
            at=at,
        )
        self._held[handle] = seat
        return seat

    def check_in(self, handle: str) -> Seat | None:
        """Free a seat; None if the handle is not known."""
        seat = self._held.pop(handle, None)
        if seat is not None:
            seat.pool.give_back(handle)
            self._pools = [pool for pool in self._pools if not pool.dropped or pool.inuse]
        return seat

    def remove(self, handle: str, *, at: datetime) -> Seat | Denial:
        """As `check_in`, by an administrator, who must let a checkout last for the pool's `min_remove`."""
        seat = self._held.get(handle)
        if seat is None:
            return Denial(code=UNKNOWN_HANDLE)
        if at - seat.at < timedelta(seconds=seat.pool.plan.min_remove):
            return Denial(code=TOO_YOUNG)
        self.check_in(handle)
        return seat

    def reread(self, products: tuple[ProductPlan, ...], *, today: date) -> None:
        """Build the pools anew, without what has expired; seats stay with pools of their product and version.

        A pool that is gone while somebody still holds its seats stays as obsolete until they are back.
        """
        self.products = products
        before = self._pools
        self._pools = []
        for plan in products:
            if _is_expired(plan, today):
                continue
            known = next((pool for pool in before if pool.is_for(plan)), None)
            if known is None:
                self._pools.append(PoolState(plan=plan))
            else:
                before.remove(known)
                known.renew(plan)
                self._pools.append(known)
        for pool in before:
            pool.dropped = True
            if pool.inuse:
                self._pools.append(pool)

    def withdraw(self) -> None:
        """Take all pools away, as a standby with a failover license has none."""
        self._withdrawn = True

    def restore(self) -> None:
        """Bring the pools back."""
        self._withdrawn = False

    @property
    def withdrawn(self) -> bool:
        """Whether the pools have been taken away."""
        return self._withdrawn

    def held(self) -> tuple[Seat, ...]:
        """Every seat, in the order they were given."""
        return tuple(self._held.values())

    def pools(self) -> tuple[PoolLine, ...]:
        """The pools as rlmstat shows them."""
        if self._withdrawn:
            return ()
        return tuple(pool.line(self.isv, number) for number, pool in enumerate(self._pools, 1))

    def number_of(self, seat: Seat) -> int:
        """The number of the seat's pool, 0 where it has none any more."""
        return next((number for number, pool in enumerate(self._pools, 1) if pool is seat.pool), 0)

    def usage(self) -> tuple[UsageLine, ...]:
        """The handles as rlmstat shows them, in the order they were given."""
        return tuple(_usage(self.isv, seat) for seat in self._held.values())


def checkouts(lines: Iterable[UsageLine]) -> tuple[Checkout, ...]:
    """What of the lines a reader gets."""
    return tuple(line.checkout for line in lines)


def _usage(isv: str, seat: Seat) -> UsageLine:
    checkout = Checkout(
        isv=isv,
        product=seat.product,
        version=seat.version,
        user=seat.wish.user,
        host=seat.wish.host,
        count=seat.grant.ordinary,
        reserved=seat.grant.reserved,
        handle=seat.handle,
        at=f"{seat.at:%m/%d %H:%M}",
    )
    return UsageLine(checkout=checkout, isv_def=seat.wish.isv_def, requested=seat.wish.version)


def _is_expired(plan: ProductPlan, today: date) -> bool:
    return isinstance(plan.expires, date) and plan.expires < today
