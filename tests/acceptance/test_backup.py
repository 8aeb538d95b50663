"""A whole cluster is saved, lost, and put back by commands alone."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from rlm_exporter.demo.layout import CLUSTER, SERVERS, Choices
from rlm_exporter.demo.stage import Stage
from tests.acceptance.conftest import SetStage
from tests.acceptance.meddling import start_serve, wait_healthy
from tests.acceptance.replicas import shared_store
from tests.acceptance.seeing import cluster, rlm_ha, wait_ready
from tests.postgresql import PostgresqlServer, ask

pytestmark = pytest.mark.xdist_group("faults")

LICENSE = "HOST {} ANY 5053\nISV siemens\nLICENSE siemens STARCCM 1.0 permanent 20 sig=abc\n"


class Machines:
    """Each license server's files in a folder of its own, and starts that need them."""

    def __init__(self, stage: Stage, folder: Path, *, store: str) -> None:
        self._stage = stage
        self._store = store
        self.folder = folder
        self.settings = folder / "backup.yaml"
        self.wishes = folder / "wishes"
        self.wishes.mkdir(parents=True)
        self._write()

    def root(self, name: str) -> Path:
        return self.folder / name

    def _write(self) -> None:
        for name in SERVERS:
            shared = self.root(name) / "shared"
            shared.mkdir(parents=True)
            (shared / "siemens.lic").write_text(LICENSE.format(name))
            (self.root(name) / "licenses").mkdir()
            (self.root(name) / "licenses/siemens.lic").symlink_to(shared / "siemens.lic")
        config = self._stage.folder / "lb1/haproxy.cfg"
        document = {
            "apiVersion": "rlm-ha/v1",
            "kind": "Backup",
            "metadata": {"name": CLUSTER},
            "spec": {
                "into": str(self.folder / "backups"),
                "store": self._store,
                "servers": {name: self._server(name) for name in SERVERS},
                "balancers": {
                    "lb1": {
                        "paths": [str(config)],
                        "check": ["haproxy", "-c", "-f", str(config)],
                        "reload": ["touch", str(self.wishes / "haproxy")],
                    }
                },
            },
        }
        self.settings.write_text(json.dumps(document))

    def _server(self, name: str) -> dict[str, object]:
        license_file = self.root(name) / "licenses/siemens.lic"
        start = f'test -f "{license_file}" && touch "{self.wishes / name}"'
        return {"root": str(self.root(name)), "paths": ["/licenses"], "start": ["sh", "-c", start]}

    def supervised(self, work: Callable[[], CompletedProcess[str]]) -> CompletedProcess[str]:
        """What systemd is for: programs are started that somebody wishes for. Here, not in a thread, with
        which they would end."""
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(work)
            while not ended.done():
                time.sleep(0.05)
                for wish in self.wishes.iterdir():
                    wish.unlink()
                    if wish.name == "haproxy":
                        self._stage.start_haproxy()
                    else:
                        self._stage.start_server(wish.name)
            return ended.result()

    def lose(self) -> None:
        """Power off, and new disks."""
        for name in (*SERVERS, "haproxy", "rlm-ha"):
            self._stage.kill(name)
        for name in SERVERS:
            shutil.rmtree(self.root(name))
            self.root(name).mkdir()
        (self._stage.folder / "lb1/haproxy.cfg").unlink()
        (self._stage.folder / "lb1.sock").unlink(missing_ok=True)
        shutil.rmtree(self._stage.folder / "state")
        if self._store.startswith("postgresql"):
            ask(self._store, "DROP SCHEMA public CASCADE")
            ask(self._store, "CREATE SCHEMA public")


def restore(stage: Stage, machines: Machines, backup: str, *words: str) -> CompletedProcess[str]:
    rlmutil = str(stage.folder / "rlmutil")
    state = str(machines.folder / "restore.json")
    return rlm_ha(
        stage,
        *(
            "restore",
            backup,
            str(machines.settings),
            "--rlmutil",
            rlmutil,
            "--state",
            state,
            "--json",
            *words,
        ),
    )


@pytest.mark.row(43)
@pytest.mark.row(45)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_cluster_that_was_lost_comes_back_in_five_steps_and_passes_a_drill(
    set_stage: SetStage, tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    stage = set_stage(Choices(triggers=("detector",)))
    if database == "sqlite":
        store = f"sqlite:///{stage.folder / 'state/journal.db'}"
        stage.start_daemon()
    else:
        store = request.getfixturevalue("shared")
        start_serve(stage, options=("--store", store))
        wait_healthy(stage)
    wait_ready(stage)
    machines = Machines(stage, tmp_path / "m", store=store)
    pids = _pids(stage)

    made = rlm_ha(stage, "backup", str(machines.settings), "--json")
    assert made.returncode == 0, made.stderr
    document = json.loads(made.stdout)
    assert (document["active"], document["files"], document["missing"]) == ("rlm1", 4, [])
    assert _pids(stage) == pids  # nothing was stopped for it

    machines.lose()
    planned = restore(stage, machines, document["path"], "--plan")
    assert planned.returncode == 0, planned.stderr
    todo = {
        (step["number"], action["subject"]): action["state"]
        for step in json.loads(planned.stdout)["steps"]
        for action in step["actions"]
    }
    assert todo == {
        **{(1, name): "todo" for name in (*SERVERS, "journal")},
        **{(3, name): "todo" for name in SERVERS},
        (4, "lb1"): "todo",
        (4, "daemon"): "blocked",
        (5, "cluster"): "todo",
    }

    first = machines.supervised(lambda: restore(stage, machines, document["path"], "--apply"))
    assert first.returncode == 1
    assert "step 4 of 5 did not come to its end" in first.stderr, first.stderr
    assert first.stderr.index("rlm3: start it") < first.stderr.index("rlm1: start it")
    _start_empty_daemon(stage, store)
    pids = _pids(stage)
    # What the daemon has written to the journal by then stays, whatever is asked for.
    again = ("--apply", "--replace-journal")
    second = machines.supervised(lambda: restore(stage, machines, document["path"], *again))

    assert second.returncode == 0, second.stderr
    assert _pids(stage) == pids  # what served by then was left alone
    states = {action["state"] for step in json.loads(second.stdout)["steps"] for action in step["actions"]}
    assert states == {"done"}
    wait_ready(stage)
    assert cluster(stage)["active"] == "rlm1"
    for name in SERVERS:
        assert (machines.root(name) / "licenses/siemens.lic").read_text() == LICENSE.format(name)


@pytest.fixture
def shared(postgresql: PostgresqlServer) -> Iterator[str]:
    with shared_store(postgresql) as url:
        yield url


def _start_empty_daemon(stage: Stage, store: str) -> None:
    """One that has no cluster in a file, on the journal that was put back."""
    settings = stage.folder / "settings.yaml"
    settings.write_text("apiVersion: rlm-ha/v1\nkind: ExporterConfig\nspec: {deploy: {files: true}}\n")
    start_serve(stage, manifests=(settings,), options=("--store", store))
    wait_healthy(stage)


def _pids(stage: Stage) -> list[int]:
    """Of all license servers and of HAProxy, which run."""
    found = [stage.processes.pid(name) for name in (*SERVERS, "haproxy")]
    assert all(Path(f"/proc/{pid}/fd").is_dir() for pid in found)
    return found
