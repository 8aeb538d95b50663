"""What Prometheus needs to divide clusters among daemons: one target's metrics, and the list of targets.

`/probe` has the shape of a multi-target exporter, `/api/v1/sd` that of HTTP service discovery. Neither asks
anything of a license server: how often that happens is the manifest's business, whoever scrapes.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from aiohttp import web

from rlm_exporter.failover.signs import stale_after
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.metrics.facts import ClusterFacts
from rlm_exporter.metrics.negotiation import negotiate
from rlm_exporter.metrics.target_lines import Module, target_lines
from rlm_exporter.server.documents import Document
from rlm_exporter.server.problem import problem
from rlm_exporter.server.requests import InvalidError, as_json, no_such_cluster
from rlm_exporter.server.services import SERVICES, Services

META = "__meta_rlm_ha_"
"""Begins the labels that Prometheus drops after relabeling."""


Word = TypeVar("Word", bound=StrEnum)


class By(StrEnum):
    """What one target is."""

    CLUSTER = "cluster"
    SERVER = "server"


async def probe(request: web.Request) -> web.Response:
    """GET /probe?target=CLUSTER[/SERVER]: what `/metrics` says of that one alone."""
    services = request.app[SERVICES]
    try:
        _refuse_strangers(request, ("target", "module"))
        target = _target(request)
        module = _choice(request, "module", Module, Module.LICENSE)
    except InvalidError as error:
        return problem(400, "invalid", str(error))
    name, slash, server = target.partition("/")
    controller = services.controllers.get(name)
    if controller is None:
        return no_such_cluster(services.controllers)
    refusal = _why_not(controller.cluster, server if slash else None, module)
    if refusal is not None:
        return refusal
    variant = negotiate(request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", ""))
    lines = _lines(services, services.page.cluster(name), server, module)
    body = await services.page.target(name, server if slash else None, lines, variant)
    return web.Response(body=body, headers=variant.headers)


async def discovery(request: web.Request) -> web.Response:
    """GET /api/v1/sd: the targets that `/probe` takes, for `http_sd_configs`.

    A filter that fits nothing gives an empty list: on an error Prometheus would keep what it had.
    """
    try:
        _refuse_strangers(request, ("cluster", "by"))
        by = _choice(request, "by", By, By.CLUSTER)
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    wanted = set(request.query.getall("cluster", ()))
    clusters = [each.cluster for each in request.app[SERVICES].controllers.values()]
    chosen = [cluster for cluster in clusters if not wanted or cluster.name in wanted]
    return as_json([group for cluster in chosen for group in target_groups(cluster, by)])


def target_groups(cluster: Cluster, by: By) -> list[Document]:
    """A cluster's targets with the labels that their series are to have."""
    if by is By.CLUSTER:
        return [{"targets": [cluster.name], "labels": {"cluster": cluster.name}}]
    return [
        {
            "targets": [f"{cluster.name}/{server.name}"],
            "labels": {
                "cluster": cluster.name,
                "server": server.name,
                f"{META}host": server.host,
                f"{META}role": server.role,
            },
        }
        for server in cluster.servers
    ]


def _lines(services: Services, facts: ClusterFacts | None, server: str, module: Module) -> Mapping[str, str]:
    """What is said of the target itself: of a cluster, by the server that clients are sent to."""
    active = facts.controller.active if facts is not None and facts.controller is not None else None
    judged = server or active
    if facts is None or judged is None:
        return {}
    return target_lines(
        facts.cluster.name,
        server,
        facts.snapshot.server(judged),
        module=module,
        limit=stale_after(facts.cluster, active=judged == active),
        now=services.clock.now(),
    )


def _why_not(cluster: Cluster, server: str | None, module: Module) -> web.Response | None:
    names = [each.name for each in cluster.servers]
    if server is not None and server not in names:
        known = ", ".join(names)
        return problem(404, "unknown_server", f"{cluster.name} has no such server; known: {known}")
    if module is Module.WEB and not cluster.health_check.check_web:
        return problem(400, "invalid", f"module: the manifest of {cluster.name} has checkWeb: false")
    return None


def _target(request: web.Request) -> str:
    targets = request.query.getall("target", ())
    if len(targets) != 1 or not targets[0]:
        raise InvalidError("target: say it once, as CLUSTER or CLUSTER/SERVER; /api/v1/sd lists them")
    return targets[0]


def _choice(request: web.Request, name: str, words: type[Word], default: Word) -> Word:
    text = request.query.get(name, default.value)
    try:
        return words(text)
    except ValueError as error:
        raise InvalidError(f"{name}: unknown; known are {', '.join(words)}") from error


def _refuse_strangers(request: web.Request, known: tuple[str, ...]) -> None:
    """A parameter that is spelled wrong would otherwise give another answer than the one asked for."""
    for name in request.query:
        if name not in known:
            raise InvalidError(f"{name[:40]}: unknown; known are {', '.join(known)}")
