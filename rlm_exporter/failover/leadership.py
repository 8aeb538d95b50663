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

RETRY = 0.5
"""Seconds after an attempt without an answer: from the age for renewal to the margin there are but five."""

LOOK = 0.25
"""Seconds after which a loss that nothing else tells of is seen at the latest."""


class Alone:
    """The leadership of a daemon that has its journal for itself."""

    @property
    def view(self) -> LeaseView | None:
        """There is no lease."""
        return None

    @property
    def stretch(self) -> int:
        """Always the same one."""
        return 0

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

    @property
    def stretch(self) -> int | None:
        """Which stretch of acting this is, while what was begun in it may be gone on with; else None."""
        return self._acting if self.may_act() else None

    def begin(self) -> bool:
        """Begin to act, or go on; whether we may."""
        self._acting = self._token if self.remaining > MARGIN else None
        return self._acting is not None

    def may_act(self) -> bool:
        """Whether what was begun may be gone on with."""
        return self._acting is not None and self._acting == self._token and self.remaining > MARGIN

    async def lost(self) -> None:
        """Return as soon as what was begun before this call may not be gone on with.

        Our clock also runs while the machine is suspended, and sleeping does not: it is looked at often.
        """
        begun = self.stretch
        while begun is not None and self.stretch == begun:
            await self._clock.sleep(min(LOOK, self.remaining - MARGIN))

    def took(self, token: int, *, until: float) -> None:
        """The database has renewed it, or given it to us."""
        self._token, self._until = token, until

    def saw(self, row: LeaseRow, *, claimant: Claimant) -> None:
        """What the database says of it now."""
        self._row, self.trouble = row, ""
        if (row.token, row.holder, row.instance) != (self._token, claimant.name, claimant.instance):
            self._token = None


class LeaseKeeper:
    """Takes and renews the leases of a daemon's clusters, all in one transaction."""

    def __init__(
        self,
        *,
        store: LeaseStore,
        claimant: Claimant,
        clock: Clock,
        elapsed: Callable[[], float],
        clusters: Iterable[str] = (),
    ) -> None:
        """`elapsed` counts seconds also while the machine is suspended."""
        self._store = store
        self.claimant = claimant
        self._clock = clock
        self._elapsed = elapsed
        self._of = {name: Leadership(clock=clock, elapsed=elapsed) for name in clusters}
        self._renewed_at = float("-inf")
        self._resumed = set(self._of)
        """Those that this life has not had yet, so that an earlier one may have left them."""
        self._trouble = ""

    def of(self, cluster: str) -> Leadership:
        """One cluster's."""
        return self._of[cluster]

    def add(self, cluster: str) -> None:
        """One more cluster, if it is none of ours yet."""
        if cluster not in self._of:
            self._of[cluster] = Leadership(clock=self._clock, elapsed=self._elapsed)
            self._resumed.add(cluster)

    async def drop(self, cluster: str) -> None:
        """Look after one no more, and let go of its lease. After everything that acts for it."""
        of = self._of.pop(cluster, None)
        if of is not None and of.token is not None:
            with contextlib.suppress(JournalError):  # it runs out by itself
                await self._store.release_leases(claimant=self.claimant, held={cluster: of.token})

    def guard(self, cluster: str) -> Guard:
        """Lets the database refuse what is written for a cluster outside of a stretch of acting."""
        of = self._of[cluster]
        return lease_guard(cluster=cluster, claimant=self.claimant, token=lambda: of.acting)

    async def run(self) -> None:
        """Take and renew until cancelled."""
        while True:
            answered = await self.turn()
            await self._clock.sleep(PACE if answered else RETRY)

    async def turn(self) -> bool:
        """Renew what is due, and take what is free; False where the store could not be asked."""
        asked = self._elapsed()
        renewing = asked - self._renewed_at >= RENEW_AFTER
        due = {name: each for name, each in self._of.items() if renewing or not each.remaining}
        if not due:
            return True
        held = {name: each.token for name, each in due.items() if each.token is not None}
        try:
            taken = await self._store.take_leases(
                claimant=self.claimant,
                clusters=tuple(due),
                held=held,
                resumed=frozenset(self._resumed),
                lasting=LASTING,
            )
        except JournalError as error:
            self._say(str(error))
            return False
        self._say("")
        if renewing:
            self._renewed_at = asked
        for name, token in taken.tokens.items():
            if name not in self._of:
                continue  # dropped meanwhile
            if self._of[name].token != token:
                log.info("cluster=%s this daemon (%s) acts for it now", name, self.claimant.name)
            self._of[name].took(token, until=asked + LASTING.total_seconds())
            self._resumed.discard(name)
        for row in taken.rows:
            if row.cluster in self._of:
                self._look_for_a_twin(row)
                self._of[row.cluster].saw(row, claimant=self.claimant)
        return True

    async def release(self) -> None:
        """Let go of all leases, so that nobody has to wait for their end. After everything that acts."""
        held = {name: each.token for name, each in self._of.items() if each.token is not None}
        if held:
            with contextlib.suppress(JournalError):  # they run out by themselves
                await self._store.release_leases(claimant=self.claimant, held=held)

    def _look_for_a_twin(self, row: LeaseRow) -> None:
        """A copy of our state directory that is alive passes for us. It got the lease once, and no more."""
        of = self._of[row.cluster]
        ours = self.claimant.instance
        if of.token is not None and row.token != of.token and ours and row.instance == ours:
            log.error(
                "cluster=%s a daemon with a copy of our state directory (%s%s) has taken the lease: "
                "give each daemon a state directory of its own",
                row.cluster,
                row.holder,
                f", {row.url}" if row.url else "",
            )

    def _say(self, trouble: str) -> None:
        if trouble and not self._trouble:
            log.error("the leases cannot be renewed: %s", trouble)
        elif self._trouble and not trouble:
            log.info("leases are renewed again")
        self._trouble = trouble
        if trouble:
            for each in self._of.values():
                each.trouble = trouble
