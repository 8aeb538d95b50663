"""Who holds seats of one server, kept from its answers (pure): what each new answer changes.

rlmstat shows sessions as they are at a moment. One that is new has begun; one that is no longer there has
been returned since the last answer, or its server has forgotten it. An answer that may lack lines proves no
end. What an answer has again was not over: it is opened again.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from rlm_exporter.rlm.status import Checkout, RlmStatus
from rlm_exporter.rlm.usage_time import when
from rlm_exporter.store.usage_records import (
    Closed,
    EndReason,
    Opened,
    Recounted,
    Reopened,
    UsageChange,
    UsageSession,
    storable,
)
from rlm_exporter.usage.local_time import moment_of

EARLIER = timedelta(seconds=90)
"""By how much later a server must say that it started, to have started anew: it counts in minutes."""

REMEMBERED = timedelta(hours=2)
"""For how long a session of before a restart could be taken for one of after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """Usage lines of one session, added up."""

    key: str
    checkout: Checkout
    count: int
    local: datetime | None
    """The server's wall time of its beginning, without a zone."""


class Book:
    """The sessions of one server. Every method gives what has changed, in order."""

    def __init__(self, *, cluster: str, server: str, tz: tzinfo) -> None:
        self._cluster = cluster
        self._server = server
        self._tz = tz
        self._open: dict[str, UsageSession] = {}
        self._over: dict[str, tuple[UsageSession, datetime]] = {}
        """Closed, and when; one that is in an answer again was not over."""
        self._cut: dict[str, datetime] = {}
        """Ended for their clients, and when the server was last seen not to have noticed."""
        self._past: dict[str, tuple[int, datetime]] = {}
        """How many restarts have ended a session of that name, and the last: handles begin anew then."""
        self._plain: dict[str, str] = {}
        """The name without its number, of sessions that have one."""
        self._started: datetime | None = None
        self._restarts: dict[str, int] = {}

    @property
    def sessions(self) -> tuple[UsageSession, ...]:
        """Those that are open."""
        return tuple(self._open.values())

    def restore(self, sessions: Iterable[UsageSession]) -> None:
        """Begin with what was open when an earlier life of ours ended."""
        self._open = {session.key: session for session in sessions}
        self._over, self._cut = {}, {}

    def seen(self, status: RlmStatus, *, at: datetime) -> list[UsageChange]:
        """What an answer that came at that moment changes."""
        changes = self._forgotten(status, at=at)
        lines = self._lines(status, at=at)
        for line in lines.values():
            changes += self._there(line, at=at)
        if status.error_kind is None:
            changes += self._missing(lines, status, at=at)
        self._cut |= dict.fromkeys(self._cut.keys() & lines.keys(), at)
        self._cut = {key: seen for key, seen in self._cut.items() if at - seen < REMEMBERED}
        self._over = {key: each for key, each in self._over.items() if at - each[1] < REMEMBERED}
        return changes

    def unanswered(self, *, since: datetime) -> list[UsageChange]:
        """The server does not answer: as far as anybody can tell, nobody holds a seat there."""
        gone, self._open = self._open, {}
        self._over |= {key: (session, since) for key, session in gone.items()}
        return [_closed(session, at=since, reason=EndReason.SERVER_DOWN) for session in gone.values()]

    def cut(self, *, at: datetime) -> list[UsageChange]:
        """Clients were sent elsewhere, and their sessions here ended."""
        gone, self._open = self._open, {}
        # Those of a server that does not answer stay closed for that reason, also if it comes back with them.
        self._cut |= dict.fromkeys((*gone, *self._over), at)
        self._over.clear()
        return [_closed(session, at=at, reason=EndReason.FAILED_OVER) for session in gone.values()]

    def _there(self, line: _Line, *, at: datetime) -> list[UsageChange]:
        if line.key in self._cut:
            return []
        known = self._open.get(line.key)
        if known is not None:
            return self._recounted(known, line)
        if line.key in self._over:
            known, closed_at = self._over.pop(line.key)
            self._open[line.key] = known
            return [Reopened(key=line.key, closed_at=closed_at), *self._recounted(known, line)]
        session = self._session(line, at=at)
        self._open[line.key] = session
        return [Opened(session=session)]

    def _recounted(self, known: UsageSession, line: _Line) -> list[UsageChange]:
        if known.count == line.count:
            return []
        self._open[line.key] = replace(known, count=line.count)
        return [Recounted(key=line.key, count=line.count)]

    def _missing(self, lines: Mapping[str, _Line], status: RlmStatus, *, at: datetime) -> list[UsageChange]:
        """Those that a whole answer no longer has."""
        stopped = {isv.name.casefold() for isv in status.isvs if not isv.running}
        changes: list[UsageChange] = []
        for key, session in list(self._open.items()):
            if key in lines:
                continue
            if (session.isv or "").casefold() in stopped:
                reason = EndReason.SERVER_DOWN
            elif _tells_of(status, session):
                reason = EndReason.RETURNED
            else:
                continue
            self._over[key] = self._open.pop(key), at
            changes.append(_closed(session, at=at, reason=reason))
        return changes

    def _forgotten(self, status: RlmStatus, *, at: datetime) -> list[UsageChange]:
        """What restarts since the last answer have ended."""
        started = self._start_of(status, at=at)
        restarted = {
            isv.name.casefold() for isv in status.isvs if self._has_restarted(isv.name, isv.restarts)
        }
        again = self._started is not None and started is not None and started - self._started > EARLIER
        if started is not None and (self._started is None or again):
            self._started = started
        gone = [
            session for session in self._open.values() if again or (session.isv or "").casefold() in restarted
        ]
        moment = started if again and started is not None else at
        for session in gone:
            del self._open[session.key]
        if again or restarted:
            self._bury((*(each.key for each in gone), *self._over, *self._cut), at=at)
            self._over, self._cut = {}, {}
        return [_closed(session, at=moment, reason=EndReason.SERVER_RESTARTED) for session in gone]

    def _bury(self, keys: Iterable[str], *, at: datetime) -> None:
        """Their names may be given again, to others."""
        for name in {self._plain.pop(key, key) for key in keys}:
            times, _ = self._past.get(name, (0, at))
            self._past[name] = times + 1, at
        self._past = {name: each for name, each in self._past.items() if at - each[1] < REMEMBERED}

    def _start_of(self, status: RlmStatus, *, at: datetime) -> datetime | None:
        uptime = status.server.uptime_seconds if status.server is not None else None
        return None if uptime is None else at - timedelta(seconds=uptime)

    def _has_restarted(self, isv: str, restarts: int | None) -> bool:
        if restarts is None:
            return False
        before = self._restarts.get(isv.casefold())
        self._restarts[isv.casefold()] = restarts
        return before is not None and restarts != before

    def _lines(self, status: RlmStatus, *, at: datetime) -> dict[str, _Line]:
        found: dict[str, _Line] = {}
        for checkout in status.checkouts:
            told = when(checkout.at, dated=status.dated, now=at, tz=self._tz)
            local = None if told is None else told.moment.replace(tzinfo=None)
            key = self._key(checkout, local)
            count = checkout.count + checkout.reserved + (found[key].count if key in found else 0)
            found[key] = _Line(key=key, checkout=checkout, count=count, local=local)
        return found

    def _key(self, checkout: Checkout, local: datetime | None) -> str:
        key = session_key(
            cluster=self._cluster,
            server=self._server,
            isv=checkout.isv,
            minute=checkout.at if local is None else f"{local:%Y-%m-%dT%H:%M}",
            handle=checkout.handle,
            product=checkout.product,
        )
        if key not in self._past:
            return key
        numbered = f"{key}#{self._past[key][0] + 1}"
        self._plain[numbered] = key
        return numbered

    def _session(self, line: _Line, *, at: datetime) -> UsageSession:
        checkout = line.checkout
        moment = None if line.local is None else moment_of(line.local, tz=self._tz, not_after=at)
        return UsageSession(
            key=line.key,
            cluster=self._cluster,
            server=self._server,
            isv=checkout.isv,
            feature=checkout.product,
            version=checkout.version,
            user=checkout.user,
            host=checkout.host,
            count=line.count,
            handle=checkout.handle,
            out=None if moment is None else moment.at,
            out_is_ambiguous=moment is not None and moment.is_ambiguous,
        )


