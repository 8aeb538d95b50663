"""What must be true of every history, whatever happened in it. Pure: values in, breaches in words out.

I1  Once server B served a newcomer after A, A serves none until the journal names A again.
I2  One incident leads to one committed operation.
I3  Epochs only rise.
I4  Each change of the active server has its row in the journal.
I5  In a pause or a cooldown nothing automatic happens but what follows, and in a cooldown the way out.
I6  Nobody is without service for longer than the case allows.
I7  Every balancer that can be read is soon as wanted, and at the end too.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from math import inf

from rlm_exporter.simulator.event import ClientKind, Event, EventKind
from rlm_exporter.simulator.history import Commit, longest_gap, returns_without_commit, sessions
from tests.acceptance.evidence import Fault, History, Look, Row, Seat, Steered, Wish

AFTERMATH = {"failover": 10.0, "adopt": 70.0}
"""Seconds after the end of a fault in which it may still be the reason of an operation: one look at the old
check, or the minute for which a balancer has to differ before it is followed."""

ROUNDED = 0.005
"""Seconds: the journal is told in milliseconds."""

WRITTEN = 2.0
"""Seconds for which a commit may take to be written, and the daemon shows what was before."""

LATE_SEAT = 1.0
"""Seconds from a connection's start to a seat in a server's ledger, when the server is well."""


def breaches(history: History) -> tuple[str, ...]:
    """Every breach of every invariant, each beginning with the invariant's name."""
    return tuple(
        f"{name}: {breach}" for name, invariant in INVARIANTS.items() for breach in invariant(history)
    )


def nobody_returns(history: History) -> Iterator[str]:
    """I1, by what clients saw and by the ledgers of the servers."""
    commits = tuple(_namings(history))
    yield from returns_without_commit(history.events, commits)
    ledgers = [_as_event(seat) for seat in history.seats if not _is_ill(history, seat)]
    for breach in returns_without_commit(ledgers, commits):
        yield f"by the ledgers, {breach}"


def _namings(history: History) -> Iterator[Commit]:
    """Every time that the journal names a server: as found, as about to be steered to, as committed."""
    before = -inf  # what HAProxy did until the end of the operation before is told by that one
    for row in history.rows:
        if row.kind == "first_start":
            yield Commit(active=row.target, time=row.committed or row.started, begun=row.started)
        applies = row.applies
        for number, apply in enumerate(applies):
            is_last = number == len(applies) - 1
            ended = (row.ended or inf) if is_last else applies[number + 1].at
            may_follow = number == 0 and row.kind in {"adopt", "failover"}
            begun = min(max(_left_by_itself(history, row), before), apply.at) if may_follow else apply.at
            yield Commit(active=apply.target, time=ended if ended < inf else apply.at, begun=begun)
        if row.state == "failed" and applies and row.ended is not None:
            # Back to the old one, or everything left to HAProxy where that is down too.
            yield Commit(active=row.target, time=row.ended, begun=applies[-1].at)
        before = row.ended or before


def _left_by_itself(history: History, row: Row) -> float:
    """When HAProxy may have begun to move away from a server that was down.

    An adoption tells of it later; so does a failover that was decided before anybody saw that move.
    """
    ill = [fault.since for fault in history.faults if fault.part == row.source and _explains(fault, row)]
    return max(ill, default=inf if row.kind == "failover" else row.started)


def _is_ill(history: History, seat: Seat) -> bool:
    """A hung server may serve, when it goes on, what has waited in its queue since before."""
    return any(
        fault.part == seat.server and fault.since <= seat.at <= fault.until + LATE_SEAT
        for fault in history.faults
    )


def _as_event(seat: Seat) -> Event:
    begun = seat.at - LATE_SEAT
    return Event(
        t=seat.at, wall=seat.at, kind=EventKind.SESSION, client=ClientKind.VISIT, endpoint="",
        started=begun, ended=seat.at, isv_server=seat.server, isv_started=begun, isv_answered=seat.at,
    )  # fmt: skip


