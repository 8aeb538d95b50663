"""Takes one seat back: POST /api/v1/clusters/NAME/release.

    {"handle": "15c", "server": "rlm1", "isv": "siemens", "product": "STARCCM", "dry_run": true}

`handle` alone is needed; the server is the active one if none is named. With `dry_run` it tells whose seat
it is. Who then sends `user`, `host` and `since` of that answer along frees that one or none.
"""

import re
from typing import Any

from aiohttp import web

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.controller import ClusterController
from rlm_exporter.failover.release import FoundSeat, NotReleased, NotReleasedKind, Released, SeatWish
from rlm_exporter.failover.releaser import Releaser
from rlm_exporter.failover.trigger import Refusal, RefusalKind
from rlm_exporter.manifest.model import Server
from rlm_exporter.server.by_hand import signed
from rlm_exporter.server.problem import problem, refused
from rlm_exporter.server.requests import InvalidError, as_json, controller_of, read_body, unknown_cluster
from rlm_exporter.server.services import CALLER, SERVICES
from rlm_exporter.store.errors import LeaseLostError

_NAMES = ("isv", "product", "user", "host", "since")
FIELDS = {
    "handle": str,
    "server": str,
    **dict.fromkeys(_NAMES, str),
    "dry_run": bool,
    "reason": str,
    "requested_by": str,
}
STATUS = {
    NotReleasedKind.SERVER_UNKNOWN: 503,
    NotReleasedKind.UNKNOWN_HANDLE: 404,
    NotReleasedKind.AMBIGUOUS_HANDLE: 409,
    NotReleasedKind.ISV_UNKNOWN: 503,
    NotReleasedKind.RLM_REFUSED: 409,
    NotReleasedKind.NOT_VERIFIED: 503,
}
"""The status of each outcome that is none."""

_HANDLE = re.compile(r"[0-9A-Fa-f]{1,16}")


async def release(request: web.Request) -> web.Response:
    """POST /api/v1/clusters/NAME/release."""
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
    server = _server(document, controller)
    if not isinstance(server, Server):
        return server
    releaser = request.app[SERVICES].releasers[controller.cluster.name]
    if document.get("dry_run", False):
        return _answered(await releaser.find(server, wish))
    return await _release(releaser, server, wish, document)


async def _release(
    releaser: Releaser, server: Server, wish: SeatWish, document: dict[str, Any]
) -> web.Response:
    requested_by, reason = document.get("requested_by") or "operator", document.get("reason", "")
    try:
        return _answered(await releaser.release(server, wish, requested_by=requested_by, reason=reason))
    except LeaseLostError as error:
        return refused(Refusal(kind=RefusalKind.NOT_LEADER, detail=str(error)))
    except JournalError as error:
        detail = f"nothing was freed, for the journal is away: {error}"
        return refused(Refusal(kind=RefusalKind.STORE_UNAVAILABLE, detail=detail))


def _wish(document: dict[str, Any]) -> SeatWish:
    handle = document.get("handle", "")
    if _HANDLE.fullmatch(handle) is None:
        raise InvalidError("handle: a hexadecimal number is needed, such as 15c; `licenses seats` shows it")
    return SeatWish(handle=handle, **{name: document.get(name) or None for name in _NAMES})


def _server(document: dict[str, Any], controller: ClusterController) -> Server | web.Response:
    cluster, word = controller.cluster, document.get("server")
    if word is not None:
        names = ", ".join(each.name for each in cluster.servers)
        unknown = problem(422, "unknown_server", f"server: no server {word!r}; there are {names}")
        return cluster.find(word) or unknown
    record = controller.standing.record
    if record is None:
        detail = "who is active is not known yet; name the server"
        return refused(Refusal(kind=RefusalKind.NOT_READY, detail=detail))
    return cluster.server(record.active)


def _answered(outcome: FoundSeat | Released | NotReleased) -> web.Response:
    match outcome:
        case NotReleased(kind=kind, detail=detail):
            return problem(STATUS[kind], kind.value, detail)
        case Released(seat=seat, detail=detail):
            return as_json({"result": "released", "detail": detail, "seat": _document(seat)})
        case FoundSeat():
            return as_json({"result": "plan", "detail": "nothing was changed", "seat": _document(outcome)})


def _document(seat: FoundSeat) -> dict[str, Any]:
    line = seat.checkout
    return {
        "server": seat.server,
        "isv": seat.isv,
        "product": line.product,
        "version": line.version,
        "user": line.user,
        "host": line.host,
        "seats": line.count + line.reserved,
        "reserved": line.reserved,
        "handle": line.handle,
        "since": line.at,
        "shares": seat.shares,
    }
