"""What a report log tells, as rows of the usage log (pure): sessions that are over, and denials.

A session is called as polling calls it, by the minute of its checkout and its handle; so the two meet in one
row. Times become UTC by the zone that the log names, else by the manifest's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from rlm_exporter.rlm.report_log_values import Denial, Ended, Event, Session
from rlm_exporter.store.usage_records import Denied, End, EndReason, Told, UsageSession, UsageSource
from rlm_exporter.usage.book import session_key
from rlm_exporter.usage.privacy import Veil
from rlm_exporter.usage.report_log_bounds import bounded

REASONS = {
    3: EndReason.REMOVED,
    4: EndReason.TIMED_OUT,
    7: EndReason.REMOVED,
    8: EndReason.FAILED_OVER,
}
"""RLM's codes of why a seat came back; every other one is the program's own doing."""

AT_ONCE = 1000
"""Sessions in one transaction: it has to be short, because a failover may wait to be written meanwhile."""

MONTHS_AT_ONCE = 12
"""Months in one transaction: PostgreSQL makes a table of each new one, and holds locks on all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogUsage:
    """What some lines of a log are for the usage log."""

    tellings: tuple[Told, ...] = ()
    denials: tuple[Denied, ...] = ()
    is_whole: bool = True
    """Whether the place after these lines is reached with it."""

    def parts(self) -> Iterator["LogUsage"]:
        """The same in transactions of bounded size.

        Sessions can be told again, denials cannot: nothing tells them apart. So they go with the place.
        """
        part: list[Told] = []
        months: set[str] = set()
        for told in self.tellings:
            month = "" if told.session.out is None else f"{told.session.out:%Y-%m}"
            if len(part) == AT_ONCE or len(months | {month}) > MONTHS_AT_ONCE:
                yield LogUsage(tellings=tuple(part), is_whole=False)
                part, months = [], set()
            part.append(told)
            months.add(month)
        if part or self.denials:
            yield LogUsage(tellings=tuple(part), denials=self.denials)


class ReportLogUsage:
    """Translates what one ISV server's log tells."""

    def __init__(self, *, cluster: str, server: str, isv: str, tz: tzinfo, veil: Veil) -> None:
        """`tz` is the server's zone by the manifest, `veil` what becomes of names."""
        self._cluster = cluster
        self._server = server
        self._isv = isv
        self._veil = veil
        self._manifest_tz = tz
        self._minutes_west: int | None = None
        self._zones: dict[tuple[int | None, int], tzinfo] = {}

    def take(self, events: Iterable[Event], *, minutes_west: int | None, now: datetime) -> LogUsage:
        """What these events are; those that say nothing about usage are left out.

        `now` is by our clock, in UTC: a log does not tell of what is still to come.
        """
        self._minutes_west = minutes_west
        now = now.replace(tzinfo=None)
        tellings: list[Told] = []
        denials: list[Denied] = []
        for event in events:
            if isinstance(event, Session):
                told = self._told(bounded(event, now=now))
                if told is not None:
                    tellings.append(self._veil.told(told))
            elif isinstance(event, Denial):
                denials.append(self._veil.veiled(self._denied(bounded(event, now=now))))
        return LogUsage(tellings=tuple(tellings), denials=tuple(denials))

    def _zone(self, local: datetime) -> tzinfo:
        """Of the server in that year."""
        key = self._minutes_west, local.year
        zone = self._zones.get(key)
        if zone is None:
            zone = self._zones[key] = zone_of(self._minutes_west, self._manifest_tz, year=local.year)
        return zone

    def _told(self, session: Session) -> Told | None:
        ended = _end_of(session)
        if ended is None:
            return None  # it goes on in another log, or nothing tells when it was over
        local, reason, is_exact = ended
        out = None if session.out is None else moments(session.out, self._zone(session.out))
        back = moments(local, self._zone(local))
        if out is not None and len(back) > 1 and back[0] < out[0]:
            back = back[1:]
        return Told(
            session=self._session(session, local, out),
            other_out=out[1] if out is not None and len(out) > 1 else None,
            end=End(
                at=back[0],
                reason=reason,
                is_exact=is_exact,
                other=back[1] if len(back) > 1 else None,
                lasted=self._lasted(session, local),
            ),
        )

    def _session(self, session: Session, back: datetime, out: tuple[datetime, ...] | None) -> UsageSession:
        product = session.product or ""
        minute = f"in {back:%Y-%m-%dT%H:%M}" if session.out is None else f"{session.out:%Y-%m-%dT%H:%M}"
        return UsageSession(
            key=session_key(
                cluster=self._cluster,
                server=self._server,
                isv=self._isv,
                minute=minute,
                handle=session.handle,
                product=product,
            ),
            cluster=self._cluster,
            server=self._server,
            isv=self._isv,
            feature=product,
            version=session.version,
            user=session.user or None,
            host=session.host or None,
            count=session.seats,
            handle=session.handle,
            out=None if out is None else out[0],
            out_is_ambiguous=out is not None and len(out) > 1,
            source=UsageSource.REPORT_LOG,
            project=session.project,
        )

    def _lasted(self, session: Session, back: datetime) -> timedelta | None:
        """By the log, which knows when the clock was set, but nothing of summer time: that is the zone's."""
        if session.out is None:
            return None
        offsets = {local.replace(tzinfo=self._zone(local)).utcoffset() for local in (session.out, back)}
        return session.lasted if len(offsets) == 1 else None

    def _denied(self, denial: Denial) -> Denied:
        at = () if denial.at is None else moments(denial.at, self._zone(denial.at))
        return Denied(
            cluster=self._cluster,
            server=self._server,
            isv=self._isv,
            feature=denial.product,
            version=denial.version or None,
            user=denial.user or None,
            host=denial.host or None,
            count=denial.seats,
            code=denial.why,
            is_final=denial.is_final,
            at=at[0] if at else None,
            is_ambiguous=len(at) > 1,
        )


def moments(local: datetime, tz: tzinfo) -> tuple[datetime, ...]:
    """When a server's clock showed that: one moment in UTC, or two in the hour that exists twice."""
    first, second = (local.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
    return (first, second) if first < second else (first,)


def zone_of(minutes_west: int | None, manifest: tzinfo, *, year: int) -> tzinfo:
    """The zone of a log's times: the one that it names itself, else the manifest's.

    The log names it without summer time. Where the manifest's has the same offset in that year's summer or
    winter, it is that one, which knows when summer is. Countries have changed their offsets.
    """
    if minutes_west is None:
        return manifest
    named = timedelta(minutes=-minutes_west)
    winter_and_summer = (datetime(year, month, 15, tzinfo=UTC) for month in (1, 7))
    if named in {moment.astimezone(manifest).utcoffset() for moment in winter_and_summer}:
        return manifest
    return timezone(named) if abs(named) < timedelta(days=1) else manifest


def _end_of(session: Session) -> tuple[datetime, EndReason, bool] | None:
    """When it was over, why, and whether that is the very moment."""
    match session.ended:
        case Ended.IN if session.back is not None:
            return session.back, REASONS.get(session.reason or 0, EndReason.RETURNED), True
        case Ended.SHUTDOWN if session.back is not None:
            return session.back, EndReason.SERVER_DOWN, True
        case Ended.CRASH if session.not_after is not None:
            return session.not_after, EndReason.SERVER_RESTARTED, False
        case Ended.OPEN if session.not_after is not None:
            return session.not_after, EndReason.UNKNOWN, False
    return None
