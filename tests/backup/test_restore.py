"""A restore with machines that are folders, and license servers that serve once they are started."""

import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from rlm_exporter.backup.make import Wishes
from rlm_exporter.backup.members import BackupSettings, Member, Role
from rlm_exporter.backup.opening import opened
from rlm_exporter.backup.restore import Restore
from rlm_exporter.backup.serving import Serves, Standing
from rlm_exporter.backup.state import StateFile
from rlm_exporter.errors import BackupError
from tests.backup.journals import moved_on, rows_of, with_history
from tests.backup.sites import machine, member, save
from tests.backup.sites import settings as settings_of
from tests.postgresql import PostgresqlServer

UP, DOWN = Standing(serves=Serves.YES), Standing(serves=Serves.NO)


@dataclass
class World:
    """Servers serve when their start has run; the daemon takes notes."""

    folder: Path
    active_server: str | None = "rlm1"
    notes: list[str] = field(default_factory=list)
    failed_checks: tuple[str, ...] = ()
    deployed: bool = False

    def serving(self) -> dict[str, Standing]:
        started = (self.folder / "started").read_text() if (self.folder / "started").exists() else ""
        now = {name: name in started.split() for name in ("rlm1", "rlm2")}
        for name, serves in now.items():
            if serves and f"{name} serves" not in self.notes:
                self.notes.append(f"{name} serves")
        return {name: UP if serves else DOWN for name, serves in now.items()}

    def active(self) -> str | None:
        return self.active_server

    def knows_cluster(self) -> bool | None:
        return self.deployed

    def deploy(self, manifest: str) -> None:
        self.deployed = True
        self.notes.append(f"deploy {manifest.strip()}")

    def maintain(self, server: str, *, enable: bool) -> bool:
        self.notes.append(f"maintenance {server} {'on' if enable else 'off'}")
        return True

    def drill(self) -> tuple[str, ...]:
        self.notes.append("drill")
        return self.failed_checks


def start(folder: Path, name: str, *, fails: bool = False) -> tuple[str, ...]:
    """Starts that server, if its license is there."""
    needs = folder / name / "opt/rlm/licenses/siemens.lic"
    return ("sh", "-c", f"test -f {needs} && {'exit 3' if fails else f'echo {name} >> {folder}/started'}")


def site(folder: Path, *, check: tuple[str, ...] = ("true",)) -> BackupSettings:
    """Two license servers and a balancer."""
    servers: list[Member] = [
        replace(member(folder / name, name=name), start=start(folder, name)) for name in ("rlm1", "rlm2")
    ]
    balancer = Member(
        role=Role.BALANCER,
        name="lb1",
        ssh=None,
        command=(),
        root=str(folder / "lb1"),
        paths=("/etc/haproxy.cfg",),
        logs=(),
        check=check,
        reload=("sh", "-c", f"echo reload >> {folder}/reloads"),
    )
    return settings_of(folder / "b", *servers, balancer)


def saved(folder: Path, *, store: str | None = None) -> Path:
    """A backup of the site, which is then wiped."""
    for name in ("rlm1", "rlm2"):
        machine(folder / name)
    (folder / "lb1/etc").mkdir(parents=True)
    (folder / "lb1/etc/haproxy.cfg").write_text("defaults\n")
    path = save(replace(site(folder), store=store), Wishes(folder=True)).path
    for name in ("rlm1", "rlm2", "lb1"):
        shutil.rmtree(folder / name)
        (folder / name).mkdir()
    return path


def restore(
    folder: Path,
    backup: Path,
    world: World,
    *,
    settings: BackupSettings | None = None,
    replace_journal: bool = False,
    allow_missing: bool = False,
) -> list[str]:
    """Apply it, and return what was told."""
    told: list[str] = []
    with opened(backup) as (contents, files):
        work = Restore(
            contents=contents,
            folder=files,
            settings=settings or site(folder),
            world=world,
            replace_journal=replace_journal,
            allow_missing=allow_missing,
            start_seconds=1,
        )
        work.apply(StateFile(folder / "state.json", backup=contents.name), told.append)
    return told


@pytest.mark.row(45)
def test_all_five_steps_are_done_with_clients_kept_from_a_standby_until_the_active_one_serves(
    tmp_path: Path,
) -> None:
    backup, world = saved(tmp_path), World(tmp_path)

    told = restore(tmp_path, backup, world)

    assert [line[0] for line in told if not line.startswith(" ")] == ["1", "2", "3", "4", "5"]
    assert world.notes == [
        "maintenance rlm2 on",
        "rlm2 serves",
        "rlm1 serves",
        "maintenance rlm2 off",
        "deploy kind: LicenseServer",
        "drill",
    ]
    assert (tmp_path / "reloads").read_text() == "reload\n"
    assert not (tmp_path / "state.json").exists()

    # The same again finds everything as it is to be, and starts and reloads nothing.
    restore(tmp_path, backup, world)
    assert (tmp_path / "started").read_text() == "rlm2\nrlm1\n"
    assert (tmp_path / "reloads").read_text() == "reload\n"


