"""What jobs get: set by the guide's command, read by a real shell, and whole at every moment."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from rlm_exporter.demo.layout import CLUSTER, Choices
from rlm_exporter.demo.stage import Stage, haproxy_process
from tests.acceptance.conftest import SetStage
from tests.acceptance.seeing import (
    cluster,
    licenses,
    moves,
    rlm_ha,
    start_daemon_with_seam,
    wait_moved,
    wait_ready,
)
from tests.simulated import wait_until

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.row(25)]

OWNER = 4321
PUSH = """\
import pathlib, sys
with pathlib.Path(sys.argv[1]).open("a") as heard:
    heard.write(sys.stdin.read() + "\\n")
"""


class Jobs:
    """The files that jobs read, and what a job's environment gets by them."""

    def __init__(self, folder: Path) -> None:
        self.shell = folder / "rlm.sh"
        self.prolog = folder / "rlm-task-prolog"
        self.heard = folder / "heard.jsonl"
        self._push = folder / "push.py"
        self._push.write_text(PUSH)

    def settings(self) -> dict[str, object]:
        """For the manifest."""
        return {
            "files": [
                {"path": str(self.shell)},
                {"path": str(self.prolog), "format": "task-prolog"},
            ],
            "hooks": [{"exec": [sys.executable, str(self._push), str(self.heard)], "timeout": "10s"}],
        }

    def sourced(self) -> list[str]:
        """The servers in the environment of a shell that has read the file, in their order."""
        command = ["/bin/sh", "-ec", f'. {self.shell}; printf %s "$RLM_LICENSE"']
        done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": "/bin"})
        return done.stdout.split(":")

    def of_a_task(self) -> dict[str, str]:
        """What Slurm makes of the prolog: each `export NAME=value` that it prints."""
        done = subprocess.run([self.prolog], capture_output=True, text=True, check=True, env={})
        lines = [line.removeprefix("export ") for line in done.stdout.splitlines()]
        return dict(line.split("=", 1) for line in lines)

    def events(self) -> list[dict[str, object]]:
        """What the hook was told."""
        text = self.heard.read_text() if self.heard.exists() else ""
        return [json.loads(line) for line in text.splitlines()]


def set_jobs(stage: Stage, folder: Path) -> Jobs:
    """The stage's manifest as for a site without a balancer, whose jobs read files."""
    jobs = Jobs(folder)
    manifest = stage.folder / "cluster.yaml"
    document = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    del document["spec"]["loadBalancer"]
    document["spec"]["clientSettings"] = jobs.settings()
    manifest.write_text(yaml.safe_dump(document), encoding="utf-8")
    stage.kill(haproxy_process("lb1"))
    return jobs


def endpoints(stage: Stage, *servers: str) -> list[str]:
    return [f"{stage.layout.license_port}@{stage.layout.host(server)}" for server in servers]


def set_list(stage: Stage, *servers: str) -> subprocess.CompletedProcess[str]:
    """The guide's command, with a list of servers."""
    return rlm_ha(
        stage,
        *("cluster", "config", "update", "--license-servers", ":".join(endpoints(stage, *servers))),
        *("--license-failover-enabled", "true", "--license-redundancy-mode", "active-passive"),
    )


