"""The outbox: one alert is one message, each sink gets it at least once, and in order."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Engine

from rlm_exporter.store import outbox_intake
from rlm_exporter.store.errors import OutboxFullError
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.outbox_records import (
    Acceptance,
    Accepted,
    AlertRequest,
    Claimed,
    DeliveryState,
    MessageStatus,
    Retrying,
)
from tests.store.situations import NOW, later

REPEAT = timedelta(hours=4)
CLAIM = timedelta(seconds=60)
RETRYING = Retrying(first=timedelta(seconds=5), most=timedelta(minutes=5), give_up=timedelta(days=1))
ALERT = AlertRequest(
    key="k",
    status=MessageStatus.FIRING,
    alertname="RlmHaAlert",
    severity="critical",
    component="licensing",
    message="No healthy servers available",
    cluster=None,
    server=None,
    requested_by="ops",
)
END = replace(ALERT, status=MessageStatus.RESOLVED)


async def accept(
    journal: Journal, request: AlertRequest = ALERT, *, at: float = 0, sinks: tuple[str, ...] = ("a",)
) -> Accepted:
    return await journal.accept_alert(request, sinks=sinks, repeat=REPEAT, now=later(at))


async def claim(
    journal: Journal, *, at: float = 0, sinks: tuple[str, ...] = ("a", "b")
) -> tuple[Claimed, ...]:
    return await journal.claim_deliveries(sinks=sinks, lasting=CLAIM, most=10, now=later(at))


async def end(journal: Journal, claimed: Claimed, failure: str | None = None, *, at: float = 0) -> None:
    await journal.record_delivery(claimed, failure=failure, retrying=RETRYING, now=later(at))


async def test_the_same_within_the_repeat_interval_is_one_message(journal: Journal) -> None:
    first, second = await accept(journal), await accept(journal, at=60)
    assert (first.acceptance, second.acceptance) == (Acceptance.NEW, Acceptance.DUPLICATE)
    assert second.message == first.message
    assert len(await claim(journal, at=61)) == 1


async def test_after_the_repeat_interval_it_is_said_again_with_its_own_beginning(journal: Journal) -> None:
    await accept(journal)
    again = await accept(journal, at=REPEAT.total_seconds())
    assert again.acceptance is Acceptance.NEW
    assert again.message is not None
    assert again.message.starts_at == later(0)


@pytest.mark.parametrize(
    "other", [replace(ALERT, severity="warning"), replace(ALERT, key="another")], ids=["severity", "key"]
)
async def test_what_is_another_alert_or_of_another_severity_is_said(
    journal: Journal, other: AlertRequest
) -> None:
    await accept(journal)
    assert (await accept(journal, other, at=1)).acceptance is Acceptance.NEW


async def sinks_of(journal: Journal, accepted: Accepted) -> dict[str, DeliveryState]:
    assert accepted.message is not None
    return {each.sink: each.state for each in await journal.deliveries(accepted.message.id)}


async def test_the_same_for_another_sink_goes_to_that_one_alone(journal: Journal) -> None:
    await accept(journal, sinks=("chat",))
    [chat] = await claim(journal, sinks=("chat", "pager"))
    await end(journal, chat)

    further = await accept(journal, at=60, sinks=("chat", "pager"))

    assert (further.acceptance, further.added) == (Acceptance.FURTHER_SINKS, ("pager",))
    assert await sinks_of(journal, further) == {"chat": DeliveryState.TAKEN, "pager": DeliveryState.WAITING}
    assert [each.sink for each in await claim(journal, at=60, sinks=("chat", "pager"))] == ["pager"]
    assert (await accept(journal, at=61, sinks=("pager",))).acceptance is Acceptance.DUPLICATE


async def test_of_two_daemons_that_are_asked_at_once_one_gives_it_to_a_further_sink(url: str) -> None:
    async with await Journal.open(url=url) as one, await Journal.open(url=url) as other:
        await accept(one, sinks=("chat",))
        both = await asyncio.gather(*(accept(each, at=1, sinks=("pager",)) for each in (one, other)))
        assert {each.acceptance for each in both} == {Acceptance.FURTHER_SINKS, Acceptance.DUPLICATE}
        assert await one.waiting_deliveries() == {"chat": 1, "pager": 1}


async def test_a_sink_that_gave_up_what_another_has_gets_it_again(journal: Journal) -> None:
    await accept(journal, sinks=("a", "b"))
    at_a, at_b = await claim(journal)
    await end(journal, at_a)
    await end(journal, at_b, "down", at=RETRYING.give_up.total_seconds())

    further = await accept(journal, at=60, sinks=("a", "b"))

    assert further.added == ("b",)
    assert await sinks_of(journal, further) == {"a": DeliveryState.TAKEN, "b": DeliveryState.WAITING}


async def test_what_would_be_given_up_too_soon_at_a_further_sink_is_said_anew(journal: Journal) -> None:
    patient = partial(journal.accept_alert, ALERT, repeat=timedelta(days=7))
    await patient(sinks=("a",), now=NOW)

    late = await patient(sinks=("b",), now=NOW + outbox_intake.LATEST + timedelta(seconds=1))

    assert (late.acceptance, late.added) == (Acceptance.NEW, ("b",))
    assert late.message is not None
    assert late.message.starts_at == NOW


async def test_an_end_that_one_sink_has_is_told_to_the_others_that_had_the_beginning(
    journal: Journal,
) -> None:
    await accept(journal, sinks=("a", "b"))
    await accept(journal, END, at=1, sinks=("a",))

    further = await accept(journal, END, at=2, sinks=("a", "b", "c"))

    assert (further.acceptance, further.added) == (Acceptance.FURTHER_SINKS, ("b",))
    assert (await accept(journal, END, at=3, sinks=("a", "b", "c"))).message is None


async def test_who_brings_a_message_knows_what_that_sink_was_told_of_it_before(journal: Journal) -> None:
    await accept(journal, replace(ALERT, severity="info"), sinks=("b",))
    await accept(journal, END, at=1, sinks=("b",))
    await accept(journal, replace(ALERT, severity="warning"), at=2, sinks=("a", "b"))
    for each in await claim(journal, sinks=("a",), at=2):
        await end(journal, each)
    await accept(journal, at=3, sinks=("a",))

    [claimed] = await claim(journal, sinks=("a",), at=3)

    assert [each.request.severity for each in claimed.earlier] == ["warning"]


async def test_how_many_wait_is_told_by_sink(journal: Journal) -> None:
    assert await journal.waiting_deliveries() == {}
    await accept(journal, sinks=("a", "b"))
    await accept(journal, replace(ALERT, key="other"), sinks=("b",))
    await end(journal, (await claim(journal, sinks=("a",)))[0])
    assert await journal.waiting_deliveries() == {"b": 2}


async def test_giving_up_is_told_to_who_did_it(journal: Journal) -> None:
    await accept(journal, sinks=("a", "gone"))
    [only] = await claim(journal, sinks=("a",))
    retry = partial(journal.record_delivery, only, failure="down", retrying=RETRYING)
    assert await retry(now=later(1)) is False
    assert await retry(now=later(RETRYING.give_up.total_seconds())) is True
    assert await retry(now=later(RETRYING.give_up.total_seconds())) is False
    swept = await journal.sweep_outbox(keep=KEEP, give_up=GIVE_UP, now=later(DAY + 60))
    assert swept.given_up == {"gone": 1}


async def test_an_end_has_the_words_of_its_beginning(journal: Journal) -> None:
    await accept(journal)
    ended = await accept(journal, replace(END, alertname="", severity="", message="", requested_by="me"))
    assert ended.message is not None
    assert ended.message.request == replace(END, requested_by="me")


async def test_what_every_sink_gave_up_was_not_said(journal: Journal) -> None:
    await accept(journal)
    [only] = await claim(journal)
    await end(journal, only, "down", at=RETRYING.give_up.total_seconds())
    assert (await accept(journal, at=1)).acceptance is Acceptance.NEW


async def test_an_end_without_a_beginning_is_no_message(journal: Journal) -> None:
    assert (await accept(journal, END)).acceptance is Acceptance.NOTHING_TO_RESOLVE
    await accept(journal)
    assert (await accept(journal, END, at=1)).acceptance is Acceptance.NEW
    assert (await accept(journal, END, at=2)).acceptance is Acceptance.NOTHING_TO_RESOLVE


async def test_a_resolved_alert_begins_anew(journal: Journal) -> None:
    await accept(journal)
    await accept(journal, END, at=1)
    anew = await accept(journal, at=2)
    assert anew.message is not None
    assert anew.message.starts_at == later(2)


async def test_an_end_never_overtakes_the_beginning_at_a_sink(journal: Journal) -> None:
    await accept(journal, sinks=("a", "b"))
    await accept(journal, END, at=1, sinks=("a", "b"))
    at_a, at_b = await claim(journal, at=1)
    await end(journal, at_a, at=2)
    await end(journal, at_b, "refused", at=2)
    [ending] = await claim(journal, at=3)
    assert (ending.sink, ending.message.request.status) == ("a", MessageStatus.RESOLVED)
    assert [each.message.request.status for each in await claim(journal, at=10)] == [MessageStatus.FIRING]


async def test_what_one_daemon_tries_no_other_gets_until_its_claim_is_over(journal: Journal) -> None:
    await accept(journal)
    assert len(await claim(journal)) == 1
    assert await claim(journal, at=CLAIM.total_seconds() - 1) == ()
    [again] = await claim(journal, at=CLAIM.total_seconds())
    assert again.attempt == 2


async def test_a_late_failure_does_not_touch_the_claim_of_another(journal: Journal) -> None:
    await accept(journal)
    [mine] = await claim(journal)
    await claim(journal, at=60)
    await end(journal, mine, "too late", at=61)
    assert await claim(journal, at=70) == ()


async def test_a_late_success_ends_it(journal: Journal) -> None:
    await accept(journal)
    [mine] = await claim(journal)
    [theirs] = await claim(journal, at=60)
    await end(journal, mine, at=61)
    await end(journal, theirs, "refused", at=62)
    [now] = await journal.deliveries(mine.message.id)
    assert now.state is DeliveryState.TAKEN


async def test_a_failed_attempt_is_made_again_later_and_later(journal: Journal) -> None:
    await accept(journal)
    [first] = await claim(journal)
    await end(journal, first, "down")
    assert await claim(journal, at=4) == ()
    [second] = await claim(journal, at=5)
    await end(journal, second, "down", at=5)
    assert await claim(journal, at=14) == ()
    assert len(await claim(journal, at=15)) == 1


async def test_an_old_message_is_given_up_and_says_why(journal: Journal) -> None:
    await accept(journal)
    [only] = await claim(journal)
    await end(journal, only, "down", at=RETRYING.give_up.total_seconds())
    [given_up] = await journal.deliveries(only.message.id)
    assert (given_up.state, given_up.detail) == (DeliveryState.GIVEN_UP, "down")
    assert await claim(journal, at=2 * RETRYING.give_up.total_seconds()) == ()


def test_pauses_have_an_end() -> None:
    assert [RETRYING.pause(n).total_seconds() for n in (1, 2, 3, 7, 10**6)] == [5, 10, 20, 300, 300]


def test_a_full_outbox_takes_no_more(engine: Engine) -> None:
    with engine.begin() as connection:
        room = partial(outbox_intake.accept, connection, sinks=("a",), repeat=REPEAT, now=NOW, most_waiting=1)
        room(ALERT)
        with pytest.raises(OutboxFullError, match="look whether the sinks can be reached"):
            room(replace(ALERT, key="another"))
        assert room(ALERT).acceptance is Acceptance.DUPLICATE


async def test_messages_are_told_with_what_became_of_them(journal: Journal) -> None:
    await accept(journal, sinks=("a", "b"))
    await accept(journal, at=60)
    (first, *_) = await claim(journal, sinks=("a",))
    await end(journal, first)
    await accept(journal, replace(ALERT, key="other"), at=90)

    newest, oldest = await journal.messages(since=NOW, limit=10)

    assert (newest.alert.request.key, oldest.alert.request.key) == ("other", "k")
    assert (newest.asked, oldest.asked) == (1, 2)
    states = {each.sink: each.state for each in oldest.deliveries}
    assert states == {"a": DeliveryState.TAKEN, "b": DeliveryState.WAITING}
    assert len(await journal.messages(since=NOW, limit=1)) == 1
    assert [each.alert.request.key for each in await journal.messages(since=later(80), limit=10)] == ["other"]


DAY = 86400.0
KEEP, GIVE_UP = timedelta(days=90), timedelta(days=1)


async def swept(journal: Journal, *, at: float) -> int:
    return (await journal.sweep_outbox(keep=KEEP, give_up=GIVE_UP, now=later(at))).deleted


async def test_what_no_daemon_brings_any_more_ends(journal: Journal) -> None:
    accepted = await accept(journal, sinks=("gone",))
    assert accepted.message is not None

    await swept(journal, at=DAY - 60)
    assert [each.state for each in await journal.deliveries(accepted.message.id)] == [DeliveryState.WAITING]
    await swept(journal, at=DAY + 60)
    (ended,) = await journal.deliveries(accepted.message.id)
    assert (ended.state, ended.detail) == (DeliveryState.GIVEN_UP, "no daemon has this sink")


async def test_what_a_sink_said_last_stays(journal: Journal) -> None:
    accepted = await accept(journal)
    (claimed,) = await claim(journal)
    await end(journal, claimed, "refused")
    await swept(journal, at=DAY + 60)
    assert accepted.message is not None
    assert [each.detail for each in await journal.deliveries(accepted.message.id)] == ["refused"]


async def test_old_messages_are_deleted_and_newer_ones_are_not(journal: Journal) -> None:
    await accept(journal)
    await accept(journal, replace(ALERT, key="newer"), at=89 * DAY)

    assert await swept(journal, at=90 * DAY + 60) == 1
    assert await swept(journal, at=90 * DAY + 60) == 0
    assert [each.alert.request.key for each in await journal.messages(since=NOW, limit=10)] == ["newer"]


async def test_a_message_that_is_just_being_brought_is_left_to_who_brings_it(journal: Journal) -> None:
    accepted = await accept(journal)
    await claim(journal, at=DAY + 50)
    await swept(journal, at=DAY + 60)
    assert accepted.message is not None
    assert [each.state for each in await journal.deliveries(accepted.message.id)] == [DeliveryState.WAITING]