def session_key(*, cluster: str, server: str, isv: str | None, minute: str, handle: str, product: str) -> str:
    """What two sources call one session. Names are compared as RLM does, regardless of case."""
    names = ((isv or "").casefold(), minute, handle.casefold(), product.casefold())
    return storable("/".join((cluster, server, *map(_bounded, names))))


LONGEST_NAME = 128
"""Characters of a name in a key, which is in an index: PostgreSQL takes no long ones there."""


def _bounded(name: str) -> str:
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    return f"{name[: LONGEST_NAME - 33]}#{digest[:32]}"


def _tells_of(status: RlmStatus, session: UsageSession) -> bool:
    """Whether an answer without a session proves that it is over.

    It has other usage lines of that ISV, or says that none of the product's seats is in use. An answer in
    which the usage section is missing has neither.
    """
    isv, product = (session.isv or "").casefold(), session.feature.casefold()
    if any((line.isv or "").casefold() == isv for line in status.checkouts):
        return True
    pools = [
        pool
        for pool in status.pools
        if (pool.isv or "").casefold() == isv and pool.product.casefold() == product
    ]
    return bool(pools) and all(pool.inuse == 0 for pool in pools)


def _closed(session: UsageSession, *, at: datetime, reason: EndReason) -> Closed:
    return Closed(key=session.key, at=at, reason=reason, out=session.out)
