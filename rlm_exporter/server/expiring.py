"""Which licenses end soon: GET /api/v1/clusters/NAME/expiring, from what the servers last told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from aiohttp import web

from rlm_exporter.manifest.model import Cluster, Server
from rlm_exporter.probe.license_renewal import renewals
from rlm_exporter.probe.snapshot import ClusterSnapshot, ServerSnapshot
from rlm_exporter.rlm.expiry import good_until
from rlm_exporter.server.documents import Document
from rlm_exporter.server.problem import problem
from rlm_exporter.server.requests import InvalidError, as_json, controller_of, unknown_cluster
from rlm_exporter.server.services import SERVICES
from rlm_exporter.server.usage_requests import iso, length, refuse_strangers

WITHIN = timedelta(days=90)
LONGEST = timedelta(days=3660)
REMEMBERED = timedelta(days=30)
"""A license that ended is told for so long: files keep old ones for years."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One license or pool with an end."""

    server: str
    isv: str | None
    product: str
    version: str | None
    count: int | None
    """Seats; None for what is not counted."""
    last_day: date
    ends_at: datetime
    place: str | None
    """File and line; None for a pool of rlmstat, which has the earliest end of its licenses."""
    renewed_by: str | None = None
    """File and line of the license that begins when this one ends."""


async def expiring(request: web.Request) -> web.Response:
    """Licenses that end `within` a time from now, those that end first at the beginning."""
    controller = controller_of(request)
    if controller is None:
        return unknown_cluster(request)
    try:
        refuse_strangers(request, ("within",))
        within = length(request, "within") or WITHIN
        if within > LONGEST:
            raise InvalidError(f"within: more than {LONGEST.days} days")
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    now = request.app[SERVICES].clock.now()
    cluster, snapshot = controller.cluster, controller.prober.snapshot
    found = endings(cluster, snapshot, now=now, within=within)
    return as_json(
        {
            "cluster": cluster.name,
            "at": iso(now.replace(microsecond=0)),
            "within_days": within / DAY,
            "licenses": [ending_document(each, now) for each in found],
            "unknown": [part.server for part in snapshot.servers if not _is_known(part)],
        }
    )


def endings(
    cluster: Cluster, snapshot: ClusterSnapshot, *, now: datetime, within: timedelta
) -> tuple[Ending, ...]:
    """What the license files of each server tell; of products that they do not name, what its pools tell."""
    found = [each for part in snapshot.servers for each in _of_server(cluster, part)]
    soon = (each for each in found if now - REMEMBERED < each.ends_at <= now + within)
    return tuple(sorted(soon, key=lambda each: (each.ends_at, each.product.casefold(), each.server)))


def ending_document(each: Ending, now: datetime) -> Document:
    """One license; `days_left` is negative once it has ended."""
    return {
        "server": each.server,
        "isv": each.isv,
        "product": each.product,
        "version": each.version,
        "count": each.count,
        "expires": each.last_day.isoformat(),
        "ends_at": iso(each.ends_at),
        "days_left": round((each.ends_at - now) / DAY, 2),
        "source": "pool" if each.place is None else "license_file",
        "place": each.place,
        "renewed_by": each.renewed_by,
    }


def _is_known(part: ServerSnapshot) -> bool:
    return part.status is not None or part.license_files is not None


def _of_server(cluster: Cluster, part: ServerSnapshot) -> Iterator[Ending]:
    server = cluster.server(part.server)
    named: set[tuple[str, str]] = set()
    if part.license_files is not None:
        named = {(each.isv.casefold(), each.product.casefold()) for each in part.license_files.licenses}
        renewed = renewals(part.license_files.licenses)
        for placed, last_day in part.license_files.dated():
            renewal = renewed.get(placed.place)
            yield Ending(
                server=server.name,
                isv=cluster.isv_name(placed.isv),
                product=placed.product,
                version=placed.version or None,
                count=placed.count,
                last_day=last_day,
                ends_at=good_until(last_day, server.zone),
                place=placed.place,
                renewed_by=None if renewal is None else renewal.place,
            )
    yield from _of_pools(part, server, named)


def _of_pools(part: ServerSnapshot, server: Server, named: set[tuple[str, str]]) -> Iterator[Ending]:
    for pool in part.status.pools if part.status is not None else ():
        if (
            not isinstance(pool.expires, date)
            or ((pool.isv or "").casefold(), pool.product.casefold()) in named
        ):
            continue
        yield Ending(
            server=server.name,
            isv=pool.isv,
            product=pool.product,
            version=pool.version,
            count=pool.issued,
            last_day=pool.expires,
            ends_at=good_until(pool.expires, server.zone),
            place=None,
        )
