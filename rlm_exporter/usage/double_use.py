"""Hosts that held seats of one product twice over, out of the usage log (pure).

The same as `rlm.holders` finds in one answer: a host with seats of two versions or more of one product, at
the same time, from the same server. Here with how long that lasted. Checks tell beginnings by the minute and
report logs by the second, so what lasted for less than a minute may never have been, and is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rlm_exporter.store.report_records import Held, Window

SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleUse:
    """A host that held seats from two pools or more of one product."""

    server: str
    isv: str | None
    feature: str
    host: str
    versions: tuple[str, ...]
    """Those that were held beside another one, sorted as text."""
    users: tuple[str, ...]
    lasted: timedelta
    """All times together, inside of the window."""
    last: datetime
    """When that was so last."""


def double_use(sessions: Iterable[Held], window: Window) -> tuple[DoubleUse, ...]:
    """All such hosts, those where it lasted longest first."""
    held: dict[tuple[str, str, str, str], list[Held]] = {}
    for each in sessions:
        if each.host is not None and each.version is not None and each.out is not None:
            key = (each.server, (each.isv or "").casefold(), each.feature.casefold(), each.host.casefold())
            held.setdefault(key, []).append(each)
    found = (_of_host(each, window) for _, each in sorted(held.items()))
    return tuple(sorted((use for use in found if use is not None), key=lambda use: -use.lasted))


def _of_host(sessions: Sequence[Held], window: Window) -> DoubleUse | None:
    """Walk over beginnings and ends; ends come first where both are at one moment."""
    moves = sorted(
        (moment, is_begin, place)
        for place, each in enumerate(sessions)
        for moment, is_begin in _ends(each, window)
    )
    out: set[int] = set()
    twice: set[int] = set()
    lasted, last = timedelta(), window.start
    since: datetime | None = None
    beside: set[int] = set()
    for moment, is_begin, place in moves:
        if is_begin:
            out.add(place)
        else:
            out.discard(place)
        if len({sessions[each].version for each in out}) > 1:
            since = moment if since is None else since
            beside |= out
        elif since is not None:
            if moment - since >= SHORTEST:
                lasted += moment - since
                last = moment
                twice |= beside
            since, beside = None, set()
    if not twice:
        return None
    first = sessions[0]
    return DoubleUse(
        server=first.server,
        isv=first.isv,
        feature=first.feature,
        host=first.host or "",
        versions=tuple(sorted({sessions[each].version or "" for each in twice})),
        users=tuple(sorted({sessions[each].user or "" for each in twice} - {""})),
        lasted=lasted,
        last=last,
    )


def _ends(session: Held, window: Window) -> tuple[tuple[datetime, bool], ...]:
    """Its beginning and its end inside of the window; none for one that takes no time there."""
    out = max(session.out or window.start, window.start)
    ended = min(session.ended or window.end, window.end)
    return ((out, True), (ended, False)) if out < ended else ()
