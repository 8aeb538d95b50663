"""The four scripts of the manual's page, unchanged and in their places, with our commands behind `vantage`.

What a script itself gets wrong is shown as it is, beside what we say of the same moment.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlm_exporter.simulator.mode import Mode
from tests.acceptance import page_text
from tests.acceptance.page_files import CLUSTER, SERVERS, host
from tests.acceptance.page_house import Ended, PageHouse
from tests.acceptance.page_machine import Machine, why_none

NO_MACHINE = why_none()
pytestmark = pytest.mark.skipif(NO_MACHINE is not None, reason=str(NO_MACHINE))

Seen = dict[str, list[tuple[str, str]]]
WELL: Seen = {server: [("server", "up")] for server in SERVERS}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PageHouse]:
    # A unix socket's path has to be short.
    folder = tmp_path / "h"
    folder.mkdir()
    with PageHouse(folder) as made:
        yield made


def reported(house: PageHouse) -> Seen:
    """(component, state) of what others report of each server, as our status shows it."""
    return {
        server["name"]: [(each["component"], each["state"]) for each in server["external"]]
        for server in house.status().document["servers"]
    }


def check_health(house: PageHouse, **modes: Mode) -> Ended:
    """Run the health check with the servers in these modes, and the others well."""
    for server in SERVERS:
        house.mode(server, modes.get(server, Mode.OK))
    return house.run_script(page_text.HEALTH_CHECK)


@pytest.mark.row(31)
@pytest.mark.row(32)
def test_the_health_check_reports_healthy_and_failed_servers(house: PageHouse) -> None:
    house.vantage("licenses", "config", CLUSTER, "--failover-detection", "fast")
    well = check_health(house)
    assert (well.code, well.err, reported(house)) == (0, "", WELL)

    no_license = check_health(house, rlm2=Mode.REFUSE)
    assert (no_license.code, reported(house)) == (0, WELL | {"rlm2": [("license", "down")]})

    no_web = check_health(house, rlm3=Mode.WEB_DEAD)
    last = WELL | {"rlm3": [("web", "down")]}
    assert (no_web.code, reported(house)) == (0, last)

    # To the script nobody is healthy without a web interface, and then it reports nothing.
    no_webs = check_health(house, **dict.fromkeys(SERVERS, Mode.WEB_DEAD))
    assert (no_webs.code, "CRITICAL" in no_webs.out, reported(house)) == (1, True, last)
    assert house.status().code == 0

    nothing = check_health(house, **dict.fromkeys(SERVERS, Mode.REFUSE))
    assert (nothing.code, "CRITICAL" in nothing.out, reported(house)) == (1, True, last)
    house.until(lambda: house.status().code == 1, "our own status that nobody serves")


@pytest.mark.row(33)
@pytest.mark.row(34)
@pytest.mark.row(36)
def test_the_failover_script_moves_clients_and_calls_for_help(house: PageHouse) -> None:
    house.start("failover", f"/opt/rlm/bin/{page_text.FAILOVER}")
    house.next_round()
    assert house.vantage("licenses", "primary", CLUSTER).out == f"{host('rlm1')}\n"

    # The script takes that for the end of rlm1. We would have stayed.
    house.mode("rlm1", Mode.WEB_DEAD)
    for _ in range(3):
        house.next_round()
    assert house.vantage("licenses", "primary", CLUSTER).out == f"{host('rlm2')}\n"
    moved, _ = house.vantage("licenses", "events", CLUSTER, "-j").document["operations"]
    # A planned move by hand, since licenses are served as ever.
    assert (moved["kind"], moved["state"], moved["to"]) == ("switchover", "committed", "rlm2")
    # Its own call to the balancer reached nobody; ours did.
    (view,) = house.status().document["balancers"]
    assert view["active"] == "rlm2"

    for server in SERVERS:
        house.mode(server, Mode.REFUSE)
    for _ in range(5):
        house.next_round()
    (alert,) = house.alerts()
    assert (alert["status"], alert["severity"], alert["component"]) == ("firing", "critical", "licensing")
    assert alert["message"] == "RLM HA cluster: No healthy servers available"
    told = house.machine.path("/var/log/rlm/failover.log").read_text(encoding="utf-8")
    assert f"Failover completed to {host('rlm2')}" in told
    assert told.count("CRITICAL") == 3


@pytest.mark.row(46)
def test_the_ha_test_passes_on_a_healthy_cluster(house: PageHouse) -> None:
    well = house.run_script(page_text.HA_TEST)
    assert (well.code, well.out.count("✓"), well.out.count("✗")) == (0, 8, 0), well.out

    house.mode("rlm2", Mode.WEB_DEAD)
    house.mode("rlm3", Mode.REFUSE)
    ill = house.run_script(page_text.HA_TEST)
    # Its exit code says nothing; what it prints does.
    assert (ill.code, ill.out.count("✓"), ill.out.count("✗")) == (0, 5, 3), ill.out


@pytest.mark.row(43)
@pytest.mark.row(44)
def test_the_backup_holds_a_manifest_that_can_be_deployed_again(house: PageHouse) -> None:
    house.vantage("licenses", "config", CLUSTER, "--failover-detection", "fast")
    made = house.run_script(page_text.BACKUP)
    assert (made.code, made.err) == (0, "")
    (folder,) = house.machine.path("/backup/rlm-ha").iterdir()
    names = {f"{host(server)}-backup.tar.gz" for server in SERVERS} | {
        "haproxy.cfg",
        "vantage-ha-config.yaml",
    }
    assert {path.name for path in folder.iterdir()} >= names
    assert (folder / "haproxy.cfg").read_bytes() == house.machine.path(
        "/etc/haproxy/haproxy.cfg"
    ).read_bytes()

    kept = f"/backup/rlm-ha/{folder.name}/vantage-ha-config.yaml"
    again = house.vantage("license-servers", "deploy", kept, "-j").document
    assert [each["change"] for each in again["clusters"]] == ["unchanged"]
    house.vantage("licenses", "config", CLUSTER, "--failover-detection", "slow")
    back = house.vantage("license-servers", "deploy", kept, "--yes", "-j").document
    assert [each["change"] for each in back["clusters"]] == ["changed"]
    assert house.vantage("licenses", "export", CLUSTER).out == (folder / "vantage-ha-config.yaml").read_text()


@pytest.mark.row(8)
@pytest.mark.row(9)
@pytest.mark.row(10)
@pytest.mark.row(11)
@pytest.mark.row(12)
@pytest.mark.row(25)
@pytest.mark.row(37)
@pytest.mark.row(38)
def test_the_other_commands_of_the_page_run_as_printed(house: PageHouse) -> None:
    assert "unchanged" in printed(house, "license-servers deploy").out
    assert "rlm1.vantage.com" in printed(house, "license-servers status").out
    assert printed(house, "licenses primary").out == f"{host('rlm1')}\n"
    assert "rlm2 is active" in printed(house, "licenses failover").out
    assert printed(house, "licenses primary").out == f"{host('rlm2')}\n"
    # It goes on until somebody ends it by Ctrl-C.
    ends = ("timeout", "--signal=INT", "--preserve-status", "4")
    followed = house.run(*ends, "bash", "-c", command("licenses monitor"))
    assert (followed.code, followed.err, "WEB" in followed.out) == (130, "", True)
    assert "5053@rlm-lb.vantage.com" in printed(house, "cluster config update").out
    assert "one server serves" in printed(house, "licenses config").err

    # Who is near to whom, the page's manifest does not say.
    refused = house.run("bash", "-c", command("licenses optimize"))
    assert (refused.code, "write `site:` at each server" in refused.err) == (1, True)
    house.vantage("license-servers", "deploy", "with-sites.yaml", "--yes")
    assert "an RLM session is one client's own connection" in printed(house, "licenses optimize").err
    assert "maxConnectionsPerServer: 200" in house.vantage("licenses", "export", CLUSTER).out


def command(begin: str) -> str:
    """The page's command that begins so."""
    (found,) = [each for each in page_text.commands() if each.startswith(f"vantage {begin} ")]
    return found


