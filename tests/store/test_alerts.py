"""What one delivery is to the journal: new, a repeat, resolved, or stale. One alert at a time and many."""

import pytest

from rlm_exporter.store.journal import Journal
from rlm_exporter.store.records import AlertResult, AlertStatus, OperationState, ReceivedAlert
from rlm_exporter.store.tables import NaiveTimeError
from tests.store.situations import (
    CLUSTER,
    NOW,
    alert,
    claimed,
    committed,
    founded,
    later,
)


async def results(journal: Journal, *received: ReceivedAlert, at: float = 0) -> list[str]:
    """One delivery of these."""
    return [str(result) for result in await journal.record_alerts(received, now=later(at))]


async def firing(journal: Journal) -> list[tuple[str, float, int]]:
    """What fires: fingerprint, start in seconds of the story, deliveries."""
    return [
        (one.fingerprint, (one.starts_at - NOW).total_seconds(), one.deliveries)
        for one in await journal.firing_alerts(CLUSTER)
    ]


async def test_the_first_delivery_is_new_and_is_kept_as_it_came(journal: Journal) -> None:
    assert await results(journal, alert(), at=3) == ["new"]
    (kept,) = await journal.firing_alerts(CLUSTER)
    assert kept.fingerprint == "8f3c1b"
    assert (kept.alertname, kept.server, kept.status) == ("RlmActiveServerDown", "rlm1", "firing")
    assert (kept.starts_at, kept.first_seen, kept.last_seen) == (NOW, later(3), later(3))
    assert (kept.deliveries, kept.operation_id) == (1, None)


async def test_twenty_one_deliveries_are_one_alert(journal: Journal) -> None:
    answers = [await results(journal, alert(), at=n) for n in range(21)]
    assert answers == [["new"]] + [["repeat"]] * 20
    (kept,) = await journal.firing_alerts(CLUSTER)
    assert (kept.deliveries, kept.first_seen, kept.last_seen) == (21, NOW, later(20))


async def test_the_same_alert_twice_in_one_delivery_is_counted_twice(journal: Journal) -> None:
    assert await results(journal, alert(), alert()) == ["new", "repeat"]


async def test_resolved_ends_it_once(journal: Journal) -> None:
    await results(journal, alert())
    assert await results(journal, alert(status=AlertStatus.RESOLVED), at=60) == ["resolved"]
    assert await results(journal, alert(status=AlertStatus.RESOLVED), at=61) == ["repeat"]
    assert await firing(journal) == []


async def test_firing_after_resolved_is_stale_and_remembered(journal: Journal) -> None:
    await results(journal, alert())
    await results(journal, alert(status=AlertStatus.RESOLVED), at=60)
    assert await results(journal, alert(), at=61) == ["stale"]
    assert await firing(journal) == []
    operation = await claimed_after_founding(journal, alerts=["8f3c1b"])
    (linked,) = (await journal.link_alerts(operation, alerts=())).alerts
    assert (linked.status, linked.deliveries, linked.last_seen) == ("resolved", 3, later(61))


async def test_an_older_start_of_a_resolved_alert_is_stale(journal: Journal) -> None:
    # Two Prometheus replicas: resolved carried the second start, then the first one's firing came again.
    await results(journal, alert(starts_at=later(15)))
    await results(journal, alert(starts_at=later(15), status=AlertStatus.RESOLVED), at=60)
    assert await results(journal, alert(starts_at=NOW), at=61) == ["stale"]
    assert await results(journal, alert(starts_at=NOW), at=62) == ["stale"]
    assert await firing(journal) == []


async def test_a_start_that_moves_is_new_and_one_resolved_ends_both(journal: Journal) -> None:
    assert await results(journal, alert()) == ["new"]
    assert await results(journal, alert(starts_at=later(15)), at=20) == ["new"]
    assert await firing(journal) == [("8f3c1b", 0, 1), ("8f3c1b", 15, 1)]
    assert await results(journal, alert(starts_at=later(15), status=AlertStatus.RESOLVED), at=60) == [
        "resolved"
    ]
    assert await firing(journal) == []


async def test_resolved_under_the_earlier_start_ends_later_ones_up_to_its_end(journal: Journal) -> None:
    await results(journal, alert(), alert(starts_at=later(15)), alert(starts_at=later(90)))
    ended = alert(status=AlertStatus.RESOLVED, ends_at=later(60))
    assert await results(journal, ended, at=61) == ["resolved"]
    assert await firing(journal) == [("8f3c1b", 90, 1)]


