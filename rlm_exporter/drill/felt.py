"""What clients feel of a move: probe clients come and go through the balancers while it is made."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta

from rlm_exporter.drill.checks import client_endpoints
from rlm_exporter.drill.ports import Moved
from rlm_exporter.drill.result import Finding, Kind, Sample, worst_wait
from rlm_exporter.errors import ApiError
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.aside import Aside
from rlm_exporter.probe.ports import LicenseProbe
from rlm_exporter.probe.through import ThroughBalancer

SPACING = 0.5
"""Seconds between two probe clients; what is told of the wait is no finer than this."""
AFTERWARDS = 3.0
"""Seconds for which they go on after a move: a second break soon after it is part of it."""
LONGEST = timedelta(hours=1)
"""For a move; whoever makes it gives up far sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Felt:
    """A move, and what came of it for clients."""

    moved: Moved
    finding: Finding


async def felt(
    cluster: Cluster, probe: LicenseProbe, kind: Kind, subject: str, move: Callable[[], Moved]
) -> Felt:
    """Make a move while probe clients come and go."""
    async with _clients(cluster, probe) as samples:
        began = time.monotonic()
        try:
            # In a thread that the end of the program does not wait for.
            moved = await Aside[Moved]("move").run(move, limit=LONGEST)
        except ApiError as error:
            moved = Moved(done=False, detail=str(error))
        took = time.monotonic() - began
        if samples and not moved.refused:
            await asyncio.sleep(AFTERWARDS)
    wait = worst_wait(samples)
    return Felt(
        moved=moved,
        finding=Finding(
            kind=kind,
            subject=subject,
            passed=moved.done and (wait is not None or not samples),
            detail=moved.detail if moved.refused else f"{moved.detail}; {_told(wait, len(samples))}",
            seconds=took,
            without_service=wait,
        ),
    )


def _told(wait: float | None, asked: int) -> str:
    if not asked:
        return "no balancer to ask through, so nobody tells what clients felt"
    if wait is None:
        return "the last probe clients got no answer any more"
    return f"clients waited {wait:.2f} s at the longest ({asked} asked, one each {SPACING:g} s)"


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
        coming.cancel()
        await asyncio.gather(*running)
    finally:
        for task in (coming, *running):
            task.cancel()
        await asyncio.gather(coming, *running, return_exceptions=True)
