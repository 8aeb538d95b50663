import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import random

import pytest

from rlm_exporter.errors import ProbeError
from rlm_exporter.manifest.model import Cluster, Detection, HealthCheckPolicy, Server
from rlm_exporter.probe.addresses import SystemResolver
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.health import confirmed_by_threshold
from rlm_exporter.probe.prober import Prober
from rlm_exporter.probe.result import FailureReason, ProbeKind
from rlm_exporter.probe.rlmutil import RlmutilProbe
from rlm_exporter.probe.tcp import ConnectProbe
from rlm_exporter.probe.web import HttpProbe
from tests.clock import FakeClock
from tests.probe.parts import (
    ISV_PORT,
    NO_ANSWER,
    REFUSED,
    Notes,
    ScriptedLicense,
    ScriptedTcp,
    ScriptedWeb,
    cluster,
    isv,
    status,
)
from tests.probe.programs import DATA, shell
from tests.probe.servers import serving

pytestmark = pytest.mark.row(5)

RLM1, RLM2 = "10.0.0.1", "10.0.0.2"
WITH_WEB = HealthCheckPolicy(check_web=True)
HANG = 1e9


class Bench:
    """A prober over scripted servers and a clock that the test moves."""

    def __init__(self, of: Cluster, jitter: float = 0.5) -> None:
        self.clock = FakeClock()
        self.license = ScriptedLicense(clock=self.clock)
        self.tcp = ScriptedTcp(clock=self.clock)
        self.web = ScriptedWeb(clock=self.clock)
        self.notes = Notes()
        self.prober = Prober(
            cluster=of,
            license_probe=self.license,
            tcp_probe=self.tcp,
            web_probe=self.web,
            clock=self.clock,
            observer=self.notes,
            jitter=lambda: jitter,
        )
        self.began = self.clock.monotonic()

    def attempts(self, host: str = RLM1) -> list[float]:
        """When that host was asked by rlmutil, in seconds since the start."""
        return [round(time - self.began, 3) for time in self.license.times(host)]

    def connects(self, host: str = RLM1, port: int = 5053) -> list[float]:
        return [round(time - self.began, 3) for time in self.tcp.times(host, port)]

    def health(self, server: str = "rlm1") -> tuple[int, int]:
        health = self.prober.snapshot.server(server).health
        return health.failures, health.successes


@asynccontextmanager
async def running(
    of: Cluster | None = None, *, jitter: float = 0.5, **scripts: object
) -> AsyncIterator[Bench]:
    bench = Bench(of or cluster(), jitter)
    for name, script in scripts.items():
        probe, _, what = name.partition("_")
        setattr(getattr(bench, probe), what, script)
    task = asyncio.create_task(bench.prober.run())
    await bench.clock.settle()
    try:
        yield bench
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


FAST = cluster(detection=Detection.FAST)


async def test_every_server_is_checked_at_the_start_and_then_at_the_interval() -> None:
    async with running() as bench:
        await bench.clock.advance(61)

        assert bench.attempts(RLM1) == bench.attempts(RLM2) == [0, 30, 60]
        assert bench.health() == (0, 3)


@pytest.mark.parametrize(("jitter", "second"), [(0.0, 27), (0.999999, 33)])
async def test_checks_come_up_to_a_tenth_sooner_or_later(jitter: float, second: float) -> None:
    async with running(jitter=jitter) as bench:
        await bench.clock.advance(35)
        assert bench.attempts() == pytest.approx([0, second], abs=0.001)


async def test_before_the_first_check_nothing_is_known() -> None:
    async with running(license_delays={RLM1: HANG}) as bench:
        part = bench.prober.snapshot.server("rlm1")
        assert not part.health.known
        assert part.status is None
        assert part.checked_at is None


async def test_a_check_makes_up_to_so_many_attempts_a_second_apart() -> None:
    async with running(license_failures={RLM1: NO_ANSWER}) as bench:
        await bench.clock.advance(2)
        assert bench.attempts() == [0, 1, 2]
        assert bench.health() == (1, 0)


async def test_the_first_good_attempt_ends_the_check() -> None:
    async with running(license_failures={RLM1: NO_ANSWER}) as bench:
        await bench.clock.advance(0.5)
        bench.license.failures.clear()
        await bench.clock.advance(10)
        assert bench.attempts() == [0, 1]
        assert bench.health() == (0, 1)


