"""One feature over time: GET /api/v1/clusters/NAME/usage/profile."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aiohttp import web

from rlm_exporter.server.documents import Document
from rlm_exporter.server.problem import problem
from rlm_exporter.server.requests import InvalidError, as_json, controller_of, unknown_cluster
from rlm_exporter.server.services import SERVICES
from rlm_exporter.server.usage_requests import WINDOW, about, refuse_strangers, window_of
from rlm_exporter.store.report_records import UsageLine, UsageQuestion, Window
from rlm_exporter.usage.profile import full_hours, hour_by_hour, shares_of_time


async def profile(request: web.Request) -> web.Response:
    """Hour by hour, by the clocks of `timezone`, and for how long each number of seats was in use."""
    controller, reports = controller_of(request), request.app[SERVICES].reports
    if controller is None:
        return unknown_cluster(request)
    try:
        refuse_strangers(request, (*WINDOW, "feature", "isv", "timezone"))
        window, zone = window_of(request), _zone(request)
        feature = request.query.get("feature")
        if not feature:
            raise InvalidError("feature: say which one")
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    name = controller.cluster.name
    question = UsageQuestion(cluster=name, window=window, feature=feature, edges=full_hours(window, zone))
    lines = _of_isv((await reports.usage_facts(question)).lines, request.query.get("isv"))
    if not lines:
        return problem(404, "unknown_feature", f"nothing is known of {feature!r} in that time")
    if len(lines) > 1:
        isvs = ", ".join(line.isv or "unknown" for line in lines)
        return problem(422, "invalid", f"isv: several have {feature!r}: {isvs}; say which one")
    return as_json({**about(name, window), "timezone": zone.key, **profile_document(lines[0], window, zone)})


def profile_document(line: UsageLine, window: Window, zone: ZoneInfo) -> Document:
    """Hours with the offset of the zone; shares of time add up to 1."""
    return {
        "isv": line.isv,
        "feature": line.feature,
        "hours": [
            {
                "at": hour.start.astimezone(zone).isoformat(),
                "average": round(hour.average, 3),
                "peak": hour.peak,
                "seats": hour.seats,
            }
            for hour in hour_by_hour(line, full_hours(window, zone), window)
        ],
        "shares": [
            {"in_use": seats, "share": round(share, 6)} for seats, share in shares_of_time(line, window)
        ],
    }


def _of_isv(lines: tuple[UsageLine, ...], isv: str | None) -> tuple[UsageLine, ...]:
    if isv is None:
        return lines
    return tuple(line for line in lines if (line.isv or "").casefold() == isv.casefold())


def _zone(request: web.Request) -> ZoneInfo:
    name = request.query.get("timezone", "UTC")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidError(f"timezone: {name[:40]!r} is not known; write it like Europe/Berlin") from error
