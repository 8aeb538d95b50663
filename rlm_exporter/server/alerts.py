"""Takes alerts to be sent: POST /api/v1/alerts.

    {"severity": "critical", "message": "No healthy servers available", "component": "licensing",
     "name": "RlmHaAlert", "cluster": "main", "server": "rlm1", "key": "…", "resolve": false,
     "channels": ["pager"]}

`message` and `severity` are needed to raise an alert; to resolve one, `key` or the words it was raised with.
"""

from typing import Any

from aiohttp import web

from rlm_exporter.alerts.sender import AlertSender, Sent
from rlm_exporter.alerts.wording import default_key
from rlm_exporter.server.api import BEGINNING
from rlm_exporter.server.documents import Document
from rlm_exporter.server.problem import problem
from rlm_exporter.server.requests import InvalidError, as_json, limit_of, no_such_cluster, read_body, since_of
from rlm_exporter.server.services import CALLER, SERVICES, Services
from rlm_exporter.store.errors import OutboxFullError
from rlm_exporter.store.outbox_records import (
    Acceptance,
    AlertRequest,
    Delivery,
    DeliveryState,
    MessageStatus,
    OutgoingMessage,
)

FIELDS = {
    "severity": str,
    "message": str,
    "component": str,
    "name": str,
    "cluster": str,
    "server": str,
    "key": str,
    "resolve": bool,
    "channels": list,
    "requested_by": str,
}
SEVERITIES = ("critical", "warning", "info")
NO_SINKS = "no sink is configured: name one under spec.alerts.sinks of the ExporterConfig, and start again"


async def send(request: web.Request) -> web.Response:
    """POST /api/v1/alerts."""
    services = request.app[SERVICES]
    sender = services.alerts
    if sender is None or not sender.names:
        return problem(503, "no_sinks", NO_SINKS)
    try:
        document = await read_body(request, FIELDS)
        name = document.get("cluster")
        if name is not None and name not in services.controllers:
            return no_such_cluster(services.controllers)
        sinks = _channels(document, sender)
        wanted = _wanted(document, services, caller=request.get(CALLER))
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    try:
        return as_json(_document(wanted, await sender.send(wanted, sinks=sinks)))
    except OutboxFullError as error:
        return problem(503, "outbox_full", str(error))


async def listed(request: web.Request) -> web.Response:
    """GET /api/v1/alerts: what was sent since `since`, newest first, and what became of it."""
    sender = request.app[SERVICES].alerts
    if sender is None:
        return problem(503, "no_sinks", NO_SINKS)
    try:
        since, limit = since_of(request) or BEGINNING, limit_of(request)
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    messages = await sender.messages(since=since, limit=limit)
    return as_json({"alerts": [_listed(each) for each in messages]})


def _listed(message: OutgoingMessage) -> Document:
    alert, request = message.alert, message.alert.request
    return {
        "id": alert.id,
        "status": request.status,
        "severity": request.severity,
        "name": request.alertname,
        "component": request.component,
        "message": request.message,
        "cluster": request.cluster,
        "server": request.server,
        "key": request.key,
        "requested_by": request.requested_by,
        "asked": message.asked,
        "starts_at": alert.starts_at.isoformat(),
        "created_at": alert.created_at.isoformat(),
        "sinks": [_sink(each) for each in message.deliveries],
    }


def _sink(delivery: Delivery) -> Document:
    return {
        "name": delivery.sink,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "detail": delivery.detail or None,
    }


def _channels(document: dict[str, Any], sender: AlertSender) -> tuple[str, ...]:
    channels = document.get("channels")
    if channels is None:
        return sender.names
    unknown = [each for each in channels if each not in sender.names]
    if unknown or not channels:
        raise InvalidError(f"channels: from {', '.join(sender.names)} are needed, and no others")
    return tuple(dict.fromkeys(channels))


def _wanted(document: dict[str, Any], services: Services, *, caller: str | None) -> AlertRequest:
    is_over = document.get("resolve", False)
    message, severity = document.get("message", "").strip(), document.get("severity", "")
    if not message and not (is_over and document.get("key")):
        raise InvalidError("message: it is needed")
    if severity not in SEVERITIES and not (is_over and not severity):
        raise InvalidError(f"severity: one of {', '.join(SEVERITIES)} is needed")
    words: dict[str, Any] = {
        "alertname": document.get("name") or "RlmHaAlert",
        "component": document.get("component") or "licensing",
        "cluster": document.get("cluster"),
        "server": _server(document, services),
        "message": message,
    }
    return AlertRequest(
        key=document.get("key") or default_key(**words),
        status=MessageStatus.RESOLVED if is_over else MessageStatus.FIRING,
        severity=severity,
        requested_by=caller or document.get("requested_by") or "anonymous",
        **words,
    )


def _server(document: dict[str, Any], services: Services) -> str | None:
    named = document.get("server")
    if named is None:
        return None
    if "cluster" not in document:
        raise InvalidError("server: the cluster is needed too")
    cluster = services.controllers[document["cluster"]].cluster
    server = cluster.find(named)
    if server is None:
        names = ", ".join(each.name for each in cluster.servers)
        raise InvalidError(f"server: no server {named!r}; there are {names}")
    return server.name


def _document(wanted: AlertRequest, sent: Sent) -> Document:
    result, detail = _outcome(sent)
    return {
        "result": result,
        "detail": detail,
        "duplicate": sent.accepted.acceptance is Acceptance.DUPLICATE,
        "id": None if sent.accepted.message is None else sent.accepted.message.id,
        "key": wanted.key,
        "sinks": [_sink(each) for each in sent.deliveries],
    }


def _outcome(sent: Sent) -> tuple[str, str]:
    if sent.accepted.acceptance is Acceptance.NOTHING_TO_RESOLVE:
        return "nothing_to_resolve", "no such alert fires"
    taken = [each.sink for each in sent.deliveries if each.state is DeliveryState.TAKEN]
    before = ", within the repeat interval" if sent.accepted.acceptance is Acceptance.DUPLICATE else ""
    if taken:
        return "taken", "; ".join((*_takers(taken, sent), *_laggards(sent)))
    if any(each.state is DeliveryState.WAITING for each in sent.deliveries):
        return "waiting", f"no sink has taken it yet; it waits and is tried again{before}"
    return "given_up", "no sink took it, and it is tried no more"


def _takers(taken: list[str], sent: Sent) -> list[str]:
    """Who has it by this request, and who by an earlier one."""
    now = [sink for sink in taken if sink in sent.accepted.added]
    before = [sink for sink in taken if sink not in sent.accepted.added]
    told = [f"taken by {', '.join(now)}"] if now else []
    return [*told, f"taken by {', '.join(before)}, within the repeat interval"] if before else told


def _laggards(sent: Sent) -> list[str]:
    waiting = [each.sink for each in sent.deliveries if each.state is DeliveryState.WAITING]
    return [f"not yet by {', '.join(waiting)}, which is tried again"] if waiting else []
