"""`rlm-ha backup` and `rlm-ha restore` as they are typed."""

import asyncio
import contextlib
import json
import os
import pty
import signal
from pathlib import Path

import pytest

from rlm_exporter.cli.drill import _wait_until
from rlm_exporter.simulator.launch import write_rlmutil
from tests.backup.sites import KEY, NOW, machine
from tests.cli.command import COMMAND, ROOT, CommandLine, end_of, environment
from tests.cli.daemon import FixedDaemon, fixed
from tests.cli.documents import CLUSTER, status
from tests.probe.programs import until
from tests.simulated import SimulatedServer

MANIFEST = {
    "cluster": CLUSTER,
    "owner": "file",
    "source": "site.yaml",
    "revision": None,
    "deployed_at": None,
    "deployed_by": None,
    "manifest": "kind: LicenseServer\n",
}


@pytest.fixture
def settings(tmp_path: Path, daemon: FixedDaemon) -> Path:
    """Of one machine, with a daemon that knows the cluster."""
    daemon.on("GET", f"/api/v1/clusters/{CLUSTER}", fixed(status()))
    daemon.on("GET", f"/api/v1/clusters/{CLUSTER}/manifest", fixed(MANIFEST))
    root = machine(tmp_path / "rlm1")
    document = {
        "apiVersion": "rlm-ha/v1",
        "kind": "Backup",
        "metadata": {"name": CLUSTER},
        "spec": {
            "into": str(tmp_path / "b"),
            "servers": {"rlm1": {"root": str(root), "paths": ["/opt/rlm/licenses", "/opt/rlm/ssl"]}},
        },
    }
    path = tmp_path / "backup.yaml"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.row(43)
async def test_a_backup_is_made_judged_and_unpacked(
    rlm_ha: CommandLine, daemon: FixedDaemon, settings: Path, tmp_path: Path
) -> None:
    made = await rlm_ha.run("backup", str(settings), "--json", RLM_HA_URL=daemon.url)
    assert made.code == 0, made.err
    assert "left out, a private key: rlm1:/opt/rlm/ssl/server.pem" in made.err
    path = made.document["path"]

    verified = await rlm_ha.run("restore", path, "--verify", "--json")
    assert (verified.code, verified.document["active"]) == (0, made.document["active"])

    unpacked = await rlm_ha.run("restore", path, "--into", str(tmp_path / "look"))
    assert unpacked.code == 0, unpacked.err
    options = tmp_path / "look/servers/rlm1/opt/rlm/licenses/siemens.opt"
    assert options.read_text() == "MAX 5 STARCCM user alice\n"

    _cut_in_half(path)
    cut = await rlm_ha.run("restore", path, "--verify")
    assert (cut.code, "is no whole backup" in cut.err) == (1, True)


@pytest.mark.row(45)
async def test_where_nobody_can_tell_who_serves_nothing_is_put_back(
    rlm_ha: CommandLine, daemon: FixedDaemon, settings: Path, tmp_path: Path
) -> None:
    """A mistyped rlmutil is no reason to write over the files of servers that serve."""
    manifest = (ROOT / "examples" / "rlm-ha-cluster-haproxy.yaml").read_text()
    daemon.on("GET", f"/api/v1/clusters/{CLUSTER}/manifest", fixed({**MANIFEST, "manifest": manifest}))
    made = await rlm_ha.run("backup", str(settings), "--json", RLM_HA_URL=daemon.url)
    options = tmp_path / "rlm1/opt/rlm/licenses/siemens.opt"
    options.write_text("by now")

    words = ("restore", made.document["path"], str(settings), "--apply", "--rlmutil", "/nowhere/rlmutil")
    ended = await rlm_ha.run(*words, RLM_HA_URL=daemon.url)

    assert (ended.code, "rlm1: cannot be asked whether it serves" in ended.err) == (1, True), ended.err
    assert options.read_text() == "by now"


