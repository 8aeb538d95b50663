from dataclasses import replace
from datetime import timedelta

import pytest

from rlm_exporter.manifest.model import Detection, HealthCheckPolicy
from rlm_exporter.probe.schedule import Plan, next_check, ping_starts_check, plan_for
from rlm_exporter.probe.snapshot import Health
from tests.probe.parts import cluster

pytestmark = pytest.mark.row(5)

MANIFEST = Plan(interval=timedelta(seconds=30), timeout=timedelta(seconds=10), attempts=3)
FAST = Plan(
    interval=timedelta(seconds=5),
    timeout=timedelta(seconds=3.5),
    attempts=1,
    ping=timedelta(seconds=1),
    urgent=True,
)
URGENT = replace(MANIFEST, urgent=True)


@pytest.mark.parametrize(
    ("detection", "active", "plan"),
    [
        (Detection.FAST, True, FAST),
        (Detection.FAST, False, MANIFEST),
        (Detection.NORMAL, True, URGENT),
        (Detection.NORMAL, False, MANIFEST),
        (Detection.SLOW, True, URGENT),
        (Detection.SLOW, False, MANIFEST),
    ],
)
def test_fast_is_for_the_active_server_only(detection: Detection, active: bool, plan: Plan) -> None:
    assert plan_for(cluster(detection=detection), active=active) == plan


def test_fast_is_never_slower_than_the_manifest() -> None:
    eager = HealthCheckPolicy(interval=timedelta(seconds=3), timeout=timedelta(seconds=2))
    plan = plan_for(cluster(detection=Detection.FAST, health_check=eager), active=True)
    assert (plan.interval, plan.timeout) == (eager.interval, eager.timeout)


def due(*, failures: int = 0, attempt_began: float = 100.0, jitter: float = 0.5) -> float:
    return next_check(
        MANIFEST,
        health=Health(failures=failures),
        threshold=3,
        check_began=100.0,
        attempt_began=attempt_began,
        jitter=jitter,
    )


@pytest.mark.parametrize(("jitter", "expected"), [(0.0, 127.0), (0.5, 130.0), (1.0, 133.0)])
def test_a_good_check_is_followed_after_the_interval_give_or_take_a_tenth(
    jitter: float, expected: float
) -> None:
    assert due(jitter=jitter) == pytest.approx(expected)


@pytest.mark.parametrize("failures", [1, 2])
def test_below_the_threshold_a_failed_check_is_followed_at_once(failures: int) -> None:
    assert due(failures=failures, attempt_began=102.0) == 103.0


@pytest.mark.parametrize("failures", [3, 4])
def test_a_server_that_is_confirmed_down_is_checked_at_the_interval(failures: int) -> None:
    assert due(failures=failures) == 130.0


def test_attempts_stay_a_second_apart_where_a_check_outlasts_the_interval() -> None:
    assert due(attempt_began=140.0) == 141.0


@pytest.mark.parametrize(("failures", "starts"), [(0, True), (1, True), (2, False), (9, False)])
def test_a_failed_connect_starts_no_check_of_a_server_that_is_confirmed_down(
    failures: int, starts: bool
) -> None:
    assert ping_starts_check(Health(failures=failures), threshold=2) is starts
