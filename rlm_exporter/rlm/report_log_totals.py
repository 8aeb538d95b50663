"""Sums of a report log by product, in memory that does not grow with the log (pure)."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from rlm_exporter.rlm.report_log_values import Denial, Ended, Event, LogWarning, Run, Session

FIRST_WARNINGS = 20
LATEST = 100
"""So many of the latest sessions and denials are kept as they are."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True, kw_only=True)
class ProductTotals:
    """One product's use; handles, not seats: those who share one seat count each."""

    sessions: int = 0
    microseconds: int = 0
    """Of the sessions whose both ends are known; a forged log may tell of more than a timedelta can hold."""
    unmeasured: int = 0
    """Sessions without one of their ends."""
    open: int = 0
    """Sessions that had not ended where the log does."""
    denied: int = 0
    """Requests that the user felt as refused."""
    passed_on: int = 0
    """Requests refused here by a client that asked the next server."""

    @property
    def seconds(self) -> float:
        """How long the sessions with both ends lasted in all."""
        return self.microseconds / 1_000_000


@dataclass(slots=True, kw_only=True)
class Totals:
    """Adds up what a reader finds."""

    runs: list[Run] = field(default_factory=list)
    products: dict[str | None, ProductTotals] = field(default_factory=dict)
    """None is for checkins of the small format whose checkout is not in the log."""
    refusals: Counter[tuple[str, int, bool]] = field(default_factory=Counter)
    """By product, reason, and whether they are final."""
    sessions: int = 0
    latest_sessions: deque[Session] = field(default_factory=lambda: deque(maxlen=LATEST))
    """Those that ended last."""
    denials: int = 0
    latest_denials: deque[Denial] = field(default_factory=lambda: deque(maxlen=LATEST))
    warnings: int = 0
    first_warnings: list[LogWarning] = field(default_factory=list)

    def add(self, events: Iterable[Event]) -> None:
        """Take what was found next."""
        for event in events:
            if isinstance(event, Session):
                self._add_session(event)
            elif isinstance(event, Denial):
                self._add_denial(event)
            elif isinstance(event, LogWarning):
                self.warnings += 1
                if self.warnings <= FIRST_WARNINGS:
                    self.first_warnings.append(event)
            else:
                self.runs.append(event)

    def _of(self, product: str | None) -> ProductTotals:
        found = self.products.get(product)
        if found is None:
            found = self.products[product] = ProductTotals()
        return found

    def _add_session(self, session: Session) -> None:
        self.sessions += 1
        self.latest_sessions.append(session)
        totals = self._of(session.product)
        totals.sessions += 1
        if session.lasted is None:
            totals.unmeasured += 1
        else:
            totals.microseconds += session.lasted // _MICROSECOND
        if session.ended is Ended.OPEN and session.not_after is None:
            totals.open += 1

    def _add_denial(self, denial: Denial) -> None:
        self.denials += 1
        self.latest_denials.append(denial)
        totals = self._of(denial.product)
        if denial.is_final:
            totals.denied += 1
        else:
            totals.passed_on += 1
        self.refusals[denial.product, denial.why, denial.is_final] += 1