async def test_a_restart_within_three_seconds_is_one_failed_check_at_most() -> None:
    async with running(license_failures={RLM1: NO_ANSWER}) as bench:
        await bench.clock.advance(2.9)
        bench.license.failures.clear()
        await bench.clock.advance(5)
        assert bench.attempts() == [0, 1, 2, 3]
        assert bench.health() == (0, 1)


async def test_a_failed_check_is_followed_at_once_until_the_threshold_then_at_the_interval() -> None:
    async with running(license_failures={RLM1: NO_ANSWER}) as bench:
        await bench.clock.advance(40)
        # The second check began at 3, so the third follows at 33.
        assert bench.attempts() == [0, 1, 2, 3, 4, 5, 33, 34, 35]
        assert bench.health() == (3, 0)


async def test_an_attempt_that_hangs_is_cut_at_the_limit_and_the_next_follows() -> None:
    async with running(license_delays={RLM1: HANG}) as bench:
        await bench.clock.advance(60)
        assert bench.attempts() == [0, 10, 20, 30, 40, 50, 60]
        assert bench.health() == (2, 0)
        assert {ask.timeout for ask in bench.license.asked} == {timedelta(seconds=10)}


async def test_a_hanging_server_delays_no_other() -> None:
    async with running(license_delays={RLM1: HANG}) as bench:
        await bench.clock.advance(61)
        assert bench.attempts(RLM2) == [0, 30, 60]
        assert bench.health("rlm2") == (0, 3)


async def test_fast_is_for_the_active_server() -> None:
    async with running(FAST) as bench:
        bench.prober.set_active("rlm1")
        await bench.clock.advance(14.5)
        assert bench.attempts(RLM1) == [0, 5, 10]
        assert bench.attempts(RLM2) == [0]
        assert {ask.timeout.total_seconds() for ask in bench.license.asked[2:]} == {3.5}


async def test_a_server_that_becomes_active_is_checked_sooner_from_then_on() -> None:
    async with running(FAST) as bench:
        await bench.clock.advance(20)
        bench.prober.set_active("rlm2")
        await bench.clock.advance(4.5)
        assert bench.attempts(RLM2) == [0, 20]
        bench.prober.set_active(None)
        await bench.clock.advance(20)
        assert bench.attempts(RLM2) == [0, 20]


async def test_fast_connects_to_the_active_server_every_second() -> None:
    async with running(FAST) as bench:
        bench.prober.set_active("rlm1")
        await bench.clock.advance(6.5)
        assert bench.connects(RLM1) == [0, 1, 2, 3, 4, 5, 6]
        assert bench.connects(RLM2) == [0]


async def test_a_connect_that_fails_starts_a_check_and_is_no_verdict() -> None:
    async with running(FAST) as bench:
        bench.prober.set_active("rlm1")
        await bench.clock.advance(1.5)
        bench.tcp.failures[f"{RLM1}:5053"] = REFUSED
        await bench.clock.advance(1)
        assert bench.attempts() == [0, 2]
        assert bench.health() == (0, 2)


async def test_fast_confirms_a_crash_within_two_and_a_half_seconds() -> None:
    async with running(FAST) as bench:
        bench.prober.set_active("rlm1")
        await bench.clock.advance(1.01)
        bench.tcp.failures[RLM1] = REFUSED
        bench.license.failures[RLM1] = NO_ANSWER
        await bench.clock.advance(2.5)
        assert bench.attempts() == [0, 2, 3]
        assert bench.health() == (2, 0)
        failure = bench.prober.snapshot.server("rlm1").health.failure
        assert failure is not None
        assert failure.reason is FailureReason.REFUSED


async def test_fast_confirms_a_hang_within_fourteen_seconds() -> None:
    async with running(FAST, jitter=0.999999) as bench:
        bench.prober.set_active("rlm1")
        await bench.clock.advance(0.01)
        bench.license.delays[RLM1] = HANG
        await bench.clock.advance(13.6)
        assert bench.health() == (2, 0)


async def test_a_server_that_is_confirmed_down_is_not_hammered() -> None:
    async with running(FAST, tcp_failures={RLM1: REFUSED}, license_failures={RLM1: NO_ANSWER}) as bench:
        bench.prober.set_active("rlm1")
        await bench.clock.advance(20)
        # The first check still went by the manifest: three attempts; the second was fast.
        assert bench.attempts() == [0, 1, 2, 3, 8, 13, 18]


