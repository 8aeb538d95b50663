"""The license probe through a balancer: the values alone, then a real HAProxy before simulated servers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rlm_exporter.manifest.model import HealthCheckPolicy
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.result import Failure, FailureReason, ProbeKind
from rlm_exporter.probe.rlmutil import RlmutilProbe
from rlm_exporter.probe.through import LIMIT, ThroughBalancer, missing_isvs
from rlm_exporter.rlm.status import IsvCounters
from rlm_exporter.simulator.launch import write_rlmutil
from rlm_exporter.simulator.mode import Mode
from tests.clock import FakeClock
from tests.haproxy.lab import BALANCER_HOST, Lab, desired, lab, until
from tests.probe.parts import REFUSED, ScriptedLicense, cluster, pool, status
from tests.simulated import SimulatedServer


def counters(name: str) -> IsvCounters:
    return IsvCounters(name=name, uptime_seconds=5, checkouts=0, denials=0)


def through(probe: ScriptedLicense, *, timeout: float = 10) -> ThroughBalancer:
    health_check = HealthCheckPolicy(timeout=timedelta(seconds=timeout))
    return ThroughBalancer(cluster=cluster(health_check=health_check), license_probe=probe, port=5053)


def test_an_isv_server_has_spoken_by_its_pools_or_by_its_counters() -> None:
    assert missing_isvs(status(), ("siemens",)) == ()
    assert missing_isvs(replace(status(pools=()), counters=(counters("Siemens"),)), ("siemens",)) == ()
    assert missing_isvs(status(pools=(pool(isv="SIEMENS"),)), ("siemens",)) == ()


def test_that_rlm_names_an_isv_server_is_not_yet_a_word_from_it() -> None:
    assert missing_isvs(status(pools=()), ("siemens",)) == ("siemens",)
    assert missing_isvs(status(pools=(pool(isv=None),)), ("siemens",)) == ("siemens",)
    assert missing_isvs(status(), ("lstc", "siemens")) == ("lstc",)
    assert missing_isvs(status(pools=()), ()) == ()


async def test_a_whole_answer_is_good_and_is_the_balancers() -> None:
    result = await through(ScriptedLicense(clock=FakeClock()))("lb.example.com")
    assert result.ok
    assert result.kind is ProbeKind.BALANCER
    assert result.payload == status()


async def test_rlm_without_a_wanted_isv_server_is_a_failure_with_its_name() -> None:
    probe = ScriptedLicense(clock=FakeClock(), statuses={"lb.example.com": status(pools=())})
    result = await through(probe)("lb.example.com")
    assert result.failure == Failure(
        reason=FailureReason.ISV_DOWN,
        detail="lb.example.com:5053 leads to rlm, but nothing came from ISV server siemens",
    )


async def test_a_failure_of_the_probe_stays_what_it_is() -> None:
    result = await through(ScriptedLicense(clock=FakeClock(), failures={"lb.example.com": REFUSED}))(
        "lb.example.com"
    )
    assert (result.failure, result.kind) == (REFUSED, ProbeKind.BALANCER)


@pytest.mark.parametrize(("timeout", "expected"), [(10, LIMIT), (1, timedelta(seconds=1))])
async def test_it_is_cut_sooner_than_an_ordinary_check(timeout: float, expected: timedelta) -> None:
    probe = ScriptedLicense(clock=FakeClock())
    await through(probe, timeout=timeout)("lb.example.com")
    assert [(ask.host, ask.port, ask.timeout) for ask in probe.asked] == [("lb.example.com", 5053, expected)]


# ---- real parts


@contextlib.asynccontextmanager
async def one_server_behind(folder: Path) -> AsyncIterator[tuple[Lab, SimulatedServer, ThroughBalancer]]:
    """rlm2 alone runs, and the balancer sends everybody there."""
    program = folder / "rlmutil"
    write_rlmutil(program)
    async with lab(folder, with_servers=False) as made:
        host = made.cluster.server("rlm2").host
        server = SimulatedServer(folder, name="rlm2", host=host, port=made.port, isv_port=made.isv_port)
        await asyncio.to_thread(server.start)

        async def is_up() -> bool:
            line = (await made.view()).license_line("rlm2")
            return line is not None and line.is_up

        try:
            await until(is_up, within=30, what="rlm2 up in HAProxy's eyes")
            await made.balancer().move(desired("rlm2", "rlm1", "rlm3", epoch=2))
            with RlmutilProbe(rlmutil=program, clock=SystemClock()) as probe:
                yield made, server, ThroughBalancer(cluster=made.cluster, license_probe=probe, port=made.port)
        finally:
            server.kill()


async def test_the_server_that_the_balancer_chose_answers_with_its_pools(tmp_path: Path) -> None:
    async with one_server_behind(tmp_path) as (_, _, ask):
        result = await ask(BALANCER_HOST)
        assert result.ok, result.failure
        assert result.payload is not None
        assert {each.product for each in result.payload.pools} == {"STARCCM", "NXCAE"}


async def test_an_isv_server_that_has_ended_is_found_through_the_balancer(tmp_path: Path) -> None:
    async with one_server_behind(tmp_path) as (_, server, ask):
        server.set_mode(Mode.ISV_DEAD)
        async with asyncio.timeout(15):
            while (result := await ask(BALANCER_HOST)).ok:
                pass
        assert result.failure is not None
        assert result.failure.reason is FailureReason.ISV_DOWN
        assert "siemens" in result.failure.detail


async def test_nobody_behind_the_balancer_is_a_failure(tmp_path: Path) -> None:
    async with one_server_behind(tmp_path) as (_, server, ask):
        await asyncio.to_thread(server.kill)
        result = await ask(BALANCER_HOST)
        assert not result.ok
        assert not result.ours