def one_operation_an_incident(history: History) -> Iterator[str]:
    """I2: each automatic operation has a fault of the server that it left, and none has two."""
    committed = [row for row in history.rows if row.committed is not None]
    for before, after in pairwise(committed):
        if before.ended is not None and after.started < before.ended - ROUNDED:
            yield f"operation {after.id} began before operation {before.id} had ended"
        if after.source != before.target and not _restored_between(history, before.started, after.started):
            yield f"operation {after.id} leaves {after.source}, but {before.target} was the active one"
    used: set[Fault] = set()
    for row in committed:
        if not row.is_automatic or row.trigger == "schedule":
            continue
        reasons = [f for f in history.faults if f.part == row.source and _explains(f, row)]
        fresh = [fault for fault in reasons if fault not in used]
        if fresh:
            used.add(max(fresh, key=lambda fault: fault.since))
        else:
            why = "its fault had led to one before" if reasons else f"{row.source} had no fault"
            yield f"operation {row.id} ({row.rule}, {row.source} to {row.target}): {why}"


def _explains(fault: Fault, row: Row) -> bool:
    return fault.since <= row.started + ROUNDED and row.started <= fault.until + AFTERMATH.get(row.kind, 0.0)


def epochs_rise(history: History) -> Iterator[str]:
    """I3: in the journal from target to target, in the record, and in each worker of a balancer."""
    highest, target = 0, ""
    for row in history.rows:
        steps = [(apply.epoch, apply.target) for apply in row.applies] + [(row.epoch, row.target)]
        if steps[0][0] <= highest:
            yield f"operation {row.id} has epoch {steps[0][0]}, and {highest} was used before"
        highest, target = steps[0]
        for epoch, name in steps[1:]:
            if epoch < highest or (epoch == highest and name != target):
                yield f"operation {row.id} leads to {name} with epoch {epoch} after {target} with {highest}"
            highest, target = max(highest, epoch), name
    yield from _record_falls(history)
    yield from _worker_falls(history)


def _record_falls(history: History) -> Iterator[str]:
    known = [(look.t, look.epoch) for look in history.looks if look.epoch is not None]
    for (earlier, before), (later, after) in pairwise(known):
        if after < before and not _restored_between(history, earlier, later):
            yield f"the record fell from epoch {before} to {after} at {later:.3f}"


def _worker_falls(history: History) -> Iterator[str]:
    seen: dict[tuple[str, int | None], int] = {}
    for look in history.looks:
        for each in look.balancers:
            key = each.balancer, each.pid
            if (each.epoch or 0) < seen.get(key, 0):
                yield f"{each.balancer} fell from epoch {seen[key]} to {each.epoch} at {look.t:.3f}"
            seen[key] = max(seen.get(key, 0), each.epoch or 0)


def every_change_is_written(history: History) -> Iterator[str]:
    """I4: for the record that the daemon shows, and for the servers that clients met."""
    known = [(look.t, look.active) for look in history.looks if look.active is not None]
    for (earlier, before), (later, after) in pairwise(known):
        if before == after or _restored_between(history, earlier, later):
            continue
        if not any(_commits(row, after, earlier - WRITTEN, later) for row in history.rows):
            yield f"the active server changed from {before} to {after} at {later:.3f}, without a row"
    committed = [row for row in history.rows if row.committed is not None]
    if known and committed and known[-1][1] != committed[-1].target:
        yield f"{known[-1][1]} is active at the end, and the last row says {committed[-1].target}"
    yield from _unwritten_service(history)


def _commits(row: Row, target: str, since: float, until: float) -> bool:
    return row.target == target and row.committed is not None and since <= row.committed <= until