@pytest.mark.row(43)
async def test_a_server_that_the_manifest_does_not_have_is_told_when_the_backup_is_made(
    rlm_ha: CommandLine, daemon: FixedDaemon, settings: Path
) -> None:
    manifest = (ROOT / "examples" / "rlm-ha-cluster-haproxy.yaml").read_text()
    daemon.on("GET", f"/api/v1/clusters/{CLUSTER}/manifest", fixed({**MANIFEST, "manifest": manifest}))
    known = await rlm_ha.run("backup", str(settings), RLM_HA_URL=daemon.url)
    _rename(settings, "rlm1", "srv1")
    unknown = await rlm_ha.run("backup", str(settings), RLM_HA_URL=daemon.url)
    _rename(settings, "srv1", "srv1", server="rlm1")
    named = await rlm_ha.run("backup", str(settings), RLM_HA_URL=daemon.url)

    told = [each.err.count("srv1: the manifest has no server srv1") for each in (known, unknown, named)]
    assert told == [0, 1, 0]


@pytest.mark.row(45)
async def test_one_that_serves_at_another_address_since_the_backup_keeps_its_files(
    rlm_ha: CommandLine, daemon: FixedDaemon, settings: Path, tmp_path: Path
) -> None:
    path = f"/api/v1/clusters/{CLUSTER}/manifest"
    daemon.on("GET", path, fixed({**MANIFEST, "manifest": TWO_SERVERS}))
    made = await rlm_ha.run("backup", str(settings), "--json", RLM_HA_URL=daemon.url)
    (tmp_path / "rlm1/opt/rlm/licenses/siemens.opt").unlink()
    write_rlmutil(tmp_path / "rlmutil")
    words = ("restore", made.document["path"], str(settings), "--plan", "--json")

    states = []
    with SimulatedServer(tmp_path) as server:
        moved = TWO_SERVERS.replace("port: 9,", f"port: {server.port},", 1)
        moved = moved.replace("siemens: 10", f"siemens: {server.isv_port}")
        for manifest in (TWO_SERVERS, moved):
            daemon.on("GET", path, fixed({**MANIFEST, "manifest": manifest}))
            planned = await rlm_ha.run(*words, "--rlmutil", str(tmp_path / "rlmutil"), RLM_HA_URL=daemon.url)
            steps = planned.document["steps"]
            states.append([step["actions"][0]["state"] for step in (steps[0], steps[2])])
    assert states == [["todo", "blocked"], ["held", "done"]]


def _rename(settings: Path, old: str, new: str, **more: object) -> None:
    document = json.loads(settings.read_text())
    servers = document["spec"]["servers"]
    servers[new] = {**servers.pop(old), **more}
    settings.write_text(json.dumps(document))


