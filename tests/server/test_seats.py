"""Free seats over HTTP: the active server's, or null and why."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rlm_exporter.failover.lease import LeaseView
from rlm_exporter.manifest.model import Cluster, Feature
from rlm_exporter.probe.result import Failure, FailureReason
from rlm_exporter.probe.snapshot import ClusterSnapshot, Health, ServerSnapshot
from rlm_exporter.rlm.status import Checkout, ErrorKind, RlmStatus
from rlm_exporter.server.seats import WhyUnknown, seats_document
from rlm_exporter.store.records import OperationState
from tests.metrics.situations import NOW, record
from tests.probe.parts import isv, pool, status
from tests.server.daemon import Daemon, cluster, until
from tests.server.states import operation, standing

PATH = "/api/v1/clusters/prod/seats"
FEATURES = (Feature(name="STARCCM", isv="siemens"), Feature(name="lsdyna", isv="lstc"))
MOVED = NOW - timedelta(seconds=90)


def holder(host: str = "ws1", handle: str = "15c", **changes: Any) -> Checkout:
    known: dict[str, Any] = {
        "isv": "siemens", "product": "STARCCM", "version": "2023.1000", "user": "alice", "host": host,
        "count": 5, "reserved": 0, "handle": handle, "at": "03/02 07:58",
    }  # fmt: skip
    return Checkout(**known | changes)


def answer() -> RlmStatus:
    return replace(status(), checkouts=(holder(),))


def checked(server: str, answered: RlmStatus | None = None, **changes: Any) -> ServerSnapshot:
    return ServerSnapshot(
        **{
            "server": server,
            "health": Health(successes=3),
            "status": answered or answer(),
            "check_started_at": NOW - timedelta(seconds=4),
            "checked_at": NOW - timedelta(seconds=3),
            **changes,
        }
    )


def situation(active: ServerSnapshot | None = None, **changes: Any) -> dict[str, Any]:
    """rlm1 serves; all three servers answer with 20 seats, 5 of them in use."""
    parts = (active or checked("rlm1"), checked("rlm2"), checked("rlm3"))
    known: dict[str, Any] = {
        "cluster": replace(cluster("prod"), features=FEATURES[:1]),
        "snapshot": ClusterSnapshot(cluster="prod", taken_at=NOW, servers=parts),
        "standing": standing(record=replace(record(), active="rlm1", active_since=MOVED)),
        "now": NOW,
    }
    return known | changes


def told(**changes: Any) -> dict[str, Any]:
    return seats_document(**situation(**changes))


def test_the_active_servers_seats_count_alone() -> None:
    """Three copies of one license are not 60 seats."""
    document = told()
    assert document == {
        "cluster": "prod",
        "active": "rlm1",
        "active_host": "rlm1.prod.example.com",
        "known": True,
        "reason": None,
        "detail": None,
        "checked_at": (NOW - timedelta(seconds=3)).isoformat().replace("+00:00", "Z"),
        "age_seconds": 3.0,
        "features": [
            {
                "isv": "siemens",
                "feature": "STARCCM",
                "free": 15,
                "issued": 20,
                "reserved": 0,
                "in_use": 5,
                "reason": None,
                "detail": None,
                "versions": [
                    {
                        "version": "2023.1000",
                        "free": 15,
                        "issued": 20,
                        "reserved": 0,
                        "in_use": 5,
                        "reason": None,
                    }
                ],
                "holders": [
                    {
                        "host": "ws1",
                        "version": "2023.1000",
                        "seats": 5,
                        "reserved": 0,
                        "handle": "15c",
                        "since": "03/02 07:58",
                    }
                ],
            }
        ],
    }


def test_who_a_holder_is_stays_untold() -> None:
    assert "alice" not in str(told())


REFUSED = Health(failures=2, failure=Failure(reason=FailureReason.REFUSED, detail="nothing listens there"))
FOLLOWER = LeaseView(ours=False, holder="other", url=None, remaining=0.0)
CUT = replace(answer(), error_kind=ErrorKind.TRUNCATED)
UNKNOWN: dict[WhyUnknown, tuple[dict[str, Any], str]] = {
    WhyUnknown.ACTIVE_UNKNOWN: (
        {"standing": standing(record=None)},
        "who is active is not known yet",
    ),
    WhyUnknown.MOVING: (
        {"standing": standing(operation=operation(id=7, target="rlm2", state=OperationState.OPEN))},
        "operation 7 leads clients to rlm2",
    ),
    WhyUnknown.NOT_CHECKED: (
        {"active": ServerSnapshot(server="rlm1")},
        "rlm1 has not been checked yet",
    ),
    WhyUnknown.NOT_CHECKED_SINCE_MOVE: (
        {"active": checked("rlm1", check_started_at=MOVED - timedelta(seconds=1))},
        "rlm1 has not been checked since it became the active one",
    ),
    WhyUnknown.STALE: (
        {"active": checked("rlm1", checked_at=NOW - timedelta(hours=1))},
        "rlm1 was checked 3600 s ago; older than 66 s tells nothing",
    ),
    WhyUnknown.NOT_ANSWERING: (
        {"active": checked("rlm1", status=None, health=REFUSED)},
        "rlm1 does not answer: nothing listens there",
    ),
    WhyUnknown.CUT: (
        {"active": checked("rlm1", CUT)},
        "the answer of rlm1 broke off",
    ),
}


@pytest.mark.parametrize("why", UNKNOWN)
def test_what_is_unknown_is_null_with_its_reason(why: WhyUnknown) -> None:
    changes, detail = UNKNOWN[why]
    document = told(**changes)
    assert (document["known"], document["reason"], document["detail"]) == (False, why.value, detail)
    (starccm,) = document["features"]
    assert (starccm["feature"], starccm["reason"]) == ("STARCCM", why.value)
    numbers = ("free", "issued", "reserved", "in_use", "versions", "holders")
    assert [starccm[key] for key in numbers] == [None] * 6


def test_every_reason_is_tried() -> None:
    of_a_feature = {WhyUnknown.ISV_DOWN, WhyUnknown.NO_POOL}
    assert set(WhyUnknown) == set(UNKNOWN) | of_a_feature


def test_a_follower_without_the_journal_does_not_know_who_is_active_any_more() -> None:
    away = told(
        standing=standing(record=situation()["standing"].record, lease=FOLLOWER, store_writable=False)
    )
    assert (away["known"], away["reason"]) == (False, "active_unknown")
    reads = told(standing=standing(record=situation()["standing"].record, lease=FOLLOWER))
    assert reads["known"] is True


def test_an_operation_that_has_been_committed_is_over_for_seats() -> None:
    """Hooks afterwards may take minutes, and clients are where they are to be."""
    committed = operation(target="rlm1", state=OperationState.OPEN, committed_at=MOVED)
    document = told(standing=standing(record=situation()["standing"].record, operation=committed))
    assert document["known"] is True


@pytest.mark.parametrize(
    ("answered", "why", "detail"),
    [
        (status(pools=()), "no_pool", "the server has no pool of STARCCM"),
        (status(pools=(), isvs=(isv(running=False),)), "isv_down", "the ISV server siemens does not run"),
        (status(pools=(), isvs=()), "isv_down", "the ISV server siemens does not run"),
    ],
)
def test_a_feature_that_the_answer_lacks_has_no_number(answered: RlmStatus, why: str, detail: str) -> None:
    document = told(active=checked("rlm1", answered))
    assert document["known"] is True
    (starccm,) = document["features"]
    assert (starccm["free"], starccm["reason"], starccm["detail"]) == (None, why, detail)


def test_other_features_have_their_numbers_meanwhile() -> None:
    features: Cluster = replace(cluster("prod"), features=FEATURES)
    found = {each["feature"]: each["free"] for each in told(cluster=features)["features"]}
    assert found == {"STARCCM": 15, "lsdyna": None}


# ---- over HTTP


async def known(local: Daemon) -> dict[str, Any]:
    """What is told once somebody has been checked as the active one."""
    local.services.controllers["prod"].prober.check_now("rlm1")

    async def is_known() -> bool:
        return bool((await local.get(PATH)).document["known"])

    await until(is_known, what="a check of the active server")
    return (await local.get(PATH)).document


async def test_a_scheduler_asks_for_one_feature(local: Daemon) -> None:
    await known(local)
    document = (await local.get(f"{PATH}?feature=starccm")).document
    assert [(each["feature"], each["free"]) for each in document["features"]] == [("STARCCM", 15)]
    stranger = await local.get(f"{PATH}?feature=nastran")
    assert stranger.problem == (404, "unknown_feature", "rlm1 has no 'nastran'; it has STARCCM")


async def test_any_feature_is_null_while_nothing_is_known(fresh: Daemon) -> None:
    answered = await fresh.get(f"{PATH}?feature=nastran")
    assert answered.status == 200
    (nastran,) = answered.document["features"]
    assert (nastran["feature"], nastran["free"], nastran["reason"]) == ("nastran", None, "active_unknown")


@pytest.mark.parametrize("query", ["feature=", "features=x", f"feature={'x' * 513}"])
async def test_a_question_that_is_not_understood_is_a_problem(fresh: Daemon, query: str) -> None:
    assert (await fresh.get(f"{PATH}?{query}")).problem[:2] == (422, "invalid")
    assert (await fresh.get("/api/v1/clusters/none/seats")).problem[:2] == (404, "unknown_cluster")


async def test_a_failover_shows_them_neither_negative_nor_doubled(local: Daemon) -> None:
    """All the time while clients are moved: 20 seats with 5 in use, then 20 with none in use, or null."""
    await known(local)
    idle = replace(status(), pools=(pool(inuse=0),))
    local.license.statuses["rlm2.prod.example.com"] = idle
    local.doors["prod"].close()
    moved = await local.wish({"to": "rlm2"})
    during = (await local.get(f"{PATH}?feature=STARCCM")).document
    local.doors["prod"].open()
    await local.settled(moved.document["operation"]["id"])
    after = (await local.get(f"{PATH}?feature=STARCCM")).document
    assert (during["known"], during["reason"]) == (False, "moving")
    assert (after["active"], after["known"], after["reason"]) == ("rlm2", False, "not_checked_since_move")
    assert [each["features"][0]["free"] for each in (during, after)] == [None, None]
    local.services.controllers["prod"].prober.check_now("rlm2")

    async def is_known() -> bool:
        return bool((await local.get(PATH)).document["known"])

    await until(is_known, what="a check of the new active server")
    (starccm,) = (await local.get(PATH)).document["features"]
    assert (starccm["issued"], starccm["free"]) == (20, 20)
