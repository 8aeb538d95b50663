"""Each invariant finds the made-up history that breaks it, and nothing in one that is right."""

from dataclasses import replace

import pytest

from rlm_exporter.simulator.event import ClientKind, Event, EventKind
from tests.acceptance.evidence import (
    Apply,
    Budget,
    Fault,
    History,
    Look,
    Rest,
    Row,
    Seat,
    Steered,
    Wish,
)
from tests.acceptance.invariants import INVARIANTS, breaches


def session(server: str, started: float, *, isv: str | None = None, took: float = 0.02) -> Event:
    """A visit that got its seat."""
    return Event(
        t=started + took,
        wall=started + took,
        kind=EventKind.SESSION,
        client=ClientKind.VISIT,
        endpoint="5053@lb",
        started=started,
        ended=started + took,
        main=server,
        main_started=started,
        main_answered=started + took / 2,
        isv_server=isv or server,
        isv_started=started + took / 2,
        isv_answered=started + took,
    )


def visits(server: str, since: float, until: float) -> tuple[Event, ...]:
    """Two a second."""
    return tuple(session(server, since + number / 2) for number in range(int((until - since) * 2)))


FIRST = Row(
    id=1,
    kind="first_start",
    rule="first_start",
    state="committed",
    trigger="",
    source=None,
    target="rlm1",
    epoch=1,
    started=1.0,
    ended=1.0,
    committed=1.0,
)


def move(
    number: int,
    source: str,
    target: str,
    at: float,
    *,
    kind: str = "failover",
    rule: str = "failed_over",
    trigger: str = "detector",
    epoch: int | None = None,
) -> Row:
    """A committed operation that took half a second."""
    own = number if epoch is None else epoch
    return Row(
        id=number,
        kind=kind,
        rule=rule,
        state="committed",
        trigger=trigger,
        source=source,
        target=target,
        epoch=own,
        started=at,
        ended=at + 0.5,
        committed=at + 0.5,
        applies=(Apply(target=target, epoch=own, at=at + 0.1),),
    )


def look(
    t: float,
    wanted: str,
    epoch: int,
    *,
    active: str | None = None,
    seen_epoch: int | None = None,
    pinned: frozenset[str] = frozenset(),
    held: frozenset[str] | None = None,
    pid: int = 7,
) -> Look:
    """One balancer, as wanted where nothing else is said; every server is up."""
    up = frozenset({"rlm1", "rlm2", "rlm3"})
    return Look(
        t=t,
        active=wanted,
        epoch=epoch,
        wish=Wish(active=wanted, epoch=epoch, pinned=pinned, up=up),
        balancers=(
            Steered(
                balancer="lb1",
                pid=pid,
                active=active or wanted,
                epoch=seen_epoch or epoch,
                held=pinned if held is None else held,
            ),
        ),
    )


def looks(*parts: tuple[float, float, str, int]) -> tuple[Look, ...]:
    """A look each second: (since, until, active, epoch)."""
    return tuple(
        look(since + number, active, epoch)
        for since, until, active, epoch in parts
        for number in range(int(until - since))
    )


RIGHT = History(
    events=(*visits("rlm1", 2, 10), *visits("rlm2", 13, 30)),
    seats=(Seat(server="rlm1", at=9.5), Seat(server="rlm2", at=13.1)),
    rows=(FIRST, move(2, "rlm1", "rlm2", 12.0)),
    rests=(Rest(kind="cooldown", since=12.5, until=20.0),),
    looks=looks((2, 12, "rlm1", 1), (13, 30, "rlm2", 2)),
    faults=(Fault(part="rlm1", since=10.0, until=15.0),),
    budgets=(Budget(seconds=4.0, since=2.0, until=30.0),),
)
"""rlm1 dies at 10, the controller moves to rlm2 at 12, rlm1 is back at 15 and gets nobody."""


def with_row(
    row: Row,
    *,
    events: tuple[Event, ...] = RIGHT.events,
    faults: tuple[Fault, ...] = RIGHT.faults,
    rests: tuple[Rest, ...] = RIGHT.rests,
) -> History:
    """The right history with one more row, which the daemon shows too."""
    shown = looks((2, 12, "rlm1", 1), (13, 22, "rlm2", 2), (23, 30, row.target, row.epoch))
    rows = (*RIGHT.rows, row)
    return replace(RIGHT, rows=rows, looks=shown, events=events, faults=faults, rests=rests)


SECOND_FAULT = (*RIGHT.faults, Fault(part="rlm2", since=20.0))