async def test_a_late_resolved_does_not_end_the_next_incident(journal: Journal) -> None:
    await results(journal, alert(starts_at=later(600)))
    assert await results(journal, alert(status=AlertStatus.RESOLVED), at=601) == ["resolved"]
    assert await firing(journal) == [("8f3c1b", 600, 1)]


async def test_a_new_start_after_resolved_fires_again(journal: Journal) -> None:
    await results(journal, alert())
    await results(journal, alert(status=AlertStatus.RESOLVED), at=60)
    assert await results(journal, alert(starts_at=later(600)), at=601) == ["new"]
    assert await firing(journal) == [("8f3c1b", 600, 1)]


async def test_resolved_of_an_unknown_alert_makes_its_firing_stale(journal: Journal) -> None:
    assert await results(journal, alert(status=AlertStatus.RESOLVED)) == ["resolved"]
    assert await results(journal, alert()) == ["stale"]


async def test_one_alert_that_cannot_be_kept_leaves_none_of_its_delivery(journal: Journal) -> None:
    without_zone = NOW.replace(tzinfo=None)
    with pytest.raises(NaiveTimeError):
        await results(journal, alert(fingerprint="a"), alert(fingerprint="b", starts_at=without_zone))
    assert await firing(journal) == []


async def test_a_status_that_is_neither_word_is_a_defect(journal: Journal) -> None:
    with pytest.raises(ValueError, match="suppressed"):
        await results(journal, alert(status="suppressed"))
    assert await firing(journal) == []


async def test_two_hundred_alerts_go_to_their_own_clusters(journal: Journal) -> None:
    many = [alert(fingerprint=f"f{n}", cluster=f"cluster-{n % 50}") for n in range(200)]
    assert await journal.record_alerts(many, now=NOW) == (AlertResult.NEW,) * 200
    assert [one.fingerprint for one in await journal.firing_alerts("cluster-7")] == [
        "f7",
        "f57",
        "f107",
        "f157",
    ]
    assert await journal.firing_alerts(CLUSTER) == ()


async def claimed_after_founding(journal: Journal, **changes: object) -> int:
    await founded(journal)
    return (await claimed(journal, **changes)).id


async def test_a_claim_takes_every_firing_start_of_its_alerts(journal: Journal) -> None:
    await results(journal, alert(), alert(starts_at=later(15)), alert(fingerprint="another"))
    operation = await claimed_after_founding(journal, alerts=["8f3c1b", "unknown"])
    found = await journal.operation(operation)
    assert found is not None
    assert [(one.fingerprint, one.starts_at) for one in found.alerts] == [
        ("8f3c1b", NOW),
        ("8f3c1b", later(15)),
    ]


async def test_an_alert_that_resolved_before_the_claim_is_still_its_reason(journal: Journal) -> None:
    await results(journal, alert(), alert(starts_at=later(15)))
    await results(journal, alert(starts_at=later(15), status=AlertStatus.RESOLVED), at=20)
    operation = await claimed_after_founding(journal, alerts=["8f3c1b"])
    found = await journal.operation(operation)
    assert found is not None
    assert [one.starts_at for one in found.alerts] == [later(15)]


async def test_an_alert_of_another_cluster_is_not_taken(journal: Journal) -> None:
    await results(journal, alert(cluster="another"))
    operation = await claimed_after_founding(journal, alerts=["8f3c1b"])
    found = await journal.operation(operation)
    assert found is not None
    assert found.alerts == ()


async def test_alerts_that_come_in_mid_operation_are_linked_once(journal: Journal) -> None:
    operation = await claimed_after_founding(journal)
    await results(journal, alert())
    await journal.link_alerts(operation, alerts=["8f3c1b"])
    found = await journal.link_alerts(operation, alerts=["8f3c1b", "8f3c1b"])
    assert [(one.fingerprint, one.operation_id) for one in found.alerts] == [("8f3c1b", operation)]


async def test_an_alert_that_never_resolves_stays_with_both_its_operations(journal: Journal) -> None:
    await results(journal, alert())
    await founded(journal)
    first = await claimed(journal, alerts=["8f3c1b"])
    await committed(journal, first)
    second = await claimed(journal, alerts=["8f3c1b"], target="rlm3")
    assert second.state is OperationState.OPEN
    for one in await journal.operations(CLUSTER, limit=2):
        assert [found.fingerprint for found in one.alerts] == ["8f3c1b"]
    (known,) = await journal.firing_alerts(CLUSTER)
    assert known.operation_id == second.id
