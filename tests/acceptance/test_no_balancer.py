"""A cluster without a balancer: a move is what clients are told by a file."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rlm_exporter.demo.layout import Choices
from rlm_exporter.demo.stage import Stage, haproxy_process
from tests.acceptance.conftest import SetStage
from tests.acceptance.seeing import cluster, licenses, moves, wait_moved, wait_ready

pytestmark = pytest.mark.xdist_group("faults")


def without_balancer(stage: Stage, *files: Path, **failover: Any) -> None:
    """The stage's manifest as for a site that has none, before the daemon reads it."""
    manifest = stage.folder / "cluster.yaml"
    document = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    del document["spec"]["loadBalancer"]
    document["spec"]["clientSettings"] = {"files": [{"path": str(path)} for path in files]}
    document["spec"]["monitoring"]["failover"] |= failover
    manifest.write_text(yaml.safe_dump(document), encoding="utf-8")
    stage.kill(haproxy_process("lb1"))


def told(path: Path) -> str:
    (line,) = [line for line in path.read_text().splitlines() if line.startswith("export RLM_LICENSE=")]
    return line.removeprefix("export RLM_LICENSE=")


@pytest.mark.row(25)
def test_a_crash_and_a_move_by_hand_tell_clients_who_is_active_now(
    set_stage: SetStage, tmp_path: Path
) -> None:
    path = tmp_path / "rlm.sh"
    stage = set_stage(Choices(triggers=("detector",)))
    without_balancer(stage, path)
    port = stage.layout.license_port
    stage.start_daemon()
    wait_ready(stage)
    stage.wait(path.exists, "the file with client settings", within=10)
    assert told(path) == f"{port}@{stage.layout.host('rlm1')}"
    assert "none: clients follow their own settings" in licenses(stage, "status", "--show-ha").stdout

    stage.kill("rlm1")
    operation = wait_moved(stage)
    assert (operation["to"], operation["state"], operation["outcome"]) == ("rlm2", "committed", "done")
    assert told(path) == f"{port}@{stage.layout.host('rlm2')}"
    apply, verify, _ = operation["steps"]
    assert "those connected stay where they are" in apply["detail"]
    assert verify["detail"] == "rlm2 answers"

    moved = licenses(stage, "switchover", "--to", "rlm3")
    assert moved.returncode == 0, moved.stderr
    assert told(path) == f"{port}@{stage.layout.host('rlm3')}"
    path.unlink()
    stage.wait(path.exists, "the lost file", within=45)
    assert told(path) == f"{port}@{stage.layout.host('rlm3')}"


def test_where_nobody_can_be_told_nothing_is_committed_and_it_is_known_before(
    set_stage: SetStage, tmp_path: Path
) -> None:
    path = tmp_path / "nowhere" / "rlm.sh"
    stage = set_stage(Choices(triggers=("detector",)))
    without_balancer(stage, path)
    stage.start_daemon()
    why = [f"client settings cannot be written: {path}: No such file or directory"]
    stage.wait(
        lambda: (stage.cluster() or {}).get("not_ready_because") == why, "why it is not ready", within=30
    )

    moved = licenses(stage, "switchover", "--to", "rlm2")

    assert moved.returncode == 1
    assert str(path) in str(moves(stage)[0]["steps"])
    assert (cluster(stage)["active"], moves(stage)[0]["state"]) == ("rlm1", "failed")