BROKEN = {
    "I1 a newcomer on the old server": ("I1", replace(RIGHT, events=(*RIGHT.events, session("rlm1", 20.0)))),
    "I1 only the old server's main port": (
        "I1",
        replace(RIGHT, events=(*RIGHT.events, session("rlm1", 20.0, isv="rlm2"))),
    ),
    "I1 a seat that only the ledger tells": (
        "I1",
        replace(RIGHT, seats=(*RIGHT.seats, Seat(server="rlm1", at=20.0))),
    ),
    "I1 back before the commit that names it": (
        "I1",
        with_row(
            move(3, "rlm2", "rlm1", 22.0, trigger="operator"),
            events=(*visits("rlm1", 2, 10), *visits("rlm2", 13, 20), *visits("rlm1", 21, 30)),
        ),
    ),
    "I2 one fault, two operations": (
        "I2",
        replace(
            RIGHT,
            events=(*visits("rlm1", 2, 10), *visits("rlm2", 13, 14), *visits("rlm3", 16, 30)),
            rows=(
                *RIGHT.rows,
                move(3, "rlm2", "rlm1", 14.0, trigger="operator"),
                move(4, "rlm1", "rlm3", 14.8),
            ),
            rests=(),
            looks=looks((2, 12, "rlm1", 1), (13, 14, "rlm2", 2), (16, 30, "rlm3", 4)),
        ),
    ),
    "I2 no fault at all": ("I2", with_row(move(3, "rlm2", "rlm3", 22.0))),
    "I2 long after the fault": ("I2", replace(RIGHT, faults=(Fault(part="rlm1", since=0.5, until=1.5),))),
    "I2 at the same time": (
        "I2",
        replace(
            RIGHT,
            events=(*visits("rlm1", 2, 10), *visits("rlm3", 13, 30)),
            rows=(*RIGHT.rows, move(3, "rlm2", "rlm3", 12.2, trigger="operator")),
            looks=looks((2, 12, "rlm1", 1), (13, 30, "rlm3", 3)),
        ),
    ),
    "I2 from a server that was not active": (
        "I2",
        with_row(move(3, "rlm1", "rlm3", 22.0, trigger="operator")),
    ),
    "I3 the same epoch again": ("I3", with_row(move(3, "rlm2", "rlm3", 22.0, trigger="operator", epoch=2))),
    "I3 another candidate under the same epoch": (
        "I3",
        replace(
            RIGHT,
            rows=(
                FIRST,
                replace(
                    move(2, "rlm1", "rlm2", 12.0),
                    applies=(Apply(target="rlm3", epoch=2, at=12.1), Apply(target="rlm2", epoch=2, at=12.3)),
                ),
            ),
        ),
    ),
    "I3 the record falls": ("I3", replace(RIGHT, looks=looks((2, 12, "rlm1", 3), (13, 30, "rlm2", 2)))),
    "I3 a worker falls": (
        "I3",
        replace(RIGHT, looks=(*RIGHT.looks, look(30, "rlm2", 2, seen_epoch=1), look(30.2, "rlm2", 2))),
    ),
    "I4 a record that changes without a row": (
        "I4",
        replace(RIGHT, looks=looks((2, 12, "rlm1", 1), (13, 25, "rlm2", 2), (26, 30, "rlm3", 2))),
    ),
    "I4 clients elsewhere without a row": (
        "I4",
        replace(RIGHT, events=(*RIGHT.events, *visits("rlm3", 30, 32))),
    ),
    "I4 the last row is not what is so": ("I4", with_row(move(3, "rlm2", "rlm3", 31.0, trigger="operator"))),
    "I5 in a cooldown": (
        "I5",
        with_row(
            move(3, "rlm2", "rlm3", 22.0),
            faults=SECOND_FAULT,
            rests=(Rest(kind="cooldown", since=12.5, until=40.0),),
        ),
    ),
    "I5 in a pause": ("I5", replace(RIGHT, rests=(Rest(kind="pause", since=5.0, until=40.0),))),
    "I5 the way out of a cooldown, in a pause": (
        "I5",
        with_row(
            move(3, "rlm2", "rlm1", 22.0, rule="only_pinned_left"),
            faults=SECOND_FAULT,
            rests=(Rest(kind="pause", since=21.0, until=40.0),),
        ),
    ),
    "I6 too long": ("I6", replace(RIGHT, budgets=(Budget(seconds=3.0, since=2.0, until=30.0),))),
    "I6 nobody served at the end": (
        "I6",
        replace(RIGHT, budgets=(Budget(seconds=4.0, since=2.0, until=35.0),)),
    ),
    "I7 another server for long": (
        "I7",
        replace(
            RIGHT,
            looks=(
                *RIGHT.looks,
                *(look(30.0 + n, "rlm2", 2, active="rlm3") for n in range(17)),
                look(47, "rlm2", 2),
            ),
        ),
    ),
    "I7 an older epoch at the end": (
        "I7",
        replace(RIGHT, looks=(*RIGHT.looks, look(30, "rlm2", 2, seen_epoch=1, pid=8))),
    ),
    "I7 a pin that is missing at the end": (
        "I7",
        replace(
            RIGHT,
            looks=(*RIGHT.looks, look(30, "rlm2", 2, pinned=frozenset({"rlm1"}), held=frozenset())),
        ),
    ),
    "I7 a healthy server held for nothing": (
        "I7",
        replace(RIGHT, looks=(*RIGHT.looks, look(30, "rlm2", 2, held=frozenset({"rlm3"})))),
    ),
}

