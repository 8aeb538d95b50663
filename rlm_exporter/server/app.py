"""The application: routes, who may use them, and errors as problem documents."""

import ipaddress
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from rlm_exporter.alerts.webhook import Result
from rlm_exporter.errors import JournalError, JournalSlowError
from rlm_exporter.metrics.negotiation import negotiate
from rlm_exporter.metrics.page import NoPageError
from rlm_exporter.server import (
    alerts,
    api,
    by_hand,
    client_config,
    denials,
    expiring,
    health_reports,
    manifests,
    profile,
    release,
    report_logs,
    seats,
    status_page,
    targets,
    usage,
    webhook,
)
from rlm_exporter.server.auth import Role, may, who
from rlm_exporter.server.documents import not_ready_because
from rlm_exporter.server.openapi.document import openapi
from rlm_exporter.server.problem import problem
from rlm_exporter.server.services import CALLER, SERVICES, Services

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SHOWN = 100
"""Characters of a path that an answer repeats."""

_OPEN_PATHS = frozenset({"/-/healthy", "/-/ready"})
_KINDS = {
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
    415: "unsupported_encoding",
}


def build_app(services: Services) -> web.Application:
    """The daemon's HTTP."""
    app = web.Application(middlewares=[_problems, _access])
    app[SERVICES] = services
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/probe", targets.probe)
    app.router.add_get("/-/healthy", healthy)
    app.router.add_get("/-/ready", ready)
    app.router.add_post("/webhooks/alertmanager", webhook.alertmanager)
    app.router.add_get("/api/v1/sd", targets.discovery)
    app.router.add_get("/api/v1/clusters", api.clusters)
    app.router.add_get("/api/v1/clusters/{name}", api.cluster)
    app.router.add_get("/api/v1/clusters/{name}/events", api.events)
    app.router.add_get(r"/api/v1/clusters/{name}/operations/{id:\d{1,18}}", api.operation)
    for verb in by_hand.VERBS:
        app.router.add_post(f"/api/v1/clusters/{{name}}/{verb}", by_hand.handler(verb))
    app.router.add_post("/api/v1/clusters/{name}/release", release.release)
    app.router.add_get("/api/v1/clusters/{name}/client-config", client_config.show)
    app.router.add_put("/api/v1/clusters/{name}/client-config", client_config.update)
    app.router.add_post("/api/v1/clusters/{name}/health", health_reports.update_health)
    shipped = "/api/v1/clusters/{name}/servers/{server}/report-logs/{isv}"
    app.router.add_get(shipped, report_logs.place)
    app.router.add_post(shipped, report_logs.take)
    app.router.add_get("/api/v1/clusters/{name}/seats", seats.seats)
    app.router.add_get("/api/v1/clusters/{name}/usage", usage.usage)
    app.router.add_post("/api/v1/clusters/{name}/usage", usage.usage_of_groups)
    app.router.add_get("/api/v1/clusters/{name}/usage/sessions", usage.sessions)
    app.router.add_get("/api/v1/clusters/{name}/usage/what-if", usage.replay)
    app.router.add_get("/api/v1/clusters/{name}/usage/denials", denials.denials)
    app.router.add_get("/api/v1/clusters/{name}/usage/double-use", denials.double_users)
    app.router.add_get("/api/v1/clusters/{name}/usage/profile", profile.profile)
    app.router.add_get("/api/v1/clusters/{name}/expiring", expiring.expiring)
    app.router.add_get("/api/v1/alerts", alerts.listed)
    app.router.add_post("/api/v1/alerts", alerts.send)
    app.router.add_get("/api/v1/openapi.json", openapi)
    app.router.add_post("/api/v1/manifests", manifests.deploy)
    app.router.add_get("/api/v1/clusters/{name}/manifest", manifests.manifest)
    app.router.add_get("/api/v1/clusters/{name}/config", manifests.config)
    app.router.add_post("/api/v1/clusters/{name}/config", manifests.configure)
    app.router.add_delete("/api/v1/clusters/{name}", manifests.remove)
    app.router.add_post("/-/reload", manifests.reload)
    app.router.add_get("/", status_page.index)
    return app


