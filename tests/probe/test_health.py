from dataclasses import replace
from datetime import timedelta

import pytest

from rlm_exporter.manifest.model import Cluster, FailoverPolicy, Feature, HealthCheckPolicy
from rlm_exporter.probe.health import Check, IsvConnect, confirmed_by_threshold, fold
from rlm_exporter.probe.license_reading import make_reading
from rlm_exporter.probe.result import FailureReason
from rlm_exporter.probe.snapshot import Health, ServerSnapshot
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.status import Permanent, Pool
from tests.probe.parts import (
    ISV_PORT,
    NOW,
    answered,
    check,
    cluster,
    connected,
    isv,
    license_failed,
    pool,
    status,
    web,
)

pytestmark = pytest.mark.row(5)

WEB_COUNTS = HealthCheckPolicy(check_web=True, web_required=True)
EMPTY = ServerSnapshot(server="rlm1")


def folded(*checks: Check, of: Cluster | None = None) -> ServerSnapshot:
    part = EMPTY
    for each in checks:
        part = fold(part, each, cluster=of or cluster())
    return part


def isv_connect(reason: FailureReason) -> tuple[IsvConnect, ...]:
    return (IsvConnect(isv="siemens", port=ISV_PORT, result=connected(reason)),)


DOWN = {
    "rlm does not answer in time": (
        check(license=license_failed(FailureReason.TIMEOUT)),
        FailureReason.TIMEOUT,
    ),
    "rlmutil got no answer, and the port takes connections": (
        check(license=license_failed(FailureReason.NO_ANSWER)),
        FailureReason.NO_ANSWER,
    ),
    "rlmutil got no answer, and nothing listens": (
        check(license=license_failed(FailureReason.NO_ANSWER), tcp=connected(FailureReason.REFUSED)),
        FailureReason.REFUSED,
    ),
    "rlmutil got no answer, and we have no socket to look": (
        check(license=license_failed(FailureReason.NO_ANSWER), tcp=connected(FailureReason.LOCAL)),
        FailureReason.NO_ANSWER,
    ),
    "the wanted ISV server is not listed": (check(license=answered(status(isvs=()))), FailureReason.ISV_DOWN),
    "the wanted ISV server does not run": (
        check(license=answered(status(isvs=(isv(running=False),)))),
        FailureReason.ISV_DOWN,
    ),
    "the ISV server is listed as running, its port refuses": (
        check(isv_connects=isv_connect(FailureReason.REFUSED)),
        FailureReason.ISV_DOWN,
    ),
    "the ISV server came back on another port": (
        check(license=answered(status(isvs=(isv(port=50001),)))),
        FailureReason.ISV_PORT_CHANGED,
    ),
    "the ISV server came back on another port, so the planned one refuses": (
        check(
            license=answered(status(isvs=(isv(port=50001),))),
            isv_connects=isv_connect(FailureReason.REFUSED),
        ),
        FailureReason.ISV_PORT_CHANGED,
    ),
}


@pytest.mark.parametrize(("seen", "reason"), DOWN.values(), ids=DOWN)
def test_a_server_that_cannot_serve_is_down_with_the_reason(seen: Check, reason: FailureReason) -> None:
    health = folded(seen).health

    assert not health.is_up
    assert health.failures == 1
    assert health.failure is not None
    assert health.failure.reason is reason


def test_a_good_check_makes_a_server_up() -> None:
    made = check()
    assert folded(made).health == Health(successes=1, with_pools=1, good_since=made.ended_at)


def test_isv_names_compare_without_case() -> None:
    assert folded(check(license=answered(status(isvs=(isv("SIEMENS"),))))).health.is_up


def test_an_isv_server_without_a_planned_port_may_change_it() -> None:
    moved = check(license=answered(status(isvs=(isv(port=50001),))))
    assert folded(moved, of=cluster(isv_ports=())).health.is_up


def test_an_isv_server_that_is_not_wanted_is_not_asked_about() -> None:
    other = check(license=answered(status(isvs=(isv(), isv("ansys", running=False)))))
    assert folded(other).health.is_up