LAWFUL = {
    "the story itself": RIGHT,
    "nothing at all": History(),
    "a connection that began before the move": replace(
        RIGHT, events=(*RIGHT.events, session("rlm1", 12.3, took=0.3))
    ),
    "what a hung server had in its queue": replace(
        RIGHT,
        seats=(*RIGHT.seats, Seat(server="rlm1", at=15.2)),
    ),
    "back by hand": with_row(
        move(3, "rlm2", "rlm1", 22.0, kind="failback", trigger="operator"),
        events=(*visits("rlm1", 2, 10), *visits("rlm2", 13, 22), *visits("rlm1", 22.6, 30)),
    ),
    "HAProxy went first, back to one that had served": with_row(
        move(3, "rlm2", "rlm1", 22.0, kind="adopt", rule="adopted", trigger="balancer"),
        events=(*visits("rlm1", 2, 10), *visits("rlm2", 13, 20), *visits("rlm1", 21, 30)),
        faults=SECOND_FAULT,
    ),
    "HAProxy went first, and a failover decided before that was seen": with_row(
        move(3, "rlm2", "rlm1", 22.0),
        events=(*visits("rlm1", 2, 10), *visits("rlm2", 13, 20), *visits("rlm1", 21, 30)),
        faults=SECOND_FAULT,
    ),
    "a second fault, a second operation": with_row(
        move(3, "rlm2", "rlm3", 22.0),
        events=(*visits("rlm1", 2, 10), *visits("rlm2", 13, 20), *visits("rlm3", 23, 30)),
        faults=SECOND_FAULT,
    ),
    "an adoption in a cooldown": with_row(
        move(3, "rlm2", "rlm3", 22.0, kind="adopt", rule="adopted", trigger="balancer"),
        faults=SECOND_FAULT,
        rests=(Rest(kind="cooldown", since=12.5, until=40.0), Rest(kind="pause", since=13.0, until=40.0)),
    ),
    "the way out of a cooldown": with_row(
        move(3, "rlm2", "rlm1", 22.0, rule="only_pinned_left"),
        faults=SECOND_FAULT,
        rests=(Rest(kind="cooldown", since=12.5, until=40.0),),
    ),
    "a failback by the clock": with_row(
        move(3, "rlm2", "rlm1", 22.0, kind="failback", rule="failback_due", trigger="schedule")
    ),
    "the next candidate under a higher epoch": replace(
        RIGHT,
        rows=(
            FIRST,
            replace(
                move(2, "rlm1", "rlm2", 12.0, epoch=3),
                applies=(Apply(target="rlm3", epoch=2, at=12.1), Apply(target="rlm2", epoch=3, at=12.3)),
            ),
        ),
        looks=looks((2, 12, "rlm1", 1), (13, 30, "rlm2", 3)),
    ),
    "a store restored from a backup": replace(
        RIGHT,
        rows=(
            *RIGHT.rows,
            move(2, "rlm1", "rlm2", 22.0, kind="resync", rule="epoch_behind", trigger="balancer", epoch=3),
        ),
        looks=(
            *looks((2, 12, "rlm1", 1), (13, 20, "rlm2", 2)),
            look(21, "rlm1", 1, active="rlm2", seen_epoch=2),
            *looks((23, 30, "rlm2", 3)),
        ),
        restored=(20.5,),
    ),
    "a new worker that knows nothing for some seconds": replace(
        RIGHT,
        looks=(
            *RIGHT.looks,
            *(look(30.0 + n, "rlm2", 2, seen_epoch=1, pid=8) for n in range(9)),
            look(39, "rlm2", 2, pid=8),
        ),
    ),
    "a dead server that stays held": replace(
        RIGHT,
        looks=(
            *RIGHT.looks,
            replace(
                look(30, "rlm2", 2, held=frozenset({"rlm3"})),
                wish=Wish(active="rlm2", epoch=2, pinned=frozenset(), up=frozenset({"rlm2"})),
            ),
        ),
    ),
    "a wish that changes again and again": replace(
        RIGHT,
        looks=(
            *RIGHT.looks,
            *(
                look(30.0 + n, "rlm2", 2, pinned=frozenset({f"rlm{1 + n % 2 * 2}"}), held=frozenset())
                for n in range(14)
            ),
            look(44, "rlm2", 2),
        ),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_history_that_breaks_an_invariant_is_found_by_that_one_alone(name: str) -> None:
    invariant, history = BROKEN[name]

    assert {breach.partition(":")[0] for breach in breaches(history)} == {invariant}


@pytest.mark.parametrize("name", LAWFUL)
def test_a_history_that_is_right_has_no_breach(name: str) -> None:
    assert breaches(LAWFUL[name]) == ()


def test_every_invariant_has_a_history_that_breaks_it() -> None:
    assert {invariant for invariant, _ in BROKEN.values()} == set(INVARIANTS)
