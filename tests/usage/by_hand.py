"""Figures of a month out of its ledger, in the plainest way; knows nothing of our reports."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from tests.usage.month import Refusal, Stay

SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Sums:
    """Of one product, or of one user of it."""

    sessions: int = 0
    begun: int = 0
    seat_seconds: int = 0
    peak: int = 0
    full: int = 0
    """Seconds with as many seats in use as there are."""
    denied: int = 0
    passed_on: int = 0
    _changes: Counter[int] = field(default_factory=Counter)


def sums(
    stays: list[Stay],
    refusals: list[Refusal],
    start: datetime,
    end: datetime,
    *,
    users: bool,
    seats: dict[str, int],
) -> dict[tuple[str, str | None], Sums]:
    """By product, or by product and user."""
    found: dict[tuple[str, str | None], Sums] = defaultdict(Sums)
    for stay in stays:
        back = stay.back or end
        if stay.out >= end or back <= start:
            continue
        each = found[stay.product, stay.user if users else None]
        each.sessions += 1
        each.begun += stay.out >= start
        each._changes[(max(stay.out, start) - start) // SECOND] += stay.count
        each._changes[(min(back, end) - start) // SECOND] -= stay.count
    for refusal in refusals:
        if start <= refusal.at < end:
            each = found[refusal.product, refusal.user if users else None]
            each.denied += refusal.is_final
            each.passed_on += not refusal.is_final
    for (product, _), each in found.items():
        in_use = 0
        moments = sorted(each._changes)
        if not moments:
            continue
        for moment, following in zip(moments, [*moments[1:], (end - start) // SECOND], strict=True):
            in_use += each._changes[moment]
            each.seat_seconds += in_use * (following - moment)
            if following > moment:
                each.peak = max(each.peak, in_use)
                each.full += (following - moment) * (in_use >= seats[product])
    return dict(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    at: datetime
    was_refused: bool
    who: tuple[str, str]
    seats: int
    back: datetime


@dataclass(slots=True, kw_only=True)
class _Holding:
    who: tuple[str, str]
    instead: bool
    """Of a refusal."""
    seats: int
    until: datetime


def played_again(wishes: list[_Wish], length: timedelta, seats: int) -> tuple[int, int, int, int]:
    """Granted, refused, newly granted and newly refused with so many seats; each wish looks at all others."""
    holding: list[_Holding] = []
    hopes: dict[tuple[str, str], datetime] = {}
    granted = refused = gained = lost = 0
    for wish in wishes:
        holding = [each for each in holding if each.until > wish.at]
        instead = [each for each in holding if each.who == wish.who and each.instead]
        if wish.was_refused and (instead or hopes.get(wish.who, wish.at) > wish.at):
            continue
        if not wish.was_refused:
            holding = [each for each in holding if each not in instead]
        if sum(each.seats for each in holding) + wish.seats <= seats:
            until = wish.at + length if wish.was_refused else wish.back
            holding.append(_Holding(who=wish.who, instead=wish.was_refused, seats=wish.seats, until=until))
            granted += 1
            gained += wish.was_refused
        else:
            if wish.was_refused:
                hopes[wish.who] = wish.at + length
            refused += 1
            lost += not wish.was_refused
    return granted, refused, gained, lost


def wishes_of(
    stays: list[Stay], refusals: list[Refusal], product: str, start: datetime, end: datetime
) -> tuple[list[_Wish], timedelta]:
    """All of a product in the order in which they came, and how long its sessions last."""
    mine = [
        stay for stay in stays if stay.product == product and stay.out < end and (stay.back or end) > start
    ]
    found = [
        _Wish(
            at=stay.out,
            was_refused=False,
            who=(stay.user, stay.host),
            seats=stay.count,
            back=stay.back or end,
        )
        for stay in mine
    ]
    found += [
        _Wish(at=each.at, was_refused=True, who=(each.user, each.host), seats=each.count, back=each.at)
        for each in refusals
        if each.product == product and each.is_final and start <= each.at < end
    ]
    length = median((stay.back - stay.out).total_seconds() for stay in mine if stay.back)
    return sorted(found, key=lambda wish: (wish.at, wish.was_refused)), timedelta(seconds=length)