def test_of_two_isv_servers_in_trouble_both_are_told_and_the_worse_is_the_reason() -> None:
    both = cluster(features=(), isv_ports=(("lstc", 50000), ("siemens", ISV_PORT)))
    seen = check(license=answered(status(isvs=(isv("lstc", port=50009), isv(running=False)))))

    failure = folded(seen, of=both).health.failure

    assert failure is not None
    assert failure.reason is FailureReason.ISV_DOWN
    assert "lstc runs on port 50009, the manifest plans 50000" in failure.detail


def test_the_status_stays_readable_where_only_an_isv_server_is_down() -> None:
    part = folded(check(), check(isv_connects=isv_connect(FailureReason.REFUSED)))

    assert part.status == status()
    assert part.health.failures == 1


def test_a_status_that_cannot_be_read_is_unknown() -> None:
    assert folded(check(), check(license=license_failed(FailureReason.TIMEOUT))).status is None


@pytest.mark.parametrize("reason", [FailureReason.TOOL_MISSING, FailureReason.LOCAL])
def test_trouble_of_our_own_is_no_evidence_against_a_server(reason: FailureReason) -> None:
    ours = check(license=license_failed(reason), tcp=connected(FailureReason.REFUSED))
    down = check(license=license_failed(FailureReason.TIMEOUT))

    health = folded(down, ours, ours, ours).health

    assert not health.is_up
    assert not health.known
    assert health.failure is not None
    assert health.failure.reason is reason
    assert not confirmed_by_threshold(health, FailoverPolicy(threshold=1))


def test_no_socket_for_an_isv_port_is_trouble_of_our_own() -> None:
    assert not folded(check(isv_connects=isv_connect(FailureReason.LOCAL))).health.known


def test_failures_in_a_row_are_counted_from_the_first() -> None:
    first = check(license=license_failed(FailureReason.TIMEOUT))
    second = check(
        license=license_failed(FailureReason.NO_ANSWER),
        started_at=NOW + timedelta(seconds=4),
        ended_at=NOW + timedelta(seconds=9),
    )

    health = folded(check(), first, second).health

    assert (health.failures, health.successes) == (2, 0)
    assert health.failing_since == NOW
    assert health.last_failed_start == NOW + timedelta(seconds=4)
    assert health.last_failed_end == NOW + timedelta(seconds=9)


def test_one_good_check_forgets_the_failures() -> None:
    failed = check(license=license_failed(FailureReason.TIMEOUT))
    good = check()
    assert folded(failed, failed, good).health == Health(successes=1, with_pools=1, good_since=good.ended_at)


@pytest.mark.parametrize(("failures", "confirmed"), [(0, False), (1, False), (2, True), (3, True)])
def test_the_threshold_confirms(failures: int, confirmed: bool) -> None:
    assert confirmed_by_threshold(Health(failures=failures), FailoverPolicy(threshold=2)) is confirmed


DEGRADED = {
    "no pools at all": (),
    "another product": (pool("NXCAE"),),
    "the product of another ISV": (pool(isv="lstc"),),
    "an empty pool": (pool(count=0, reservations=0),),
    "an expired pool": (pool(expires=(NOW - timedelta(days=2)).date()),),
}


@pytest.mark.parametrize("pools", DEGRADED.values(), ids=DEGRADED)
def test_missing_pools_degrade_a_server_and_leave_it_up(pools: tuple[Pool, ...]) -> None:
    health = folded(check(license=answered(status(pools=pools)))).health

    assert health.is_up
    assert health.degraded is not None
    assert health.degraded.reason is FailureReason.POOLS_MISSING
    assert "STARCCM (siemens)" in health.degraded.detail


PRESENT = {
    "in another case": (pool("starccm", isv="Siemens"),),
    "without a heading": (pool(isv=None),),
    "all reserved": (pool(count=0, reservations=5),),
    "uncounted": (pool(count=None, reservations=None, uncounted=True),),
    "expires today": (pool(expires=NOW.date()),),
    "permanent beside an expired one": (
        pool(expires=(NOW - timedelta(days=9)).date()),
        pool(expires=Permanent.PERMANENT),
    ),
}


