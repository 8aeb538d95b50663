"""Leases on a real server: one holder, by the server's clock, and no write of yesterday's."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from rlm_exporter.store.database import database_at
from rlm_exporter.store.errors import LeaseLostError
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.leases import Claimant, LeasesTaken, lease_guard
from rlm_exporter.store.upgrade import upgrade
from tests.postgresql import ask
from tests.store.situations import CLUSTER, claimed, committed, founded, later

ONE, TWO = Claimant(name="ha1", url="http://ha1:10053"), Claimant(name="ha2")
LASTING = timedelta(seconds=15)


@pytest.fixture
def shared(server_url: str) -> str:
    """A database with our schema."""
    database = database_at(server_url)
    upgrade(database)
    database.engine.dispose()
    return server_url


@pytest.fixture
async def journals(shared: str) -> AsyncIterator[tuple[Journal, Journal]]:
    """Two daemons' connections."""
    async with await Journal.open(url=shared) as one, await Journal.open(url=shared) as two:
        yield one, two


async def take(
    journal: Journal,
    claimant: Claimant,
    held: dict[str, int] | None = None,
    *,
    of: tuple[str, ...] = (CLUSTER,),
    resumed: tuple[str, ...] = (CLUSTER,),
) -> LeasesTaken:
    return await journal.take_leases(
        claimant=claimant, clusters=of, held=held or {}, resumed=resumed, lasting=LASTING
    )


def run_out(url: str) -> None:
    """As if the lease had come to its end."""
    ask(url, "UPDATE lease SET expires_at = clock_timestamp()")


async def test_the_first_one_gets_it_and_the_second_sees_who_has_it(
    journals: tuple[Journal, Journal],
) -> None:
    one, two = journals
    assert (await take(one, ONE)).tokens == {CLUSTER: 1}
    taken = await take(two, TWO)
    assert taken.tokens == {}
    (row,) = taken.rows
    assert (row.cluster, row.holder, row.url, row.token, row.expired) == (
        CLUSTER,
        "ha1",
        "http://ha1:10053",
        1,
        False,
    )


async def test_its_holder_renews_it_under_the_same_token(
    journals: tuple[Journal, Journal], shared: str
) -> None:
    one, two = journals
    await take(one, ONE)
    before = ask(shared, "SELECT expires_at FROM lease")
    assert (await take(one, ONE, {CLUSTER: 1})).tokens == {CLUSTER: 1}
    assert ask(shared, "SELECT expires_at FROM lease") > before
    assert (await take(two, TWO)).tokens == {}


async def test_one_that_has_run_out_is_anybodys_under_a_new_token(
    journals: tuple[Journal, Journal], shared: str
) -> None:
    one, two = journals
    await take(one, ONE)
    run_out(shared)
    assert (await take(two, TWO)).tokens == {CLUSTER: 2}
    taken = await take(one, ONE, {CLUSTER: 1})
    assert taken.tokens == {}
    assert (taken.rows[0].holder, taken.rows[0].token) == ("ha2", 2)


async def test_one_that_has_run_out_is_not_renewed_but_taken_anew(
    journals: tuple[Journal, Journal], shared: str
) -> None:
    one, _ = journals
    await take(one, ONE)
    run_out(shared)
    assert (await take(one, ONE, {CLUSTER: 1})).tokens == {CLUSTER: 2}


async def test_one_that_is_given_away_is_free_at_once(journals: tuple[Journal, Journal]) -> None:
    one, two = journals
    await take(one, ONE)
    await two.release_leases(claimant=TWO, held={CLUSTER: 1})  # not theirs
    assert (await take(two, TWO)).tokens == {}
    await one.release_leases(claimant=ONE, held={CLUSTER: 1})
    assert (await take(two, TWO)).tokens == {CLUSTER: 2}


async def test_a_namesake_is_somebody_else(journals: tuple[Journal, Journal]) -> None:
    one, two = journals
    await take(one, ONE)
    assert (await take(two, ONE)).tokens == {}


