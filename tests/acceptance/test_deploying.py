"""Clusters come, change and go while the daemon runs, and nobody is moved by it."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from rlm_exporter.demo.layout import CLUSTER, SERVERS
from rlm_exporter.demo.stage import Stage
from rlm_exporter.simulator.event import EventKind
from tests.acceptance.conftest import SetStage
from tests.acceptance.meddling import start_serve, wait_healthy
from tests.acceptance.replicas import FIRST, first_port, first_url, shared_store
from tests.acceptance.seeing import (
    FAST,
    HOLDERS,
    cluster,
    licenses,
    rlm_ha,
    server,
    settled_on,
    wait_moved,
    wait_ready,
    wait_served,
)
from tests.postgresql import PostgresqlServer

pytestmark = pytest.mark.xdist_group("faults")

SETTINGS = "settings.yaml"


def slower(document: dict[str, Any]) -> None:
    document["spec"]["monitoring"]["failover"]["cooldown"] = "77s"


def manifest_of(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((stage.folder / "cluster.yaml").read_text(encoding="utf-8"))
    return found


def written(stage: Stage, document: dict[str, Any], name: str = "deploy.yaml") -> Path:
    path = stage.folder / name
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def changed(stage: Stage, change: Callable[[dict[str, Any]], None], name: str = "deploy.yaml") -> Path:
    document = manifest_of(stage)
    change(document)
    return written(stage, document, name)


def attached(stage: Stage) -> tuple[Path, Path]:
    """The balancer in the daemon's settings, and the cluster's manifest without one, as guides print it."""
    document = manifest_of(stage)
    balancer = document["spec"].pop("loadBalancer")
    settings = {
        "apiVersion": "rlm-ha/v1",
        "kind": "ExporterConfig",
        "spec": {"loadBalancers": {CLUSTER: balancer}},
    }
    return written(stage, settings, SETTINGS), written(stage, document)


def deploy(stage: Stage, path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return rlm_ha(stage, "license-servers", "deploy", str(path), *options)


def start_empty(stage: Stage, *manifests: Path) -> None:
    """A daemon that has no cluster in a file."""
    start_serve(stage, manifests=manifests or (written(stage, no_settings(), SETTINGS),))
    wait_healthy(stage)


def no_settings() -> dict[str, Any]:
    # The stage's HAProxy is steered by a socket, which is a file of this machine.
    return {"apiVersion": "rlm-ha/v1", "kind": "ExporterConfig", "spec": {"deploy": {"files": True}}}


def page(stage: Stage) -> str:
    return requests.get(f"{stage.layout.daemon_url}/metrics", timeout=5).text


def checks(stage: Stage) -> float:
    """Checks of the cluster so far, as /metrics counts them; they begin anew with its parts."""
    counted = re.findall(
        rf'rlm_probe_duration_seconds_count\{{cluster="{CLUSTER}",probe="license"\}} (\S+)', page(stage)
    )
    return float(counted[0]) if counted else 0.0


def metric(stage: Stage, name: str) -> float:
    (value,) = re.findall(rf"^{name} (\S+)$", page(stage), re.MULTILINE)
    return float(value)


@pytest.mark.row(8)
@pytest.mark.row(44)
def test_a_cluster_is_deployed_used_exported_and_taken_back(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    settings, path = attached(stage)
    start_empty(stage, settings)
    assert licenses(stage, "primary").returncode == 3

    planned = deploy(stage, path, "--dry-run")
    assert (planned.returncode, planned.stdout) == (0, f"{CLUSTER}: would be created\n"), planned.stderr
    assert licenses(stage, "primary").returncode == 3
    made = deploy(stage, path)
    assert (made.returncode, made.stdout) == (0, f"{CLUSTER}: created\n"), made.stderr
    wait_ready(stage)
    stage.wait(lambda: settled_on(stage, "rlm1"), "a balancer that has been steered", within=10)
    again = deploy(stage, path)
    assert (again.returncode, again.stdout) == (0, f"{CLUSTER}: unchanged\n"), again.stderr

    examined = json.loads(
        rlm_ha(stage, "doctor", CLUSTER, "-j", "--rlmutil", str(stage.folder / "rlmutil")).stdout
    )
    checks = {check["check"]: check for check in examined["checks"]}
    assert [checks[name]["skipped"] for name in ("haproxy", "balancer-path")] == [None, None]
    assert [checks[name]["findings"] for name in ("haproxy", "balancer-path")] == [[], []]

    exported = licenses(stage, "export")
    assert yaml.safe_load(exported.stdout) == yaml.safe_load(path.read_text(encoding="utf-8"))
    taken = subprocess.run(
        [
            sys.executable,
            "-m",
            "rlm_exporter.cli",
            "licenses",
            "import",
            "-",
            "--url",
            stage.layout.daemon_url,
        ],
        input=exported.stdout,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (taken.returncode, taken.stdout) == (0, f"{CLUSTER}: unchanged\n"), taken.stderr

    moved = licenses(stage, "switchover", "--to", "rlm2")
    assert moved.returncode == 0, moved.stderr
    stage.kill("rlm-ha")
    start_empty(stage, settings)
    wait_ready(stage)
    assert cluster(stage)["active"] == "rlm2", "what was deployed outlives the daemon"


@pytest.mark.row(8)
def test_what_would_move_clients_is_refused_and_what_changes_is_asked_for(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    start_empty(stage)
    assert deploy(stage, stage.folder / "cluster.yaml").returncode == 0
    wait_ready(stage)
    stage.wait(lambda: checks(stage) > 0, "checks that are counted", within=15)
    before = checks(stage)

    def gone(document: dict[str, Any]) -> None:
        group = document["spec"]["highAvailability"]
        group["primary"] = group.pop("backup")

    def back_by_itself(document: dict[str, Any]) -> None:
        group = document["spec"]["highAvailability"]
        group["primary"], group["secondary"] = group["secondary"], group["primary"]
        group["failback"] = "automatic"

    for change, told in ((gone, "has no server rlm1"), (back_by_itself, "this alone would move clients")):
        refused = deploy(stage, changed(stage, change), "--yes")
        assert (refused.returncode, refused.stdout) == (4, "")
        assert told in refused.stderr

    broken = changed(stage, lambda document: document["spec"].update(type="flexlm"))
    wrong = deploy(stage, broken, "--yes")
    assert wrong.returncode == 1
    assert f"{broken}:" in wrong.stderr
    assert "spec.type" in wrong.stderr

    other = changed(stage, slower)
    unasked = deploy(stage, other)
    assert unasked.returncode == 2
    assert "say --yes" in unasked.stderr
    assert checks(stage) >= before, "nothing of this was noticed by the cluster"

    done = deploy(stage, other, "--yes")
    assert done.returncode == 0, done.stderr
    assert "spec.monitoring.failover.cooldown: " in done.stdout
    assert "-> 77s" in done.stdout
    wait_ready(stage)
    stage.kill("rlm1")
    assert wait_moved(stage)["to"] == "rlm2", "the cluster is looked after as before"
    events = licenses(stage, "events").stdout
    assert "deployed: " in events
    assert "revision 2" in events


@pytest.mark.row(37)
@pytest.mark.row(38)
def test_settings_are_kept_shown_and_exported_and_the_rest_is_said(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    settings, path = attached(stage)
    start_empty(stage, settings)
    assert deploy(stage, path).returncode == 0

    wish = (
        *("--load-balancing", "intelligent", "--session-affinity", "true"),
        *("--health-check-interval", "30s", "--failover-detection", "fast"),
    )
    configured = licenses(stage, "config", *wish)
    assert configured.returncode == 0, configured.stderr
    assert "HAProxy itself chooses" in configured.stderr
    geographic = ("--strategy", "geographic", "--prefer-local-server", "true")
    rest = ("--connection-pooling", "enabled", "--max-connections-per-server", "200")
    refused = licenses(stage, "optimize", *geographic, *rest)
    assert refused.returncode == 1
    assert "write `site:` at each server" in refused.stderr
    with_sites = yaml.safe_load(licenses(stage, "export").stdout)
    for role, site in (("primary", "berlin"), ("secondary", "lyon"), ("backup", "lyon")):
        with_sites["spec"]["highAvailability"][role]["site"] = site
    assert deploy(stage, written(stage, with_sites), "--yes").returncode == 0
    optimized = licenses(stage, "optimize", *geographic, *rest)
    assert optimized.returncode == 0, optimized.stderr
    assert "sessions cannot share connections" in optimized.stderr.replace("\n", " ")

    shown = licenses(stage, "config").stdout.split() + licenses(stage, "optimize").stdout.split()
    told = dict(zip(shown[::2], shown[1::2], strict=True))
    assert told == {
        "load-balancing": "intelligent",
        "session-affinity": "true",
        "health-check-interval": "30s",
        "failover-detection": "fast",
        "strategy": "geographic",
        "prefer-local-server": "true",
        "connection-pooling": "disabled",
        "max-connections-per-server": "200",
    }
    tuning = yaml.safe_load(licenses(stage, "export").stdout)["spec"]["tuning"]
    assert tuning == {
        "candidates": "latency",
        "sessionAffinity": True,
        "clientOrder": "site",
        "maxConnectionsPerServer": 200,
    }
    bad = licenses(stage, "config", "--load-balancing", "roundrobin")
    assert bad.returncode == 2
    assert "clients cannot be spread" in bad.stderr


def test_a_directory_of_manifests_is_reloaded_and_a_bad_file_changes_nothing(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    folder = stage.folder / "conf.d"
    folder.mkdir()
    (folder / "cluster.yaml").write_text((stage.folder / "cluster.yaml").read_text(encoding="utf-8"))
    start_serve(stage, manifests=(folder,))
    wait_healthy(stage)
    wait_ready(stage)
    stage.wait(lambda: checks(stage) > 0, "checks that are counted", within=15)
    before = checks(stage)

    other = manifest_of(stage)
    other["metadata"]["name"] = "other"
    del other["spec"]["loadBalancer"]
    (folder / "other.yaml").write_text(yaml.safe_dump(other), encoding="utf-8")
    stage.processes.signal("rlm-ha", signal.SIGHUP)
    url = f"{stage.layout.daemon_url}/api/v1/clusters/other"
    stage.wait(lambda: stage.get(url) is not None, "the other cluster", within=10)
    stage.wait(lambda: 'cluster="other"' in page(stage), "its metrics", within=15)
    assert checks(stage) >= before, "the first one went on"

    (folder / "other.yaml").write_text("kind: LicenseServer\n", encoding="utf-8")
    refused = requests.post(f"{stage.layout.daemon_url}/-/reload", timeout=20)
    assert refused.status_code == 422
    assert f"{folder / 'other.yaml'}:1: apiVersion" in refused.json()["detail"]
    stage.wait(lambda: metric(stage, "rlm_config_last_reload_successful") == 0, "the metric", within=10)
    assert stage.get(url) is not None

    (folder / "other.yaml").unlink()
    assert requests.post(f"{stage.layout.daemon_url}/-/reload", timeout=20).status_code == 200
    assert stage.get(url) is None
    stage.wait(lambda: metric(stage, "rlm_config_last_reload_successful") == 1, "the metric", within=10)
    stage.wait(lambda: 'cluster="other"' not in page(stage), "the end of its metrics", within=10)


def test_clients_notice_nothing_of_a_change_and_the_next_crash_is_seen_to(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    start_empty(stage)
    assert deploy(stage, stage.folder / "cluster.yaml").returncode == 0
    wait_ready(stage)
    stage.start_clients(holders=HOLDERS)
    wait_served(stage, holders=HOLDERS)
    began = time.monotonic()

    failed = f"{SERVERS[2]} (license)"
    told = licenses(stage, "update-health", "--healthy-servers", "", "--failed-servers", failed)
    assert told.returncode == 0, told.stderr
    for _ in range(3):
        assert deploy(stage, changed(stage, slower), "--yes").returncode == 0
        assert deploy(stage, stage.folder / "cluster.yaml", "--yes").returncode == 0
    wait_ready(stage)
    events = [event for event in stage.events() if event.t > began]
    assert [event for event in events if event.kind is EventKind.LOST] == []
    sessions = [event for event in events if event.kind is EventKind.SESSION]
    assert {(event.main, event.isv_server) for event in sessions} == {("rlm1", "rlm1")}
    assert cluster(stage)["epoch"] == 1
    assert server(stage, SERVERS[2])["external"], "what another monitor said is still known"

    stage.kill("rlm1")
    assert wait_moved(stage)["to"] == "rlm2"


def test_what_a_file_has_is_changed_there_alone(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    stage.start_daemon()
    path = stage.folder / "cluster.yaml"

    assert deploy(stage, path).stdout == f"{CLUSTER}: unchanged\n"
    other = changed(stage, slower)
    for refused in (
        deploy(stage, other, "--yes"),
        licenses(stage, "config", "--failover-detection", "slow"),
        rlm_ha(stage, "license-servers", "remove", CLUSTER, "--yes"),
    ):
        assert refused.returncode == 4
        assert f"stands in {path}: change it there" in refused.stderr
    assert (
        "spec.monitoring.failover.detection: fast -> slow"
        in licenses(stage, "config", "--failover-detection", "slow").stderr
    )


def test_a_cluster_that_is_removed_is_left_to_itself(set_stage: SetStage) -> None:
    stage = set_stage(FAST)
    start_empty(stage)
    path = stage.folder / "cluster.yaml"
    assert deploy(stage, path).returncode == 0
    wait_ready(stage)

    removed = rlm_ha(stage, "license-servers", "remove", CLUSTER, "--yes")
    assert (removed.returncode, removed.stdout) == (0, f"{CLUSTER}: removed\n"), removed.stderr
    assert licenses(stage, "primary").returncode == 3
    stage.wait(lambda: f'cluster="{CLUSTER}"' not in page(stage), "the end of its metrics", within=10)

    assert deploy(stage, path).stdout == f"{CLUSTER}: created\n"
    wait_ready(stage)
    assert cluster(stage)["epoch"] == 1, "its record was kept, and nobody was moved"


def test_what_one_daemon_is_given_all_look_after(set_stage: SetStage, postgresql: PostgresqlServer) -> None:
    stage = set_stage(FAST)
    settings = written(stage, no_settings(), SETTINGS)
    with shared_store(postgresql) as store:
        for name, port, state in ((FIRST, first_port(stage), "state-ha1"), ("rlm-ha", None, "state")):
            start_serve(
                stage,
                name=name,
                port=port,
                state=state,
                manifests=(settings,),
                options=("--store", store, "--name", "ha1" if name == FIRST else "ha2"),
            )
        wait_healthy(stage)
        assert deploy(stage, stage.folder / "cluster.yaml").returncode == 0
        other = f"{first_url(stage)}/api/v1/clusters/{CLUSTER}"
        stage.wait(lambda: stage.get(other) is not None, "the cluster at the other daemon", within=15)
        wait_ready(stage)

        assert rlm_ha(stage, "license-servers", "remove", CLUSTER, "--yes").returncode == 0
        stage.wait(lambda: stage.get(other) is None, "its end at the other daemon", within=15)
        stage.end()
