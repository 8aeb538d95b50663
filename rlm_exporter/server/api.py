"""The API under /api/v1: reading clusters and their journal, and an operator's wishes."""

from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from rlm_exporter.failover.by_hand import AlreadyActive, Plan
from rlm_exporter.failover.controller import ClusterController
from rlm_exporter.failover.trigger import FailoverRequest, Refusal
from rlm_exporter.server.documents import (
    ClusterState,
    Document,
    cluster_document,
    held_document,
    operation_document,
)
from rlm_exporter.server.problem import STATUS, problem
from rlm_exporter.server.services import SERVICES, Services

EVENTS_DEFAULT = 100
EVENTS_LARGEST = 1000
LONGEST_WORD = 512

_FIELDS: dict[str, type] = {
    "to": str,
    "from": str,
    "reason": str,
    "requested_by": str,
    "dry_run": bool,
    "force": bool,
}


class _InvalidError(Exception):
    """A request that cannot be understood; its text says where."""


async def clusters(request: web.Request) -> web.Response:
    """GET /api/v1/clusters."""
    services = request.app[SERVICES]
    documents = [cluster_document(await state_of(services, each)) for each in services.controllers.values()]
    return _json({"clusters": documents})


async def cluster(request: web.Request) -> web.Response:
    """GET /api/v1/clusters/NAME."""
    controller = _controller(request)
    if controller is None:
        return _unknown_cluster(request)
    return _json(cluster_document(await state_of(request.app[SERVICES], controller)))


async def events(request: web.Request) -> web.Response:
    """GET /api/v1/clusters/NAME/events."""
    controller = _controller(request)
    if controller is None:
        return _unknown_cluster(request)
    try:
        since, limit = _since(request), _limit(request)
    except _InvalidError as error:
        return problem(422, "invalid", str(error))
    journal = request.app[SERVICES].journal
    name = controller.cluster.name
    operations = await journal.operations(name, since=since, limit=limit)
    held = await journal.held(name, since=since, limit=limit)
    return _json(
        {
            "operations": [operation_document(each) for each in operations],
            "decisions": [held_document(each) for each in held],
        }
    )


async def operation(request: web.Request) -> web.Response:
    """GET /api/v1/clusters/NAME/operations/ID."""
    controller = _controller(request)
    if controller is None:
        return _unknown_cluster(request)
    found = await request.app[SERVICES].journal.operation(int(request.match_info["id"]))
    if found is None or found.cluster != controller.cluster.name:
        return problem(404, "unknown_operation", f"{controller.cluster.name} has no such operation")
    return _json(operation_document(found))


async def failover(request: web.Request) -> web.Response:
    """POST /api/v1/clusters/NAME/failover."""
    controller = _controller(request)
    if controller is None:
        return _unknown_cluster(request)
    try:
        wish = _wish(await _body(request), controller, key=request.headers.get("Idempotency-Key"))
    except _InvalidError as error:
        return problem(422, "invalid", str(error))
    if isinstance(wish, web.Response):
        return wish
    match await controller.request(wish):
        case Refusal(kind=kind, detail=detail):
            return problem(STATUS[kind], kind.value, detail)
        case AlreadyActive(server=server):
            return _json({"result": "already_active", "server": server})
        case Plan() as plan:
            document = {
                "from": plan.source,
                "to": plan.target,
                "steps": list(plan.steps),
                "warnings": list(plan.warnings),
            }
            return _json({"result": "plan", "plan": document})
        case begun:
            return _json({"result": "started", "operation": operation_document(begun)}, status=202)


async def state_of(services: Services, controller: ClusterController) -> ClusterState:
    """All that is known of a cluster now."""
    name = controller.cluster.name
    last = await services.journal.operations(name, limit=1)
    return ClusterState(
        cluster=controller.cluster,
        snapshot=controller.prober.snapshot,
        readings=tuple(balancer.reading for balancer in controller.balancers),
        standing=controller.standing,
        last_operation=last[0] if last else None,
        alerts=controller.alerts,
        now=services.clock.now(),
    )


def _controller(request: web.Request) -> ClusterController | None:
    return request.app[SERVICES].controllers.get(request.match_info["name"])


def _unknown_cluster(request: web.Request) -> web.Response:
    known = ", ".join(sorted(request.app[SERVICES].controllers)) or "none"
    return problem(404, "unknown_cluster", f"no such cluster; known: {known}")


def _json(document: Document, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(document), content_type="application/json")


async def _body(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise _InvalidError("the body must be application/json")
    try:
        document = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise _InvalidError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise _InvalidError("not a mapping")
    for name, value in document.items():
        expected = _FIELDS.get(name)
        if expected is None:
            raise _InvalidError(f"{name}: unknown; known are {', '.join(_FIELDS)}")
        if not isinstance(value, expected):
            raise _InvalidError(f"{name}: not a {'truth value' if expected is bool else 'text'}")
        if isinstance(value, str) and len(value) > LONGEST_WORD:
            raise _InvalidError(f"{name}: longer than {LONGEST_WORD} characters")
    return document


def _wish(
    document: dict[str, Any], controller: ClusterController, *, key: str | None
) -> FailoverRequest | web.Response:
    if "to" not in document:
        raise _InvalidError("to: missing; it names the server to move to")
    if key is not None and not 0 < len(key) <= LONGEST_WORD:
        raise _InvalidError(f"Idempotency-Key: empty or longer than {LONGEST_WORD} characters")
    found = {word: controller.cluster.find(document[word]) for word in ("to", "from") if word in document}
    for word, server in found.items():
        if server is None:
            names = ", ".join(each.name for each in controller.cluster.servers)
            return problem(422, "unknown_server", f"{word}: no server {document[word]!r}; there are {names}")
    target, expected = found["to"], found.get("from")
    if target is None:
        raise _InvalidError("to: missing; it names the server to move to")
    return FailoverRequest(
        target=target.name,
        requested_by=document.get("requested_by") or "operator",
        reason=document.get("reason", ""),
        expect_active=expected.name if expected is not None else None,
        force=document.get("force", False),
        dry_run=document.get("dry_run", False),
        idempotency_key=key,
    )


def _since(request: web.Request) -> datetime | None:
    text = request.query.get("since")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _InvalidError(f"since: {text!r} is not a time") from error
    if moment.tzinfo is None:
        raise _InvalidError("since: without a time zone; append Z for UTC")
    return moment


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(EVENTS_DEFAULT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= EVENTS_LARGEST):
        raise _InvalidError(f"limit: not a number from 1 to {EVENTS_LARGEST}")
    return int(text)
