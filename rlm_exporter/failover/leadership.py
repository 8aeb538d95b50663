"""Whether this daemon may act for a cluster, of several that share a journal.

A lease is held for `LASTING` and renewed long before its end. Nothing is done with less than `MARGIN` left,
counted on our own clock from before the renewal was sent: a renewal whose answer was late, or a process that
was frozen, errs on the side of doing nothing. A lease that was lost and taken again has another token, and
what was begun under the old one is not gone on with.

The database refuses writes under a lease that is over, and the balancers refuse commands under an old epoch:
this here only keeps us from trying.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.lease import LeaseView
from rlm_exporter.failover.ports import Clock, LeaseStore
from rlm_exporter.store.leases import Claimant, Guard, LeaseRow, lease_guard

log = logging.getLogger(__name__)

LASTING = timedelta(seconds=15)
RENEW_AFTER = 5.0
MARGIN = 5.0
PACE = 1.0
"""Seconds: a lease is renewed when it is that old, is good for nothing with that much left, and one that is
somebody else's is looked at that often."""


class Alone:
    """The leadership of a daemon that has its journal for itself."""

    @property
    def view(self) -> LeaseView | None:
        """There is no lease."""
        return None

    def begin(self) -> bool:
        """Always."""
        return True

    def may_act(self) -> bool:
        """Always."""
        return True

    async def lost(self) -> None:
        """Never."""
        await asyncio.Event().wait()


class Leadership:
    """One cluster's. `begin` starts a stretch of acting; that ends with the lease, for good."""

    def __init__(self, *, clock: Clock, elapsed: Callable[[], float]) -> None:
        self._clock = clock
        self._elapsed = elapsed
        self._token: int | None = None
        self._until = float("-inf")
        self._acting: int | None = None
        self._row: LeaseRow | None = None
        self.trouble = ""
        """Why it cannot be renewed or taken at the moment."""

    @property
    def token(self) -> int | None:
        """Of the lease that we have, or had until it ran out."""
        return self._token

    @property
    def acting(self) -> int | None:
        """Of the lease under which the present stretch of acting began; None when we do not act."""
        return self._acting

    @property
    def remaining(self) -> float:
        """Seconds for which it is still ours; 0 where it is not."""
        return max(0.0, self._until - self._elapsed()) if self._token is not None else 0.0

    @property
    def view(self) -> LeaseView:
        """What is known of it."""
        return LeaseView(
            ours=self.may_act(),
            holder=self._row.holder if self._row else None,
            url=self._row.url if self._row else None,
            remaining=self.remaining,
            trouble=self.trouble,
        )

    def begin(self) -> bool:
        """Begin to act, or go on; whether we may."""
        self._acting = self._token if self.remaining > MARGIN else None
        return self._acting is not None

    def may_act(self) -> bool:
        """Whether what was begun may be gone on with."""
        return self._acting is not None and self._acting == self._token and self.remaining > MARGIN

    async def lost(self) -> None:
        """Return as soon as what was begun may not be gone on with."""
        while self.may_act():
            await self._clock.sleep(self.remaining - MARGIN)

    def took(self, token: int, *, until: float) -> None:
        """The database has renewed it, or given it to us."""
        self._token, self._until = token, until

    def saw(self, row: LeaseRow) -> None:
        """What the database says of it now."""
        self._row, self.trouble = row, ""
        if row.token != self._token:
            self._token = None


class LeaseKeeper:
    """Takes and renews the leases of a daemon's clusters, all in one transaction."""

    def __init__(
        self,
        *,
        store: LeaseStore,
        claimant: Claimant,
        clusters: Iterable[str],
        clock: Clock,
        elapsed: Callable[[], float],
    ) -> None:
        """`elapsed` counts seconds also while the machine is suspended."""
        self._store = store
        self._claimant = claimant
        self._clock = clock
        self._elapsed = elapsed
        self._of = {name: Leadership(clock=clock, elapsed=elapsed) for name in clusters}
        self._renewed_at = float("-inf")
        self._trouble = ""

    def of(self, cluster: str) -> Leadership:
        """One cluster's."""
        return self._of[cluster]

    def guard(self, cluster: str) -> Guard:
        """Lets the database refuse what is written for a cluster outside of a stretch of acting."""

        return lease_guard(cluster=cluster, claimant=self._claimant, token=lambda: self._of[cluster].acting)

    async def run(self) -> None:
        """Take and renew until cancelled."""
        while True:
            await self.turn()
            await self._clock.sleep(PACE)

    async def turn(self) -> None:
        """Renew what is due, and take what is free."""
        asked = self._elapsed()
        renewing = asked - self._renewed_at >= RENEW_AFTER
        due = {name: each for name, each in self._of.items() if renewing or not each.remaining}
        if not due:
            return
        held = {name: each.token for name, each in due.items() if each.token is not None}
        try:
            taken = await self._store.take_leases(
                claimant=self._claimant, clusters=tuple(due), held=held, lasting=LASTING
            )
        except JournalError as error:
            self._say(str(error))
            return
        self._say("")
        if renewing:
            self._renewed_at = asked
        for name, token in taken.tokens.items():
            if self._of[name].token != token:
                log.info("cluster=%s this daemon (%s) acts for it now", name, self._claimant.name)
            self._of[name].took(token, until=asked + LASTING.total_seconds())
        for row in taken.rows:
            if row.cluster in self._of:
                self._of[row.cluster].saw(row)

    async def release(self) -> None:
        """Let go of all leases, so that nobody has to wait for their end. After everything that acts."""
        held = {name: each.token for name, each in self._of.items() if each.token is not None}
        if held:
            with contextlib.suppress(JournalError):  # they run out by themselves
                await self._store.release_leases(claimant=self._claimant, held=held)

    def _say(self, trouble: str) -> None:
        if trouble and not self._trouble:
            log.error("the leases cannot be renewed: %s", trouble)
        elif self._trouble and not trouble:
            log.info("leases are renewed again")
        self._trouble = trouble
        if trouble:
            for each in self._of.values():
                each.trouble = trouble
