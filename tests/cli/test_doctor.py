"""`rlm-ha doctor` as its users run it, against simulated servers and a daemon."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rlm_exporter.simulator.launch import write_rlmutil
from tests.cli.command import CommandLine
from tests.cli.daemon import FixedDaemon, fixed
from tests.cli.documents import CLUSTER, status
from tests.ports import free_port
from tests.simulated import SimulatedServer

pytestmark = pytest.mark.row(48)

SERVER = """\
    {role}:
      {{name: {name}, host: 127.0.0.1, port: {port}, webPort: {web_port}, isvPorts: {{siemens: {isv_port}}}}}
"""
HEAD = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {name: site}
spec:
  type: rlm
  features: [{name: STARCCM, vendor: siemens}]
  monitoring: {healthCheck: {webTls: false, timeout: 5s}}
  highAvailability:
"""
ATTACHED = """\
apiVersion: rlm-ha/v1
kind: ExporterConfig
spec: {{loadBalancers: {{site: {{host: 127.0.0.1, port: {port}}}}}}}
"""


class Site:
    """Two servers and their manifest."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.manifest = folder / "site.yaml"
        write_rlmutil(folder / "rlmutil", version="16.1")
        text = HEAD
        self.servers = []
        for role, name in (("primary", "rlm1"), ("secondary", "rlm2")):
            made = SimulatedServer(folder, name=name, more=("--style", "16.1"))
            self.servers.append(stack.enter_context(made))
            text += SERVER.format(
                role=role, name=name, port=made.port, web_port=made.web_port, isv_port=made.isv_port
            )
        self.manifest.write_text(text)
        # Behind a balancer the ISV would need one port on both, and they are on one machine.
        self.without_isv_ports = re.sub(r", isvPorts: \{[^}]*\}", "", text)
        self.command = ("doctor", str(self.manifest), "--rlmutil", str(folder / "rlmutil"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


@pytest.fixture
def rlm_ha(tmp_path: Path) -> CommandLine:
    return CommandLine(home=tmp_path)


def weights(document: dict[str, object]) -> tuple[object, object]:
    return document["errors"], document["warnings"]


async def test_a_healthy_site_and_one_of_which_a_server_is_dead(
    site: Site, rlm_ha: CommandLine, tmp_path: Path
) -> None:
    report = tmp_path / "doctor.xml"
    good = await rlm_ha.run(*site.command, "--junit", str(report), "-j")
    assert (good.code, weights(good.document)) == (0, (0, 0)), good.out
    assert 'failures="0"' in report.read_text()

    site.servers[1].kill()
    bad = await rlm_ha.run(*site.command, "--junit", str(report))

    assert bad.code == 1
    assert f"nothing listens on 127.0.0.1:{site.servers[1].port}" in " ".join(bad.out.split())
    assert "rlmstat gets no answer" in " ".join(bad.out.split())
    assert 'failures="2"' in report.read_text()


async def test_warnings_leave_the_exit_code_at_0(site: Site, rlm_ha: CommandLine) -> None:
    closed = free_port()
    text = site.manifest.read_text().replace(f"webPort: {site.servers[0].web_port}", f"webPort: {closed}")
    site.manifest.write_text(text)

    found = await rlm_ha.run(*site.command, "-j")

    assert (found.code, weights(found.document)) == (0, (0, 1))


async def test_a_server_that_hangs_holds_nothing_up(site: Site, rlm_ha: CommandLine) -> None:
    site.servers[0].stop()
    try:
        found = await rlm_ha.run(*site.command, "-j")
    finally:
        site.servers[0].go_on()

    assert found.code == 1
    assert any("rlmstat gets no answer" in text for text in whats(found.document))


def whats(document: dict[str, list[dict[str, list[dict[str, str]]]]]) -> list[str]:
    return [finding["what"] for check in document["checks"] for finding in check["findings"]]


async def test_what_is_neither_a_file_nor_known_to_a_daemon_is_said(rlm_ha: CommandLine) -> None:
    no_file = await rlm_ha.run("doctor", "nowhere.yaml")
    assert (no_file.code, "there is no file nowhere.yaml" in no_file.err) == (2, True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        nobody = await rlm_ha.run("doctor", "site", "--url", url)
    assert nobody.code == 5


async def test_a_balancer_of_the_daemons_settings_comes_with_the_cluster(
    site: Site, daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    settings = ATTACHED.format(port=free_port())
    kept = {
        "cluster": "site",
        "owner": "store",
        "source": "deployed:site",
        "revision": 3,
        "deployed_at": None,
        "deployed_by": None,
        "manifest": site.without_isv_ports,
    }
    daemon.on("GET", "/api/v1/clusters/site/manifest", fixed({**kept, "attached": settings}))

    found = await rlm_ha.run("doctor", "site", *site.command[2:], "--url", daemon.url, "-j")

    assert skipped(found.document)["balancer-path"] is None
    assert any("clients get no license there" in text for text in whats(found.document))


async def test_a_manifest_alone_has_its_balancer_checks_skipped_with_the_way_to_make_them(
    site: Site, rlm_ha: CommandLine, tmp_path: Path
) -> None:
    alone = await rlm_ha.run(*site.command, "-j")
    for check in ("balancer-path", "haproxy"):
        assert "name the cluster instead of its file" in str(skipped(alone.document)[check])

    both = tmp_path / "both"
    both.mkdir()
    (both / "site.yaml").write_text(site.without_isv_ports)
    (both / "settings.yaml").write_text(ATTACHED.format(port=free_port()))
    folder = await rlm_ha.run("doctor", str(both), *site.command[2:], "-j")
    assert skipped(folder.document)["balancer-path"] is None


async def test_an_older_daemon_that_does_not_tell_of_its_balancer_is_said(
    site: Site, daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    kept = {
        "cluster": CLUSTER,
        "owner": "store",
        "source": "deployed",
        "revision": 3,
        "deployed_at": None,
        "deployed_by": None,
        "manifest": site.manifest.read_text(),
    }
    daemon.on("GET", f"/api/v1/clusters/{CLUSTER}/manifest", fixed(kept))
    daemon.on("GET", f"/api/v1/clusters/{CLUSTER}", fixed(status()))

    found = await rlm_ha.run("doctor", CLUSTER, *site.command[2:], "--url", daemon.url)

    assert found.code != 0
    assert "stands in the daemon's own settings" in found.err


def skipped(document: dict[str, list[dict[str, str | None]]]) -> dict[str | None, str | None]:
    return {check["check"]: check["skipped"] for check in document["checks"]}