async def test_no_socket_for_the_connect_starts_no_check() -> None:
    async with running(FAST) as bench:
        bench.prober.set_active("rlm1")
        bench.tcp.failures[RLM1] = ProbeError("cannot connect from here: too many open files")
        await bench.clock.advance(4.5)
        assert bench.attempts() == [0]


async def test_check_now_starts_a_check_at_once() -> None:
    async with running() as bench:
        await bench.clock.advance(10)
        bench.prober.check_now("rlm1")
        await bench.clock.settle()
        assert bench.attempts(RLM1) == [0, 10]
        assert bench.attempts(RLM2) == [0]
        await bench.clock.advance(29)
        assert bench.attempts(RLM1) == [0, 10]


async def test_check_now_keeps_attempts_a_second_apart() -> None:
    async with running() as bench:
        for _ in range(29):
            bench.prober.check_now("rlm1")
            await bench.clock.advance(0.1)
        assert bench.attempts() == [0, 1, 2]


async def test_check_now_does_nothing_while_a_check_runs() -> None:
    async with running(license_delays={RLM1: 5}) as bench:
        await bench.clock.advance(1)
        bench.prober.check_now("rlm1")
        await bench.clock.advance(20)
        assert bench.attempts() == [0]


async def test_check_and_wait_answers_with_a_check_that_began_after_the_call() -> None:
    async with running(license_delays={RLM1: 5}) as bench:
        await bench.clock.advance(1)
        asked = asyncio.create_task(bench.prober.check_and_wait("rlm1"))
        await bench.clock.advance(4)
        assert bench.health() == (0, 1)
        assert not asked.done()
        await bench.clock.advance(5)
        assert bench.attempts() == [0, 5]
        assert (await asked).health.successes == 2


async def test_two_who_wait_share_one_check() -> None:
    async with running() as bench:
        await bench.clock.advance(10)
        both = asyncio.gather(*(bench.prober.check_and_wait("rlm1") for _ in range(2)))
        await bench.clock.settle()
        first, second = await both
        assert first is second
        assert bench.attempts() == [0, 10]


async def test_nobody_who_waits_for_a_change_misses_one() -> None:
    seen: list[list[int]] = [[], []]

    async def follow(mine: list[int]) -> None:
        snapshot = bench.prober.snapshot
        while True:
            snapshot = await bench.prober.changed(snapshot)
            mine.append(snapshot.server("rlm1").health.successes)

    async with running(cluster(servers=1)) as bench:
        followers = [asyncio.create_task(follow(mine)) for mine in seen]
        await bench.clock.advance(95)
        for follower in followers:
            follower.cancel()
    assert seen == [[2, 3, 4], [2, 3, 4]]


async def test_a_change_that_came_before_the_wait_is_not_waited_for() -> None:
    async with running() as bench:
        old = bench.prober.snapshot
        await bench.clock.advance(31)
        assert await bench.prober.changed(old) is bench.prober.snapshot


async def test_a_part_keeps_its_identity_while_another_changes() -> None:
    async with running() as bench:
        await bench.clock.advance(10)
        before = bench.prober.snapshot
        bench.prober.check_now("rlm1")
        await bench.clock.settle()
        after = bench.prober.snapshot
        assert after.server("rlm1") is not before.server("rlm1")
        assert after.server("rlm2") is before.server("rlm2")


async def test_a_part_is_replaced_when_its_check_is_complete() -> None:
    async with running(cluster(servers=1, health_check=WITH_WEB), web_delays={RLM1: 3}) as bench:
        await bench.clock.advance(2.9)
        assert not bench.prober.snapshot.server("rlm1").health.known
        await bench.clock.advance(0.2)
        part = bench.prober.snapshot.server("rlm1")
        assert part.health.is_up
        assert part.web is not None
        assert part.tcp is not None


async def test_a_failed_check_does_not_wait_long_for_the_web_interface() -> None:
    web_counts_not = cluster(servers=1, detection=Detection.FAST, health_check=WITH_WEB)
    async with running(web_counts_not) as bench:
        bench.prober.set_active("rlm1")
        await bench.clock.advance(1)
        bench.web.delays[RLM1] = HANG
        bench.license.failures[RLM1] = NO_ANSWER
        bench.tcp.failures[RLM1] = REFUSED
        await bench.clock.advance(2.1)
        assert bench.health() == (1, 0)
        part = bench.prober.snapshot.server("rlm1")
        assert part.web is not None
        assert part.web.ok
        assert bench.web.cancelled == 1


