"""The checks of a drill against simulated servers, each part broken in turn."""

import sys
from pathlib import Path

import pytest

from rlm_exporter.drill.checks import Tools, run_checks
from rlm_exporter.drill.result import Finding
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.addresses import SystemResolver
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.rlmutil import RlmutilProbe
from rlm_exporter.probe.rlmutil_program import RlmutilProgram
from rlm_exporter.probe.web import HttpProbe
from rlm_exporter.simulator.launch import write_rlmutil
from tests.drill.clusters import cluster_of
from tests.simulated import SimulatedClient, SimulatedServer

ONE_SEAT = "STARCCM:2023.1000:1,NXCAE:2023.1000:5"
TAKES_A_SEAT = "import os; print('got one at', os.environ['RLM_LICENSE'])"


async def findings(cluster: Cluster, folder: Path, *checkout: str) -> dict[str, Finding]:
    rlmutil = folder / "rlmutil"
    write_rlmutil(rlmutil)
    clock = SystemClock()
    with RlmutilProbe(rlmutil=rlmutil, clock=clock) as probe, RlmutilProgram(rlmutil) as program:
        web = HttpProbe(tls=False, clock=clock, resolver=SystemResolver())
        tools = Tools(license=probe, web=web, rlmutil=program, checkout=checkout)
        found = await run_checks(cluster, tools, active="rlm2")
    return {finding.name: finding for finding in found}


def failed(found: dict[str, Finding]) -> dict[str, str]:
    return {name: finding.detail for name, finding in found.items() if not finding.passed}


@pytest.mark.row(46)
async def test_each_broken_part_is_named(tmp_path: Path) -> None:
    with (
        SimulatedServer(tmp_path, name="rlm1", products=ONE_SEAT) as rlm1,
        SimulatedServer(tmp_path, name="rlm2", host="127.0.0.2", products=ONE_SEAT) as rlm2,
    ):
        cluster = cluster_of(rlm1, rlm2)
        well = await findings(cluster, tmp_path, sys.executable, "-c", TAKES_A_SEAT)
        assert failed(well) == {}
        checkout = well[f"checkout {rlm2.endpoint}"]
        assert f"ended with 0: got one at {rlm2.endpoint}" in checkout.detail

        with SimulatedClient(rlm2.host, rlm2.isv_port) as client:
            assert "error" not in client.check_out("STARCCM", version="2023.1000")
            ill = failed(
                await findings(cluster, tmp_path, sys.executable, "-c", "raise SystemExit('denied')")
            )
        assert ill == {
            "capability STARCCM (siemens)": (
                f"no seat is free: a checkout would be refused now, by rlmstat -avail at {rlm2.endpoint}"
            ),
            f"checkout {rlm2.endpoint}": f"{sys.executable} ended with 1: denied",
        }

        rlm1.kill()
        assert set(failed(await findings(cluster, tmp_path))) == {"connectivity rlm1", "web rlm1"}


@pytest.mark.row(46)
async def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with (
        SimulatedServer(tmp_path, name="rlm1") as rlm1,
        SimulatedServer(tmp_path, name="rlm2", host="127.0.0.2") as rlm2,
    ):
        ill = failed(await findings(cluster_of(rlm1, rlm2), tmp_path, "/nowhere/take-a-seat"))
    assert ill == {
        f"checkout {rlm2.endpoint}": "/nowhere/take-a-seat cannot be run: No such file or directory"
    }
