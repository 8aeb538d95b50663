"""What the page of metrics is told of the controller."""

from dataclasses import replace

import pytest

from rlm_exporter.failover.lease import LeaseView
from rlm_exporter.failover.memory import Memory
from rlm_exporter.failover.reasons import Hold, Reason
from rlm_exporter.metrics.facts import ControllerFacts
from rlm_exporter.server.facts import cluster_facts
from tests.metrics import situations
from tests.metrics.situations import NOW

OTHERS = LeaseView(ours=False, holder="ha2", url=None, remaining=0.0)


def told(memory: Memory, *, lease: LeaseView | None = None) -> ControllerFacts:
    facts = cluster_facts(
        cluster=situations.cluster(),
        snapshot=situations.snapshot(),
        readings=(),
        standing=memory.standing(None, (), lease),
        failovers=None,
        unacknowledged=None,
        last_move=None,
        now=NOW,
    )
    assert facts.controller is not None
    return facts.controller


@pytest.mark.parametrize(
    ("lease", "led"),
    [
        (None, True),
        (replace(OTHERS, ours=True, holder="ha1", remaining=12.0), True),
        (OTHERS, True),
        (replace(OTHERS, holder=None), False),
        (replace(OTHERS, trouble="connection refused"), False),
    ],
    ids=["alone", "ours", "another's", "not known yet", "the database is away"],
)
def test_a_cluster_is_led_while_somebody_is_known_to_have_its_lease(
    lease: LeaseView | None, led: bool
) -> None:
    assert told(Memory(), lease=lease).is_led is led


def test_the_newest_rule_is_told_once_there_is_one() -> None:
    memory = Memory()
    assert told(memory).rule is None
    memory.note(Hold(reason=Reason.IN_COOLDOWN, detail=""), None, now=NOW)
    assert told(memory).rule == "in_cooldown"


def test_a_journal_that_cannot_be_written_is_told() -> None:
    memory = Memory()
    assert told(memory).journal_writable is True
    memory.store_writable = False
    assert told(memory).journal_writable is False


@pytest.mark.parametrize(
    ("unpublished", "written"),
    [(None, None), ((), True), (("/srv/rlm.env: Permission denied",), False)],
    ids=["none are written here", "as they should be", "not written"],
)
def test_whether_client_settings_could_be_written_is_told(
    unpublished: tuple[str, ...] | None, written: bool | None
) -> None:
    memory = Memory()
    memory.unpublished = unpublished
    assert told(memory).settings_written is written
