"""The real thing: clients are moved to a standby and back, if nothing speaks against it."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import datetime

from rlm_exporter.drill.felt import LONGEST, felt
from rlm_exporter.drill.ports import Moved, Mover, Standing
from rlm_exporter.drill.result import Finding, Kind
from rlm_exporter.drill.trip import BACK, THERE, Trip
from rlm_exporter.errors import ApiError
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.aside import Aside
from rlm_exporter.probe.ports import LicenseProbe

RETURN_PATIENCE = 60.0
"""Seconds in which a refused return is asked for again: the old server may still be held back."""
RETRY = 2.0
"""Seconds between two such questions."""


async def there_and_back(
    cluster: Cluster,
    *,
    mover: Mover,
    probe: LicenseProbe,
    standing: Standing,
    trip: Trip,
    now: Callable[[], datetime],
    stop: asyncio.Event,
    tell: Callable[[str], None],
    retry: float = RETRY,
) -> tuple[Finding, ...]:
    """Move to a standby, stay, and return; at once when `stop` is set, or where it does not go well there.

    The return is tried too where only the waiting was too long.
    """
    home, target = str(standing.active), trip.to or standing.standbys[0]

    def go() -> Moved:
        if stop.is_set():
            return Moved(done=False, detail="stopped before anybody was moved", refused=True)
        return mover.move(target, source=home, reason=THERE, planned=True)

    tell(f"Moving clients from {home} to {target}.")
    went = await felt(cluster, probe, Kind.FAILOVER, f"{home} -> {target}", go)
    if not went.finding.passed:
        if went.moved.refused:
            return (went.finding,)
        # Where it left the clients is what the daemon says; where it says nothing the return is tried.
        with contextlib.suppress(ApiError):
            if (await _aside(mover.look)).active == home:
                return (went.finding,)
    if went.finding.passed and not stop.is_set():
        tell(f"They stay on {target} for {trip.stay.total_seconds():g} s. Ctrl-C has them return at once.")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(trip.stay.total_seconds()):
                await stop.wait()
    by_hand = f"return by hand: rlm-ha licenses switchover {cluster.name} --to {home}"
    if trip.window is not None and not trip.window.remaining(now()):
        detail = f"the window {trip.window} closed, so clients stay on {target}; {by_hand}"
        subject = f"{target} -> {home}"
        return went.finding, Finding(
            kind=Kind.RETURN, subject=subject, passed=False, detail=detail, seconds=0
        )
    tell(f"Moving clients back from {target} to {home}.")

    def come_back() -> Moved:
        return _return(mover, home, target, retry, by_hand)

    back = await felt(cluster, probe, Kind.RETURN, f"{target} -> {home}", come_back)
    return went.finding, back.finding


def _return(mover: Mover, home: str, target: str, retry: float, by_hand: str) -> Moved:
    """Asked for again where it is refused, but not where clients are no longer where we brought them."""
    until = time.monotonic() + RETURN_PATIENCE
    while True:
        try:
            # Whoever hangs on a standby that has fallen ill meanwhile is brought home all the same.
            moved = mover.move(home, source=target, reason=BACK, planned=False)
        except ApiError as error:
            moved = Moved(done=False, detail=str(error))
        if moved.done:
            return moved
        with contextlib.suppress(ApiError):
            active = mover.look().active
            if active is not None and active != target:
                detail = f"{active} is active, and not {target}: somebody else has moved clients meanwhile"
                return Moved(done=False, detail=detail if active == home else f"{detail}; {by_hand}")
        if time.monotonic() > until:
            return Moved(done=False, detail=f"{moved.detail}; {by_hand}")
        time.sleep(retry)


async def _aside(work: Callable[[], Standing]) -> Standing:
    return await Aside[Standing]("look").run(work, limit=LONGEST)
