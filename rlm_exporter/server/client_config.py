"""What clients of a cluster are told: GET and PUT /api/v1/clusters/NAME/client-config.

    {"license_servers": "5053@rlm1:5053@rlm2", "license_failover_enabled": true,
     "license_redundancy_mode": "active-passive", "dry_run": true}

What the body does not name stays as it is; the cluster's own name as `license_servers` brings back what the
manifest has.
"""

from typing import Any

from aiohttp import web

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.trigger import Refusal, RefusalKind
from rlm_exporter.render.client_desk import ClientDesk, Told, Updated
from rlm_exporter.render.client_servers import Misfit
from rlm_exporter.render.client_settings import ClientSettings
from rlm_exporter.render.client_wish import ConfigRefusal, ConfigWish, UnknownMode, UnsafeMode
from rlm_exporter.rlm.address import parse_endpoint
from rlm_exporter.server.by_hand import signed
from rlm_exporter.server.problem import problem, refused
from rlm_exporter.server.requests import InvalidError, as_json, controller_of, read_body, unknown_cluster
from rlm_exporter.server.services import CALLER, SERVICES
from rlm_exporter.store.errors import LeaseLostError

FIELDS = {
    "license_servers": str,
    "license_failover_enabled": bool,
    "license_redundancy_mode": str,
    "dry_run": bool,
    "reason": str,
    "requested_by": str,
}


async def show(request: web.Request) -> web.Response:
    """GET /api/v1/clusters/NAME/client-config."""
    controller = controller_of(request)
    if controller is None:
        return unknown_cluster(request)
    name = controller.cluster.name
    return as_json(_document(name, await request.app[SERVICES].client_desks[name].show()))


async def update(request: web.Request) -> web.Response:
    """PUT /api/v1/clusters/NAME/client-config."""
    controller = controller_of(request)
    if controller is None:
        return unknown_cluster(request)
    if (refusal := controller.refusal_of_a_follower()) is not None:
        return refused(refusal)
    try:
        document = signed(await read_body(request, FIELDS), request.get(CALLER))
        wish = _wish(document)
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    name = controller.cluster.name
    return await _update(name, request.app[SERVICES].client_desks[name], wish, document)


async def _update(name: str, desk: ClientDesk, wish: ConfigWish, document: dict[str, Any]) -> web.Response:
    dry_run = document.get("dry_run", False)
    by, reason = document.get("requested_by") or "operator", document.get("reason", "")
    try:
        updated = await desk.update(wish, dry_run=dry_run, requested_by=by, reason=reason)
    except LeaseLostError as error:
        return refused(Refusal(kind=RefusalKind.NOT_LEADER, detail=str(error)))
    except JournalError as error:
        detail = f"nothing was changed, for the journal is away: {error}"
        return refused(Refusal(kind=RefusalKind.STORE_UNAVAILABLE, detail=detail))
    if not isinstance(updated, Updated):
        return _refusal(updated)
    result = "unchanged" if not updated.changes else "plan" if dry_run else "changed"
    return as_json(
        {
            "result": result,
            "changes": [
                {"name": each.name, "from": each.before, "to": each.after} for each in updated.changes
            ],
            "config": _document(name, updated.told),
        }
    )


def _wish(document: dict[str, Any]) -> ConfigWish:
    wish = ConfigWish(
        servers=document.get("license_servers"),
        follows=document.get("license_failover_enabled"),
        mode=document.get("license_redundancy_mode"),
    )
    if wish == ConfigWish():
        raise InvalidError(f"nothing is to be set; known are {', '.join(list(FIELDS)[:3])}")
    return wish


def _refusal(refusal: ConfigRefusal) -> web.Response:
    match refusal:
        case Misfit(kind=kind, detail=detail):
            return problem(409 if kind == "past_balancer" else 422, kind.value, f"license_servers: {detail}")
        case UnsafeMode(detail=detail):
            return problem(409, "unsafe_mode", f"license_redundancy_mode: {detail}")
        case UnknownMode(detail=detail):
            return problem(422, "invalid", f"license_redundancy_mode: {detail}")


def _document(name: str, told: Told) -> dict[str, Any]:
    config = told.config
    return {
        "cluster": name,
        "active": told.active,
        "license_servers": list(config.servers),
        "license_failover_enabled": config.follows,
        "license_redundancy_mode": config.mode.value,
        "set_by": config.set_by or None,
        "reason": config.reason or None,
        "set_at": config.set_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if config.set_at
        else None,
        "jobs": None if told.settings is None else _jobs(told.settings),
        "files": [{"path": each.path, "format": each.form, "trouble": each.trouble} for each in told.files],
        "remarks": list(told.remarks),
    }


def _jobs(settings: ClientSettings) -> dict[str, Any]:
    """What a job's environment gets, and the same list for a scheduler that wants hosts and ports."""
    endpoints = [parse_endpoint(text) for text in settings.servers]
    return {
        "servers": list(settings.servers),
        "isvs": list(settings.isvs),
        "connect_timeout_seconds": settings.connect_timeout,
        "variables": dict(settings.variables(":")),
        "license_servers": [{"host": each.host, "port": each.port} for each in endpoints],
    }
