"""Free seats for schedulers: GET /api/v1/clusters/NAME/seats[?feature=F].

Only the active server's pools count: the copies of a license on the others are the same seats once more.
A number that is not known is null with the reason, never 0 and never the last one: a scheduler that is told
0 holds jobs back for no reason, and one that is told an old number starts jobs that find no seat.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from aiohttp import web

from rlm_exporter.failover.controller import ClusterController
from rlm_exporter.failover.memory import Standing
from rlm_exporter.failover.signs import in_seconds, stale_after
from rlm_exporter.manifest.model import Cluster, Feature
from rlm_exporter.probe.snapshot import ClusterSnapshot, ServerSnapshot
from rlm_exporter.rlm.free_seats import FeatureSeats, SeatCount, feature_seats, name_key
from rlm_exporter.rlm.status import Checkout, RlmStatus
from rlm_exporter.server.problem import problem
from rlm_exporter.server.requests import LONGEST_WORD, as_json, controller_of, unknown_cluster
from rlm_exporter.server.services import SERVICES

Document = dict[str, Any]


class WhyUnknown(StrEnum):
    """Why nothing is known of the seats, or not of one feature's."""

    ACTIVE_UNKNOWN = "active_unknown"
    """Nobody knows who serves."""
    MOVING = "moving"
    """Clients are on their way to another server."""
    NOT_CHECKED = "not_checked"
    NOT_CHECKED_SINCE_MOVE = "not_checked_since_move"
    """The last check is from before the server became the active one: its clients were elsewhere then."""
    STALE = "stale"
    NOT_ANSWERING = "not_answering"
    CUT = "cut"
    """The answer broke off."""
    ISV_DOWN = "isv_down"
    NO_POOL = "no_pool"
    """Everything runs, and the server has no seats of it; a standby that RLM has not let in has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Why, as a word and in words."""

    why: WhyUnknown
    detail: str


async def seats(request: web.Request) -> web.Response:
    """GET /api/v1/clusters/NAME/seats."""
    controller = controller_of(request)
    if controller is None:
        return unknown_cluster(request)
    if strangers := set(request.query) - {"feature"}:
        return problem(422, "invalid", f"{min(strangers)[:LONGEST_WORD]}: unknown; known is feature")
    feature = request.query.get("feature")
    if feature is not None and not 0 < len(feature) <= LONGEST_WORD:
        return problem(422, "invalid", f"feature: empty or longer than {LONGEST_WORD} characters")
    document = _document_of(controller, now=request.app[SERVICES].clock.now())
    if feature is None:
        return as_json(document)
    return _only(document, feature)


def seats_document(
    *, cluster: Cluster, snapshot: ClusterSnapshot, standing: Standing, now: datetime
) -> Document:
    """What a scheduler is told of a cluster. Pure."""
    record = standing.record
    part = snapshot.server(record.active) if record is not None else None
    checked_at = part.checked_at if part is not None else None
    unknown = why_unknown(cluster=cluster, part=part, standing=standing, now=now)
    status = part.status if part is not None and unknown is None else None
    return {
        "cluster": cluster.name,
        "active": record.active if record is not None else None,
        "active_host": cluster.server(record.active).host if record is not None else None,
        "known": unknown is None,
        "reason": unknown.why.value if unknown else None,
        "detail": unknown.detail if unknown else None,
        "checked_at": None if checked_at is None else checked_at.isoformat().replace("+00:00", "Z"),
        "age_seconds": None if checked_at is None else round((now - checked_at).total_seconds(), 3),
        "features": _known(cluster, status) if status is not None else _nothing(cluster, unknown),
    }


def why_unknown(
    *, cluster: Cluster, part: ServerSnapshot | None, standing: Standing, now: datetime
) -> Unknown | None:
    """The first thing for which the active server's last answer does not tell of its seats now."""
    record, operation, lease = standing.record, standing.operation, standing.lease
    if record is None or part is None:
        return Unknown(why=WhyUnknown.ACTIVE_UNKNOWN, detail="who is active is not known yet")
    if lease is not None and not lease.ours and not standing.store_writable:
        detail = f"the journal cannot be reached: whether {record.active} is still active is not known"
        return Unknown(why=WhyUnknown.ACTIVE_UNKNOWN, detail=detail)
    if operation is not None and operation.committed_at is None:
        detail = f"operation {operation.id} leads clients to {operation.target}"
        return Unknown(why=WhyUnknown.MOVING, detail=detail)
    return _why_not_told(cluster, part, active_since=record.active_since, now=now)


