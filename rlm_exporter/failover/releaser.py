"""Takes one seat back by RLM's own means: `rlmutil rlmremove`, at the server's address, past every balancer.

It goes beside the cluster's one writer: it changes nothing that decisions look at, and no failover waits for
an rlmutil that hangs. What rlmutil says of it is documented nowhere, nor its exit status. What counts is
whether the server still lists the handle.
"""

import asyncio
import logging
from datetime import timedelta

from rlm_exporter.errors import JournalError, ProbeError
from rlm_exporter.failover.ports import Clock, LicenseProbe, ReleaseJournal, Rlmutil
from rlm_exporter.failover.release import (
    FoundSeat,
    NotReleased,
    NotReleasedKind,
    Released,
    SeatWish,
    find_seat,
    is_complete,
    is_held,
    last_words,
)
from rlm_exporter.failover.trigger import TriggerKind
from rlm_exporter.manifest.model import Server
from rlm_exporter.probe.child import Ended
from rlm_exporter.probe.result import Failure
from rlm_exporter.rlm.status import RlmStatus

log = logging.getLogger(__name__)

LOOK_LIMIT = timedelta(seconds=4)
"""For one look at who holds what. All together ends before the command line stops waiting."""
REMOVE_LIMIT = timedelta(seconds=4)
SETTLING = 2.0
"""Seconds for which a server may go on listing what it has freed."""
PACE = 0.2
OUTPUT_LIMIT = 64 * 1024
"""Bytes; rlmremove says a few lines."""
WORD = "release"
"""In the journal."""


class Releaser:
    """Frees seats of one cluster, one at a time: who asks second finds the handle gone."""

    def __init__(
        self,
        *,
        cluster: str,
        journal: ReleaseJournal,
        rlmutil: Rlmutil,
        license_probe: LicenseProbe,
        clock: Clock,
        names: bool,
    ) -> None:
        """`names`: whether the journal and the log may name users and hosts."""
        self._cluster = cluster
        self._journal = journal
        self._rlmutil = rlmutil
        self._license_probe = license_probe
        self._clock = clock
        self._names = names
        self._turn = asyncio.Lock()

    async def find(self, server: Server, wish: SeatWish) -> FoundSeat | NotReleased:
        """Whose seat it is; nothing is changed."""
        status = await self._look(server, LOOK_LIMIT)
        if isinstance(status, str):
            detail = f"who holds what on {server.name} is not known: {status}"
            return NotReleased(kind=NotReleasedKind.SERVER_UNKNOWN, detail=detail)
        return find_seat(status, wish, server=server.name)

    async def release(
        self, server: Server, wish: SeatWish, *, requested_by: str, reason: str
    ) -> Released | NotReleased:
        """Free it, and see that it is free; raises JournalError where nothing could be written before."""
        async with self._turn:
            seat = await self.find(server, wish)
            if isinstance(seat, NotReleased):
                return seat
            by = f"by {requested_by}" + (f": {reason}" if reason else "")
            await self._write(f"{seat.told(names=self._names)} is to be freed; {by}")
            ended = await self._remove(server, seat)
            outcome = await self._judge(server, seat, ended)
            await self._write_end(outcome.detail if isinstance(outcome, NotReleased) else _done(seat))
            return outcome

    async def _remove(self, server: Server, seat: FoundSeat) -> Ended | Failure:
        where = (server.host, str(seat.port), seat.isv, seat.checkout.handle)
        return await self._rlmutil.run("rlmremove", "-q", *where, timeout=REMOVE_LIMIT, limit=OUTPUT_LIMIT)

    async def _judge(self, server: Server, seat: FoundSeat, ended: Ended | Failure) -> Released | NotReleased:
        if isinstance(ended, Failure):
            return NotReleased(kind=NotReleasedKind.SERVER_UNKNOWN, detail=ended.detail)
        said = _said(ended)
        until = self._clock.monotonic() + (SETTLING if ended.status == 0 else 0.0)
        while True:
            status = await self._look(server, LOOK_LIMIT)
            if isinstance(status, str) or not is_complete(status, seat):
                why = status if isinstance(status, str) else f"the answer of {server.name} is not whole"
                detail = f"whether {_short(seat)} is free could not be seen: {why} ({said})"
                return NotReleased(kind=NotReleasedKind.NOT_VERIFIED, detail=detail)
            if not is_held(status, seat):
                return Released(seat=seat, detail=_done(seat))
            if ended.cut is not None:
                detail = f"{_short(seat)} is not free yet, and RLM may still do it: {said}"
                return NotReleased(kind=NotReleasedKind.NOT_VERIFIED, detail=detail)
            if self._clock.monotonic() >= until:
                return NotReleased(kind=NotReleasedKind.RLM_REFUSED, detail=_refusal(seat, said))
            await self._clock.sleep(PACE)

    async def _look(self, server: Server, limit: timedelta) -> RlmStatus | str:
        """Its answer, or why there is none."""
        try:
            result = await self._license_probe.probe(server.host, server.port, timeout=limit)
        except ProbeError as error:
            return str(error)
        if result.payload is not None:
            return result.payload
        return result.failure.detail if result.failure is not None else "no answer"

    async def _write(self, detail: str) -> None:
        log.info("cluster=%s operator=%s %s", self._cluster, WORD, detail)
        await self._journal.hold(
            self._cluster, rule=WORD, trigger=TriggerKind.OPERATOR, detail=detail, now=self._clock.now()
        )

    async def _write_end(self, detail: str) -> None:
        """What came of it. The seat is as it is, also where the journal is away by now."""
        try:
            await self._write(detail)
        except JournalError as error:
            log.error("cluster=%s the journal lacks what came of it: %s: %s", self._cluster, detail, error)


def _said(ended: Ended) -> str:
    if ended.cut is not None:
        return f"rlmutil did not end within {REMOVE_LIMIT.total_seconds():g} s and was killed"
    words = last_words(ended.output) or last_words(ended.errors)
    return f"rlmutil ended with {ended.status}" + (f": {words}" if words else "")


def _short(seat: FoundSeat) -> str:
    return f"handle {seat.checkout.handle} of {seat.isv} on {seat.server}"


def _done(seat: FoundSeat) -> str:
    return f"{_short(seat)} was freed"


def _refusal(seat: FoundSeat, said: str) -> str:
    return (
        f"RLM did not free {_short(seat)} ({said}). It lets a checkout last min_remove seconds first, by "
        f"default 120; this one is since {seat.checkout.at} by the server's clock"
    )
