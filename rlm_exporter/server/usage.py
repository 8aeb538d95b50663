"""What was used: GET /api/v1/clusters/NAME/usage, .../usage/sessions and .../usage/what-if.

A window is `last=day|week|month`, or `since` and `until` (ISO, with a zone). Figures are told in
docs/usage.md.
"""

import asyncio
from collections.abc import Callable, Sequence

import orjson
from aiohttp import web

from rlm_exporter.server.documents import Document
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
from rlm_exporter.server.usage_requests import WINDOW, about, choice, iso, length, refuse_strangers, window_of
from rlm_exporter.store.report_records import Dimension, Held, Ledger, UsageQuestion, Window
from rlm_exporter.usage.figures import Figures, figures_of
from rlm_exporter.usage.what_if import WhatIf, what_if

MOST_LINES = 5000
"""Lines of an answer; the rest is counted."""
MOST_SESSIONS = 1000
MOST_REPLAYED = 500_000
"""Sessions, and refusals, of one feature that are played again."""
MOST_NUMBERS = 50
"""Of seats, in one question."""
LARGEST_GROUPS = 4 * 1024 * 1024
GROUP, NOBODYS = "group", "unassigned"


async def usage(request: web.Request) -> web.Response:
    """GET /api/v1/clusters/NAME/usage: figures by feature, or by user, host, server or project of each."""
    return await _usage(request, by=[each.value for each in Dimension], group_of=None)


async def usage_of_groups(request: web.Request) -> web.Response:
    """POST /api/v1/clusters/NAME/usage?by=group: the same by groups, `{"groups": {"alice": "design"}}`."""
    try:
        refuse_forms(request)
        groups = _groups(await whole_body(request, largest=LARGEST_GROUPS))
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    return await _usage(
        request, by=[GROUP], group_of=lambda user: groups.get((user or "").casefold(), NOBODYS)
    )


async def _usage(
    request: web.Request, *, by: Sequence[str], group_of: Callable[[str | None], str] | None
) -> web.Response:
    controller, reports = controller_of(request), request.app[SERVICES].reports
    if controller is None:
        return unknown_cluster(request)
    try:
        refuse_strangers(request, (*WINDOW, "by", "feature"))
        window = window_of(request)
        chosen = choice(request, "by", by, by[0])
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    question = UsageQuestion(
        cluster=controller.cluster.name,
        window=window,
        by=Dimension.USER if group_of is not None else Dimension(chosen),
        feature=request.query.get("feature"),
        group_of=group_of,
    )
    facts = await reports.usage_facts(question)
    lines = [figures_of(line, window) for line in facts.lines]
    lines.sort(key=lambda each: (each.feature.casefold(), -each.seat_hours))
    return as_json(
        {
            **about(controller.cluster.name, window),
            "by": chosen,
            "lines": [line_document(each) for each in lines[:MOST_LINES]],
            "omitted": max(len(lines) - MOST_LINES, 0),
            "undated": facts.undated,
            "known_since": iso(facts.known_since),
        }
    )


async def sessions(request: web.Request) -> web.Response:
    """GET /api/v1/clusters/NAME/usage/sessions: who held what, the longest first."""
    controller, reports = controller_of(request), request.app[SERVICES].reports
    if controller is None:
        return unknown_cluster(request)
    try:
        refuse_strangers(request, (*WINDOW, "longer"))
        window = window_of(request)
        longer = length(request, "longer")
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    found = await reports.held_seats(
        cluster=controller.cluster.name, window=window, most=MOST_SESSIONS, longer=longer
    )
    return as_json(
        {
            **about(controller.cluster.name, window),
            "sessions": [held_document(each, window) for each in found.first],
            "omitted": found.count - len(found.first),
        }
    )


