"""Whether servers serve, as a restore asks simulated ones: only a refused connection is a no."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rlm_exporter.backup.serving import Serves, Standing
from rlm_exporter.cli.standings import standings
from rlm_exporter.manifest.load import parse_manifests
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.simulator.mode import Mode
from tests.simulated import SimulatedServer

pytestmark = pytest.mark.row(45)

MANIFEST = """
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {{name: site}}
spec:
  type: rlm
  highAvailability:
    enabled: true
    mode: active-passive
    primary: {{name: rlm1, host: 127.0.0.1, port: {port}, isvPorts: {isvs}}}
    secondary: {{name: rlm2, host: 127.0.0.2, port: 9, isvPorts: {isvs}}}
  loadBalancer: {{host: lb.example.com, port: 16053}}
"""
LONG, SHORT = timedelta(seconds=20), timedelta(seconds=2)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SimulatedServer]:
    with SimulatedServer(tmp_path) as running:
        yield running


def cluster(server: SimulatedServer, *more: str) -> Cluster:
    isvs = {"siemens": server.isv_port, **{name: 15000 + at for at, name in enumerate(more)}}
    listed = "{" + ", ".join(f"{name}: {port}" for name, port in isvs.items()) + "}"
    text = MANIFEST.format(port=server.port, isvs=listed)
    return parse_manifests(text.encode(), "site.yaml").clusters[0]


async def standing(wanted: Cluster, rlmutil: Path, *, limit: timedelta = LONG) -> Standing:
    found = await standings(wanted, rlmutil, limit=limit)
    assert found["rlm2"].serves is Serves.NO  # nothing listens there
    return found["rlm1"]


async def test_one_that_answers_serves_also_when_it_is_slow(server: SimulatedServer, rlmutil: Path) -> None:
    server.set_mode(Mode.SLOW, seconds=2.5)
    assert (await standing(cluster(server), rlmutil)).serves is Serves.YES


async def test_one_of_whose_isv_servers_one_is_silent_serves_in_part(
    server: SimulatedServer, rlmutil: Path
) -> None:
    found = await standing(cluster(server, "other"), rlmutil)
    assert (found.serves, "nothing came from ISV server other" in found.detail) == (Serves.PARTLY, True)


@pytest.mark.parametrize("hang", [SimulatedServer.stop, lambda server: server.set_mode(Mode.HANG)])
async def test_of_one_that_hangs_nobody_can_tell(
    hang: Callable[[SimulatedServer], None], server: SimulatedServer, rlmutil: Path
) -> None:
    hang(server)
    found = await standing(cluster(server), rlmutil, limit=SHORT)
    assert (found.serves, "takes connections, and no whole answer" in found.detail) == (Serves.UNKNOWN, True)


async def test_one_that_is_dead_does_not_serve(server: SimulatedServer, rlmutil: Path) -> None:
    server.kill()
    found = await standing(cluster(server), rlmutil)
    assert found == Standing(serves=Serves.NO, detail=f"nothing listens on {server.host}:{server.port}")


async def test_of_one_whose_name_nobody_knows_nobody_can_tell(server: SimulatedServer, rlmutil: Path) -> None:
    text = MANIFEST.format(port=server.port, isvs="{siemens: 15055}").replace("127.0.0.1", "no.invalid", 1)
    wanted = parse_manifests(text.encode(), "site.yaml").clusters[0]
    found = await standing(wanted, rlmutil)
    assert (found.serves, "no.invalid" in found.detail) == (Serves.UNKNOWN, True)
