"""Gathers what a case has left behind, and asks whether every invariant held.

`check_history(stage, ...)` is the last line of every fault case. What was seen comes from four sides: the
records of the clients, the ledgers of the servers, the journal, and a watcher that looked at the daemon and
at every balancer all the time.
"""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rlm_exporter.demo.layout import CLUSTER, SERVERS, balancer_name
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.history import sessions
from tests.acceptance.evidence import (
    ADOPTION_LAG,
    SOON,
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
from tests.acceptance.invariants import breaches, differences
from tests.acceptance.seeing import answered

RECORD = "watcher.jsonl"
WHOLE_JOURNAL = 1000

__all__ = ["Budget", "Fault", "check_history", "start_watcher"]


def start_watcher(stage: Stage) -> None:
    """Have somebody look on from now until the stage is cleared."""
    layout = stage.layout
    names = [balancer_name(number) for number in range(layout.balancers)]
    stage.processes.start(
        "watcher",
        [
            *(sys.executable, str(Path(__file__).with_name("watcher.py")), str(stage.folder / RECORD)),
            *(f"{layout.daemon_url}/api/v1/clusters/{CLUSTER}", ",".join(SERVERS)),
            *(f"{name}={stage.folder / name}.sock" for name in names),
        ],
    )


def check_history(
    stage: Stage,
    *,
    faults: Sequence[Fault],
    budget: float | None = None,
    budgets: Sequence[Budget] = (),
    earlier: Sequence[dict[str, Any]] = (),
    restored: Sequence[float] = (),
    soon: float = SOON,
    lag: float = ADOPTION_LAG,
) -> None:
    """Wait until the balancers are as wanted, then raise AssertionError with every breach.

    `faults` are what the case did, by `time.monotonic()`: no automatic operation without one. `budget` are
    the seconds without service that are right from the first session on; `budgets` where that differs in
    time. `earlier` are operations of a journal that the case has replaced at the moments `restored`. `soon`
    and `lag` are for cases in which a rule waits longer than usual. The daemon has to run.
    """
    _wait_converged(stage, soon)
    now = time.monotonic()
    events = stage.events()
    served = sessions(events)
    if budget is not None:
        assert served, "nobody was ever served, so a time without service means nothing"
        budgets = [*budgets, Budget(seconds=budget, since=served[0].ended, until=now)]
    seats = tuple(_seats(stage))
    assert bool(seats) == bool(served), "clients and ledgers do not tell of the same servers"
    offset = time.time() - time.monotonic()
    journal = _journal(stage)
    told = [_row(operation, offset) for operation in (*earlier, *journal["operations"])]
    rows = tuple(sorted(told, key=lambda row: row.started))
    cooldown = answered(stage, stage.cluster)["failover"]["cooldown_seconds"]
    found = breaches(
        History(
            events=events,
            seats=seats,
            rows=rows,
            rests=tuple(_rests(journal["decisions"], rows, cooldown, offset)),
            looks=tuple(_look(document, rows) for document in _watched(stage)),
            faults=tuple(faults),
            budgets=tuple(budgets),
            restored=tuple(restored),
            soon=soon,
            lag=lag,
        )
    )
    assert found == (), "\n".join(found)


def _wait_converged(stage: Stage, within: float) -> None:
    """Until a look that was taken from now on finds nothing open and every balancer as wanted."""
    began = time.monotonic()

    def as_wanted() -> bool:
        last = _watched(stage)[-1:]
        if not last or last[0]["t"] <= began or last[0]["cluster"] is None:
            return False
        look = _look(last[0], ())
        is_open = last[0]["cluster"]["failover"]["operation"] is not None
        return look.wish is not None and not is_open and not differences(look)

    stage.wait(as_wanted, "every balancer as wanted", within=within)


def _journal(stage: Stage) -> dict[str, Any]:
    url = f"{stage.layout.daemon_url}/api/v1/clusters/{CLUSTER}/events?limit={WHOLE_JOURNAL}"
    return answered(stage, lambda: stage.get(url))


def _row(operation: dict[str, Any], offset: float) -> Row:
    return Row(
        id=operation["id"],
        kind=operation["kind"],
        rule=operation["rule"],
        state=operation["state"],
        trigger=operation["trigger"],
        source=operation["from"],
        target=operation["to"],
        epoch=operation["epoch"],
        started=_moment(operation["started_at"], offset),
        ended=_moment_or_none(operation["ended_at"], offset),
        committed=_moment_or_none(operation["committed_at"], offset),
        applies=tuple(
            Apply(target=step["target"], epoch=step["epoch"], at=_moment(step["intent_at"], offset))
            for step in operation["steps"]
            if step["step"] == "apply"
        ),
    )


def _rests(
    decisions: Sequence[dict[str, Any]], rows: Iterable[Row], cooldown: float, offset: float
) -> Iterable[Rest]:
    """Pauses by what operators said, cooldowns by what was committed; an ack ends a cooldown."""
    said = sorted(
        (_moment(each["at"], offset), each["rule"], each["detail"])
        for each in decisions
        if each["trigger"] == "operator"
    )
    acks = [at for at, word, _ in said if word == "ack"]
    for row in rows:
        if row.is_automatic and row.committed is not None:
            since, until = row.committed, row.committed + cooldown
            yield Rest(kind="cooldown", since=since, until=min([until, *(a for a in acks if a > since)]))
    for at, word, detail in said:
        if word == "pause":
            told = detail.removeprefix("paused until ").partition(" UTC")[0]
            until = _moment(f"{told}+00:00", offset)
            ends = [
                other for other, word_after, _ in said if other > at and word_after in {"pause", "resume"}
            ]
            yield Rest(kind="pause", since=at, until=min([until, *ends]))


def _watched(stage: Stage) -> list[dict[str, Any]]:
    path = stage.folder / RECORD
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _look(document: dict[str, Any], rows: Sequence[Row]) -> Look:
    cluster = document["cluster"] or {}
    return Look(
        t=document["t"],
        active=cluster.get("active"),
        epoch=cluster.get("epoch"),
        wish=_wish(cluster, rows, document["t"]) if cluster.get("active") is not None else None,
        balancers=tuple(
            Steered(
                balancer=name,
                pid=seen["pid"],
                active=seen["active"],
                epoch=seen["epoch"],
                held=frozenset(seen["held"]),
            )
            for name, seen in document["balancers"].items()
            if seen is not None
        ),
    )


def _wish(cluster: dict[str, Any], rows: Sequence[Row], t: float) -> Wish:
    """The target of an operation that had been applied and not ended at that moment, else the record."""
    up = {server["name"] for server in cluster["servers"] if server["license"]["state"] == "up"}
    for row in rows:
        applied = [apply for apply in row.applies if apply.at <= t]
        if applied and (row.ended is None or t < row.ended):
            active, epoch = applied[-1].target, applied[-1].epoch
            others = {server["name"] for server in cluster["servers"]} - {active}
            return Wish(active=active, epoch=epoch, pinned=frozenset(others), up=frozenset(up))
    active = cluster["active"]
    pinned = {pin["server"] for pin in cluster["failover"]["pins"]} - {active}
    return Wish(active=active, epoch=cluster["epoch"], pinned=frozenset(pinned), up=frozenset(up))


def _seats(stage: Stage) -> Iterable[Seat]:
    for path in sorted(stage.folder.glob("*.ledger")):
        text = path.read_text(encoding="utf-8")
        for line in text[: text.rfind("\n") + 1].splitlines():
            record = json.loads(line)
            if record["kind"] == "checkout":
                yield Seat(server=record["server"], at=record["t"])


def _moment(moment: str, offset: float) -> float:
    return datetime.fromisoformat(moment).timestamp() - offset


def _moment_or_none(moment: str | None, offset: float) -> float | None:
    return None if moment is None else _moment(moment, offset)
