"""Alertmanager: a harmless alert goes in and must come to a receiver; the route to the daemon is looked for.

The alert ends before any receiver's waiting time is over, so that nobody is told of it.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from rlm_exporter.doctor.finding import About, Finding, Outcome, Skipped, error, warning
from rlm_exporter.doctor.site import Site
from rlm_exporter.doctor.web import ask, without_password
from rlm_exporter.errors import ProbeError
from rlm_exporter.manifest.model import TriggerSource

ABOUT = About(
    name="alertmanager", looks_at="the way of a harmless alert through Alertmanager (--alertmanager)"
)
ALERT = "RLMHADoctor"
WEBHOOK = "/webhooks/alertmanager"
ATTEMPTS, PAUSE = 10, 0.2


async def examine(site: Site) -> Outcome:
    """Through its API, version 2."""
    url = site.asked.alertmanager
    if url is None:
        return Skipped(why="say where it is by --alertmanager")
    url = url.rstrip("/")
    shown = without_password(url)
    try:
        configuration = (await ask(f"{url}/api/v2/status"))["config"]["original"]
        receivers = await _try_alert(site, url)
    except (ProbeError, KeyError, TypeError) as problem:
        return (
            error(
                shown,
                f"Alertmanager cannot be asked: {_words(problem)}",
                why="alerts reach nobody",
                remedy="start it, or correct --alertmanager",
            ),
        )
    found: list[Finding] = []
    if not receivers:
        found.append(
            error(
                shown,
                "a harmless alert came to no receiver",
                why="others of this cluster may not either",
                remedy="look at route: in its configuration, and at silences and inhibitions",
            )
        )
    wanted = TriggerSource.ALERTS in site.cluster.failover.triggers
    if wanted and WEBHOOK not in configuration:
        found.append(
            warning(
                shown,
                "no receiver leads to the daemon's webhook",
                why="its alerts cannot make the controller look (triggers has alerts); our own detector can",
                remedy=f'route rlm_action="failover" to a webhook at .../{WEBHOOK.lstrip("/")}',
            )
        )
    return tuple(found)


def _words(problem: Exception) -> str:
    return str(problem) if isinstance(problem, ProbeError) else "what answers there is no Alertmanager"


async def _try_alert(site: Site, url: str) -> tuple[str, ...]:
    """The receivers that a harmless alert gets; it is ended before they are told."""
    labels = {"alertname": ALERT, "cluster": site.cluster.name, "severity": "info"}
    now = site.means.clock.now()
    await _send(url, labels, now, now + timedelta(minutes=1))
    try:
        for _ in range(ATTEMPTS):
            alerts = await ask(f"{url}/api/v2/alerts", filter=f'alertname="{ALERT}"')
            if alerts:
                return tuple(receiver["name"] for alert in alerts for receiver in alert["receivers"])
            await asyncio.sleep(PAUSE)
        return ()
    finally:
        await _send(url, labels, now, site.means.clock.now())


async def _send(url: str, labels: dict[str, str], begins: datetime, ends: datetime) -> None:
    alert: dict[str, Any] = {
        "labels": labels,
        "annotations": {"summary": "rlm-ha doctor tries the way of an alert; nothing is wrong"},
        "startsAt": begins.isoformat(),
        "endsAt": ends.isoformat(),
    }
    await ask(f"{url}/api/v2/alerts", method="POST", document=[alert])
