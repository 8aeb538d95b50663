"""Who was refused, and which hosts hold seats twice: GET .../usage/denials and .../usage/double-use."""

from aiohttp import web

from rlm_exporter.rlm.denial_reason import denial_reason
from rlm_exporter.server.documents import Document
from rlm_exporter.server.problem import problem
from rlm_exporter.server.requests import InvalidError, as_json, controller_of, unknown_cluster
from rlm_exporter.server.services import SERVICES
from rlm_exporter.server.usage_requests import WINDOW, about, choice, iso, refuse_strangers, window_of
from rlm_exporter.store.report_records import REFUSALS_BY, DenialLine, Dimension, UsageQuestion
from rlm_exporter.store.usage_records import Denied
from rlm_exporter.usage.double_use import DoubleUse, double_use

MOST_LINES = 5000
"""Lines of an answer; the rest is counted."""
NEWEST = 100
"""Refusals that are told one by one."""
MOST_SESSIONS = 50_000
"""Of hosts that had several versions of a product; behind them nothing is looked at."""


async def denials(request: web.Request) -> web.Response:
    """GET /api/v1/clusters/NAME/usage/denials: by feature and reason, and by user, host or server of each."""
    controller, reports = controller_of(request), request.app[SERVICES].reports
    if controller is None:
        return unknown_cluster(request)
    words = [each.value for each in REFUSALS_BY]
    try:
        refuse_strangers(request, (*WINDOW, "by", "feature"))
        window = window_of(request)
        by = Dimension(choice(request, "by", words, words[0]))
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    name = controller.cluster.name
    question = UsageQuestion(cluster=name, window=window, by=by, feature=request.query.get("feature"))
    found = await reports.denials(question, most=NEWEST)
    return as_json(
        {
            **about(name, window),
            "by": by.value,
            "lines": [denial_line_document(each) for each in found.lines[:MOST_LINES]],
            "omitted": max(len(found.lines) - MOST_LINES, 0),
            "newest": [denied_document(each) for each in found.newest],
        }
    )


async def double_users(request: web.Request) -> web.Response:
    """GET /api/v1/clusters/NAME/usage/double-use: hosts that held seats of one product from two pools."""
    controller, reports = controller_of(request), request.app[SERVICES].reports
    if controller is None:
        return unknown_cluster(request)
    try:
        refuse_strangers(request, WINDOW)
        window = window_of(request)
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    name = controller.cluster.name
    found = await reports.pool_sessions(cluster=name, window=window, most=MOST_SESSIONS)
    uses = double_use(found.sessions, window)
    return as_json(
        {
            **about(name, window),
            "hosts": [double_use_document(each) for each in uses[:MOST_LINES]],
            "omitted": max(len(uses) - MOST_LINES, 0),
            "complete": found.is_whole,
        }
    )


def denial_line_document(each: DenialLine) -> Document:
    """Refusals of one feature for one reason."""
    return {
        "isv": each.isv,
        "feature": each.feature,
        "who": each.who,
        "reason": each.reason,
        "denied": each.denied,
        "passed_on": each.passed_on,
        "last": iso(each.last),
    }


def denied_document(each: Denied) -> Document:
    """One refusal."""
    return {
        "at": iso(each.at),
        "server": each.server,
        "isv": each.isv,
        "feature": each.feature,
        "version": each.version,
        "user": each.user,
        "host": each.host,
        "seats": each.count,
        "reason": denial_reason(each.code),
        "final": each.is_final,
    }


def double_use_document(each: DoubleUse) -> Document:
    """One host that held a product twice."""
    return {
        "server": each.server,
        "isv": each.isv,
        "feature": each.feature,
        "host": each.host,
        "versions": list(each.versions),
        "users": list(each.users),
        "hours": round(each.lasted.total_seconds() / 3600, 3),
        "last": iso(each.last),
    }