def _cut_in_half(path: str) -> None:
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[: len(whole) // 2])


@pytest.mark.row(43)
async def test_without_the_daemon_there_is_none_unless_that_is_allowed(
    rlm_ha: CommandLine, settings: Path, tmp_path: Path
) -> None:
    nobody = {"RLM_HA_URL": "http://127.0.0.1:9"}
    refused = await rlm_ha.run("backup", str(settings), **nobody)
    assert (refused.code, "no answer from the daemon" in refused.err) == (5, True)
    assert not list((tmp_path / "b").glob("rlm-ha-backup*"))

    allowed = await rlm_ha.run(
        "backup", str(settings), "--allow-missing", "--keys", "--folder", "-j", **nobody
    )
    assert (allowed.code, allowed.document["active"]) == (0, None)
    folder = Path(allowed.document["path"])
    assert (folder / "servers/rlm1/opt/rlm/ssl/server.pem").read_text() == KEY
    assert "Primary: not known" in (folder / "cluster-info.txt").read_text()


async def test_old_backups_go(
    rlm_ha: CommandLine, daemon: FixedDaemon, settings: Path, tmp_path: Path
) -> None:
    old = tmp_path / "b" / f"rlm-ha-backup_{CLUSTER}_20200101T000000Z.tar.gz"
    old.parent.mkdir()
    old.write_bytes(b"")

    made = await rlm_ha.run("backup", str(settings), "--keep", "1", "-j", RLM_HA_URL=daemon.url)

    assert made.document["deleted"] == [old.name]
    assert not old.exists()


@pytest.mark.row(43)
async def test_a_terminal_is_shown_how_far_it_is(
    rlm_ha: CommandLine, daemon: FixedDaemon, settings: Path
) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("backup", str(settings)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=theirs,
        env=environment(rlm_ha.home, {"RLM_HA_URL": daemon.url, "TERM": "xterm", "COLUMNS": "100"}),
    )
    os.close(theirs)
    shown = bytearray()
    with contextlib.suppress(OSError):  # a terminal ends so
        while chunk := await asyncio.to_thread(os.read, ours, 4096):
            shown += chunk
    os.close(ours)

    assert await process.wait() == 0, shown
    assert b"rlm1" in shown
    assert "━".encode() in shown


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("restore", "x", "--plan", "--apply"), 2, "say one of --plan, --apply, --verify and --into"),
        (("restore", "/nowhere.tar.gz", "--verify"), 1, "there is no such backup; check the path"),
        (("backup", "/nowhere.yaml"), 1, "/nowhere.yaml: cannot be read"),
        (("drill", "site", "--failover"), 2, "say when by --window, or --any-time"),
        (("drill", "site", "--failover", "--window", "9-10"), 2, "write it as 22:00-23:30"),
        (("drill", "site", "--at", "tonight"), 2, "write it as 22:30 or"),
        (("drill", "site", "--at", "2020-01-01T00:00"), 2, "is over"),
        (("drill", "site", "--timezone", "Mars"), 2, "is no time zone"),
    ],
)
async def test_what_cannot_be_is_told(
    rlm_ha: CommandLine, words: tuple[str, ...], code: int, said: str
) -> None:
    ended = await rlm_ha.run(*words)
    assert (ended.code, said in ended.err) == (code, True), ended.err


@pytest.mark.row(46)
def test_a_prepared_drill_waits_by_the_wall_clock_which_may_be_set_meanwhile() -> None:
    times = [NOW.replace(second=0), NOW.replace(second=1), NOW.replace(second=8)]
    slept: list[float] = []
    _wait_until(NOW, now=lambda: times.pop(0), sleep=slept.append)
    assert (slept, times) == ([1.0, 1.0], [])


TWO_SERVERS = """
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {name: rlm-ha-cluster}
spec:
  type: rlm
  highAvailability:
    enabled: true
    mode: active-passive
    primary: {name: rlm1, host: 127.0.0.1, port: 9, isvPorts: {siemens: 10}}
    secondary: {name: rlm2, host: 127.0.0.2, port: 9, isvPorts: {siemens: 10}}
  loadBalancer: {host: lb.example.com, port: 16053}
"""


@pytest.mark.row(45)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_restore_that_a_signal_ends_gives_standbys_back(
    rlm_ha: CommandLine, daemon: FixedDaemon, settings: Path, tmp_path: Path, number: signal.Signals
) -> None:
    daemon.on("GET", f"/api/v1/clusters/{CLUSTER}/manifest", fixed({**MANIFEST, "manifest": TWO_SERVERS}))
    daemon.on("POST", f"/api/v1/clusters/{CLUSTER}/maintenance", fixed({"result": "done", "detail": "x"}))
    started, state = tmp_path / "started", tmp_path / "state.json"
    _rename(settings, "rlm1", "rlm1", start=["sh", "-c", f"touch {started}; sleep 60"])
    write_rlmutil(tmp_path / "rlmutil")
    made = await rlm_ha.run("backup", str(settings), "--json", RLM_HA_URL=daemon.url)

    process = await rlm_ha.start(
        *("restore", made.document["path"], str(settings), "--apply", "--state", str(state)),
        *("--rlmutil", str(tmp_path / "rlmutil")),
        RLM_HA_URL=daemon.url,
    )
    await until(started.exists)
    process.send_signal(number)
    process.send_signal(number)  # who is impatient must not leave them there
    ended = await end_of(process)

    assert (ended.code, f"ended by {number.name}" in ended.err) == (128 + number, True), ended.err
    wishes = [body["enable"] for body in daemon.bodies if body and body.get("server") == "rlm1"]
    assert wishes == [True, False]
    assert json.loads(state.read_text())["held_back"] == []
