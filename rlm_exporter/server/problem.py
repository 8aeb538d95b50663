"""Errors of the API as `application/problem+json`."""

from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web

from rlm_exporter.failover.trigger import Refusal, RefusalKind
from rlm_exporter.server.json_text import json_bytes

STATUS = {
    RefusalKind.NOT_READY: 503,
    RefusalKind.EXPECTATION: 412,
    RefusalKind.OPERATION_OPEN: 409,
    RefusalKind.TARGET_UNHEALTHY: 409,
    RefusalKind.ACTIVE_UNHEALTHY: 409,
    RefusalKind.SERVES_NOW: 409,
    RefusalKind.BALANCER_UNKNOWN: 503,
    RefusalKind.STORE_UNAVAILABLE: 503,
    RefusalKind.NOT_LEADER: 409,
}
"""The status of each refusal of an operator's wish."""


def refused(refusal: Refusal) -> web.Response:
    """A wish that was refused; where another daemon would do it, with that one's address."""
    more = {} if refusal.leader_url is None else {"leader_url": refusal.leader_url}
    return problem(STATUS[refusal.kind], refusal.kind.value, refusal.detail, more=more)


def problem(
    status: int,
    kind: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    more: Mapping[str, str] = MappingProxyType({}),
) -> web.Response:
    """One problem document; `kind` is for programs, `detail` for people."""
    document = {
        "type": f"urn:rlm-ha:{kind}",
        "title": kind.replace("_", " "),
        "status": status,
        "detail": detail,
        "kind": kind,
        **more,
    }
    return web.Response(
        status=status,
        body=json_bytes(document),
        content_type="application/problem+json",
        headers=headers,
    )