def _unwritten_service(history: History) -> Iterator[str]:
    """The first session of each server that served when no row near that time names it."""
    namings = sorted(_namings(history), key=lambda naming: naming.lawful_from)
    if not namings:
        return
    spans: dict[str, list[tuple[float, float]]] = {}
    for naming, following in pairwise([*namings, None]):
        assert naming is not None
        until = inf if following is None else following.time + history.lag
        spans.setdefault(naming.active, []).append((naming.lawful_from - history.lag, until))
    told: set[str] = set()
    for event in sessions(history.events):
        if event.ended < namings[0].time:
            continue  # before the daemon's first start nothing can be in its journal
        for server in {event.main, event.isv_server} - told - {None}:
            served = spans.get(str(server), [])
            if not any(since <= event.ended and event.started <= until for since, until in served):
                told.add(str(server))
                yield f"{server} served a session begun at {event.started:.3f}, and no row tells why"


def _restored_between(history: History, earlier: float, later: float) -> bool:
    return any(earlier <= moment <= later for moment in history.restored)


def nothing_automatic_at_rest(history: History) -> Iterator[str]:
    """I5: what only follows is right at any time, and out of a cooldown the only server left is too."""
    for row in history.rows:
        for rest in history.rests:
            inside = rest.since + ROUNDED < row.started < rest.until - ROUNDED
            way_out = row.rule == "only_pinned_left" and rest.kind == "cooldown"
            if inside and row.is_automatic and row.kind != "adopt" and not way_out:
                yield f"operation {row.id} ({row.rule}) began in a {rest.kind}, at {row.started:.3f}"


def served_within_budget(history: History) -> Iterator[str]:
    """I6."""
    for budget in history.budgets:
        gap = longest_gap(history.events, since=budget.since, until=budget.until)
        if gap.seconds > budget.seconds:
            yield (
                f"nobody was served for {gap.seconds:.2f} s from {gap.since:.3f} on; "
                f"{budget.seconds:g} s are allowed"
            )


def balancers_are_as_wanted(history: History) -> Iterator[str]:
    """I7: no difference outlasts the time, counted from the last fault or the last change of the wish."""
    since: float | None = None
    told = False
    for before, look in pairwise([None, *history.looks]):
        assert look is not None
        wrong = differences(look)
        if not wrong:
            since, told = None, False
            continue
        if since is None or (before is not None and before.wish != look.wish):
            since = look.t
        anchor = max(since, _last_fault(history, look.t))
        if look.t - anchor > history.soon and not told:
            told = True
            yield f"{look.t - anchor:.1f} s after the last fault or wish, at {look.t:.3f}: {wrong[0]}"
    if history.looks and (wrong := differences(history.looks[-1])) and not told:
        yield f"at the end: {wrong[0]}"


def _last_fault(history: History, t: float) -> float:
    moments = (moment for fault in history.faults for moment in (fault.since, fault.until))
    return max((moment for moment in moments if moment <= t), default=-inf)


def differences(look: Look) -> tuple[str, ...]:
    """What is not as wanted at the balancers that could be read."""
    return () if look.wish is None else tuple(_differences(look.wish, look.balancers))


def _differences(wish: Wish, balancers: Iterable[Steered]) -> Iterator[str]:
    for each in balancers:
        if (each.active, each.epoch) != (wish.active, wish.epoch):
            yield (
                f"{each.balancer} has {each.active} under epoch {each.epoch}, "
                f"wanted is {wish.active} under {wish.epoch}"
            )
        if missing := sorted(wish.pinned - each.held):
            yield f"{each.balancer} does not hold {', '.join(missing)}"
        # A server that is down stays held until a direct probe finds it good.
        if held := sorted((each.held - wish.pinned) & wish.up):
            yield f"{each.balancer} still holds {', '.join(held)}"


INVARIANTS: dict[str, Callable[[History], Iterator[str]]] = {
    "I1": nobody_returns,
    "I2": one_operation_an_incident,
    "I3": epochs_rise,
    "I4": every_change_is_written,
    "I5": nothing_automatic_at_rest,
    "I6": served_within_budget,
    "I7": balancers_are_as_wanted,
}
