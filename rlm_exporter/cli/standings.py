"""Asks license servers whether they serve, for a restore: in doubt it is not to write to them."""

import asyncio
from datetime import timedelta
from pathlib import Path

from rlm_exporter.backup.serving import Serves, Standing
from rlm_exporter.errors import BackupError, ProbeError
from rlm_exporter.manifest.model import Cluster, Server
from rlm_exporter.probe.addresses import SystemResolver
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.result import FailureReason
from rlm_exporter.probe.rlmutil import RlmutilProbe
from rlm_exporter.probe.tcp import ConnectProbe
from rlm_exporter.probe.through import missing_isvs

LIMIT = timedelta(seconds=20)
"""A busy rlm takes its time, and is the last to be written to."""
CONNECT_LIMIT = timedelta(seconds=5)


async def standings(
    cluster: Cluster, rlmutil: Path | None, *, limit: timedelta = LIMIT
) -> dict[str, Standing]:
    """By server, all at once. Raises BackupError where we cannot ask."""
    clock, resolver = SystemClock(), SystemResolver()
    connect = ConnectProbe(clock=clock, resolver=resolver)
    with RlmutilProbe(rlmutil=rlmutil, clock=clock) as probe:
        asked = (_standing(cluster, server, probe, connect, limit) for server in cluster.servers)
        found = await asyncio.gather(*asked)
    return {server.name: standing for server, standing in zip(cluster.servers, found, strict=True)}


async def _standing(
    cluster: Cluster, server: Server, probe: RlmutilProbe, connect: ConnectProbe, limit: timedelta
) -> Standing:
    result = await probe.probe(server.host, server.port, timeout=limit)
    if result.payload is not None:
        silent = missing_isvs(result.payload, cluster.wanted_isvs)
        if not silent:
            return Standing(serves=Serves.YES)
        detail = f"rlm answers there, and nothing came from ISV server {', '.join(silent)}"
        return Standing(serves=Serves.PARTLY, detail=detail)
    said = "no answer" if result.failure is None else result.failure.detail
    if result.ours:
        raise BackupError(f"{server.name}: cannot be asked whether it serves: {said}")
    return await _without_an_answer(server, connect, said)


async def _without_an_answer(server: Server, connect: ConnectProbe, said: str) -> Standing:
    """rlmutil's words do not tell a refused connection from a lost one; the port itself does."""
    try:
        tried = await connect.probe(server.host, server.port, timeout=CONNECT_LIMIT)
    except ProbeError as error:
        raise BackupError(f"{server.name}: cannot be asked whether it serves: {error}") from error
    if tried.failure is None:
        detail = f"{server.host}:{server.port} takes connections, and {said}"
        return Standing(serves=Serves.UNKNOWN, detail=detail)
    if tried.failure.reason is FailureReason.REFUSED:
        return Standing(serves=Serves.NO, detail=tried.failure.detail)
    return Standing(serves=Serves.UNKNOWN, detail=tried.failure.detail)
