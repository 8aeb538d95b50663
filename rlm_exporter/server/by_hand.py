"""The API under /api/v1, writing: an operator's wishes, all of which go to the cluster's one writer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from rlm_exporter.failover.by_hand import AlreadyActive, Answer, Done, Plan
from rlm_exporter.failover.reasons import NUMBERS
from rlm_exporter.failover.trigger import (
    AckRequest,
    FailoverRequest,
    MaintenanceRequest,
    PauseRequest,
    Refusal,
    Request,
)
from rlm_exporter.manifest.durations import parse_duration
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.server.documents import Document, operation_document
from rlm_exporter.server.problem import problem, refused
from rlm_exporter.server.requests import (
    LONGEST_WORD,
    InvalidError,
    as_json,
    controller_of,
    read_body,
    unknown_cluster,
)
from rlm_exporter.server.services import CALLER
from rlm_exporter.store.records import CONTROLLER, OperationKind

Handler = Callable[[web.Request], Awaitable[web.Response]]
Reading = Callable[[dict[str, Any], Cluster, str | None], Request]

ANSWER_LIMIT = 30.0
"""Seconds for the cluster's one writer to take up a wish; longer than the journal may take for it."""

LONGEST_PAUSE = timedelta(days=30)

_WHO = {"reason": str, "requested_by": str}
_MOVE = {"to": str, "from": str, "dry_run": bool, **_WHO}


class _UnknownServerError(Exception):
    """A name that no server has."""


def _failover(document: dict[str, Any], cluster: Cluster, key: str | None) -> Request:
    return _move(document, cluster, key, OperationKind.FAILOVER)


def _switchover(document: dict[str, Any], cluster: Cluster, key: str | None) -> Request:
    return _move(document, cluster, key, OperationKind.SWITCHOVER)


def _failback(document: dict[str, Any], cluster: Cluster, key: str | None) -> Request:
    return _move(document, cluster, key, OperationKind.FAILBACK)


def _move(document: dict[str, Any], cluster: Cluster, key: str | None, kind: OperationKind) -> Request:
    if "to" not in document and kind is not OperationKind.FAILBACK:
        raise InvalidError("to: missing; it names the server to move to")
    if key is not None and not (0 < len(key) <= LONGEST_WORD and key.isascii() and key.isprintable()):
        raise InvalidError(f"Idempotency-Key: 1 to {LONGEST_WORD} printable ASCII characters are needed")
    return FailoverRequest(
        target=_server(document, "to", cluster),
        kind=kind,
        expect_active=_server(document, "from", cluster),
        force=document.get("force", False),
        dry_run=document.get("dry_run", False),
        idempotency_key=key,
        **_by_whom(document),
    )


def _pause(document: dict[str, Any], _: Cluster, __: str | None) -> Request:
    if "for" not in document:
        raise InvalidError("for: missing; a pause has an end, such as 2h")
    try:
        lasting = parse_duration(document["for"])
    except ValueError as error:
        raise InvalidError(f"for: {error}") from error
    if not timedelta() < lasting <= LONGEST_PAUSE:
        raise InvalidError("for: not between 1 ms and 30 days")
    return PauseRequest(lasting=lasting, **_by_whom(document))


def _resume(document: dict[str, Any], _: Cluster, __: str | None) -> Request:
    return PauseRequest(lasting=None, **_by_whom(document))


def _ack(document: dict[str, Any], _: Cluster, __: str | None) -> Request:
    return AckRequest(**_by_whom(document))


def _maintenance(document: dict[str, Any], cluster: Cluster, _: str | None) -> Request:
    server = _server(document, "server", cluster)
    if server is None or "enable" not in document:
        raise InvalidError("server and enable: both are needed")
    return MaintenanceRequest(
        server=server,
        enable=document["enable"],
        switchover=document.get("switchover", False),
        **_by_whom(document),
    )


VERBS: Mapping[str, tuple[Reading, Mapping[str, type]]] = {
    "failover": (_failover, {**_MOVE, "force": bool}),
    "switchover": (_switchover, _MOVE),
    "failback": (_failback, _MOVE),
    "pause": (_pause, {"for": str, **_WHO}),
    "resume": (_resume, _WHO),
    "ack": (_ack, _WHO),
    "maintenance": (_maintenance, {"server": str, "enable": bool, "switchover": bool, **_WHO}),
}
"""POST /api/v1/clusters/NAME/VERB: how its body is read, and which fields it has."""


def handler(verb: str) -> Handler:
    """The handler of one verb."""
    reading, fields = VERBS[verb]

    async def handle(request: web.Request) -> web.Response:
        controller = controller_of(request)
        if controller is None:
            return unknown_cluster(request)
        try:
            document = signed(await read_body(request, fields), request.get(CALLER))
            controller = controller_of(request) or controller  # meanwhile it may have another one
            wish = reading(document, controller.cluster, request.headers.get("Idempotency-Key"))
        except InvalidError as error:
            return problem(422, "invalid", str(error))
        except _UnknownServerError as error:
            return problem(422, "unknown_server", str(error))
        try:
            async with asyncio.timeout(ANSWER_LIMIT):
                return _answered(await controller.request(wish))
        except TimeoutError:
            return problem(503, "no_answer", "no answer yet; the wish stands: look at the cluster's events")

    return handle


def _answered(answer: Answer) -> web.Response:
    match answer:
        case Refusal():
            return refused(answer)
        case AlreadyActive(server=server):
            return as_json({"result": "already_active", "server": server})
        case Done(detail=detail):
            return as_json({"result": "done", "detail": detail})
        case Plan(source=source, target=target, kind=kind, steps=steps, warnings=warnings, rules=rules):
            plan: Document = {
                "from": source,
                "to": target,
                "kind": kind.value,
                "steps": list(steps),
                "warnings": list(warnings),
                "rules": [
                    {
                        "number": NUMBERS[seen.reason],
                        "rule": seen.reason.value,
                        "applies": seen.applies,
                        "detail": seen.detail,
                    }
                    for seen in rules
                ],
            }
            return as_json({"result": "plan", "plan": plan})
        case operation:
            return as_json({"result": "started", "operation": operation_document(operation)}, status=202)


def _server(document: dict[str, Any], field: str, cluster: Cluster) -> str | None:
    word = document.get(field)
    if word is None:
        return None
    server = cluster.find(word)
    if server is None:
        names = ", ".join(each.name for each in cluster.servers)
        raise _UnknownServerError(f"{field}: no server {word!r}; there are {names}")
    return server.name


def signed(document: dict[str, Any], caller: str | None) -> dict[str, Any]:
    """The body with who asks for it: the token's name, which was proved, and beside it what was claimed."""
    claimed = document.get("requested_by") or ""
    if claimed == CONTROLLER:
        raise InvalidError(f"requested_by: {CONTROLLER} is what the daemon calls itself; write who you are")
    if caller is None:
        return document
    told = caller if claimed in {"", caller} else f"{caller} ({claimed})"
    return {**document, "requested_by": told}


def _by_whom(document: dict[str, Any]) -> dict[str, str]:
    return {
        "requested_by": document.get("requested_by") or "operator",
        "reason": document.get("reason", ""),
    }