def printed(house: PageHouse, begin: str, *under: str) -> Ended:
    """Run the page's command that begins so, under another program; it has to do well."""
    ended = house.run(*under, "bash", "-c", command(begin))
    assert ended.code == 0, ended.err
    return ended


def test_nothing_of_the_machine_is_left_outside(tmp_path: Path) -> None:
    files, root = tmp_path / "files", tmp_path / "root"
    root.mkdir()
    (files / "opt").mkdir(parents=True)
    (files / "opt" / "only-there").touch()
    with Machine(root=root, files=files) as machine:
        writes = "touch /only-there /opt/also-there; setsid sleep 600 >/dev/null 2>&1 &"
        subprocess.run(machine.command("sh", "-c", writes, folder=Path("/opt")), check=True, timeout=30)
        assert machine.path("/opt/only-there").exists()
        space = Path(f"/proc/{machine.pid}/ns/pid").readlink()
        assert len(inhabitants(space)) > 1
    assert inhabitants(space) == []
    # Mounts at other places come and go with other tests: a named network namespace is one.
    assert str(root) not in Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    assert [
        path for path in ("/only-there", "/opt/only-there", "/opt/also-there") if Path(path).exists()
    ] == []
    assert list(root.iterdir()) == []


def inhabitants(space: Path) -> list[str]:
    """The processes in a space for processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            inside = (path / "ns" / "pid").readlink()
        except OSError:
            continue  # it has ended, or is somebody else's
        if inside == space:
            found.append(path.name)
    return found
