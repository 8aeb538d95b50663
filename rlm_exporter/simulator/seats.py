"""The seats of one ISV server: who holds what, and why somebody is refused."""

from dataclasses import dataclass, field
from datetime import date, datetime

from rlm_exporter.rlm.status import Checkout, Permanent, Pool
from rlm_exporter.simulator.plan import ProductPlan, decimal_version
from rlm_exporter.simulator.protocol import ALL_IN_USE, BAD_VERSION, EXPIRED, NO_PRODUCT


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a client asks for."""

    product: str
    version: str
    count: int
    user: str
    host: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A granted wish under its handle (hexadecimal, rising from 1 since the ISV server's start)."""

    handle: str
    wish: Wish
    pool: int
    pool_version: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A refused wish with RLM's status code."""

    code: int


@dataclass(slots=True, kw_only=True)
class _PoolState:
    plan: ProductPlan
    inuse: int = 0
    total_checkouts: int = 0


@dataclass(slots=True, kw_only=True)
class Seats:
    """The pools of one ISV server with their seats."""

    isv: str
    products: tuple[ProductPlan, ...]
    _pools: list[_PoolState] = field(init=False)
    _held: dict[str, Seat] = field(init=False, default_factory=dict)
    _last_handle: int = field(init=False, default=0)
    _withdrawn: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._pools = [_PoolState(plan=product) for product in self.products]

    def check_out(self, wish: Wish, *, at: datetime) -> Seat | Denial:
        """Grant the wish from the first pool that can, or say why none can."""
        pools = [] if self._withdrawn else list(enumerate(self._pools))
        named = [item for item in pools if item[1].plan.product == wish.product]
        if not named:
            return Denial(code=NO_PRODUCT)
        wanted = decimal_version(wish.version)
        fitting = [item for item in named if decimal_version(item[1].plan.version) >= wanted]
        if not fitting:
            return Denial(code=BAD_VERSION)
        valid = [item for item in fitting if not _expired(item[1].plan.expires, at.date())]
        if not valid:
            return Denial(code=EXPIRED)
        for index, pool in valid:
            if pool.inuse + wish.count <= pool.plan.count:
                return self._grant(wish, index, pool, at)
        return Denial(code=ALL_IN_USE)

    def _grant(self, wish: Wish, index: int, pool: _PoolState, at: datetime) -> Seat:
        self._last_handle += 1
        handle = f"{self._last_handle:x}"
        seat = Seat(handle=handle, wish=wish, pool=index, pool_version=pool.plan.version, at=at)
        pool.inuse += wish.count
        pool.total_checkouts += 1
        self._held[handle] = seat
        return seat

    def check_in(self, handle: str) -> Seat | None:
        """Free a seat; None if the handle is not known."""
        seat = self._held.pop(handle, None)
        if seat is not None:
            self._pools[seat.pool].inuse -= seat.wish.count
        return seat

    def withdraw(self) -> None:
        """Take all pools away, as a standby with a failover license has none."""
        self._withdrawn = True

    def restore(self) -> None:
        """Bring the pools back."""
        self._withdrawn = False

    def pools(self) -> tuple[Pool, ...]:
        """The pools as rlmstat shows them."""
        if self._withdrawn:
            return ()
        return tuple(self._pool(pool) for pool in self._pools)

    def _pool(self, pool: _PoolState) -> Pool:
        return Pool(
            isv=self.isv,
            product=pool.plan.product,
            version=pool.plan.version,
            pool=None,
            count=pool.plan.count,
            reservations=0,
            inuse=pool.inuse,
            expires=pool.plan.expires,
            uncounted=False,
            token=False,
            total_checkouts=pool.total_checkouts,
        )

    def checkouts(self) -> tuple[Checkout, ...]:
        """The handles as rlmstat shows them, in the order they were given."""
        return tuple(
            Checkout(
                isv=self.isv,
                product=seat.wish.product,
                version=seat.pool_version,
                user=seat.wish.user,
                host=seat.wish.host,
                count=seat.wish.count,
                reserved=0,
                handle=seat.handle,
                at=f"{seat.at:%m/%d %H:%M}",
            )
            for seat in self._held.values()
        )


def _expired(expires: date | Permanent, today: date) -> bool:
    return isinstance(expires, date) and expires < today