async def test_an_earlier_life_is_followed_at_once(journals: tuple[Journal, Journal], shared: str) -> None:
    one, two = journals
    known = replace(ONE, instance="a1")
    await take(one, known)
    assert (await take(two, replace(TWO, instance="a2"))).tokens == {}
    assert (await take(two, replace(known, url="http://elsewhere"))).tokens == {CLUSTER: 2}
    # And what it had written under its token before is refused from now on.
    with pytest.raises(LeaseLostError):
        await founded(one.guarded(lease_guard(cluster=CLUSTER, claimant=known, token=lambda: 1)))


async def test_a_life_that_had_it_once_does_not_take_it_from_its_twin(
    journals: tuple[Journal, Journal],
) -> None:
    """Two copies of one machine would take it from each other for ever."""
    one, two = journals
    first, second = replace(ONE, instance="a1"), replace(TWO, instance="a1")
    assert (await take(one, first)).tokens == {CLUSTER: 1}
    assert (await take(two, second)).tokens == {CLUSTER: 2}
    assert (await take(one, first, {CLUSTER: 1}, resumed=())).tokens == {}
    assert (await take(two, second, {CLUSTER: 2}, resumed=())).tokens == {CLUSTER: 2}


async def test_of_many_who_try_at_once_one_gets_each(shared: str) -> None:
    names = tuple(f"cluster-{number}" for number in range(20))
    journals = [await Journal.open(url=shared) for _ in range(5)]
    try:
        answers = await asyncio.gather(
            *(take(each, Claimant(name=f"ha{number}"), of=names) for number, each in enumerate(journals))
        )
    finally:
        for each in journals:
            await each.close()
    got = [name for answer in answers for name in answer.tokens]
    assert sorted(got) == sorted(names)
    assert {token for answer in answers for token in answer.tokens.values()} == {1}


async def test_a_guarded_write_needs_the_lease_it_began_under(
    journals: tuple[Journal, Journal], shared: str
) -> None:
    one, two = journals
    token: list[int | None] = [None]
    guarded = one.guarded(lease_guard(cluster=CLUSTER, claimant=ONE, token=lambda: token[0]))
    with pytest.raises(LeaseLostError, match="another daemon may act for it; nothing was written"):
        await founded(guarded)
    await take(one, ONE)
    token[0] = 1
    await founded(guarded)
    operation = await claimed(guarded)
    run_out(shared)
    with pytest.raises(LeaseLostError):
        await guarded.intend(operation.id, step="apply", target="rlm2", epoch=2, now=later(11))
    await take(two, TWO)
    with pytest.raises(LeaseLostError):
        await committed(guarded, operation)
    assert await guarded.open_operation(CLUSTER) == operation  # reading is everybody's
    await guarded.check_writable()


async def test_a_takeover_waits_for_a_write_under_way(shared: str) -> None:
    """Whoever takes over must read what was written before: a guarded write holds the lease's row."""
    database = database_at(shared)
    guard = lease_guard(cluster=CLUSTER, claimant=ONE, token=lambda: 1)
    async with await Journal.open(url=shared) as one, await Journal.open(url=shared) as two:
        await take(one, ONE)
        with database.engine.connect() as connection:
            connection.execution_options(rlm_ha_writes=True)
            with connection.begin():
                guard(connection)
                ask_later = asyncio.create_task(
                    asyncio.to_thread(ask, shared, "UPDATE lease SET expires_at = clock_timestamp()")
                )
                await asyncio.sleep(0.3)
                assert not ask_later.done()
        await ask_later
        assert (await take(two, TWO)).tokens == {CLUSTER: 2}
    database.engine.dispose()


async def test_writes_of_several_daemons_are_as_if_one_came_after_the_other(
    journals: tuple[Journal, Journal],
) -> None:
    one, two = journals
    await founded(one)
    await asyncio.gather(*(journal.check_writable() for journal in journals for _ in range(50)))
    operation = await claimed(two)
    assert await one.open_operation(CLUSTER) == operation
