"""What another number of seats would have meant: a feature's ledger played again (pure).

The requests come as they came: those that were granted, and those that were refused for good. Each is granted
if its seats are free at that moment, in the order in which they came.

- What was granted then and is granted now goes back when it did.
- What was granted then and finds no seat now is refused, and comes no more.
- What was refused then and finds a seat now keeps it for the median time of the feature's sessions, or until
  the same user at the same host really got one: he had come again. His further refusals in between are the
  same wish and are not counted again.

Sessions that nothing tells the beginning of are left out. Where several handles share seats, the ledger has
more seats in use than there were, and so has this.
"""

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from rlm_exporter.store.report_records import Held, Ledger, Refused

Who = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What would have been, with so many seats."""

    seats: int
    granted: int
    """Requests that got a seat."""
    refused: int
    """Requests that got none."""
    newly_granted: int
    """Of those that got one, how many were refused then."""
    newly_refused: int
    """Of those that got none, how many had one then."""
    peak: int
    """The most seats in use at once."""

    @property
    def rate(self) -> float | None:
        """The part of the requests that were refused; None where there were none."""
        requests = self.granted + self.refused
        return self.refused / requests if requests else None


def what_if(ledger: Ledger, seats: int, *, until: datetime) -> WhatIf:
    """Play the ledger with so many seats; what is out lasts `until` then."""
    replay = _Replay(seats=seats, typical=typical_length(ledger.sessions), until=until)
    for request in _requests(ledger):
        if isinstance(request, Held):
            replay.ask(request)
        else:
            replay.ask_again(request)
    return WhatIf(
        seats=seats,
        granted=replay.granted + replay.newly_granted,
        refused=replay.refused + replay.newly_refused,
        newly_granted=replay.newly_granted,
        newly_refused=replay.newly_refused,
        peak=replay.peak,
    )


def typical_length(sessions: Iterable[Held]) -> timedelta:
    """The median time of the sessions that are over; nothing where none is."""
    lengths = [
        max((each.ended - each.out).total_seconds(), 0.0)
        for each in sessions
        if each.out is not None and each.ended is not None
    ]
    return timedelta(seconds=median(lengths)) if lengths else timedelta()


def _requests(ledger: Ledger) -> list[Held | Refused]:
    """In the order in which they came; of the same moment those first that were granted."""
    timed: list[tuple[datetime, int, Held | Refused]] = [
        (each.out, 0, each) for each in ledger.sessions if each.out is not None
    ]
    timed += [(each.at, 1, each) for each in ledger.refused]
    return [request for _, _, request in sorted(timed, key=lambda each: each[:2])]


@dataclass(slots=True, kw_only=True)
class _Seat:
    """Seats that are held until then, unless they are given back before."""

    seats: int
    until: datetime
    is_back: bool = False


@dataclass(slots=True, kw_only=True)
class _Replay:
    seats: int
    typical: timedelta
    until: datetime
    granted: int = 0
    refused: int = 0
    newly_granted: int = 0
    newly_refused: int = 0
    peak: int = 0
    _in_use: int = 0
    _ends: list[tuple[datetime, int, _Seat]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)
    _instead: dict[Who, _Seat] = field(default_factory=dict)
    """What those hold who were refused then."""
    _waiting: dict[Who, datetime] = field(default_factory=dict)
    """Until when the refusals of those who are refused now are one wish."""

    def ask(self, session: Held) -> None:
        """One that was granted then."""
        at = session.out or self.until
        self._give_back_until(at)
        who = _who(session.user, session.host)
        held = self._instead.pop(who, None) if who is not None else None
        if held is not None:
            self._give_back(held)
        if self._take(session.seats, at=at, until=session.ended or self.until) is None:
            self.newly_refused += 1
        else:
            self.granted += 1

    def ask_again(self, refusal: Refused) -> None:
        """One that was refused then."""
        self._give_back_until(refusal.at)
        who = _who(refusal.user, refusal.host)
        if who is not None and (who in self._instead or self._waiting.get(who, refusal.at) > refusal.at):
            return
        held = self._take(refusal.seats, at=refusal.at, until=refusal.at + self.typical)
        if held is None:
            self.refused += 1
            if who is not None:
                self._waiting[who] = refusal.at + self.typical
            return
        self.newly_granted += 1
        if who is not None:
            self._instead[who] = held

    def _take(self, seats: int, *, at: datetime, until: datetime) -> _Seat | None:
        if self._in_use + seats > self.seats:
            return None
        held = _Seat(seats=seats, until=max(until, at))
        self._in_use += seats
        self.peak = max(self.peak, self._in_use)
        heapq.heappush(self._ends, (held.until, next(self._order), held))
        return held

    def _give_back_until(self, moment: datetime) -> None:
        while self._ends and self._ends[0][0] <= moment:
            self._give_back(heapq.heappop(self._ends)[2])
        self._instead = {who: held for who, held in self._instead.items() if not held.is_back}

    def _give_back(self, held: _Seat) -> None:
        if not held.is_back:
            held.is_back = True
            self._in_use -= held.seats


def _who(user: str | None, host: str | None) -> Who | None:
    """Names as RLM compares them; None where they were not stored."""
    return None if user is None or host is None else (user.casefold(), host.casefold())
