"""The license probe through a balancer's address: what a client would reach there."""

from dataclasses import replace
from datetime import timedelta

from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.ports import LicenseProbe
from rlm_exporter.probe.result import Failure, FailureReason, LicenseResult, ProbeKind
from rlm_exporter.rlm.status import RlmStatus

LIMIT = timedelta(seconds=4)
"""Somebody waits for this probe, and a server that has just been chosen is a quick one."""


class ThroughBalancer:
    """Asks rlm and its wanted ISV servers at a balancer's address.

    rlmutil goes on from rlm's port to each ISV server's, so a part of the answer from an ISV server
    proves that its port is carried too.
    """

    def __init__(self, *, cluster: Cluster, license_probe: LicenseProbe, port: int) -> None:
        self._cluster = cluster
        self._license_probe = license_probe
        self._port = port

    async def __call__(self, host: str) -> LicenseResult:
        """What answered there; a wanted ISV server without an answer of its own is a failure."""
        limit = min(LIMIT, self._cluster.health_check.timeout)
        result = await self._license_probe.probe(host, self._port, timeout=limit)
        result = replace(result, kind=ProbeKind.BALANCER)
        if result.payload is None or result.failure is not None:
            return result
        silent = missing_isvs(result.payload, self._cluster.wanted_isvs)
        if not silent:
            return result
        detail = f"{host}:{self._port} leads to rlm, but nothing came from ISV server {', '.join(silent)}"
        return replace(result, failure=Failure(reason=FailureReason.ISV_DOWN, detail=detail))


class AtServer:
    """The same at a server itself, by its name: for clusters without a balancer."""

    def __init__(self, *, cluster: Cluster, license_probe: LicenseProbe) -> None:
        self._cluster = cluster
        self._license_probe = license_probe

    async def __call__(self, host: str) -> LicenseResult:
        """What answered there; a wanted ISV server without an answer of its own is a failure."""
        server = self._cluster.server(host)
        asked = ThroughBalancer(cluster=self._cluster, license_probe=self._license_probe, port=server.port)
        return await asked(server.host)


def missing_isvs(status: RlmStatus, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The wanted ISV servers that have not spoken for themselves in this answer (pure)."""
    spoke = {counters.name.casefold() for counters in status.counters}
    spoke |= {pool.isv.casefold() for pool in status.pools if pool.isv is not None}
    return tuple(isv for isv in wanted if isv.casefold() not in spoke)
