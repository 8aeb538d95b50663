"""Backups and restores of another machine, with a real ssh and a real sshd."""

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_exporter.backup.make import Wishes
from rlm_exporter.backup.members import Member
from rlm_exporter.backup.opening import opened
from rlm_exporter.backup.put import differing, put
from rlm_exporter.errors import BackupError
from tests.backup.sites import LICENSE, courier, machine, member, save
from tests.backup.sites import settings as settings_of
from tests.ports import free_port
from tests.simulated import wait_until
from tests.sshd import HOST, LOGIN, Sshd
from tests.throttle import slow_line

ODD = "a b; touch $HOME 'c' \"d\" \u00e4.lic"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    with Sshd(more="Banner /etc/os-release") as made:  # many sites show one
        made.use(monkeypatch)
        machine(made.home)
        made.own(made.home)
        yield made


def remote(server: Sshd, *paths: str) -> Member:
    return replace(member(server.home, paths=paths or ("/opt/rlm/licenses",)), ssh=f"{LOGIN}@{HOST}")


def files(server: Sshd) -> dict[str, bytes]:
    folder = server.home / "opt/rlm/licenses"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.row(43)
def test_what_was_saved_from_there_comes_back_as_it_was(server: Sshd, tmp_path: Path) -> None:
    odd = server.home / "opt/rlm/licenses" / ODD
    odd.write_text("odd")
    odd.chmod(0o640)
    server.own(odd)
    before = files(server)
    at = remote(server)
    made = save(settings_of(tmp_path / "b", at))
    shutil.rmtree(server.home / "opt/rlm/licenses")

    with opened(made.path) as (contents, folder):
        assert len(differing(at, courier(at), contents.entries)) == len(contents.entries)
        put(at, courier(at), contents.entries, folder)
        assert differing(at, courier(at), contents.entries) == ()

    assert files(server) == before
    assert odd.stat().st_mode & 0o777 == 0o640
    assert odd.stat().st_uid == server.home.stat().st_uid


@pytest.mark.parametrize("path", ["/opt/rlm/licenses/gone.lic", "/opt/rlm/licenses/siemens.opt"])
def test_a_file_that_is_not_there_or_may_not_be_read_is_named(
    server: Sshd, tmp_path: Path, path: str
) -> None:
    (server.home / "opt/rlm/licenses/siemens.opt").chmod(0)
    with pytest.raises(BackupError, match=path):
        save(settings_of(tmp_path / "b", remote(server, "/opt/rlm/shared", path)))


def test_a_host_with_no_or_another_key_than_is_known_gives_no_backup(server: Sshd, tmp_path: Path) -> None:
    (server.client / "known").write_text("")
    with pytest.raises(BackupError, match="connect once by ssh"):
        save(settings_of(tmp_path / "b", remote(server)))
    server.make_key(server.client / "other")
    (server.client / "known").write_text(f"{HOST} {(server.client / 'other.pub').read_text()}")
    with pytest.raises(BackupError, match="somebody may be in between"):
        save(settings_of(tmp_path / "b", remote(server)))
    assert "Accepted" not in server.log()


def test_a_key_that_is_refused_or_has_a_passphrase_asks_nobody(server: Sshd, tmp_path: Path) -> None:
    server.make_key(server.client / "user", passphrase="only for people")
    server.authorize()
    with pytest.raises(BackupError, match=r"Permission denied \(publickey\).*no key was taken"):
        save(settings_of(tmp_path / "b", remote(server)))


def test_a_machine_that_never_answers_is_left_when_time_is_up(server: Sshd) -> None:
    began = time.monotonic()
    with server.frozen(), pytest.raises(BackupError, match="no end within 1 s"):
        courier(remote(server), seconds=1).ask(["true"])
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("allow_missing", [False, True])
async def test_a_connection_cut_in_the_middle_gives_no_backup_of_that_machine(
    server: Sshd, tmp_path: Path, allow_missing: bool
) -> None:
    big = server.home / "opt/rlm/licenses/big.lic"
    big.write_bytes(b"# long\n" * 300_000)
    port = free_port()
    server.connect_to(port)
    seen = threading.Event()

    def told(size: int) -> None:
        if size > 256 * 1024:
            seen.set()

    def cut() -> None:
        seen.wait(20)
        server.cut()

    async with slow_line(port, server.port, bytes_a_second=1_000_000):
        at = remote(server)
        here = replace(member(machine(tmp_path / "rlm2")), name="rlm2")
        cutting = asyncio.create_task(asyncio.to_thread(cut))
        saving = asyncio.to_thread(
            save,
            settings_of(tmp_path / "b", at, here),
            Wishes(allow_missing=allow_missing),
            progress=lambda _, size: told(size),
        )
        if not allow_missing:
            with pytest.raises(BackupError, match="rlm1: tar failed there"):
                await saving
        else:
            made = await saving
            assert {entry.place.split("/")[1] for entry in made.contents.entries} == {"rlm2"}
            assert any("rlm1: tar failed there" in each for each in made.contents.missing)
        await cutting
    server.connect_to(server.port)
    assert big.name in {
        Path(each.path).name for each in save(settings_of(tmp_path / "b", at)).contents.entries
    }


async def test_a_restore_cut_in_the_middle_is_told_and_the_next_one_brings_everything(
    server: Sshd, tmp_path: Path
) -> None:
    big = server.home / "opt/rlm/licenses/big.lic"
    big.write_bytes(b"# long\n" * 300_000)
    at = remote(server)
    made = save(settings_of(tmp_path / "b", at))
    big.unlink()
    port = free_port()
    server.connect_to(port)
    with opened(made.path) as (contents, folder):
        async with slow_line(port, server.port, bytes_a_second=1_000_000):
            putting = asyncio.create_task(asyncio.to_thread(put, at, courier(at), contents.entries, folder))
            await asyncio.to_thread(wait_until, lambda: big.exists() and big.stat().st_size > 256 * 1024)
            server.cut()
            with pytest.raises(BackupError, match="rlm1: tar failed there"):
                await putting
        server.connect_to(server.port)
        left = differing(at, courier(at), contents.entries)
        assert str(Path("/opt/rlm/licenses/big.lic")) in {entry.path for entry in left}
        put(at, courier(at), left, folder)
        assert differing(at, courier(at), contents.entries) == ()
    assert (server.home / "opt/rlm/licenses/siemens.lic").read_text() == LICENSE
