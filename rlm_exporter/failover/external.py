"""What other monitors report of our servers. Pure.

Reports stand beside our own checks and decide little: one may hold an automatic move back, none causes one.
Whatever nobody has repeated within its time to live is unknown.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rlm_exporter.probe.snapshot import ServerSnapshot

DEFAULT_TTL = timedelta(minutes=2)
"""A report a minute, as monitors are usually run, with one of them lost."""

LONGEST_TTL = timedelta(hours=1)
"""A report holds a failover back; one that nobody repeats must not do so for long."""

SHOWN_FOR = timedelta(days=1)
"""How long a report that is no longer true of anything is still shown, with its age."""

MOST = 256
"""Reports that are kept of one cluster; beyond that the oldest go."""


class Component(StrEnum):
    """What of a server a report is about."""

    SERVER = "server"
    """All that the reporter looks at."""
    LICENSE = "license"
    ISV = "isv"
    WEB = "web"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """One reporter's word on one component of one server."""

    server: str
    component: Component
    healthy: bool
    reporter: str
    at: datetime
    ttl: timedelta = DEFAULT_TTL

    def is_fresh(self, now: datetime) -> bool:
        """Whether it still says anything."""
        return self.at <= now < self.at + self.ttl

    @property
    def vouches(self) -> bool:
        """Whether it says that licenses are served; of an ISV server alone that does not follow."""
        return self.healthy and self.component in {Component.SERVER, Component.LICENSE}

    @property
    def accuses(self) -> bool:
        """Whether it says that licenses are not served; a dead web interface does not say so."""
        return not self.healthy and self.component is not Component.WEB


def heard(
    known: tuple[HealthReport, ...], news: tuple[HealthReport, ...], *, now: datetime
) -> tuple[HealthReport, ...]:
    """What is known after some news: a reporter's newest word on a server replaces all that he said of it."""
    told = {(report.reporter, report.server) for report in news}
    kept = [
        report
        for report in known
        if (report.reporter, report.server) not in told and now - report.at < SHOWN_FOR
    ]
    whole = sorted((*kept, *news), key=lambda report: report.at)
    return tuple(whole[-MOST:])


def vouching(
    reports: tuple[HealthReport, ...], *, server: str, since: datetime, now: datetime
) -> HealthReport | None:
    """The newest fresh report, made since a moment, that says that the server serves licenses."""
    found = [
        report
        for report in reports
        if report.server == server and report.vouches and report.is_fresh(now) and report.at >= since
    ]
    return max(found, key=lambda report: report.at, default=None)


def is_accused(reports: tuple[HealthReport, ...], *, server: str, now: datetime) -> bool:
    """Whether a fresh report says that the server does not serve licenses."""
    return any(report.server == server and report.accuses and report.is_fresh(now) for report in reports)


def difference(report: HealthReport, part: ServerSnapshot) -> str | None:
    """Where a report and our own newest check say different things, in words."""
    ours = _ours(report.component, part)
    if ours is None or ours is report.healthy:
        return None
    return (
        f"{report.reporter} reports {_of(report)} {_state(report.healthy)}; our own check says {_state(ours)}"
    )


def _ours(component: Component, part: ServerSnapshot) -> bool | None:
    match component:
        case Component.WEB:
            return None if part.web is None or part.web.ours else part.web.ok
        case Component.ISV if part.status is None:
            return None
        case _:
            return part.health.is_up if part.health.known else None


def _of(report: HealthReport) -> str:
    return report.server if report.component is Component.SERVER else f"{report.server} ({report.component})"


def _state(healthy: bool) -> str:
    return "healthy" if healthy else "failed"
