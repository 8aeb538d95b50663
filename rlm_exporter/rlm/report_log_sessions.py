"""Makes sessions of checkouts and checkins, one record at a time, within one run of the server (pure).

The handle alone says which session a checkin ends. Memory is bounded by what is out at once.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from rlm_exporter.rlm.report_log_records import In, InUse, Out
from rlm_exporter.rlm.report_log_seats import Seat, Seats
from rlm_exporter.rlm.report_log_values import Begun, Ended, Event, Session

_ZERO = timedelta()
_MINUTE = timedelta(minutes=1)
_MOST_TWINS = 32
"""Sessions under one handle; a checkout does not take seats of more pools."""
_MOST_QUEUED = 10_000

# Looking up a member of an enumeration takes as long as reading a field, and these are wanted for each record
_BY_OUT, _BY_IN = Begun.OUT, Ended.IN
# What a named tuple's own constructor calls; its way there takes longer than all the rest of it
_new = tuple.__new__


class _Held(NamedTuple):
    """A session that has not ended."""

    number: int
    begun: Begun
    at: datetime | None
    set_back: timedelta
    """By how much the clock had been set back until then."""
    record: Out | InUse
    seat: Seat | None
    """None while the handle shares with nobody, as nearly all do: it is as large as the record says."""


class Sessions:
    """The sessions of a run; appends those that have ended to `events`."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events
        self._run = -1
        self._number = 0
        self._held: dict[int, _Held] = {}
        self._twins: dict[int, list[_Held]] = {}
        """Further sessions under a handle in use."""
        self._queued: dict[int, None] = {}
        """Handles of requests that wait or waited; they hold no seat."""
        self._returned: set[int] = set()
        """What a shutdown ended; the log may still tell of it."""
        self._down_at: datetime | None = None
        self._seats = Seats()

    @property
    def peaks(self) -> dict[str, int]:
        """The most seats that were known to be out at once, by product."""
        return self._seats.peaks

    @property
    def held(self) -> int:
        """How many sessions have not ended."""
        return len(self._held) + sum(map(len, self._twins.values()))

    @property
    def begun(self) -> int:
        """How many sessions have begun until now; the next one has this number."""
        return self._number

    @property
    def oldest(self) -> int | None:
        """The number of the session that has been out for longest; None where none is out."""
        return min((held.number for held in self._all()), default=None)

    def holds(self, key: int, product: str | None = None) -> bool:
        """Whether that handle is out; where a product is given, with that one."""
        held = self._held.get(key)
        return held is not None and product in {None, held.record.product}

    def begin_run(self, run: int) -> None:
        """Another run: its handles are others."""
        self._run = run
        self._queued.clear()
        self._returned.clear()

    def out(self, record: Out, at: datetime | None, set_back: timedelta) -> None:
        """A checkout."""
        key = record.key
        if self._queued:
            self._queued.pop(key, None)
        earlier = self._held.get(key)
        if earlier is None:
            self._held[key] = self._hold(record, at, set_back, _BY_OUT)
        elif self._is_twin(earlier, record, at):
            self._twins.setdefault(key, []).append(self._hold_apart(record, at, set_back))
        else:
            self._lose(key, at)
            self._held[key] = self._hold(record, at, set_back, _BY_OUT)

    def back(self, record: In, at: datetime | None, set_back: timedelta) -> None:
        """A checkin."""
        key = record.key
        held = self._held.pop(key, None)
        if held is None:
            self._back_alone(record, at)
        elif self._twins and key in self._twins:
            for each in self._chosen(key, held, record):
                self._give_back(each, record, at, set_back)
        else:
            self._give_back(held, record, at, set_back)

    def in_use(self, record: InUse, since: datetime | None, set_back: timedelta) -> None:
        """A seat that is out while a log begins or ends; it may be a session that is known already."""
        key = record.key
        held = self._held.get(key)
        if held is not None:
            if held.record.product == record.product:
                return
            self._lose(key, since)
        self._held[key] = self._hold(record, since, set_back, Begun.IN_USE)

    def in_use_at_shutdown(self, record: InUse, since: datetime | None, set_back: timedelta) -> None:
        """What was out when the server went down, and is told only then."""
        if record.key in self._returned:
            return
        held = self._hold(record, since, set_back, Begun.IN_USE)
        self._let_go(held)
        self._returned.add(record.key)
        self._events.append(_ended(held, self._run, Ended.SHUTDOWN, back=self._down_at))

    def queue(self, key: int) -> None:
        """A request waits, or no longer does; a checkin may follow that gives no seat back."""
        if key not in self._held:
            self._queued[key] = None
            if len(self._queued) > _MOST_QUEUED:
                del self._queued[next(iter(self._queued))]

    def shut_down(self, at: datetime | None, set_back: timedelta) -> None:
        """The server ends, and with it every session."""
        self._returned, self._down_at = set(self._held), at
        for held in self._all():
            lasted = _lasted(held, at, set_back)
            self._events.append(_ended(held, self._run, Ended.SHUTDOWN, back=at, lasted=lasted))
        self._clear()

    def break_off(self, ended: Ended, *, not_after: datetime | None = None) -> None:
        """The log tells no more of this run, and it is unknown when its sessions ended."""
        for held in self._all():
            self._events.append(_ended(held, self._run, ended, not_after=not_after))
        self._clear()

    def _all(self) -> Iterator[_Held]:
        yield from self._held.values()
        for twins in self._twins.values():
            yield from twins

    def _clear(self) -> None:
        self._held.clear()
        self._twins.clear()
        self._seats.clear()

    def _hold(self, record: Out | InUse, at: datetime | None, set_back: timedelta, begun: Begun) -> _Held:
        share = record.share_key
        seat = None
        if not share or share == record.key:
            self._seats.take(record.product, record.seats)
        else:
            seat = self._shared(record, share)
        number = self._number
        self._number = number + 1
        return _new(_Held, (number, begun, at, set_back, record, seat))

    def _shared(self, record: Out | InUse, share: int) -> Seat:
        """The seat of the handle that the record names, which may be long back."""
        first = self._held.get(share)
        if first is not None and first.seat is None:
            first = self._held[share] = first._replace(seat=Seat(first.record.product, first.record.seats))
        return self._seats.share(record.product, record.seats, first=first and first.seat, name=share)

    def _hold_apart(self, record: Out, at: datetime | None, set_back: timedelta) -> _Held:
        """Seats of their own, under a handle that has some already."""
        self._seats.take(record.product, record.seats)
        self._number += 1
        return _Held(self._number - 1, _BY_OUT, at, set_back, record, None)

    def _let_go(self, held: _Held) -> None:
        if held.seat is None:
            self._seats.give_back(held.record.product, held.record.seats)
        else:
            self._seats.leave(held.seat)

    def _is_twin(self, earlier: _Held, record: Out, at: datetime | None) -> bool:
        """One checkout may take seats in two records; they differ in nothing but the count and the pool."""
        first = earlier.record
        return (
            earlier.begun is _BY_OUT
            and earlier.at == at
            and (first.product, first.user, first.host) == (record.product, record.user, record.host)
            and len(self._twins.get(record.key, ())) < _MOST_TWINS
        )

    def _chosen(self, key: int, held: _Held, record: In) -> list[_Held]:
        """Of the sessions under a handle the one with the checkin's count, or all where it is their sum."""
        every = [held, *self._twins.pop(key)]
        chosen = next((each for each in every if each.record.seats == record.seats), None)
        if chosen is None:
            if record.seats == sum(each.record.seats for each in every):
                return every
            chosen = held
        every.remove(chosen)
        self._held[key] = every[0]
        if every[1:]:
            self._twins[key] = every[1:]
        return [chosen]

    def _give_back(self, held: _Held, record: In, at: datetime | None, set_back: timedelta) -> None:
        self._let_go(held)
        lasted = _lasted(held, at, set_back)
        self._events.append(_ended(held, self._run, _BY_IN, back=at, reason=record.why, lasted=lasted))

    def _back_alone(self, record: In, at: datetime | None) -> None:
        """A checkin whose checkout is not in the log, unless it is one of a request that only waited."""
        if record.key in self._returned:
            return
        if record.key in self._queued:
            del self._queued[record.key]
            return
        self._events.append(
            Session(
                self._number, self._run, record.product, record.version, None, record.user, record.host,
                record.isv_def, record.seats, record.handle, None, Begun.UNKNOWN, None, _BY_IN, at,
                record.why, None, None, None,
            )
        )  # fmt: skip
        self._number += 1

    def _lose(self, key: int, at: datetime | None) -> None:
        """A handle is given out anew: whoever had it is gone, and the log does not say since when."""
        for held in (self._held.pop(key), *self._twins.pop(key, ())):
            self._let_go(held)
            self._events.append(_ended(held, self._run, Ended.OPEN, not_after=at))


def _lasted(held: _Held, back: datetime | None, set_back: timedelta) -> timedelta | None:
    """Times without seconds may be off by a minute; a clock that went back unannounced says nothing."""
    if back is None or held.begun is not _BY_OUT or held.at is None:
        return None
    span = back - held.at
    if set_back is not held.set_back:
        span += set_back - held.set_back
    if span >= _ZERO:
        return span
    return _ZERO if span > -_MINUTE else None


def _ended(
    held: _Held, run: int, ended: Ended, *, back: datetime | None = None, reason: int | None = None,
    lasted: timedelta | None = None, not_after: datetime | None = None,
) -> Session:  # fmt: skip
    number, begun, at, _, record, _ = held
    out, since = (at, None) if begun is _BY_OUT else (None, at)
    return _new(Session, (
        number, run, record.product, record.version, record.pool, record.user, record.host, record.isv_def,
        record.seats, record.handle, record.share_handle, begun, out, ended, back, reason, lasted, since,
        not_after, record.project,
    ))  # fmt: skip
