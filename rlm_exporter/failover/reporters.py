"""Remembers what other monitors report of one cluster, and writes down where they and we differ.

In memory alone: after a restart of the daemon a report is unknown until it is repeated.
"""

import logging

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.external import HealthReport, difference, heard
from rlm_exporter.failover.ports import Clock, Journal, Prober

log = logging.getLogger(__name__)

DIFFERS = "report_differs"
"""The word in the journal; it is no rule: a report decides nothing by itself."""

TRIGGER = "report"


class Reporters:
    """One cluster's reports."""

    def __init__(self, *, cluster: str, prober: Prober, journal: Journal, clock: Clock) -> None:
        self._cluster = cluster
        self._prober = prober
        self._journal = journal
        self._clock = clock
        self._reports: tuple[HealthReport, ...] = ()
        self._differing: frozenset[tuple[str, str, str]] = frozenset()

    @property
    def reports(self) -> tuple[HealthReport, ...]:
        """The newest of every reporter, oldest first; the old ones are still shown."""
        return self._reports

    def take_over(self, reports: tuple[HealthReport, ...]) -> None:
        """What was heard before the manifest changed, of the servers that are still there."""
        there = {part.server for part in self._prober.snapshot.servers}
        self._reports = tuple(report for report in reports if report.server in there)

    async def hear(self, news: tuple[HealthReport, ...]) -> tuple[str, ...]:
        """Take reports up; returns where they differ from our own checks, in words."""
        self._reports = heard(self._reports, news, now=self._clock.now())
        told = {(report.reporter, report.server) for report in news}
        kept = {key for key in self._differing if key[:2] not in told}
        differing: list[str] = []
        for report in news:
            words = difference(report, self._prober.snapshot.server(report.server))
            if words is None:
                continue
            differing.append(words)
            key = (report.reporter, report.server, report.component.value)
            kept.add(key)
            if key not in self._differing:
                await self._write_down(words)
        self._differing = frozenset(kept)
        return tuple(differing)

    async def _write_down(self, words: str) -> None:
        log.warning("cluster=%s %s", self._cluster, words)
        try:
            await self._journal.hold(
                self._cluster, rule=DIFFERS, trigger=TRIGGER, detail=words, now=self._clock.now()
            )
        except JournalError as error:
            # The report itself is taken up all the same.
            log.error("cluster=%s the journal is away: %s", self._cluster, error)
