"""Takes Alertmanager's deliveries: durable first, then 202, and only then is anybody woken.

Alertmanager delivers at least once and gives up on 4xx for a while; so 400 is for what will never be
readable, and 503 for what the store cannot take now.
"""

import logging

import orjson
from aiohttp import web

from rlm_exporter.alerts.webhook import LARGEST, Result, Sorted, parse_delivery, sort_out
from rlm_exporter.errors import FormatError, JournalError
from rlm_exporter.server.problem import problem
from rlm_exporter.server.requests import whole_body
from rlm_exporter.server.services import SERVICES, Services
from rlm_exporter.store.records import ReceivedAlert

log = logging.getLogger(__name__)


async def alertmanager(request: web.Request) -> web.Response:
    """POST /webhooks/alertmanager."""
    services = request.app[SERVICES]
    try:
        body = await whole_body(request, largest=LARGEST)
    except web.HTTPException as error:
        services.instruments.webhook_alert(Result.INVALID)
        log.warning("webhook: refused: %s", error.text)
        raise
    try:
        if request.content_type != "application/json":
            # A form is what a web page can have any browser post; Alertmanager sends JSON.
            raise FormatError("the body must be application/json")
        delivery = parse_delivery(body)
    except FormatError as error:
        services.instruments.webhook_alert(Result.INVALID)
        log.warning("webhook: refused: %s", error)
        return problem(400, "invalid", str(error))
    sorted_out = sort_out(delivery, clusters=frozenset(services.controllers))
    try:
        counts = await _record(services, sorted_out)
    except JournalError as error:
        for _ in sorted_out.failover:
            services.instruments.webhook_alert(Result.UNAVAILABLE)
        log.error("webhook: the journal cannot take the alerts: %s", error)
        return problem(503, "store_unavailable", "the journal cannot take the alerts now; try again")
    if Result.WATCHDOG in counts:
        services.watchdog_seen_at = services.clock.now()
    for result, count in counts.items():
        for _ in range(count):
            services.instruments.webhook_alert(result)
    _wake(services, sorted_out)
    return web.Response(
        status=202,
        body=orjson.dumps({"accepted": {result.value: count for result, count in counts.items()}}),
        content_type="application/json",
    )


async def _record(services: Services, sorted_out: Sorted) -> dict[Result, int]:
    counts = dict(sorted_out.counts)
    if not sorted_out.failover:
        return counts
    results = await services.journal.record_alerts(sorted_out.failover, now=services.clock.now())
    for result in results:
        word = Result(result.value)
        counts[word] = counts.get(word, 0) + 1
    await _link(services, sorted_out.failover)
    return counts


async def _link(services: Services, alerts: tuple[ReceivedAlert, ...]) -> None:
    """An alert that arrives in the middle of an operation belongs to its incident."""
    for cluster in sorted({alert.cluster for alert in alerts}):
        operation = await services.journal.open_operation(cluster)
        firing = [a.fingerprint for a in alerts if a.cluster == cluster and a.status == "firing"]
        if operation is not None and firing:
            await services.journal.link_alerts(operation.id, alerts=firing)


def _wake(services: Services, sorted_out: Sorted) -> None:
    # What was left out of the delivery may be about any of them.
    named = {alert.cluster for alert in sorted_out.failover}
    for name in tuple(services.controllers) if sorted_out.truncated else named:
        controller = services.controllers.get(name)
        if controller is not None:  # else it was taken away while the alerts were written down
            controller.wake()
