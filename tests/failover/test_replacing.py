"""Which manifest may take the place of the one that is looked after."""

from dataclasses import replace
from typing import Any

import pytest

from rlm_exporter.failover.replacing import refusals
from rlm_exporter.manifest.model import Cluster, Failback, Server
from rlm_exporter.store.records import OperationState, PinKind
from tests.failover.situations import CLUSTER, pin, situation
from tests.failover.test_desired import operation

RECORD = situation().record
"""rlm1 is active."""


def without(*names: str) -> Cluster:
    return replace(CLUSTER, servers=tuple(each for each in CLUSTER.servers if each.name not in names))


def reordered(*names: str, failback: Failback = Failback.MANUAL) -> Cluster:
    return replace(CLUSTER, servers=tuple(CLUSTER.server(name) for name in names), failback=failback)


def moved(name: str, **changes: Any) -> Cluster:
    def changed(server: Server) -> Server:
        return replace(server, **changes) if server.name == name else server

    return replace(CLUSTER, servers=tuple(changed(each) for each in CLUSTER.servers))


AUTOMATIC = replace(CLUSTER, failback=Failback.AUTOMATIC)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (CLUSTER, CLUSTER),
        (CLUSTER, without("rlm3")),
        (CLUSTER, moved("rlm2", host="elsewhere.example.com")),
        (CLUSTER, moved("rlm1", web_port=9000)),
        (CLUSTER, reordered("rlm2", "rlm1", "rlm3")),
        (CLUSTER, AUTOMATIC),
        (None, CLUSTER),
    ],
    ids=[
        "the same",
        "a standby goes",
        "a standby is another machine",
        "another web port",
        "another order while somebody has to ask for the way back",
        "automatic failback to where clients are",
        "the first one",
    ],
)
def test_what_moves_nobody_may_be(old: Cluster | None, new: Cluster) -> None:
    assert refusals(old=old, new=new, record=RECORD, operation=None) == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (CLUSTER, without("rlm1"), "has no server rlm1, but the journal says"),
        (None, without("rlm1"), "has no server rlm1, but the journal says"),
        (CLUSTER, moved("rlm1", host="elsewhere.example.com"), "clients would be sent to another machine"),
        (CLUSTER, moved("rlm1", port=5099), "clients would be sent to another machine"),
        (CLUSTER, reordered("rlm2", "rlm1", failback=Failback.AUTOMATIC), "licenses switchover"),
        (AUTOMATIC, reordered("rlm2", "rlm1", failback=Failback.AUTOMATIC), "licenses switchover"),
        (None, reordered("rlm2", "rlm1", failback=Failback.AUTOMATIC), "licenses switchover"),
    ],
    ids=[
        "the active one goes",
        "the active one is not there after a removal",
        "the active one is another machine",
        "the active one has another port",
        "another order and automatic failback",
        "another order with automatic failback",
        "another order with automatic failback, and nothing ran before",
    ],
)
def test_what_would_move_clients_is_refused(old: Cluster | None, new: Cluster, told: str) -> None:
    (why,) = refusals(old=old, new=new, record=RECORD, operation=None)
    assert told in why


def test_a_way_back_that_waits_already_is_nothing_new() -> None:
    record = replace(RECORD, active="rlm2")
    new = replace(AUTOMATIC, servers=CLUSTER.servers[:2])

    assert refusals(old=AUTOMATIC, new=new, record=record, operation=None) == ()
    assert refusals(old=CLUSTER, new=new, record=record, operation=None) != ()


def test_a_server_in_maintenance_is_not_where_an_automatic_failback_leads() -> None:
    record = replace(RECORD, active="rlm2", pins=(pin("rlm1", PinKind.MAINTENANCE),))

    assert refusals(old=CLUSTER, new=AUTOMATIC, record=record, operation=None) == ()


def test_without_a_record_nothing_can_be_moved() -> None:
    assert refusals(old=None, new=without("rlm1"), record=None, operation=None) == ()


def test_the_servers_of_an_operation_stay() -> None:
    begun = operation(8, OperationState.OPEN)
    (why,) = refusals(old=CLUSTER, new=without("rlm2"), record=RECORD, operation=begun)
    assert "no server rlm2" in why