def build_runner(services: Services, *, shutdown_timeout: float) -> web.AppRunner:
    """What serves it. Bodies stay packed until it is known that their sender may send them."""
    return web.AppRunner(
        build_app(services), access_log=None, shutdown_timeout=shutdown_timeout, auto_decompress=False
    )


async def metrics(request: web.Request) -> web.Response:
    """GET /metrics: the page as it was last made."""
    variant = negotiate(request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", ""))
    body = await request.app[SERVICES].page.body(variant)
    return web.Response(body=body, headers=variant.headers)


async def healthy(_: web.Request) -> web.Response:
    """GET /-/healthy: the process answers."""
    return web.Response(text="rlm-ha is healthy\n")


async def ready(request: web.Request) -> web.Response:
    """GET /-/ready: it knows who is active in every cluster, and a failover would work."""
    reasons = [
        f"{name}: {reason}"
        for name, controller in request.app[SERVICES].controllers.items()
        for reason in not_ready_because(
            cluster=controller.cluster,
            snapshot=controller.prober.snapshot,
            readings=tuple(balancer.reading for balancer in controller.balancers),
            standing=controller.standing,
        )
    ]
    if reasons:
        return web.Response(status=503, text="not ready\n" + "".join(f"{reason}\n" for reason in reasons))
    return web.Response(text="rlm-ha is ready\n")


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _as_problem(request, error)
    except NoPageError as error:
        return problem(500, "no_page", str(error))
    except JournalSlowError as error:
        log.error("%s %s: %s", request.method, request.path, error)
        return problem(503, "store_slow", "that took the journal too long; ask for a shorter time, or later")
    except JournalError as error:
        log.error("%s %s: %s", request.method, request.path, error)
        return problem(503, "store_unavailable", "the journal cannot be read now")


def _as_problem(request: web.Request, error: web.HTTPException) -> web.Response:
    detail = error.text or error.reason
    if error.status in {404, 405}:
        detail = f"{request.method} {request.path[:SHOWN]}: {error.reason.lower()}"
    answer = problem(error.status, _KINDS.get(error.status, "invalid"), detail)
    if "Allow" in error.headers:
        answer.headers["Allow"] = error.headers["Allow"]
    if error.status in {408, 413, 415}:
        answer.force_close()  # the rest of the body is not waited for
    return answer


@web.middleware
async def _access(request: web.Request, handler: Handler) -> web.StreamResponse:
    tokens = request.app[SERVICES].tokens
    if request.path in _OPEN_PATHS:
        return await handler(request)
    if not tokens:
        if not _is_meant_for_us(request):
            told = "the Host header is not this machine's loopback address"
            return _turned_away(request, problem(403, "foreign_host", told))
        return await handler(request)
    token = who(request.headers.get("Authorization", ""), tokens)
    if token is None:
        wanted = {"WWW-Authenticate": 'Bearer realm="rlm-ha"'}
        return _turned_away(request, problem(401, "unauthenticated", "a token is needed", headers=wanted))
    if not may(token, _needed(request)):
        told = f"{token.name} is {token.role}: not enough for this"
        return _turned_away(request, problem(403, "forbidden", told))
    request[CALLER] = token.name
    return await handler(request)


def _turned_away(request: web.Request, answer: web.Response) -> web.Response:
    """Nobody reads the body of a request that is refused, so nothing can follow it."""
    if request.match_info.handler is webhook.alertmanager:
        # Alertmanager gives up on these by itself and tells only its own log.
        request.app[SERVICES].instruments.webhook_alert(Result.UNAUTHENTICATED)
    if request.body_exists:
        answer.force_close()
    return answer


def _needed(request: web.Request) -> Role:
    if request.path.startswith("/webhooks/"):
        return Role.WEBHOOK
    if request.match_info.handler in {report_logs.place, report_logs.take}:
        return Role.SHIPPER
    if request.match_info.handler is usage.usage_of_groups:
        return Role.VIEWER  # a question that is too long for an address
    return Role.VIEWER if request.method in {"GET", "HEAD"} else Role.OPERATOR


def _is_meant_for_us(request: web.Request) -> bool:
    # Without tokens any web page could have a browser read and post at loopback under a name of its own.
    try:
        host = urlsplit(f"//{request.host}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