async def replay(request: web.Request) -> web.Response:
    """GET /api/v1/clusters/NAME/usage/what-if: the same requests with other numbers of seats."""
    controller, reports = controller_of(request), request.app[SERVICES].reports
    if controller is None:
        return unknown_cluster(request)
    try:
        refuse_strangers(request, (*WINDOW, "feature", "seats"))
        window = window_of(request)
        feature = request.query.get("feature")
        if not feature:
            raise InvalidError("feature: say which one")
        numbers = _numbers(request)
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    name = controller.cluster.name
    ledger = await reports.ledger(cluster=name, feature=feature, window=window, most=MOST_REPLAYED)
    if not ledger.is_whole:
        return problem(422, "too_much", f"more than {MOST_REPLAYED} sessions; take a shorter time")
    if not ledger.sessions and not ledger.refused:
        return problem(404, "unknown_feature", f"nobody asked for {feature!r} in that time")
    outcomes = await _replayed(ledger, numbers, window)
    current = ledger.seats[-1].seats if ledger.seats else None
    return as_json(
        {
            **about(name, window),
            "feature": feature,
            "seats_now": current,
            "outcomes": [outcome_document(each) for each in outcomes],
        }
    )


def line_document(each: Figures) -> Document:
    """One line of figures."""
    return {
        "isv": each.isv,
        "feature": each.feature,
        "who": each.who,
        "sessions": each.sessions,
        "checkouts": each.checkouts,
        "peak": each.peak,
        "average": round(each.average, 3),
        "seat_hours": round(each.seat_hours, 3),
        "seats": each.seats,
        "ceiling_hours": None if each.ceiling_hours is None else round(each.ceiling_hours, 3),
        "unused": each.unused,
        "reserved": each.reserved,
        "idle_reserved": each.idle_reserved,
        "denied": each.denied,
        "passed_on": each.passed_on,
        "denial_rate": None if each.denial_rate is None else round(each.denial_rate, 5),
        "reasons": dict(each.reasons),
        "last_denied": iso(each.last_denied),
    }


def held_document(held: Held, window: Window) -> Document:
    """One session; how long it lasted, or has lasted until the end of the window."""
    lasted = None if held.out is None else (held.ended or window.end) - held.out
    return {
        "server": held.server,
        "isv": held.isv,
        "feature": held.feature,
        "version": held.version,
        "user": held.user,
        "host": held.host,
        "seats": held.seats,
        "out": iso(held.out),
        "ended": iso(held.ended),
        "hours": None if lasted is None else round(lasted.total_seconds() / 3600, 3),
    }


def outcome_document(found: WhatIf) -> Document:
    """What would have been with one number of seats."""
    return {
        "seats": found.seats,
        "granted": found.granted,
        "refused": found.refused,
        "newly_granted": found.newly_granted,
        "newly_refused": found.newly_refused,
        "peak": found.peak,
        "denial_rate": None if found.rate is None else round(found.rate, 5),
    }


def _groups(body: bytes) -> dict[str, str]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidError(f"not JSON: {error}") from error
    groups = document.get("groups") if isinstance(document, dict) else None
    if not isinstance(groups, dict) or not all(type(group) is str and group for group in groups.values()):
        raise InvalidError('groups: a mapping of users to groups is wanted, such as {"alice": "design"}')
    return {user.casefold(): group for user, group in groups.items()}


async def _replayed(ledger: Ledger, numbers: Sequence[int], window: Window) -> list[WhatIf]:
    return await asyncio.to_thread(lambda: [what_if(ledger, each, until=window.end) for each in numbers])


def _numbers(request: web.Request) -> tuple[int, ...]:
    """Numbers of seats, such as `40` or `30,40,50`."""
    words = request.query.get("seats", "").split(",")
    if len(words) > MOST_NUMBERS or not all(word.isascii() and word.isdigit() for word in words):
        raise InvalidError(f"seats: from 1 to {MOST_NUMBERS} whole numbers, such as 40 or 30,40,50")
    return tuple(min(int(word[:9]), 10**8) for word in words)
