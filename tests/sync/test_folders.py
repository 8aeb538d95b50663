"""The three ways to a server's files behave alike: whole files, and no other that RLM would load."""

import asyncio
import json
import shutil
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from rlm_exporter.errors import SyncError
from rlm_exporter.sync.called_folder import CalledFolder
from rlm_exporter.sync.local_folder import LocalFolder
from rlm_exporter.sync.names import Present, arriving, check_name, former, is_loaded
from rlm_exporter.sync.ports import Transport
from tests.sync.folders import LIMIT, names, sftp

pytestmark = pytest.mark.row(13)

PROGRAM = """\
#!{python} -S
import base64, json, os, sys
order = json.load(sys.stdin)
folder = order["folder"]
path = os.path.join(folder, order.get("name", ""))
if order["action"] == "read":
    found = [name for name in os.listdir(folder) if name.endswith((".lic", ".dat"))]
    read = lambda name: open(os.path.join(folder, name), "rb").read()
    files = {{name: base64.b64encode(read(name)).decode() for name in found}}
    json.dump({{"files": files}}, sys.stdout)
elif order["action"] == "put":
    fresh = os.path.join(folder, order["by_way_of"])
    open(fresh, "wb").write(base64.b64decode(order["content"]))
    os.replace(fresh, path)
else:
    os.remove(path)
"""


def local(folder: Path) -> Transport:
    return LocalFolder(folder, limit=LIMIT)


def called(folder: Path) -> Transport:
    program = folder.parent / "transport"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    return CalledFolder((str(program),), server="rlm1", folder=str(folder), limit=LIMIT)


WAYS = [local, sftp, called]