def test_after_a_failover_jobs_get_the_new_order_and_the_files_keep_their_rights(
    set_stage: SetStage, tmp_path: Path
) -> None:
    stage = set_stage(Choices(triggers=("detector",)))
    jobs = set_jobs(stage, tmp_path)
    jobs.shell.write_text("# made by the site\n")
    jobs.shell.chmod(0o640)
    if os.getuid() == 0:
        os.chown(jobs.shell, OWNER, OWNER)
    stage.start_daemon()
    wait_ready(stage)

    refused = rlm_ha(stage, "cluster", "config", "update", "--license-redundancy-mode", "active-active")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "more seats than were bought" in refused.stderr
    planned = rlm_ha(
        stage, "cluster", "config", "update", "--license-servers", "rlm1 rlm2 rlm3", "--dry-run", "-j"
    )
    assert json.loads(planned.stdout)["result"] == "plan"
    stage.wait(jobs.prolog.exists, "the files", within=10)
    assert jobs.sourced() == endpoints(stage, "rlm1"), "the manifest's: copies are not listed together"

    updated = set_list(stage, "rlm1", "rlm2", "rlm3")
    assert updated.returncode == 0, updated.stderr
    assert jobs.sourced() == endpoints(stage, "rlm1", "rlm2", "rlm3")

    stage.kill("rlm1")
    assert wait_moved(stage)["to"] == "rlm2"
    new = endpoints(stage, "rlm2", "rlm1", "rlm3")
    assert jobs.sourced() == new
    task = jobs.of_a_task()
    assert task["RLM_LICENSE"] == task["siemens_LICENSE"] == ":".join(new)
    assert task["RLM_CONNECT_TIMEOUT"] == "5"
    shown = rlm_ha(stage, "cluster", "config", "show", "--format", "slurm")
    assert (shown.returncode, shown.stdout) == (0, jobs.prolog.read_text())
    found = jobs.shell.stat()
    assert stat.S_IMODE(found.st_mode) == 0o640
    assert os.getuid() != 0 or (found.st_uid, found.st_gid) == (OWNER, OWNER)
    assert stat.S_IMODE(jobs.prolog.stat().st_mode) == 0o755
    stage.wait(lambda: jobs.events()[-1]["servers"] == new, "the hook", within=10)
    assert jobs.events()[-1]["active"] == "rlm2"


def test_a_daemon_that_died_in_a_move_leaves_nothing_old_behind(set_stage: SetStage, tmp_path: Path) -> None:
    """It dies with the new files written and nothing committed; the site puts an old file back meanwhile."""
    stage = set_stage(Choices(triggers=("detector",)))
    jobs = set_jobs(stage, tmp_path)
    start_daemon_with_seam(stage, "dying_daemon.py", "intended", "commit")
    wait_ready(stage)
    assert set_list(stage, "rlm3", "rlm1", "rlm2").returncode == 0
    old = jobs.shell.read_bytes()
    stage.post(
        f"{stage.layout.daemon_url}/api/v1/clusters/{CLUSTER}/switchover",
        {"to": "rlm2", "requested_by": "test"},
    )
    stage.processes.wait_end("rlm-ha", within=20)
    assert jobs.sourced() == endpoints(stage, "rlm2", "rlm3", "rlm1")
    jobs.shell.write_bytes(old)

    stage.start_daemon()
    stage.wait(lambda: cluster(stage)["active"] == "rlm2", "the move that was begun", within=20)
    new = endpoints(stage, "rlm2", "rlm3", "rlm1")
    stage.wait(lambda: jobs.sourced() == new, "the files as they are to be", within=10)
    stage.wait(lambda: bool(jobs.events()) and jobs.events()[-1]["servers"] == new, "the hook", within=10)
    shown = json.loads(rlm_ha(stage, "cluster", "config", "show", "-j").stdout)
    assert shown["license_servers"] == endpoints(stage, "rlm3", "rlm1", "rlm2"), "it is in the journal"
    assert moves(stage)[-1]["state"] == "committed"


@contextmanager
def read_all_the_time(*paths: Path) -> Iterator[set[str]]:
    """Every text that a reader finds there meanwhile; one that finds no file at all finds nothing."""
    found: set[str] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            for path in paths:
                found.add(path.read_text(encoding="utf-8") if path.exists() else "")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield found
    finally:
        stop.set()
        reader.join()


def test_a_job_never_reads_half_a_file_however_often_clients_are_moved(
    set_stage: SetStage, tmp_path: Path
) -> None:
    stage = set_stage(Choices(triggers=("detector",), cooldown="1s"))
    jobs = set_jobs(stage, tmp_path)
    stage.start_daemon()
    wait_ready(stage)
    assert set_list(stage, "rlm1", "rlm2", "rlm3").returncode == 0
    whole = {jobs.shell.read_text(), jobs.prolog.read_text()}
    with read_all_the_time(jobs.shell, jobs.prolog) as found:
        for target in ("rlm2", "rlm3", "rlm1"):
            moved = licenses(stage, "failover", "--to", target)
            assert moved.returncode == 0, moved.stderr
            assert jobs.sourced()[0] == endpoints(stage, target)[0]
            whole |= {jobs.shell.read_text(), jobs.prolog.read_text()}
        wait_until(lambda: found >= whole, what="a reader who has seen all of them")
    assert len(whole) == 6, "three servers, two forms"
    assert found == whole
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == set()
