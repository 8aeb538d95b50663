"""What a balancer needs next: a situation in which nothing is needed, and one change for each need."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from rlm_exporter.haproxy.applied import Applied, recognised
from rlm_exporter.haproxy.plan import (
    FOREIGN_HAND,
    Need,
    Repair,
    foreign,
    need,
    out_of_its_reach,
    shortfall,
    unknown_servers,
)
from rlm_exporter.haproxy.stats_page import admin_state
from rlm_exporter.haproxy.view import AdminState, BalancerView, Desired, ServerLine

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SERVERS = ("rlm1", "rlm2", "rlm3")
MONOTONIC = 1000.0
MOMENT = 0.001
LEFT_ALONE_FOR = FOREIGN_HAND.total_seconds()


def line(server: str, status: str, backend: str = "rlm_license_servers") -> ServerLine:
    admin = admin_state(status)
    return ServerLine(
        backend=backend,
        server=server,
        server_id=int(server[-1]),
        status=status,
        admin=admin,
        is_up=admin is AdminState.READY and status.startswith("UP"),
        sessions=0,
        sessions_total=0,
        bytes_out=0,
        backup=server != "rlm1",
    )


def view(
    rlm1: str = "UP",
    rlm2: str = "UP",
    rlm3: str = "UP",
    *,
    epoch: int | None = 7,
    pid: int | None = 4711,
    active: str | None = "rlm2",
    unknown: frozenset[str] = frozenset(),
) -> BalancerView:
    statuses = dict(zip(SERVERS, (rlm1, rlm2, rlm3), strict=True))
    tracked = {
        server: f"MAINT (via rlm_license_servers/{server})" if status == "MAINT" else status
        for server, status in statuses.items()
    }
    return BalancerView(
        balancer="lb1",
        read_at=NOW,
        epoch=epoch,
        pid=pid,
        active=active,
        lines=(
            *(line(server, status) for server, status in statuses.items()),
            *(line(server, status, "rlm_isv_siemens") for server, status in tracked.items()),
        ),
        unknown_servers=unknown,
    )


def wanted(*pinned: str, active: str = "rlm2", epoch: int = 7) -> Desired:
    return Desired(epoch=epoch, active=active, pinned=frozenset(pinned))


@dataclass(frozen=True, kw_only=True)
class Situation:
    """rlm2 is active, rlm1 is pinned, the balancer has it all."""

    desired: Desired = wanted("rlm1")  # noqa: RUF009 - a frozen value
    view: BalancerView = view("MAINT")  # noqa: RUF009 - a frozen value
    applied: Applied | None = Applied(desired=wanted("rlm1"), held=frozenset({"rlm1"}), pid=4711)  # noqa: RUF009 - a frozen value
    foreign_since: float | None = None

    def need(self) -> Need | None:
        return need(
            desired=self.desired,
            view=self.view,
            applied=self.applied,
            foreign_since=self.foreign_since,
            now=MONOTONIC,
        )


def applied(*held: str, epoch: int = 7, active: str = "rlm2", settled_at: float | None = None) -> Applied:
    desired = wanted("rlm1", epoch=epoch, active=active)
    return Applied(desired=desired, held=frozenset(held), pid=4711, settled_at=settled_at)


NEEDS: dict[str, tuple[Repair, frozenset[str], Situation]] = {
    "nothing was ever taken": (Repair.MOVE, frozenset(), Situation(applied=None)),
    "a higher epoch is wanted": (
        Repair.MOVE,
        frozenset(),
        Situation(desired=wanted("rlm1", epoch=8)),
    ),
    "another server is wanted": (
        Repair.MOVE,
        frozenset(),
        Situation(applied=applied("rlm1", active="rlm3")),
    ),
    "a new worker": (Repair.NEW_WORKER, frozenset(), Situation(view=view("MAINT", pid=4712))),
    "a new worker under our epoch": (
        Repair.NEW_WORKER,
        frozenset(),
        Situation(view=view("MAINT", pid=4712, active="rlm1")),
    ),
    "an empty epoch on the same pid": (
        Repair.NEW_WORKER,
        frozenset(),
        Situation(view=view("MAINT", epoch=None)),
    ),
    "an older epoch": (Repair.EPOCH_OLDER, frozenset(), Situation(view=view("MAINT", epoch=6))),
    "a pin that we have just come to want": (
        Repair.PINS,
        frozenset(),
        Situation(desired=wanted("rlm1", "rlm3")),
    ),
    "a pin that another hand lifted 60 s ago": (
        Repair.PINS,
        frozenset(),
        Situation(view=view(), foreign_since=MONOTONIC - LEFT_ALONE_FOR),
    ),
    "a pin that another hand turned into a drain 60 s ago": (
        Repair.PINS,
        frozenset(),
        Situation(view=view("DRAIN"), foreign_since=MONOTONIC - LEFT_ALONE_FOR),
    ),
    "a pin that is no longer wanted": (
        Repair.RELEASE,
        frozenset({"rlm1"}),
        Situation(desired=wanted()),
    ),
    "two held after a move, one is wanted pinned": (
        Repair.RELEASE,
        frozenset({"rlm3"}),
        Situation(view=view("MAINT", "UP", "MAINT"), applied=applied("rlm1", "rlm3")),
    ),
    "retries have settled": (
        Repair.RELEASE,
        frozenset({"rlm3"}),
        Situation(
            view=view("MAINT", "UP", "MAINT"),
            applied=applied("rlm1", "rlm3", settled_at=MONOTONIC),
        ),
    ),
    "nobody in particular is wanted any more": (
        Repair.MOVE,
        frozenset(),
        Situation(desired=replace(wanted("rlm1"), active=None)),
    ),
    "what we held is drained by another hand": (
        Repair.RELEASE,
        frozenset({"rlm3"}),
        Situation(view=view("MAINT", "UP", "DRAIN"), applied=applied("rlm1", "rlm3")),
    ),
    "a standby taken out by another hand 60 s ago": (
        Repair.RELEASE,
        frozenset({"rlm3"}),
        Situation(view=view("MAINT", "UP", "MAINT"), foreign_since=MONOTONIC - LEFT_ALONE_FOR),
    ),
    "the active one taken out by another hand 60 s ago": (
        Repair.RELEASE,
        frozenset({"rlm2"}),
        Situation(view=view("MAINT", "MAINT", active="rlm3"), foreign_since=MONOTONIC - LEFT_ALONE_FOR),
    ),
}

LEFT_ALONE: dict[str, Situation] = {
    "all is as wanted": Situation(),
    "HAProxy moved by itself under our epoch": Situation(view=view("MAINT", "DOWN", active="rlm3")),
    "the table is empty under our epoch": Situation(view=view("MAINT", active=None)),
    "a higher epoch is not ours to repair": Situation(view=view("MAINT", epoch=9)),
    "a standby is down": Situation(view=view("MAINT", "UP", "DOWN")),
    "a pin that another hand has just lifted": Situation(
        view=view(), foreign_since=MONOTONIC - LEFT_ALONE_FOR + MOMENT
    ),
    "a pin that nobody has noticed to be lifted": Situation(view=view()),
    "a standby that another hand has just taken out": Situation(
        view=view("MAINT", "UP", "MAINT"), foreign_since=MONOTONIC - LEFT_ALONE_FOR + MOMENT
    ),
    "a pin that a missing address may hide": Situation(
        view=view("MAINT (resolution)"), foreign_since=MONOTONIC - LEFT_ALONE_FOR
    ),
    "a standby without an address": Situation(
        view=view("MAINT", "UP", "MAINT (resolution)"), foreign_since=MONOTONIC - LEFT_ALONE_FOR
    ),
    "retries after a move have not settled": Situation(
        view=view("MAINT", "UP", "MAINT"),
        applied=applied("rlm1", "rlm3", settled_at=MONOTONIC + MOMENT),
    ),
}


@pytest.mark.parametrize(("repair", "servers", "situation"), NEEDS.values(), ids=NEEDS)
def test_what_is_needed_and_why(repair: Repair, servers: frozenset[str], situation: Situation) -> None:
    assert situation.need() == Need(repair=repair, servers=servers)


@pytest.mark.parametrize("situation", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_what_is_left_alone_on_purpose(situation: Situation) -> None:
    assert situation.need() is None


def test_every_repair_has_a_row() -> None:
    assert {repair for repair, _, _ in NEEDS.values()} == set(Repair)


def test_a_new_worker_comes_before_its_missing_pins() -> None:
    situation = Situation(view=view(pid=4712, epoch=None), foreign_since=MONOTONIC - LEFT_ALONE_FOR)
    assert situation.need() == Need(repair=Repair.NEW_WORKER)


def test_what_an_earlier_life_did_settles_once_more() -> None:
    seen = view("MAINT", "UP", "MAINT")
    taken_over = recognised(wanted("rlm1"), seen, now=MONOTONIC)
    assert taken_over.held == {"rlm1", "rlm3"}
    assert Situation(view=seen, applied=taken_over).need() is None
    later = replace(taken_over, settled_at=MONOTONIC)
    assert Situation(view=seen, applied=later).need() == Need(
        repair=Repair.RELEASE, servers=frozenset({"rlm3"})
    )


@pytest.mark.parametrize(
    ("expected", "situation"),
    [
        (False, Situation()),
        (False, Situation(applied=None, view=view())),
        (False, Situation(view=view(pid=4712))),
        (False, Situation(view=view(), desired=wanted("rlm1", epoch=8))),
        (False, Situation(desired=wanted("rlm1", "rlm3"))),
        (False, Situation(view=view("MAINT (resolution)"))),
        (False, Situation(view=view("MAINT", "UP", "MAINT"), applied=applied("rlm1", "rlm3"))),
        (True, Situation(view=view())),
        (True, Situation(view=view("MAINT", "UP", "MAINT"))),
        (True, Situation(view=view("MAINT", "UP", "DRAIN"))),
        (True, Situation(view=view("MAINT", "MAINT"))),
    ],
    ids=[
        "as wanted",
        "before we have steered",
        "a new worker",
        "before a move",
        "a pin we have yet to set",
        "a pin that does not show",
        "a hold of ours",
        "a pin lifted",
        "a standby in maint",
        "a standby drained",
        "the active one in maint",
    ],
)
def test_another_hand_is_what_neither_we_nor_a_reload_did(expected: bool, situation: Situation) -> None:
    assert foreign(desired=situation.desired, view=situation.view, applied=situation.applied) is expected


MOVED = view("MAINT", "UP", "MAINT")
OTHERS = frozenset({"rlm1", "rlm3"})


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (MOVED, None),
        (view("MAINT", "UP 1/3", "MAINT (resolution)"), None),
        (
            replace(MOVED, unknown_servers=frozenset({"rlm3", "rlm1"})),
            "HAProxy does not know rlm1, rlm3 in every backend: render its configuration again",
        ),
        (replace(MOVED, epoch=None), "its epoch is empty, not 7"),
        (replace(MOVED, epoch=6), "its epoch is 6, not 7"),
        (
            view("MAINT", "MAINT", "MAINT"),
            (
                "rlm2 is not ready: rlm_license_servers MAINT, "
                "rlm_isv_siemens MAINT (via rlm_license_servers/rlm2)"
            ),
        ),
        (
            view("MAINT", "MAINT (resolution)", "MAINT"),
            "rlm2 is not ready: rlm_license_servers MAINT (resolution), rlm_isv_siemens MAINT (resolution)",
        ),
        (view("UP", "UP", "DOWN"), "rlm1, rlm3 could still get connections"),
        (view("MAINT", "UP", "DRAIN"), "rlm3 could still get connections"),
        (replace(MOVED, active="rlm1"), "its table names rlm1, not rlm2"),
        (replace(MOVED, active=None), "its table names nobody, not rlm2"),
    ],
)
def test_what_a_move_still_lacks_is_said_in_words(seen: BalancerView, expected: str | None) -> None:
    assert shortfall(wanted(), seen, active="rlm2", held=OTHERS) == expected


def test_later_only_the_pinned_ones_have_to_be_held() -> None:
    released = view("MAINT", "UP", "UP")
    assert shortfall(wanted("rlm1"), released, active="rlm2", held=frozenset({"rlm1"})) is None
    lifted = view("UP", "UP", "UP")
    assert shortfall(wanted("rlm1"), lifted, active="rlm2", held=frozenset({"rlm1"})) == (
        "rlm1 could still get connections"
    )


def test_an_isv_line_that_is_not_held_is_a_shortfall() -> None:
    loose = replace(MOVED, lines=(*MOVED.lines[:5], line("rlm3", "UP", "rlm_isv_siemens")))
    assert shortfall(wanted(), loose, active="rlm2", held=OTHERS) == "rlm3 could still get connections"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("UP", None),
        ("UP 1/3", None),
        ("no check", None),
        ("MAINT", None),
        ("DRAIN", None),
        ("DOWN", "HAProxy finds it DOWN"),
        ("DOWN 1/2", "HAProxy finds it DOWN 1/2"),
        ("MAINT (resolution)", "HAProxy finds it MAINT (resolution)"),
    ],
)
def test_a_server_that_haproxy_cannot_send_to_is_named(status: str, expected: str | None) -> None:
    seen = view(rlm2=status)
    if status == "no check":
        seen = replace(seen, lines=tuple(replace(each, is_up=True) for each in seen.lines))
    assert out_of_its_reach(seen, "rlm2") == expected


def test_a_server_that_is_not_there_is_for_others_to_name() -> None:
    assert out_of_its_reach(view(), "rlm9") is None
    assert unknown_servers(view()) is None
