"""The checks of a drill that change nothing: servers, web interfaces, balancers, free seats."""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from rlm_exporter.drill.free import free_seats
from rlm_exporter.drill.result import Finding, Kind
from rlm_exporter.manifest.model import Cluster, Feature, Server
from rlm_exporter.probe import child
from rlm_exporter.probe.ports import LicenseProbe, WebProbe
from rlm_exporter.probe.result import Failure, LicenseResult
from rlm_exporter.probe.rlmutil_program import RlmutilProgram, first_line
from rlm_exporter.probe.through import LIMIT, AtServer, ThroughBalancer
from rlm_exporter.rlm.address import Endpoint, bracketed, format_endpoint
from rlm_exporter.rlm.free_seats import feature_seats, name_key

OUTPUT_LIMIT = 1024 * 1024
CHECKOUT_LIMIT = timedelta(seconds=60)
AT_ONCE = 8
"""License probes at the same time: each is a process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The ways to ask."""

    license: LicenseProbe
    web: WebProbe
    rlmutil: RlmutilProgram
    checkout: tuple[str, ...] = ()
    """A program of the site's that takes a seat and gives it back; exit status 0 = it got one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What a check came to."""

    passed: bool
    detail: str


def client_endpoints(cluster: Cluster) -> tuple[tuple[str, Endpoint], ...]:
    """(name, where) of each balancer; none for a cluster without."""
    balancer = cluster.load_balancer
    if balancer is None:
        return ()
    hosts = [(each.name, each.address or balancer.host) for each in balancer.haproxy]
    named = hosts or [(balancer.host, balancer.host)]
    return tuple((name, Endpoint(port=balancer.port, host=host)) for name, host in named)


async def run_checks(cluster: Cluster, tools: Tools, *, active: str | None = None) -> tuple[Finding, ...]:
    """All of them, in order of kind. `active` is asked for seats where there is no balancer."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def timed(kind: Kind, subject: str, ask: Callable[[], Awaitable[Saying]]) -> Finding:
        async with slots:
            began = time.monotonic()
            said = await ask()
        return Finding(
            kind=kind,
            subject=subject,
            passed=said.passed,
            detail=said.detail,
            seconds=time.monotonic() - began,
        )

    checks = _checks(cluster, tools, active)
    return tuple(await asyncio.gather(*(timed(kind, subject, ask) for kind, subject, ask in checks)))


def _checks(
    cluster: Cluster, tools: Tools, active: str | None
) -> Iterator[tuple[Kind, str, Callable[[], Awaitable[Saying]]]]:
    for server in cluster.servers:
        yield Kind.CONNECTIVITY, server.name, partial(_server, cluster, server, tools)
    for server in cluster.servers if cluster.health_check.check_web else ():
        yield Kind.WEB, server.name, partial(_web, cluster, server, tools)
    balancers = client_endpoints(cluster)
    for name, at in balancers:
        yield Kind.BALANCER, name, partial(_balancer, cluster, at, tools)
    served = balancers[0][1] if balancers else _endpoint_of(cluster, active)
    for feature in cluster.features:
        subject = f"{feature.name} ({feature.isv})"
        yield Kind.CAPABILITY, subject, partial(_capability, feature, served, tools)
    if tools.checkout:
        yield Kind.CHECKOUT, format_endpoint(served), partial(_checkout, served, tools.checkout)


def _endpoint_of(cluster: Cluster, active: str | None) -> Endpoint:
    named = [server for server in cluster.servers if server.name == active]
    server = (*named, *cluster.servers)[0]
    return Endpoint(port=server.port, host=server.host)


async def _server(cluster: Cluster, server: Server, tools: Tools) -> Saying:
    return _heard(await AtServer(cluster=cluster, license_probe=tools.license)(server.name))


async def _web(cluster: Cluster, server: Server, tools: Tools) -> Saying:
    result = await tools.web.probe(server.host, server.web_port, timeout=cluster.health_check.timeout)
    if result.failure is not None:
        return Saying(passed=False, detail=result.failure.detail)
    status = "" if result.payload is None else f" with {result.payload.status}"
    return Saying(passed=True, detail=f"{bracketed(server.host)}:{server.web_port} answers{status}")


async def _balancer(cluster: Cluster, at: Endpoint, tools: Tools) -> Saying:
    through = ThroughBalancer(cluster=cluster, license_probe=tools.license, port=at.port)
    return _heard(await through(at.host))


def _heard(result: LicenseResult) -> Saying:
    if result.failure is not None:
        return Saying(passed=False, detail=result.failure.detail)
    return Saying(passed=True, detail=f"answers in {result.duration.total_seconds():.2f} s")


async def _capability(feature: Feature, at: Endpoint, tools: Tools) -> Saying:
    """By -avail, or where its words are not understood by the pools."""
    where = format_endpoint(at)
    words = ("rlmstat", "-avail", "-i", feature.isv, "-p", feature.name, "-c", where)
    ended = await tools.rlmutil.run(*words, timeout=LIMIT, limit=OUTPUT_LIMIT)
    if isinstance(ended, Failure):
        return Saying(passed=False, detail=ended.detail)
    free = free_seats(ended.output.decode("utf-8", "replace"), feature.name)
    if free is not None:
        text = "seats are free" if free else "no seat is free: a checkout would be refused now"
        return Saying(passed=free > 0, detail=f"{text}, by rlmstat -avail at {where}")
    return await _by_pools(feature, at, tools)


async def _by_pools(feature: Feature, at: Endpoint, tools: Tools) -> Saying:
    result = await tools.license.probe(at.host, at.port, timeout=LIMIT)
    if result.payload is None:
        detail = "no answer" if result.failure is None else result.failure.detail
        return Saying(passed=False, detail=detail)
    for seats in feature_seats(result.payload):
        if name_key(seats.isv, seats.product) == name_key(feature.isv, feature.name):
            free = seats.whole.free
            if free is None or free > 0:
                return Saying(
                    passed=True, detail=f"{'uncounted' if free is None else free} free, by rlmstat -a"
                )
            return Saying(passed=False, detail="no seat is free: a checkout would be refused now")
    return Saying(passed=False, detail=f"{format_endpoint(at)} has no license for it")


async def _checkout(at: Endpoint, program: Sequence[str]) -> Saying:
    environment = {**os.environ, "RLM_LICENSE": format_endpoint(at)}
    with tempfile.TemporaryDirectory(prefix="rlm-ha-drill-") as folder:
        try:
            ended = await child.run(
                program,
                cwd=Path(folder),
                environment=environment,
                timeout=CHECKOUT_LIMIT,
                limit=OUTPUT_LIMIT,
                talkative=True,
            )
        except OSError as error:
            return Saying(passed=False, detail=f"{program[0]} cannot be run: {error.strerror}")
    if ended.cut is not None:
        return Saying(passed=False, detail=f"no end within {CHECKOUT_LIMIT.total_seconds():g} s")
    said = first_line(ended.errors) or first_line(ended.output) or "it said nothing"
    return Saying(passed=ended.status == 0, detail=f"{program[0]} ended with {ended.status}: {said}")
