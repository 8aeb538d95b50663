"""Two writers at once, and processes that end at any moment: one operation, nothing acknowledged lost."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rlm_exporter.store.errors import ConflictError
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.records import Operation, OperationState, StepOutcome
from tests.store.situations import CLUSTER, claimed, committed, founded, later

ROOT = Path(__file__).parents[2]
LIMIT = 30

DIES_IN_APPLY = """
import asyncio, sys
from rlm_exporter.store.journal import Journal
from tests.store.situations import applying, founded

async def main():
    journal = await Journal.open(url=sys.argv[1])
    await founded(journal)
    stepped = await applying(journal)
    print(stepped.operation.id, stepped.number, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

MOVES_FOR_EVER = """
import asyncio, sys
from rlm_exporter.store.journal import Journal
from tests.store.situations import claimed, committed

async def main():
    journal = await Journal.open(url=sys.argv[1])
    while True:
        operation = await claimed(journal)
        print("claimed", operation.id, operation.epoch, flush=True)
        record = await committed(journal, operation)
        print("committed", operation.id, record.epoch, flush=True)

asyncio.run(main())
"""

CLAIMS_AT_A_SIGN = """
import asyncio, sys
from rlm_exporter.store.errors import ConflictError
from rlm_exporter.store.journal import Journal
from tests.store.situations import claimed

async def main():
    journal = await Journal.open(url=sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        print("won", (await claimed(journal)).id, flush=True)
    except ConflictError as error:
        print("lost", error.operation_id, flush=True)
    await journal.close()

asyncio.run(main())
"""


@asynccontextmanager
async def running(program: str, url: str) -> AsyncIterator[Process]:
    """Another process on the same journal, killed and reaped at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, url, cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_of(process: Process) -> list[str]:
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT):
        return (await process.stdout.readline()).decode().split()


async def lines_until_the_end(process: Process) -> list[list[str]]:
    """Whole lines only: what the process had acknowledged when it was killed."""
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT):
        rest = (await process.stdout.read()).decode()
    return [line.split() for line in rest.splitlines(keepends=True) if line.endswith("\n")]


async def test_of_two_claims_at_once_one_wins(url: str) -> None:
    async with await Journal.open(url=url) as one, await Journal.open(url=url) as two:
        await founded(one)
        for _ in range(20):
            record = await one.cluster(CLUSTER)
            assert record is not None
            answers = await asyncio.gather(
                *(claimed(journal, expected_version=record.version) for journal in (one, two)),
                return_exceptions=True,
            )
            (won,) = [answer for answer in answers if isinstance(answer, Operation)]
            (lost,) = [answer for answer in answers if isinstance(answer, ConflictError)]
            assert lost.operation_id == won.id
            await two.end(won.id, state=OperationState.ABORTED, outcome="aborted", now=later(20))
        assert len(await one.operations(CLUSTER)) == 21


async def test_of_two_processes_that_claim_at_once_one_wins(url: str) -> None:
    async with await Journal.open(url=url) as journal:
        await founded(journal)
        async with running(CLAIMS_AT_A_SIGN, url) as one, running(CLAIMS_AT_A_SIGN, url) as two:
            for process in (one, two):
                assert await line_of(process) == ["ready"]
            for process in (one, two):
                assert process.stdin is not None
                process.stdin.write(b"go\n")
            answers = sorted([await line_of(one), await line_of(two)])
        opened = await journal.open_operation(CLUSTER)
    assert opened is not None
    assert answers == [["lost", str(opened.id)], ["won", str(opened.id)]]


async def test_a_process_killed_between_intent_and_outcome_leaves_the_operation_open(url: str) -> None:
    async with running(DIES_IN_APPLY, url) as process:
        operation_id, number = map(int, await line_of(process))
        process.send_signal(signal.SIGKILL)
    async with await Journal.open(url=url) as journal:
        found = await journal.open_operation(CLUSTER)
        assert found is not None
        assert found.id == operation_id
        (step,) = found.steps
        assert (step.number, step.step, step.outcome, step.done_at) == (number, "apply", None, None)
        again = await journal.intend(found.id, step="apply", target="rlm2", epoch=found.epoch, now=later(60))
        await journal.done(found.id, again, outcome=StepOutcome.DONE, now=later(61))
        record = await committed(journal, found, now=later(62))
        assert (record.active, record.epoch) == ("rlm2", found.epoch)
        assert await journal.open_operation(CLUSTER) is None


@pytest.mark.parametrize("after", [1, 4, 9, 20])
async def test_nothing_that_was_acknowledged_is_lost_by_a_kill(url: str, after: int) -> None:
    async with await Journal.open(url=url) as journal:
        await founded(journal)
    async with running(MOVES_FOR_EVER, url) as process:
        told = [await line_of(process) for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        told += await lines_until_the_end(process)
    async with await Journal.open(url=url) as journal:
        states = {one.id: one.state for one in await journal.operations(CLUSTER, limit=100_000)}
        record = await journal.cluster(CLUSTER)
        opened = await journal.open_operation(CLUSTER)
    assert record is not None
    for word, operation_id, epoch in told:
        assert int(operation_id) in states
        if word == "committed":
            assert states[int(operation_id)] is OperationState.COMMITTED
            assert record.epoch >= int(epoch)
        assert record.highest_epoch >= int(epoch)
    others = set(states) - ({opened.id} if opened else set())
    assert {states[one] for one in others} == {OperationState.COMMITTED}
