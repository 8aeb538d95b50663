"""Errors of the API as `application/problem+json`."""

import orjson
from aiohttp import web

from rlm_exporter.failover.trigger import RefusalKind

STATUS = {
    RefusalKind.NOT_READY: 503,
    RefusalKind.EXPECTATION: 412,
    RefusalKind.OPERATION_OPEN: 409,
    RefusalKind.TARGET_UNHEALTHY: 409,
    RefusalKind.ACTIVE_UNHEALTHY: 409,
    RefusalKind.SERVES_NOW: 409,
    RefusalKind.BALANCER_UNKNOWN: 503,
    RefusalKind.STORE_UNAVAILABLE: 503,
}
"""The status of each refusal of an operator's wish."""


def problem(status: int, kind: str, detail: str, *, headers: dict[str, str] | None = None) -> web.Response:
    """One problem document; `kind` is for programs, `detail` for people."""
    document = {
        "type": f"urn:rlm-ha:{kind}",
        "title": kind.replace("_", " "),
        "status": status,
        "detail": detail,
        "kind": kind,
    }
    return web.Response(
        status=status,
        body=orjson.dumps(document),
        content_type="application/problem+json",
        headers=headers,
    )
