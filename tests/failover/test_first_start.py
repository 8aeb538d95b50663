"""Whoever serves already is the active one; nobody is moved because we have just arrived."""

import pytest

from rlm_exporter.failover.first_start import find_active, first_epoch
from rlm_exporter.haproxy.view import BalancerView
from rlm_exporter.probe.snapshot import ServerSnapshot
from tests.failover.situations import CLUSTER, down, snapshot, unknown, up, view

HEALTHY = (up("rlm1", successes=1), up("rlm2", successes=1), up("rlm3", successes=1))


def found(*parts: ServerSnapshot, views: tuple[BalancerView, ...] = ()) -> str | None:
    answer = find_active(cluster=CLUSTER, snapshot=snapshot(*parts), views=views)
    assert answer is None or answer[1]
    return None if answer is None else answer[0]


def test_the_balancers_table_says_who_serves() -> None:
    assert found(*HEALTHY, views=(view("rlm2", epoch=None),)) == "rlm2"


def test_the_table_counts_even_where_our_check_does_not_like_the_server() -> None:
    """To move clients is a decision of its own, with a threshold."""
    assert found(HEALTHY[0], down("rlm2"), HEALTHY[2], views=(view("rlm2"),)) == "rlm2"


def test_a_server_that_the_manifest_does_not_know_is_nobody() -> None:
    assert found(*HEALTHY, views=(view("old-rlm"), view("rlm3", balancer="lb2"))) == "rlm3"
    assert found(*HEALTHY, views=(view("old-rlm"),)) == "rlm1"


def test_with_an_empty_table_it_is_the_healthy_one_with_most_sessions() -> None:
    busy = (
        view(None, sessions={"rlm2": 3, "rlm3": 2}),
        view(None, balancer="lb2", sessions={"rlm3": 2}),
    )
    assert found(*HEALTHY, views=busy) == "rlm3"


def test_sessions_on_a_server_that_is_down_do_not_count() -> None:
    busy = (view(None, sessions={"rlm1": 9, "rlm2": 1}),)
    assert found(down("rlm1"), HEALTHY[1], HEALTHY[2], views=busy) == "rlm2"


def test_where_nobody_is_used_it_is_the_first_healthy_one_in_the_manifests_order() -> None:
    assert found(*HEALTHY, views=(view(None),)) == "rlm1"
    assert found(down("rlm1"), HEALTHY[1], HEALTHY[2]) == "rlm2"


def test_nobody_is_taken_before_every_server_has_been_checked() -> None:
    """The preferred server may only be slower to answer."""
    assert found(unknown("rlm1"), HEALTHY[1], HEALTHY[2], views=(view(None),)) is None


def test_nobody_is_taken_where_nobody_is_healthy() -> None:
    assert found(down("rlm1"), down("rlm2"), down("rlm3"), views=(view(None),)) is None


@pytest.mark.parametrize(("epochs", "first"), [((), 1), ((None,), 1), ((7,), 8), ((None, 7, 3), 8)])
def test_the_first_epoch_is_above_any_that_a_balancer_has_seen(
    epochs: tuple[int | None, ...], first: int
) -> None:
    assert first_epoch(tuple(view(epoch=epoch) for epoch in epochs)) == first
