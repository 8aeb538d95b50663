"""Report logs that are shipped: GET and POST /api/v1/clusters/NAME/servers/SERVER/report-logs/ISV.

GET tells how far a log has come: `{"number": 12, "position": "..."}`. POST brings what comes next:

    {"after": 12, "position": "...", "minutes_west": -60, "sessions": [...], "denials": [...]}

All of a batch is taken, or nothing; what was taken already is answered with `stale_place`.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from rlm_exporter.errors import FormatError
from rlm_exporter.manifest.model import Cluster, Server
from rlm_exporter.rlm.report_log_values import Event
from rlm_exporter.server.problem import problem
from rlm_exporter.server.requests import (
    InvalidError,
    as_json,
    controller_of,
    refuse_forms,
    unknown_cluster,
    whole_body,
)
from rlm_exporter.server.services import SERVICES
from rlm_exporter.store.errors import StalePlaceError
from rlm_exporter.usage.report_log_bounds import too_late
from rlm_exporter.usage.report_log_intake import ReportLogIntake, read_here
from rlm_exporter.usage.report_log_usage import AT_ONCE
from rlm_exporter.usage.report_log_wire import read_denial, read_place, read_session

LARGEST_BATCH = 8 * 1024 * 1024
"""Bytes of a body, unpacked: some times what a shipper sends at once."""

LONGEST_POSITION = 256 * 1024
LONGEST_ISV = 64
FARTHEST = 24 * 60
FIELDS = ("after", "position", "minutes_west", "sessions", "denials")


class _Log:
    """Whose log a request is about."""

    def __init__(self, *, cluster: Cluster, server: Server, isv: str, intake: ReportLogIntake) -> None:
        self.cluster = cluster
        self.server = server
        self.isv = isv
        self.intake = intake


async def place(request: web.Request) -> web.Response:
    """GET: how far the log has come."""
    log = _log(request)
    if isinstance(log, web.Response):
        return log
    stands = await log.intake.place(log.cluster, log.server, log.isv)
    return as_json({"number": stands.number, "position": stands.position})


async def take(request: web.Request) -> web.Response:
    """POST: the next batch."""
    log = _log(request)
    if isinstance(log, web.Response):
        return log
    try:
        refuse_forms(request)
        body = await whole_body(request, largest=LARGEST_BATCH)
        # In a thread: what is under way beside this must not wait for megabytes to be read.
        document, events = await asyncio.to_thread(_read, body, request.app[SERVICES].clock.now())
        await _check_position(log, document["position"])
    except (InvalidError, FormatError) as error:
        return problem(422, "invalid", str(error))
    try:
        stands = await log.intake.take(
            log.cluster,
            log.server,
            log.isv,
            after=document["after"],
            position=document["position"],
            events=events,
            minutes_west=document["minutes_west"],
        )
    except StalePlaceError as error:
        return problem(409, "stale_place", str(error))
    return as_json({"number": stands.number})


def _log(request: web.Request) -> _Log | web.Response:
    controller = controller_of(request)
    if controller is None:
        return unknown_cluster(request)
    server = controller.cluster.find(request.match_info["server"])
    if server is None:
        names = ", ".join(each.name for each in controller.cluster.servers)
        return problem(404, "unknown_server", f"no such server; there are {names}")
    intake = request.app[SERVICES].report_logs
    if intake is None:
        return problem(409, "not_recorded", "this daemon records no usage (usage.record: false)")
    isv = request.match_info["isv"]
    if not isv or len(isv) > LONGEST_ISV or not isv.isprintable():
        return problem(422, "invalid", f"the ISV's name: 1 to {LONGEST_ISV} characters")
    path = read_here(server, isv)
    if path is not None:
        told = f"the daemon reads that log itself, as {path}; do not ship it, or take it out of the manifest"
        return problem(409, "read_here", told)
    status = controller.prober.snapshot.server(server.name).status
    intake.expect(controller.cluster, server, isv, pools=status.pools if status is not None else ())
    return _Log(cluster=controller.cluster, server=server, isv=isv, intake=intake)


async def _check_position(log: _Log, position: str) -> None:
    """A place that nobody can read would have the log read again some day, and its denials come twice."""
    try:
        read_place(position)
    except FormatError as error:
        stands = await log.intake.place(log.cluster, log.server, log.isv)
        if position != stands.position:  # a batch in parts moves it only with the last
            raise InvalidError(f"position: {error}") from error


def _read(body: bytes, now: datetime) -> tuple[dict[str, Any], list[Event]]:
    document = _document(body)
    return document, _events(document, now.replace(tzinfo=None))


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidError(f"not JSON: {error}") from error
    if not isinstance(document, dict) or set(document) != set(FIELDS):
        raise InvalidError(f"a mapping with {', '.join(FIELDS)} is wanted, and nothing else")
    if type(document["after"]) is not int or document["after"] < 0:
        raise InvalidError("after: not a whole number from 0 on")
    if type(document["position"]) is not str or len(document["position"]) > LONGEST_POSITION:
        raise InvalidError(f"position: not a text of at most {LONGEST_POSITION} characters")
    if type(document["minutes_west"]) not in {int, type(None)}:
        raise InvalidError("minutes_west: neither a whole number nor null")
    for name in ("sessions", "denials"):
        if type(document[name]) is not list:
            raise InvalidError(f"{name}: not a list")
    if len(document["sessions"]) > AT_ONCE:
        raise InvalidError(f"sessions: more than {AT_ONCE}, which is what one transaction takes")
    if document["minutes_west"] is not None and abs(document["minutes_west"]) > FARTHEST:
        raise InvalidError(f"minutes_west: beyond {FARTHEST}")
    return document


def _events(document: dict[str, Any], now: datetime) -> list[Event]:
    readers: tuple[tuple[str, Callable[..., Event]], ...] = (
        ("sessions", read_session),
        ("denials", read_denial),
    )
    events: list[Event] = []
    for kind, read in readers:
        for index, each in enumerate(document[kind]):
            where = f"{kind}[{index}]"
            event = read(each, where=where)
            late = too_late(event, now=now)
            if late is not None:
                clock = "is the clock of the license host right, and the daemon's?"
                raise InvalidError(f"{where}: {late.isoformat()} lies in the future here; {clock}")
            events.append(event)
    return events