def permissions(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.lic")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / 'rlm\'s "own" licenses'
    made.mkdir()
    (made / "siemens.lic").write_bytes(b"old\r\n")
    (made / "siemens.opt").write_bytes(b"no license\n")
    (made / "other.dat").write_bytes(b"\xe4\x00")
    return made


@pytest.mark.parametrize("way", WAYS)
async def test_reads_what_rlm_would_load(way: Callable[[Path], Transport], folder: Path) -> None:
    assert await way(folder).read() == {"siemens.lic": b"old\r\n", "other.dat": b"\xe4\x00"}


STRANGE = ("ä.lic", "\udcff.lic", " two words .lic", "a'b\"c.lic", "back\\slash.lic", ".hidden.lic", "-x.dat")
"""Names that no master can have, and that rlm loads."""


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("way", [local, sftp])
async def test_a_file_of_any_name_is_read_and_one_in_other_case_is_none(
    way: Callable[[Path], Transport], folder: Path, locale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    wanted = {"siemens.lic": b"old\r\n", "other.dat": b"\xe4\x00"}
    for name in STRANGE:
        (folder / name).write_bytes(name.encode("utf-8", "surrogateescape"))
        wanted[name] = (folder / name).read_bytes()
    (folder / "SIEMENS.LIC").write_bytes(b"rlm does not load this on Unix\n")

    assert await way(folder).read() == wanted


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("way", [local, sftp])
async def test_what_no_master_can_be_and_cannot_be_read_harms_no_other_file(
    way: Callable[[Path], Transport], folder: Path, locale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    (folder / "a b.lic").mkdir()
    (folder / "ä.lic").symlink_to("nowhere")

    assert await way(folder).read() == {
        "siemens.lic": b"old\r\n",
        "other.dat": b"\xe4\x00",
        "a b.lic": None,
        "ä.lic": None,
    }


@pytest.mark.parametrize("way", WAYS)
async def test_writes_changes_and_removes_files(way: Callable[[Path], Transport], folder: Path) -> None:
    transport = way(folder)
    await transport.read()

    await transport.put("siemens.lic", b"new\n")
    await transport.put("fresh.lic", b"\x00\xff")
    await transport.remove("other.dat")

    assert await way(folder).read() == {"siemens.lic": b"new\n", "fresh.lic": b"\x00\xff"}


@pytest.mark.parametrize("way", WAYS)
async def test_removing_what_is_not_there_is_done(way: Callable[[Path], Transport], folder: Path) -> None:
    await way(folder).remove("fresh.lic")

    assert await way(folder).read() == {"siemens.lic": b"old\r\n", "other.dat": b"\xe4\x00"}


@pytest.mark.parametrize("way", WAYS)
async def test_what_stays_where_it_should_go_is_told(way: Callable[[Path], Transport], folder: Path) -> None:
    (folder / "deep.lic").mkdir()

    with pytest.raises(SyncError):
        await way(folder).remove("deep.lic")


@pytest.mark.parametrize("way", [sftp, called])
async def test_in_a_folder_that_is_gone_nobody_says_that_a_file_was_removed(
    way: Callable[[Path], Transport], folder: Path
) -> None:
    transport = way(folder)
    shutil.rmtree(folder)

    with pytest.raises(SyncError):
        await transport.remove("siemens.lic")


@pytest.mark.parametrize("way", [local, sftp])
async def test_keeps_the_former_file_and_leaves_nothing_that_rlm_would_load(
    way: Callable[[Path], Transport], folder: Path
) -> None:
    transport = way(folder)
    await transport.read()
    await transport.put("siemens.lic", b"new\n")
    await transport.put("siemens.lic", b"newer\n")

    assert names(folder) == [".siemens.lic.rlm-ha-before", "other.dat", "siemens.lic", "siemens.opt"]
    assert (folder / former("siemens.lic")).read_bytes() == b"new\n"


@pytest.mark.parametrize("way", [local, sftp])
async def test_permissions_stay_and_a_new_file_can_be_read_by_rlm(
    way: Callable[[Path], Transport], folder: Path
) -> None:
    (folder / "siemens.lic").chmod(0o640)
    transport = way(folder)
    await transport.read()

    await transport.put("siemens.lic", b"new\n")
    await transport.put("fresh.lic", b"new\n")

    assert permissions(folder) == {"siemens.lic": 0o640, "fresh.lic": 0o644}


@pytest.mark.parametrize("way", [local, sftp])
async def test_what_an_earlier_run_left_in_the_middle_does_not_matter(
    way: Callable[[Path], Transport], folder: Path
) -> None:
    (folder / arriving("siemens.lic")).write_bytes(b"half of a fi")
    (folder / arriving("siemens.lic")).chmod(0o400)
    transport = way(folder)
    await transport.read()

    await transport.put("siemens.lic", b"whole\n")

    assert (folder / "siemens.lic").read_bytes() == b"whole\n"
    assert arriving("siemens.lic") not in names(folder)


@pytest.mark.row(27)
async def test_a_link_into_shared_storage_becomes_a_file_of_the_servers_own(
    folder: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared.lic"
    shared.write_bytes(b"everybody's\n")
    (folder / "siemens.lic").unlink()
    (folder / "siemens.lic").symlink_to(shared)

    await local(folder).put("siemens.lic", b"its own\n")

    assert not (folder / "siemens.lic").is_symlink()
    assert shared.read_bytes() == b"everybody's\n"


@pytest.mark.parametrize("way", WAYS)
async def test_a_folder_that_is_not_there_is_told_by_its_name(
    way: Callable[[Path], Transport], tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(SyncError, match="nowhere"):
        await way(tmp_path / "folder" / "nowhere").read()


async def test_what_is_no_file_is_not_passed_over(folder: Path) -> None:
    (folder / "deep.lic").mkdir()

    with pytest.raises(SyncError, match=r"deep\.lic: (is no file|Is a directory)"):
        await local(folder).read()
    with pytest.raises(SyncError, match=r"deep\.lic cannot be read"):
        await sftp(folder).read()


async def test_a_transport_that_hangs_is_killed_and_named(tmp_path: Path) -> None:
    program = tmp_path / "hangs"
    program.write_text("#!/bin/sh\nsleep 60\n")
    program.chmod(0o755)
    limit = timedelta(milliseconds=200)

    with pytest.raises(SyncError, match=r"hangs did not end within 0\.2 s and was killed"):
        await CalledFolder((str(program),), server="rlm1", folder="/x", limit=limit).read()


class OnADeadServer(type(Path())):  # type: ignore[misc] # the class of paths depends on the system
    """A folder that answers once somebody has it answer."""

    back = threading.Event()

    def iterdir(self) -> Iterator[Path]:
        assert self.back.wait(60)
        return iter(super().iterdir())


async def test_looks_at_a_dead_file_server_hang_in_one_thread_however_many_they_are(folder: Path) -> None:
    OnADeadServer.back = threading.Event()
    transport = LocalFolder(OnADeadServer(folder), limit=timedelta(milliseconds=50))
    before = threading.active_count()

    with pytest.raises(SyncError, match=r"no answer within 0\.05 s; is it on a dead NFS\?"):
        await transport.read()
    for _ in range(3):
        with pytest.raises(SyncError, match="an earlier call still hangs, so no other is begun"):
            await transport.read()
    assert threading.active_count() == before + 1

    (folder / "siemens.lic").write_bytes(b"new\n")
    OnADeadServer.back.set()
    found: Present = {}
    async with asyncio.timeout(20):
        while not found:
            with suppress(SyncError):
                found = await transport.read()
    assert found["siemens.lic"] == b"new\n"


@pytest.mark.parametrize("said", ["", "no JSON", "[]", json.dumps({"files": {"a.lic": "?"}}), '{"files": 3}'])
async def test_a_transport_that_answers_nonsense_is_told_what_to_answer(tmp_path: Path, said: str) -> None:
    program = tmp_path / "babbles"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\n")
    program.chmod(0o755)

    with pytest.raises(SyncError, match="babbles has to answer read with"):
        await CalledFolder((str(program),), server="rlm1", folder="/x", limit=LIMIT).read()


@pytest.mark.parametrize("name", ["SIEMENS.LIC", "siemens.Lic", "siemens.lic.txt", "lic", "siemens.opt"])
def test_rlm_looks_at_endings_as_they_are_written(name: str) -> None:
    assert not is_loaded(name)


def test_no_name_of_ours_is_loaded_by_rlm() -> None:
    for name in ("siemens.lic", "x.dat"):
        check_name(name)
        assert is_loaded(name)
        assert not is_loaded(arriving(name))
        assert not is_loaded(former(name))


@pytest.mark.parametrize(
    "name", ["-rf.lic", "a b.lic", "a@b.lic", "../x.lic", ".x.lic", "x.txt", "*.lic", "a\n.lic"]
)
def test_a_name_that_would_be_misread_on_the_way_is_refused(name: str) -> None:
    with pytest.raises(SyncError, match="cannot be the name of a license file here"):
        check_name(name)