def _why_not_told(
    cluster: Cluster, part: ServerSnapshot, *, active_since: datetime, now: datetime
) -> Unknown | None:
    server = part.server
    if part.checked_at is None or part.check_started_at is None:
        return Unknown(why=WhyUnknown.NOT_CHECKED, detail=f"{server} has not been checked yet")
    age, limit = now - part.checked_at, stale_after(cluster)
    if age > limit:
        detail = f"{server} was checked {in_seconds(age)} ago; older than {in_seconds(limit)} tells nothing"
        return Unknown(why=WhyUnknown.STALE, detail=detail)
    if part.status is None:
        failure = part.health.failure
        detail = f"{server} does not answer" + (f": {failure.detail}" if failure else "")
        return Unknown(why=WhyUnknown.NOT_ANSWERING, detail=detail)
    if part.check_started_at < active_since:
        detail = f"{server} has not been checked since it became the active one"
        return Unknown(why=WhyUnknown.NOT_CHECKED_SINCE_MOVE, detail=detail)
    if part.status.error_kind is not None:
        return Unknown(why=WhyUnknown.CUT, detail=f"the answer of {server} broke off")
    return None


def _document_of(controller: ClusterController, *, now: datetime) -> Document:
    return seats_document(
        cluster=controller.cluster, snapshot=controller.prober.snapshot, standing=controller.standing, now=now
    )


def _only(document: Document, feature: str) -> web.Response:
    word = feature.casefold()
    found = [each for each in document["features"] if each["feature"].casefold() == word]
    if not found and document["known"]:
        names = ", ".join(sorted({each["feature"] for each in document["features"]})) or "none"
        return problem(404, "unknown_feature", f"{document['active']} has no {feature!r}; it has {names}")
    if not found:
        # It may well exist; who asks for it is to get the reason, as for those that the manifest names.
        found = [_without_numbers(None, feature, document["reason"], document["detail"])]
    return as_json({**document, "features": found})


def _nothing(cluster: Cluster, unknown: Unknown | None) -> list[Document]:
    """What the manifest names, without a number."""
    why, detail = (unknown.why.value, unknown.detail) if unknown is not None else (None, None)
    return [_without_numbers(each.isv, each.name, why, detail) for each in cluster.features]


def _known(cluster: Cluster, status: RlmStatus) -> list[Document]:
    found = feature_seats(status)
    names = {name_key(each.isv, each.product) for each in found}
    missing = [each for each in cluster.features if name_key(each.isv, each.name) not in names]
    return [*map(_feature, found), *(_missing(each, status) for each in missing)]


def _missing(feature: Feature, status: RlmStatus) -> Document:
    isv = feature.isv.casefold()
    if any(each.running and each.name.casefold() == isv for each in status.isvs):
        detail = f"the server has no pool of {feature.name}"
        return _without_numbers(feature.isv, feature.name, WhyUnknown.NO_POOL.value, detail)
    detail = f"the ISV server {feature.isv} does not run"
    return _without_numbers(feature.isv, feature.name, WhyUnknown.ISV_DOWN.value, detail)


def _without_numbers(isv: str | None, feature: str, why: str | None, detail: str | None) -> Document:
    return {
        "isv": isv,
        "feature": feature,
        "free": None,
        "issued": None,
        "reserved": None,
        "in_use": None,
        "reason": why,
        "detail": detail,
        "versions": None,
        "holders": None,
    }


def _feature(each: FeatureSeats) -> Document:
    return {
        "isv": each.isv,
        "feature": each.product,
        **_count(each.whole),
        "detail": None,
        "versions": [{"version": version, **_count(count)} for version, count in each.versions],
        "holders": [_holder(line) for line in each.holders],
    }


def _count(count: SeatCount) -> Document:
    return {
        "free": count.free,
        "issued": count.issued,
        "reserved": count.reserved,
        "in_use": count.in_use,
        "reason": count.no_number.value if count.no_number else None,
    }


def _holder(line: Checkout) -> Document:
    """No user: who may read free seats is not thereby told what people do."""
    return {
        "host": line.host,
        "version": line.version,
        "seats": line.count + line.reserved,
        "reserved": line.reserved,
        "handle": line.handle,
        "since": line.at,
    }
