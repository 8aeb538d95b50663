"""What the HTTP handlers work with, put together once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from rlm_exporter.alerts.sender import AlertSender
from rlm_exporter.failover.controller import ClusterController
from rlm_exporter.failover.releaser import Releaser
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.metrics.page import MetricsPage
from rlm_exporter.render.client_desk import ClientDesk
from rlm_exporter.server.auth import Token
from rlm_exporter.server.ports import Clock, Deploying, Journal, Reports
from rlm_exporter.sync.drift_watch import DriftWatch
from rlm_exporter.usage.report_log_intake import ReportLogIntake


@dataclass(slots=True, kw_only=True)
class Services:
    """The daemon as its handlers see it. `watchdog_seen_at` changes, and clusters come and go."""

    controllers: Mapping[str, ClusterController]
    releasers: Mapping[str, Releaser]
    """Take seats back, by cluster."""
    client_desks: Mapping[str, ClientDesk]
    """What clients are told, by cluster."""
    drifts: Mapping[str, DriftWatch]
    """What was seen of license files, by cluster."""
    journal: Journal
    reports: Reports
    """The usage log, on a connection of its own: a long look must not come before a step of a failover."""
    page: MetricsPage
    instruments: Instruments
    clock: Clock
    report_logs: ReportLogIntake | None = None
    """Where report logs are shipped to; None where no usage is recorded."""
    alerts: AlertSender | None = None
    """Sends alerts; None where nobody has put one together."""
    deploying: Deploying | None = None
    """Changes which clusters there are; None where they are fixed."""
    tokens: tuple[Token, ...] = ()
    """Empty = open, which is for loopback alone."""
    watchdog_seen_at: datetime | None = field(default=None)
    """When Alertmanager last delivered the watchdog alert; None until the first."""


CALLER = web.RequestKey("caller", str)
"""Where a request holds the name of its token; it has none where the daemon has no tokens."""

SERVICES = web.AppKey("services", Services)
