"""One pool's account: ordinary seats, reserved ones, and seats that several handles share."""

from collections import Counter
from dataclasses import dataclass, field

from rlm_exporter.rlm.status import Pool
from rlm_exporter.simulator.plan import MIN_REMOVE_SECONDS, Counting, ProductPlan, Reservation
from rlm_exporter.simulator.wish import Wish

ShareKey = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """How a wish is met, as rlmstat shows it: so many ordinary seats, so many reserved ones."""

    ordinary: int
    reserved: int = 0
    reservation: int | None = None
    """Which of the pool's reservations gives them."""

    @property
    def seats(self) -> int:
        """Of both sorts."""
        return self.ordinary + self.reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLine:
    """A pool as rlmstat shows it, with what a reader of ours leaves out."""

    pool: Pool
    obsolete: int = 0
    min_remove: int = MIN_REMOVE_SECONDS
    free: int | None = None
    """Ordinary seats that are left; None where they are not counted."""


@dataclass(slots=True, kw_only=True)
class PoolState:
    """A pool, and what is taken from it. `dropped` is one that the license file no longer has."""

    plan: ProductPlan
    dropped: bool = False
    total_checkouts: int = 0
    _sharing: dict[ShareKey, dict[str, Grant]] = field(init=False, default_factory=dict)
    """By who shares a seat: the handles, of which the largest counts."""
    _keys: dict[str, ShareKey] = field(init=False, default_factory=dict)
    _ordinary: int = field(init=False, default=0)
    _reserved: Counter[int | None] = field(init=False, default_factory=Counter)

    @property
    def issued(self) -> int:
        """All seats, reserved ones too."""
        return self.plan.count + sum(one.count for one in self.plan.reservations)

    @property
    def inuse(self) -> int:
        """Seats that are out; handles that share one count once."""
        return self._ordinary + self.inuse_reserved

    @property
    def inuse_reserved(self) -> int:
        """Reserved seats that are out."""
        return self._reserved.total()

    @property
    def free(self) -> int:
        """Ordinary seats that are left."""
        return self.plan.count - self._ordinary

    def grant(self, wish: Wish) -> Grant | None:
        """How the wish could be met now; None where it cannot."""
        if self.plan.counting is not Counting.COUNTED:
            return Grant(ordinary=wish.count)
        shared = _largest(self._sharing.get(self._share_key(wish, handle=""), {}))
        if shared is None:
            for index, reservation in enumerate(self.plan.reservations):
                reserved = min(wish.count, reservation.count - self._reserved[index])
                if _is_for(reservation, wish) and reserved > 0 and wish.count - reserved <= self.free:
                    return Grant(ordinary=wish.count - reserved, reserved=reserved, reservation=index)
        missing = wish.count - (0 if shared is None else shared.seats)
        return Grant(ordinary=wish.count) if missing <= self.free or missing <= 0 else None

    def take(self, handle: str, wish: Wish, grant: Grant) -> str:
        """Note it down under the handle; returns the handle of the first who holds the same seat."""
        key = self._share_key(wish, handle)
        self._keys[handle] = key
        sharing = self._sharing.setdefault(key, {})
        self._count(_largest(sharing), -1)
        sharing[handle] = grant
        self._count(_largest(sharing), +1)
        self.total_checkouts += 1
        return next(iter(sharing))

    def give_back(self, handle: str) -> None:
        """Strike it out."""
        key = self._keys.pop(handle)
        sharing = self._sharing[key]
        self._count(_largest(sharing), -1)
        del sharing[handle]
        self._count(_largest(sharing), +1)
        if not sharing:
            del self._sharing[key]

    def _count(self, grant: Grant | None, sign: int) -> None:
        if grant is not None:
            self._ordinary += sign * grant.ordinary
            self._reserved[grant.reservation] += sign * grant.reserved

    def is_for(self, plan: ProductPlan) -> bool:
        """Whether this is the pool that a license file's plan means."""
        return (self.plan.product, self.plan.version) == (plan.product, plan.version)

    def renew(self, plan: ProductPlan) -> None:
        """Go on with another plan of the same product and version."""
        self.plan = plan
        self.dropped = False

    def line(self, isv: str, number: int) -> PoolLine:
        """The pool as rlmstat shows it under this number."""
        counted = self.plan.counting is Counting.COUNTED
        token = self.plan.counting is Counting.TOKEN
        count = 0 if self.dropped else self.plan.count
        reserved = 0 if self.dropped else self.issued - self.plan.count
        pool = Pool(
            isv=isv,
            product=self.plan.product,
            version=self.plan.version,
            pool=number,
            count=count if counted else None,
            reservations=None if token or self.plan.counting is Counting.UNCOUNTED else reserved,
            inuse=None if token else self.inuse,
            expires=None if token else self.plan.expires,
            uncounted=self.plan.counting in (Counting.UNCOUNTED, Counting.UNLIMITED),
            token=token,
            total_checkouts=None if token else self.total_checkouts,
        )
        obsolete = self.inuse if self.dropped else 0
        free = max(count - self._ordinary, 0) if counted else None
        return PoolLine(pool=pool, obsolete=obsolete, min_remove=self.plan.min_remove, free=free)

    def _share_key(self, wish: Wish, handle: str) -> ShareKey:
        """What handles must have in common to share a seat; without sharing each stands for itself."""
        if not self.plan.share:
            return ("handle", handle)
        letters = {"u": wish.user, "h": wish.host, "i": wish.isv_def}
        return tuple(f"{letter}={letters[letter]}" for letter in sorted(self.plan.share))


def _largest(grants: dict[str, Grant]) -> Grant | None:
    return max(grants.values(), key=lambda grant: grant.seats, default=None)


def _is_for(reservation: Reservation, wish: Wish) -> bool:
    return reservation.user in ("", wish.user) and reservation.host in ("", wish.host)
