"""The real thing: clients are moved to a standby and back, and probe clients tell what others felt."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

from rlm_exporter.drill.checks import client_endpoints
from rlm_exporter.drill.ports import Moved, Mover, Standing
from rlm_exporter.drill.result import Finding, Kind, Sample, worst_wait
from rlm_exporter.drill.window import NEEDED, Window
from rlm_exporter.errors import ApiError
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.ports import LicenseProbe
from rlm_exporter.probe.through import ThroughBalancer

SPACING = 0.5
"""Seconds between two probe clients; what is told of the wait is no finer than this."""
AFTERWARDS = 3.0
"""Seconds for which they go on after a move: a second break soon after it is part of it."""
RETURN_PATIENCE = 60.0
"""Seconds in which a refused return is asked for again: the old server may still be held back."""
RETRY = 2.0
"""Seconds between two such questions."""


def refusal(
    standing: Standing, findings: tuple[Finding, ...], *, window: Window | None, now: datetime, to: str | None
) -> str | None:
    """Why clients are not moved now; None where they may be (pure)."""
    if window is not None and window.remaining(now) < NEEDED:
        remaining = window.remaining(now)
        closes = f"closes in {remaining.total_seconds():.0f} s" if remaining else "is closed"
        return f"the window {window} {closes}; a move and the return need {NEEDED.total_seconds():.0f} s"
    failed = [finding.name for finding in findings if not finding.passed]
    if failed:
        return f"not everything is well before it: {', '.join(failed)}"
    if not standing.ready:
        return f"the cluster is not ready: {'; '.join(standing.because) or 'the daemon says so'}"
    if standing.active is None:
        return "nobody is known to be active"
    if to is not None and to == standing.active:
        return f"{to} is active already"
    if to is not None and to not in standing.standbys:
        return f"{to} is no healthy standby; those are {', '.join(standing.standbys) or 'none'}"
    return None if standing.standbys else "no standby is healthy"


async def there_and_back(
    cluster: Cluster,
    *,
    mover: Mover,
    probe: LicenseProbe,
    standing: Standing,
    to: str | None,
    stay: timedelta,
    window: Window | None,
    now: Callable[[], datetime],
    retry: float = RETRY,
) -> tuple[Finding, ...]:
    """Move to a standby, stay, and return. The return is tried too where only the waiting was too long."""
    home, target = str(standing.active), to or standing.standbys[0]
    went = await _felt(cluster, probe, Kind.FAILOVER, f"{home} -> {target}", lambda: mover.move(target))
    if not went.passed:
        # Where it left the clients is what the daemon says; where it says nothing the return is tried.
        with contextlib.suppress(ApiError):
            if (await asyncio.to_thread(mover.look)).active == home:
                return (went,)
    await asyncio.sleep(stay.total_seconds())
    subject = f"{target} -> {home}"
    if window is not None and not window.remaining(now()):
        detail = f"the window {window} closed, so clients stay on {target}; return by hand"
        return went, Finding(kind=Kind.RETURN, subject=subject, passed=False, detail=detail, seconds=0)
    return went, await _felt(cluster, probe, Kind.RETURN, subject, lambda: _patiently(mover, home, retry))


def _patiently(mover: Mover, home: str, retry: float) -> Moved:
    until = time.monotonic() + RETURN_PATIENCE
    while True:
        try:
            moved = mover.move(home)
        except ApiError as error:
            moved = Moved(done=False, detail=str(error))
        if moved.done or time.monotonic() > until:
            return moved
        time.sleep(retry)


async def _felt(
    cluster: Cluster, probe: LicenseProbe, kind: Kind, subject: str, move: Callable[[], Moved]
) -> Finding:
    """Make a move while probe clients come and go."""
    began = time.monotonic()
    async with _clients(cluster, probe) as samples:
        try:
            moved = await asyncio.to_thread(move)
        except ApiError as error:
            moved = Moved(done=False, detail=str(error))
        took = time.monotonic() - began
        if samples:
            await asyncio.sleep(AFTERWARDS)
    wait = worst_wait(samples)
    if not samples:
        felt = "no balancer to ask through, so nobody tells what clients felt"
    elif wait is None:
        felt = "the last probe clients got no answer any more"
    else:
        felt = f"clients waited {wait:.1f} s at the longest ({len(samples)} asked)"
    return Finding(
        kind=kind,
        subject=subject,
        passed=moved.done and (wait is not None or not samples),
        detail=f"{moved.detail}; {felt}",
        seconds=took,
        without_service=wait,
    )


@contextlib.asynccontextmanager
async def _clients(cluster: Cluster, probe: LicenseProbe) -> AsyncIterator[list[Sample]]:
    """Probe clients that come one after the other through each balancer; waited for when it ends."""
    samples: list[Sample] = []
    running: set[asyncio.Task[None]] = set()
    first = asyncio.Event()

    async def ask(host: str, port: int) -> None:
        began = time.monotonic()
        result = await ThroughBalancer(cluster=cluster, license_probe=probe, port=port)(host)
        samples.append(Sample(at=host, began=began, ended=time.monotonic(), answered=result.failure is None))
        first.set()

    async def come_and_go() -> None:
        while True:
            for _, at in client_endpoints(cluster):
                running.add(asyncio.create_task(ask(at.host, at.port)))
            await asyncio.sleep(SPACING)

    if not client_endpoints(cluster):
        yield samples
        return
    coming = asyncio.create_task(come_and_go())
    try:
        await first.wait()  # from then on somebody is there to feel it; each probe has its limit
        yield samples
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await asyncio.gather(*running)