async def test_the_web_interface_is_asked_once_a_check() -> None:
    async with running(
        cluster(servers=1, health_check=WITH_WEB),
        license_failures={RLM1: NO_ANSWER},
        web_failures={RLM1: REFUSED},
    ) as bench:
        await bench.clock.advance(2)
        assert len(bench.license.asked) == 3
        assert len(bench.web.asked) == 1


async def test_a_web_interface_that_counts_has_as_many_attempts() -> None:
    counts = replace(WITH_WEB, web_required=True)
    async with running(cluster(servers=1, health_check=counts), web_failures={RLM1: REFUSED}) as bench:
        await bench.clock.advance(1.5)
        bench.web.failures.clear()
        await bench.clock.advance(10)
        assert len(bench.web.asked) == 3
        assert bench.health() == (0, 1)


async def test_an_isv_port_that_refuses_makes_the_server_down_and_has_all_attempts() -> None:
    async with running(tcp_failures={f"{RLM1}:{ISV_PORT}": REFUSED}) as bench:
        await bench.clock.advance(2)
        assert bench.health() == (1, 0)
        assert bench.connects(port=ISV_PORT) == [0, 1, 2]
        part = bench.prober.snapshot.server("rlm1")
        assert part.health.failure is not None
        assert part.health.failure.reason is FailureReason.ISV_DOWN
        assert part.status is not None


async def test_an_isv_server_without_a_planned_port_is_connected_to_where_the_answer_says() -> None:
    async with running(
        cluster(isv_ports=()),
        license_statuses={RLM1: status(isvs=(isv("Siemens", port=50123), isv("other", port=50999)))},
        tcp_failures={f"{RLM1}:50123": REFUSED},
    ) as bench:
        await bench.clock.advance(2)
        assert bench.connects(port=50123) == [0, 1, 2]
        assert bench.connects(port=50999) == []
        assert bench.health() == (1, 0)


async def test_an_answer_leaves_the_rest_of_the_limit_to_an_unplanned_isv_port() -> None:
    async with running(
        cluster(servers=1, isv_ports=()),
        license_statuses={RLM1: status(isvs=(isv(port=50123),))},
        license_delays={RLM1: 7},
        tcp_delays={f"{RLM1}:50123": HANG},
    ) as bench:
        await bench.clock.advance(10)
        assert bench.attempts() == [0, 10]


async def test_all_ways_are_tried_at_once() -> None:
    slow = {RLM1: 3.0}
    async with running(
        cluster(servers=1, health_check=WITH_WEB), license_delays=slow, tcp_delays=slow, web_delays=slow
    ) as bench:
        await bench.clock.advance(3)
        assert bench.health() == (0, 1)


async def test_trouble_of_our_own_is_a_result() -> None:
    async with running(license_failures={RLM1: ProbeError("no free process")}) as bench:
        await bench.clock.advance(2)
        part = bench.prober.snapshot.server("rlm1")
        assert not part.health.known
        assert part.health.failure is not None
        assert part.health.failure.reason is FailureReason.LOCAL
        assert bench.notes.defects == []


async def test_a_defect_is_logged_and_counted_and_the_watch_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async with running(license_failures={RLM1: ZeroDivisionError("a defect")}) as bench:
        await bench.clock.advance(1)
        bench.license.failures.clear()
        await bench.clock.advance(30)

        assert [server for server, _ in bench.notes.defects] == ["rlm1"]
        assert bench.health() == (0, 1)
        assert bench.health("rlm2") == (0, 2)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "rlm1 in cluster prod" in caplog.text


async def test_every_probe_is_observed() -> None:
    async with running(cluster(servers=1, health_check=WITH_WEB)) as bench:
        pass
    assert sorted(bench.notes.observations) == [
        ("rlm1", ProbeKind.LICENSE, True),
        ("rlm1", ProbeKind.TCP, True),
        ("rlm1", ProbeKind.TCP, True),
        ("rlm1", ProbeKind.WEB, True),
    ]


async def test_a_jump_of_the_wall_clock_moves_no_check() -> None:
    async with running() as bench:
        await bench.clock.advance(10)
        bench.clock.jump(timedelta(hours=1))
        await bench.clock.advance(10)
        bench.clock.jump(timedelta(hours=-2))
        await bench.clock.advance(11)
        assert bench.attempts() == [0, 30]