@pytest.mark.parametrize("pools", PRESENT.values(), ids=PRESENT)
def test_a_usable_pool_is_enough(pools: tuple[Pool, ...]) -> None:
    assert folded(check(license=answered(status(pools=pools)))).health.degraded is None


def test_without_wanted_products_a_server_with_no_pool_is_degraded() -> None:
    part = folded(check(license=answered(status(pools=()))), of=cluster(features=()))
    assert part.health.degraded is not None


def test_every_missing_product_is_named() -> None:
    two = cluster(features=(Feature(name="A", isv="siemens"), Feature(name="B", isv="siemens")))
    degraded = folded(check(), of=two).health.degraded
    assert degraded is not None
    assert degraded.detail == "no usable pool of A (siemens), B (siemens)"


def test_the_web_interface_alone_does_not_make_a_server_down() -> None:
    part = folded(check(web=web(reason=FailureReason.REFUSED)), check(web=web(reason=FailureReason.REFUSED)))

    assert part.health.is_up
    assert part.web_failures == 2
    assert part.web is not None
    assert not part.web.ok


def test_the_web_interface_counts_where_the_manifest_says_so() -> None:
    part = folded(check(web=web(reason=FailureReason.HTTP_STATUS)), of=cluster(health_check=WEB_COUNTS))

    assert part.health.failures == 1
    assert part.health.failure is not None
    assert part.health.failure.reason is FailureReason.HTTP_STATUS


def test_a_web_probe_that_was_not_waited_for_leaves_what_was_known() -> None:
    part = folded(check(web=web()), check(license=license_failed(FailureReason.TIMEOUT), web=None))
    assert part.web == web()


def test_a_web_interface_that_answers_again_forgets_its_failures() -> None:
    assert folded(check(web=web(reason=FailureReason.REFUSED)), check(web=web())).web_failures == 0


def test_the_snapshot_carries_when_the_check_was() -> None:
    part = folded(check())
    assert (part.check_started_at, part.checked_at) == (NOW, NOW + timedelta(seconds=1))


def test_folding_changes_nothing_in_the_part_before() -> None:
    before = folded(check())
    fold(before, check(license=license_failed(FailureReason.TIMEOUT)), cluster=cluster())
    assert before == folded(check())


FILES = make_reading(
    [
        (
            "siemens.lic",
            parse_license_file(
                b"HOST rlm1 any\nISV siemens\n"
                b"LICENSE siemens A 1.0 permanent 5 sig=1\n"
                b"LICENSE siemens B 1.0 permanent 5 start=1-apr-2026 sig=2\n"
            ),
        )
    ],
    failures=(),
    at=NOW,
    before=None,
)


def degraded(*products: str, pools: tuple[Pool, ...] = ()) -> str | None:
    """What is told of a server whose license files grant A now and B later."""
    of = cluster(features=tuple(Feature(name=product, isv="siemens") for product in products))
    part = replace(EMPTY, license_files=FILES)
    failure = fold(part, check(license=answered(status(pools=pools))), cluster=of).health.degraded
    return None if failure is None else failure.detail


@pytest.mark.row(7)
def test_a_feature_whose_license_starts_later_is_not_missed() -> None:
    assert degraded("A", "B", pools=(pool("A"),)) is None
    assert degraded("B") is None


@pytest.mark.row(7)
def test_missing_features_are_told_with_what_the_license_files_say() -> None:
    assert degraded("A", "B", "C") == (
        "no usable pool of A (siemens; granted in siemens.lic:3), C (siemens; in no license file)"
        "; not expected yet: B (siemens) from 2026-04-01"
    )


def test_a_server_without_any_pool_is_degraded_whatever_its_files_say() -> None:
    assert degraded() == "no usable pool of any product"


def test_good_checks_with_pools_are_counted_apart() -> None:
    """A standby that waits for RLM's own takeover is up for long before it has pools."""
    empty = check(license=answered(status(pools=())))
    assert [(each.successes, each.with_pools) for each in (folded(empty, empty, check()).health,)] == [(3, 1)]
    assert folded(check(), check(), empty).health.with_pools == 0
