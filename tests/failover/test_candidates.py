"""Who could take over, and in which order."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from rlm_exporter.failover.candidates import candidates, features_present, is_pinned, why_not
from rlm_exporter.manifest.model import CandidateOrder, Feature, Tuning
from rlm_exporter.probe.result import Failure, FailureReason, ProbeKind, ProbeResult
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.store.records import PinKind
from tests.failover.situations import CLUSTER, NOW, down, pin, pool, read, situation, status, unknown, up

HALF = status(pool("STARCCM"))


def test_they_stand_in_the_manifests_order() -> None:
    assert candidates(situation()) == ("rlm2", "rlm3")


@pytest.mark.parametrize(
    ("changes", "order"),
    [
        ({"pins": (pin("rlm2"),)}, ("rlm3", "rlm2")),
        ({"pins": (pin("rlm2", PinKind.SETTLE),)}, ("rlm2", "rlm3")),
        ({"readings": (read("rlm3"),)}, ("rlm3", "rlm2")),
        ({"readings": (read("rlm3"),), "pins": (pin("rlm3"),)}, ("rlm3", "rlm2")),
        ({"rlm2": up("rlm2", answer=HALF), "readings": (read("rlm2"),)}, ("rlm3", "rlm2")),
        ({"rlm3": up("rlm3", answer=HALF), "pins": (pin("rlm2"),)}, ("rlm2", "rlm3")),
        ({"rlm2": up("rlm2", answer=None)}, ("rlm3", "rlm2")),
    ],
    ids=[
        "unpinned before pinned",
        "settling is not pinned",
        "the balancer's own choice first",
        "the balancer's own choice before unpinned ones",
        "features before the balancer's choice",
        "features before pins",
        "an answer that is not known has no features",
    ],
)
def test_what_comes_first(changes: dict[str, Any], order: tuple[str, ...]) -> None:
    assert candidates(situation(**changes)) == order


@pytest.mark.parametrize(
    "changes",
    [
        {"rlm2": down("rlm2", failures=1)},
        {"rlm2": up("rlm2", successes=1)},
        {"rlm2": unknown("rlm2")},
        {"rlm2": unknown("rlm2", Failure(reason=FailureReason.LOCAL, detail="no free descriptor"))},
        {"pins": (pin("rlm2", PinKind.MAINTENANCE),)},
    ],
    ids=["down", "good once only", "never checked", "could not be checked", "in maintenance"],
)
def test_who_is_none(changes: dict[str, Any]) -> None:
    assert candidates(situation(**changes)) == ("rlm3",)


def test_the_excluded_and_the_active_one_are_none() -> None:
    assert candidates(situation(active=up("rlm1")), excluded=frozenset({"rlm2"})) == ("rlm3",)
    assert candidates(situation(), excluded=frozenset({"rlm2", "rlm3"})) == ()


def test_names_of_products_count_whatever_their_case_and_without_a_heading() -> None:
    part = up("rlm2", answer=status(pool("starccm", "SIEMENS"), pool("NXCAE", None)))
    assert features_present(situation(), part) == 2


def test_a_pool_that_serves_nobody_is_no_feature() -> None:
    expired = replace(pool("NXCAE"), expires=date(2026, 2, 27))
    assert features_present(situation(), up("rlm2", answer=status(pool("STARCCM", count=0), expired))) == 0


def test_without_wanted_features_nobody_has_more_than_another() -> None:
    plain = replace(CLUSTER, features=())
    assert candidates(situation(cluster=plain, rlm2=up("rlm2", answer=HALF))) == ("rlm2", "rlm3")
    wanted = replace(CLUSTER, features=(Feature(name="LSDYNA", isv="lstc"),))
    assert candidates(situation(cluster=wanted)) == ("rlm2", "rlm3")


def test_settling_is_no_pin_that_stands_in_the_way() -> None:
    held = situation(pins=(pin("rlm2", PinKind.SETTLE), pin("rlm3")))
    assert [is_pinned(held, name) for name in ("rlm1", "rlm2", "rlm3")] == [False, False, True]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rlm2": down("rlm2")}, "rlm2 is down: timeout at rlm2"),
        ({"rlm2": unknown("rlm2")}, "rlm2 has not been checked yet"),
        ({"pins": (pin("rlm2", PinKind.MAINTENANCE),)}, "rlm2 is in maintenance"),
        ({"rlm2": up("rlm2", successes=1)}, None),
        ({"pins": (pin("rlm2"),)}, None),
    ],
)
def test_why_an_operator_cannot_have_a_server(changes: dict[str, Any], told: str | None) -> None:
    assert why_not(situation(**changes), CLUSTER.server("rlm2")) == told


def in_milliseconds(name: str, milliseconds: int) -> ServerSnapshot:
    answer = ProbeResult(
        kind=ProbeKind.LICENSE, started_at=NOW, duration=timedelta(milliseconds=milliseconds), payload=HALF
    )
    return replace(up(name), license=answer)


@pytest.mark.row(37)
@pytest.mark.parametrize(
    ("order", "rlm2", "rlm3", "first"),
    [
        (CandidateOrder.PREFERENCE, 900, 9, "rlm2"),
        (CandidateOrder.LATENCY, 900, 9, "rlm3"),
        (CandidateOrder.LATENCY, 9, 900, "rlm2"),
        (CandidateOrder.LATENCY, 30, 28, "rlm2"),
    ],
    ids=["nobody asked for it", "the later one answers sooner", "the first one does", "by chance"],
)
def test_of_good_standbys_the_one_that_answers_soonest_where_that_is_asked_for(
    order: CandidateOrder, rlm2: int, rlm3: int, first: str
) -> None:
    cluster = replace(CLUSTER, tuning=Tuning(candidates=order))
    seen = situation(cluster=cluster, rlm2=in_milliseconds("rlm2", rlm2), rlm3=in_milliseconds("rlm3", rlm3))
    assert candidates(seen)[0] == first


def test_features_come_before_speed() -> None:
    cluster = replace(CLUSTER, tuning=Tuning(candidates=CandidateOrder.LATENCY))
    slow, half = in_milliseconds("rlm2", 900), replace(in_milliseconds("rlm3", 9), status=HALF)
    assert candidates(situation(cluster=cluster, rlm2=slow, rlm3=half))[0] == "rlm2"