async def test_license_probes_are_bounded() -> None:
    bench = Bench(cluster(servers=4))
    slots = asyncio.Semaphore(2)
    prober = Prober(
        cluster=cluster(servers=4),
        license_probe=bench.license,
        tcp_probe=bench.tcp,
        web_probe=bench.web,
        clock=bench.clock,
        observer=bench.notes,
        jitter=lambda: 0.5,
        slots=slots,
    )
    bench.license.delays = {f"10.0.0.{number}": 2.0 for number in range(1, 5)}
    task = asyncio.create_task(prober.run())
    await bench.clock.advance(5)
    task.cancel()
    await asyncio.wait({task})
    assert [ask.at - bench.began for ask in bench.license.asked] == [0, 0, 2, 2]


async def test_direct_is_good_where_every_port_takes_a_connection() -> None:
    bench = Bench(cluster())
    assert await bench.prober.direct("rlm2") is None
    assert {(ask.host, ask.port) for ask in bench.tcp.asked} == {(RLM2, 5053), (RLM2, ISV_PORT)}


@pytest.mark.parametrize("port", [5053, ISV_PORT])
async def test_direct_tells_which_port_does_not(port: int) -> None:
    bench = Bench(cluster())
    bench.tcp.failures[f"{RLM2}:{port}"] = REFUSED
    assert await bench.prober.direct("rlm2") == REFUSED


async def test_direct_has_a_limit_of_its_own() -> None:
    bench = Bench(cluster())
    bench.tcp.delays[RLM2] = HANG
    direct = asyncio.create_task(bench.prober.direct("rlm2"))
    await bench.clock.advance(2)
    failure = await direct
    assert failure is not None
    assert failure.reason is FailureReason.TIMEOUT


async def test_direct_without_a_socket_to_spare_is_not_good() -> None:
    bench = Bench(cluster())
    bench.tcp.failures[RLM2] = ProbeError("cannot connect from here")
    failure = await bench.prober.direct("rlm2")
    assert failure is not None
    assert failure.reason is FailureReason.LOCAL


async def test_a_stranger_is_refused() -> None:
    bench = Bench(cluster())
    with pytest.raises(KeyError):
        bench.prober.set_active("rlm9")
    with pytest.raises(KeyError):
        bench.prober.check_now("rlm9")


async def test_real_parts_confirm_a_real_crash_within_five_seconds(tmp_path: Path) -> None:
    answer = tmp_path / "answer.txt"
    clock, resolver = SystemClock(), SystemResolver()
    tool = shell(tmp_path / "rlmutil", f"cat '{answer}' || cat '{DATA / '12.2-connect-error.txt'}'")

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with AsyncExitStack() as stack:
        crash = await stack.enter_async_context(AsyncExitStack())
        license_port = await crash.enter_async_context(serving(take))
        isv_port = await crash.enter_async_context(serving(take))
        crash.callback(answer.unlink)
        answer.write_text((DATA / "12.2-two-pools-in-use.txt").read_text().replace("49152", str(isv_port)))
        members = (
            Server(
                name="rlm1",
                role="primary",
                host="127.0.0.1",
                port=license_port,
                isv_ports=(("siemens", isv_port),),
            ),
        )
        of = replace(FAST, servers=members)
        prober = Prober(
            cluster=of,
            license_probe=stack.enter_context(RlmutilProbe(rlmutil=tool, clock=clock)),
            tcp_probe=ConnectProbe(clock=clock, resolver=resolver),
            web_probe=HttpProbe(tls=True, clock=clock, resolver=resolver),
            clock=clock,
            observer=Notes(),
            jitter=random,
        )
        prober.set_active("rlm1")
        task = asyncio.create_task(prober.run())
        stack.push_async_callback(asyncio.wait, {task})
        stack.callback(task.cancel)
        async with asyncio.timeout(10):
            assert (await prober.check_and_wait("rlm1")).health.is_up
        assert await prober.direct("rlm1") is None

        await crash.aclose()
        async with asyncio.timeout(5):
            snapshot = prober.snapshot
            while not confirmed_by_threshold(snapshot.server("rlm1").health, of.failover):
                snapshot = await prober.changed(snapshot)

        failure = snapshot.server("rlm1").health.failure
        assert failure is not None
        assert failure.reason is FailureReason.REFUSED
        assert await prober.direct("rlm1") is not None
