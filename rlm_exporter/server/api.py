"""The API under /api/v1, reading: clusters and their journal."""

import logging
from datetime import UTC, datetime

from aiohttp import web

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.controller import ClusterController
from rlm_exporter.server.documents import (
    ClusterState,
    cluster_document,
    held_document,
    operation_document,
)
from rlm_exporter.server.ports import Journal
from rlm_exporter.server.problem import problem
from rlm_exporter.server.requests import (
    InvalidError,
    as_json,
    controller_of,
    limit_of,
    since_of,
    unknown_cluster,
)
from rlm_exporter.server.services import SERVICES, Services
from rlm_exporter.store.records import Operation

log = logging.getLogger(__name__)

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


async def clusters(request: web.Request) -> web.Response:
    """GET /api/v1/clusters."""
    services = request.app[SERVICES]
    documents = [
        cluster_document(await state_of(services, each)) for each in tuple(services.controllers.values())
    ]
    return as_json({"clusters": documents})


async def cluster(request: web.Request) -> web.Response:
    """GET /api/v1/clusters/NAME."""
    controller = controller_of(request)
    if controller is None:
        return unknown_cluster(request)
    return as_json(cluster_document(await state_of(request.app[SERVICES], controller)))


async def events(request: web.Request) -> web.Response:
    """GET /api/v1/clusters/NAME/events."""
    controller = controller_of(request)
    if controller is None:
        return unknown_cluster(request)
    try:
        since, limit = since_of(request), limit_of(request)
    except InvalidError as error:
        return problem(422, "invalid", str(error))
    journal = request.app[SERVICES].journal
    name = controller.cluster.name
    operations = await journal.operations(name, since=since, limit=limit)
    held = await journal.held(name, since=since, limit=limit)
    return as_json(
        {
            "operations": [operation_document(each) for each in operations],
            "decisions": [held_document(each) for each in held],
        }
    )


async def operation(request: web.Request) -> web.Response:
    """GET /api/v1/clusters/NAME/operations/ID."""
    controller = controller_of(request)
    if controller is None:
        return unknown_cluster(request)
    found = await request.app[SERVICES].journal.operation(int(request.match_info["id"]))
    if found is None or found.cluster != controller.cluster.name:
        return problem(404, "unknown_operation", f"{controller.cluster.name} has no such operation")
    return as_json(operation_document(found))


async def state_of(services: Services, controller: ClusterController) -> ClusterState:
    """All that is known of a cluster now; what only the journal knows is unknown while it is away."""
    last: tuple[Operation, ...] = ()
    waiting: int | None = None
    readable = True
    try:
        last = await services.journal.operations(controller.cluster.name, limit=1)
        waiting = await unacknowledged(services.journal, controller)
    except JournalError as error:
        log.error("cluster=%s its journal cannot be read: %s", controller.cluster.name, error)
        readable = False
    drift = services.drifts.get(controller.cluster.name)  # it may have been taken away meanwhile
    return ClusterState(
        cluster=controller.cluster,
        snapshot=controller.prober.snapshot,
        readings=tuple(balancer.reading for balancer in controller.balancers),
        standing=controller.standing,
        last_operation=last[0] if last else None,
        alerts=controller.alerts,
        reports=controller.reporters.reports,
        drifts=drift.seen if drift is not None else {},
        now=services.clock.now(),
        unacknowledged=waiting,
        journal_readable=readable,
    )


async def unacknowledged(journal: Journal, controller: ClusterController) -> int:
    """How many automatic moves no operator has acknowledged; raises JournalError."""
    record = controller.standing.record
    seen = record.acknowledged_at if record is not None else None
    moves = await journal.automatic_moves(controller.cluster.name, since=seen or BEGINNING)
    return sum(seen is None or at > seen for at in moves)
