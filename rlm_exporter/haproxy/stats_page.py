"""HAProxy's stats page as text: what to POST, and how to read what comes back.

Observed on 2.6 and 3.0: every POST is answered 303, in success and in failure; the only result is `st=`
in Location. One POST takes one backend and one action for many servers; with two backends only the last
one moves, and the answer still says DONE. The CSV's own `pid` column is always 1.
"""

import csv
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlencode

from rlm_exporter.errors import LoadBalancerError
from rlm_exporter.haproxy.view import AdminState, BalancerNames, BalancerView, ServerLine


class Action(StrEnum):
    """What a server can be told; each may be repeated without harm."""

    READY = "ready"
    MAINT = "maint"


_OUTCOMES = {
    "NONE": "nothing was changed; the request was not understood",
    "PART": "only some of the servers are known there",
    "ERRP": "no such backend, server or action",
    "EXCD": "the request was too large",
    "DENY": "the stats page has no `stats admin` for us",
    "UNKN": "HAProxy does not say why",
}


_COLUMNS = ("pxname", "svname", "scur", "stot", "bout", "status", "bck", "sid")


def command_body(backend: str, action: Action, servers: Iterable[str]) -> str:
    """The form of one command."""
    return urlencode([("b", backend), ("action", action.value), *(("s", server) for server in servers)])


def refusal(status: int, location: str | None) -> str | None:
    """Why a POST was not carried out, in words; None when HAProxy says DONE."""
    if status in {401, 403}:
        return f"HAProxy refuses the command ({status}): it does not take us for its controller"
    if status == 400:
        return "HAProxy refuses the epoch (400): it is missing or has more than 15 digits"
    _, is_its_own, outcome = (location or "").rpartition(";st=")
    if status != 303 or not is_its_own:
        return f"the answer is {status} without `st=`: is this HAProxy's stats page, with `stats admin`?"
    if outcome == "DONE":
        return None
    return f"HAProxy answered {outcome}: {_OUTCOMES.get(outcome, _OUTCOMES['UNKN'])}"


def parse_view(
    text: str, headers: Mapping[str, str], *, balancer: str, names: BalancerNames, read_at: datetime
) -> BalancerView:
    """One reading of `/stats;csv`; raises LoadBalancerError for text that is not it."""
    rows = _rows(text)
    backends = (names.license_backend, *names.isv_backends.values())
    lines = tuple(_line(row) for backend in backends for row in rows if row["pxname"] == backend)
    found = {(line.backend, line.server) for line in lines}
    unknown = frozenset(
        server for server in names.servers for backend in backends if (backend, server) not in found
    )
    active_id = _number(headers.get("X-Active-Id"))
    active = next(
        (
            line.server
            for line in lines
            if line.backend == names.license_backend and line.server_id == active_id != 0
        ),
        None,
    )
    return BalancerView(
        balancer=balancer,
        read_at=read_at,
        epoch=_number(headers.get("X-Epoch")),
        pid=_number(headers.get("X-Pid")),
        active=active,
        lines=lines,
        unknown_servers=unknown,
        web_differs=None if names.web_backend is None else _web_differs(names, rows, lines),
    )


def _web_differs(
    names: BalancerNames, rows: Iterable[Mapping[str, str]], lines: Iterable[ServerLine]
) -> str | None:
    """The web backend's lines count for nothing else: its traffic says nothing of licenses."""
    web = {row["svname"]: _line(row) for row in rows if row["pxname"] == names.web_backend}
    for line in lines:
        if line.backend != names.license_backend:
            continue
        found = web.get(line.server)
        if found is None:
            return f"{names.web_backend} has no {line.server}"
        if {line.admin, found.admin} == {AdminState.READY, AdminState.MAINT}:
            told = f"{names.web_backend} has {line.server} {found.status}"
            return f"{told}, {names.license_backend} has it {line.status}"
    return None


def _rows(text: str) -> list[dict[str, str]]:
    if not text.startswith("# pxname,"):
        raise LoadBalancerError("the answer is not HAProxy's statistics: does the URL end in the stats URI?")
    try:
        rows = list(csv.DictReader(text.removeprefix("# ").splitlines()))
    except csv.Error as error:
        raise LoadBalancerError(f"the statistics cannot be read: {error}") from error
    # A cut row would read as a server that has done nothing, or as one that is not there.
    if not text.endswith("\n") or any(row.get(column) is None for row in rows for column in _COLUMNS):
        raise LoadBalancerError("the statistics are not whole, or of a HAProxy that we do not know")
    return [row for row in rows if row["svname"] not in {"FRONTEND", "BACKEND"}]


def _line(row: Mapping[str, str]) -> ServerLine:
    status = row["status"]
    admin = admin_state(status)
    return ServerLine(
        backend=row["pxname"],
        server=row["svname"],
        server_id=_number(row["sid"]) or 0,
        status=status,
        admin=admin,
        is_up=admin is AdminState.READY and (status.startswith("UP") or status == "no check"),
        sessions=_number(row["scur"]) or 0,
        sessions_total=_number(row["stot"]) or 0,
        bytes_out=_number(row["bout"]) or 0,
        backup=row["bck"] == "1",
        address=row.get("addr") or None,
    )


def admin_state(status: str) -> AdminState:
    """The administrative state behind HAProxy's status text."""
    if status == "MAINT" or status.startswith("MAINT (via "):
        return AdminState.MAINT
    if status.startswith("MAINT"):
        return AdminState.UNRESOLVED
    if status.startswith("DRAIN"):
        return AdminState.DRAIN
    return AdminState.READY


def _number(text: str | None) -> int | None:
    return int(text) if text and len(text) < 20 and text.isascii() and text.isdigit() else None
