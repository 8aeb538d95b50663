"""Takes what other monitors report of our servers: POST /api/v1/clusters/NAME/health.

    {"reporter": "mon1", "ttl": "2m", "at": "2026-03-02T02:14:00Z",
     "reports": [{"server": "rlm1", "component": "license", "healthy": false}, ...]}

`reports` alone is needed. All of it is taken, or nothing.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from rlm_exporter.failover.external import DEFAULT_TTL, LONGEST_TTL, Component, HealthReport
from rlm_exporter.manifest.durations import parse_duration
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.server.problem import problem, refused
from rlm_exporter.server.requests import (
    InvalidError,
    as_json,
    check_mapping,
    controller_of,
    read_body,
    unknown_cluster,
)
from rlm_exporter.server.services import SERVICES

MOST = 100
"""Reports in one request."""

TOLERANCE = timedelta(minutes=1)
"""How far a reporter's clock may be ahead of ours."""

FIELDS = {"reporter": str, "ttl": str, "at": str, "reports": list}
REPORT_FIELDS = {"server": str, "component": str, "healthy": bool}


class _UnknownServerError(Exception):
    """A name that no server has."""


async def update_health(request: web.Request) -> web.Response:
    """POST /api/v1/clusters/NAME/health."""
    controller = controller_of(request)
    if controller is None:
        return unknown_cluster(request)
    if (refusal := controller.refusal_of_a_follower()) is not None:
        return refused(refusal)
    now = request.app[SERVICES].clock.now()
    try:
        news = _read(await read_body(request, FIELDS), controller.cluster, now=now)
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    except _UnknownServerError as error:
        return problem(422, "unknown_server", str(error))
    differences = await controller.reporters.hear(news)
    controller.wake()
    told = f"heard {news[0].reporter} about {', '.join(dict.fromkeys(each.server for each in news))}"
    return as_json({"result": "done", "detail": told, "differences": list(differences)})


def _read(document: dict[str, Any], cluster: Cluster, *, now: datetime) -> tuple[HealthReport, ...]:
    told = document.get("reports")
    if not told or len(told) > MOST:
        raise InvalidError(f"reports: from 1 to {MOST} are needed")
    reporter = document.get("reporter") or "external"
    at, ttl = _at(document.get("at"), now), _ttl(document.get("ttl"))
    claims: dict[tuple[str, Component], bool] = {}
    for index, each in enumerate(told):
        server, component, healthy = _claim(each, cluster, where=f"reports[{index}].")
        if claims.setdefault((server, component), healthy) is not healthy:
            raise InvalidError(f"reports[{index}]: {server} ({component}) is both healthy and failed")
    return tuple(
        HealthReport(server=server, component=component, healthy=healthy, reporter=reporter, at=at, ttl=ttl)
        for (server, component), healthy in claims.items()
    )


def _claim(each: object, cluster: Cluster, *, where: str) -> tuple[str, Component, bool]:
    claim = check_mapping(each, REPORT_FIELDS, where=where)
    if "server" not in claim or "healthy" not in claim:
        raise InvalidError(f"{where}server and {where}healthy: both are needed")
    server = cluster.find(claim["server"])
    if server is None:
        names = ", ".join(each.name for each in cluster.servers)
        raise _UnknownServerError(f"{where}server: no server {claim['server']!r}; there are {names}")
    try:
        component = Component(claim.get("component", Component.SERVER))
    except ValueError as error:
        raise InvalidError(f"{where}component: not one of {', '.join(Component)}") from error
    return server.name, component, claim["healthy"]


def _ttl(text: str | None) -> timedelta:
    if text is None:
        return DEFAULT_TTL
    try:
        ttl = parse_duration(text)
    except ValueError as error:
        raise InvalidError(f"ttl: {error}") from error
    if not timedelta() < ttl <= LONGEST_TTL:
        raise InvalidError("ttl: not between 1 ms and 1 h")
    return ttl


def _at(text: str | None, now: datetime) -> datetime:
    """When it was seen; never later than it is here, for a clock that is ahead."""
    if text is None:
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(f"at: {text!r} is not a time") from error
    if moment.tzinfo is None:
        raise InvalidError("at: without a time zone; append Z for UTC")
    try:
        ahead = moment - now
    except OverflowError as error:
        raise InvalidError(f"at: {text!r} is outside of all years") from error
    if ahead > TOLERANCE:
        raise InvalidError(f"at: {text!r} lies in the future here; set the clock of that machine")
    return min(moment.astimezone(UTC), now)