@pytest.mark.row(45)
def test_a_server_that_serves_keeps_its_files_and_goes_on(tmp_path: Path) -> None:
    backup, world = saved(tmp_path), World(tmp_path)
    (tmp_path / "started").write_text("rlm1\n")

    told = restore(tmp_path, backup, world)

    assert list((tmp_path / "rlm1").iterdir()) == []
    assert any("it serves, so its files are left alone" in line for line in told)
    assert (tmp_path / "started").read_text() == "rlm1\nrlm2\n"


@dataclass
class Woken(World):
    """In it rlm1 is started by somebody else, between the look at it and what is done."""

    looks: int = 0

    def serving(self) -> dict[str, Standing]:
        self.looks += 1
        return {**super().serving(), "rlm1": UP if self.looks > 1 else DOWN}


@pytest.mark.row(45)
def test_one_that_serves_since_the_look_keeps_its_files(tmp_path: Path) -> None:
    backup, world = saved(tmp_path), Woken(tmp_path)

    told = restore(tmp_path, backup, world)

    assert list((tmp_path / "rlm1").iterdir()) == []
    assert any("it serves, so its files are left alone" in line for line in told)


@pytest.mark.row(45)
def test_one_that_cannot_be_started_ends_it_there_and_the_next_run_goes_on(tmp_path: Path) -> None:
    backup, world = saved(tmp_path), World(tmp_path)
    broken = site(tmp_path)
    ill = [
        replace(each, start=start(tmp_path, "rlm1", fails=True)) if each.name == "rlm1" else each
        for each in broken.members
    ]

    with pytest.raises(BackupError, match=r"rlm1: sh -c .*: it ended with 3"):
        restore(tmp_path, backup, world, settings=replace(broken, members=tuple(ill)))
    assert world.notes == ["maintenance rlm2 on", "rlm2 serves", "maintenance rlm2 off"]
    assert json.loads((tmp_path / "state.json").read_text())["steps_done"] == [1, 2]

    restore(tmp_path, backup, world)
    assert (tmp_path / "started").read_text() == "rlm2\nrlm1\n"


@pytest.mark.row(45)
def test_a_balancer_that_refuses_its_file_is_not_reloaded_until_it_takes_it(tmp_path: Path) -> None:
    backup, world = saved(tmp_path), World(tmp_path)

    with pytest.raises(BackupError, match="lb1: false: it ended with 1"):
        restore(tmp_path, backup, world, settings=site(tmp_path, check=("false",)))
    assert not (tmp_path / "reloads").exists()

    # Its file is as saved by now, and yet the reload is remembered.
    restore(tmp_path, backup, world)
    assert (tmp_path / "reloads").read_text() == "reload\n"


@pytest.mark.row(45)
def test_a_drill_that_fails_is_no_end_of_a_restore(tmp_path: Path) -> None:
    backup, world = saved(tmp_path), World(tmp_path, failed_checks=("web rlm2",))

    with pytest.raises(
        BackupError, match=r"step 5 of 5 did not come to its end:\n  cluster: failed: web rlm2"
    ):
        restore(tmp_path, backup, world)


@pytest.mark.row(45)
def test_a_machine_that_the_settings_lack_is_no_end_of_a_restore_until_that_is_allowed(
    tmp_path: Path,
) -> None:
    backup, world = saved(tmp_path), World(tmp_path)
    fewer = replace(site(tmp_path), members=site(tmp_path).members[:2])

    with pytest.raises(BackupError, match=r"step 1 of 5 .*\n  balancers/lb1: 1 file of it"):
        restore(tmp_path, backup, world, settings=fewer)
    told = restore(tmp_path, backup, world, settings=fewer, allow_missing=True)
    assert any("balancers/lb1: 1 file of it in the backup" in line for line in told)
    assert any(line.startswith("5.") for line in told)


def test_a_state_of_another_backup_is_not_taken_up(tmp_path: Path) -> None:
    backup = saved(tmp_path)
    (tmp_path / "state.json").write_text(json.dumps({"backup": "another"}))

    with pytest.raises(BackupError, match="a restore of another was begun and not ended"):
        restore(tmp_path, backup, World(tmp_path))


@pytest.mark.row(45)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_journal_comes_back_in_step_one_and_what_a_daemon_writes_then_stays(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """Also where the next run says once more that the journal is to be replaced."""
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    if kind == "postgresql":
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        url = server.new_database()
        request.addfinalizer(lambda: server.drop_database(url))
    with_history(url)
    as_saved = rows_of(url)
    backup, world = saved(tmp_path, store=url), World(tmp_path, failed_checks=("web rlm2",))
    moved_on(url)
    later = rows_of(url)
    with_store = replace(site(tmp_path), store=url)

    with pytest.raises(BackupError, match="step 5 of 5"):
        restore(tmp_path, backup, world, settings=with_store)
    assert rows_of(url) == later
    (tmp_path / "state.json").unlink()

    with pytest.raises(BackupError, match="step 5 of 5"):
        restore(tmp_path, backup, world, settings=with_store, replace_journal=True)
    assert rows_of(url) == as_saved
    moved_on(url)
    world.failed_checks = ()

    told = restore(tmp_path, backup, world, settings=with_store, replace_journal=True)
    assert "   journal: was put back, and has been written to since" in told
    assert rows_of(url) == later
