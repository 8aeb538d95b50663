"""License files on another machine, with a real ssh and sshd, and all that goes wrong on such a way."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rlm_exporter.errors import SyncError
from rlm_exporter.sync.calls import call
from rlm_exporter.sync.names import arriving, former
from rlm_exporter.sync.sftp_folder import SftpFolder
from tests.ports import free_port
from tests.probe.programs import until
from tests.sshd import HOST, INTERNAL, LOGIN, Sshd
from tests.sync.folders import LIMIT, names
from tests.throttle import slow_line

pytestmark = pytest.mark.row(13)

BIG = b"# a license file with a long history\n" * 20_000
HALVES = 4 * 64 * 1024
"""More than what is on its way at once."""


def machine(monkeypatch: pytest.MonkeyPatch, **options: object) -> Sshd:
    """An sshd that this process's ssh finds, with one license file."""
    made = Sshd(**options)  # type: ignore[arg-type]  # they are its own
    made.use(monkeypatch)
    (made.home / "licenses").mkdir()
    (made.home / "licenses" / "siemens.lic").write_bytes(b"old\r\n")
    made.own(made.home)
    return made


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    with machine(monkeypatch) as made:
        yield made


def folder(server: Sshd) -> Path:
    return server.home / "licenses"


def way(server: Sshd, *, target: str = f"{LOGIN}@{HOST}", limit: timedelta = LIMIT) -> SftpFolder:
    return SftpFolder(target, str(folder(server)), limit=limit)


async def refused(server: Sshd, *, target: str = f"{LOGIN}@{HOST}") -> str:
    with pytest.raises(SyncError) as error:
        await way(server, target=target).read()
    return str(error.value)


async def test_files_are_read_replaced_and_removed(server: Sshd) -> None:
    transport = way(server)
    assert await transport.read() == {"siemens.lic": b"old\r\n"}

    await transport.put("siemens.lic", BIG)
    await transport.put("fresh.lic", b"\x00\xff")
    await transport.put("gone.dat", b"soon")
    await transport.remove("gone.dat")

    assert await way(server).read() == {"siemens.lic": BIG, "fresh.lic": b"\x00\xff"}
    assert (folder(server) / former("siemens.lic")).read_bytes() == b"old\r\n"
    assert names(folder(server)) == [".siemens.lic.rlm-ha-before", "fresh.lic", "siemens.lic"]


async def test_an_account_that_is_allowed_sftp_alone_is_enough(server: Sshd) -> None:
    server.authorize('restrict,command="internal-sftp"')
    await way(server).put("siemens.lic", b"new\n")
    assert await way(server).read() == {"siemens.lic": b"new\n"}
    with contextlib.suppress(SyncError):
        await call(["ssh", "-oBatchMode=yes", HOST, "touch made"], timeout=timedelta(seconds=2))
    assert not (server.home / "made").exists()


async def test_where_a_folder_is_all_that_the_account_sees_its_name_is_the_one_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forced = f"{INTERNAL}\nForceCommand internal-sftp -d %d/licenses\nDisableForwarding yes"
    with machine(monkeypatch, more=forced) as server:
        transport = SftpFolder(HOST, ".", limit=LIMIT)
        await transport.put("siemens.lic", b"new\n")
        assert await transport.read() == {"siemens.lic": b"new\n"}
        assert (folder(server) / "siemens.lic").read_bytes() == b"new\n"


async def test_a_banner_is_no_part_of_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with machine(monkeypatch, more=f"{INTERNAL}\nBanner /etc/os-release") as server:
        assert await way(server).read() == {"siemens.lic": b"old\r\n"}
        (folder(server) / "siemens.lic").chmod(0)
        told = await refused(server)
        assert "siemens.lic cannot be read" in told
        assert "PRETTY_NAME" not in told


async def test_a_host_that_is_not_known_is_never_connected_to(server: Sshd) -> None:
    (server.client / "known").write_text("")
    told = await refused(server)
    assert "the host's key is not in known_hosts: connect once by ssh" in told
    assert (server.client / "known").read_text() == ""
    assert "Accepted" not in server.log()


async def test_a_host_with_another_key_than_before_is_never_connected_to(server: Sshd) -> None:
    server.make_key(server.client / "other")
    before = f"{HOST} {(server.client / 'other.pub').read_text()}"
    (server.client / "known").write_text(before)
    told = await refused(server)
    assert "somebody may be in between" in told
    assert "ssh-keygen -R HOST" in told
    assert (server.client / "known").read_text() == before
    assert "Accepted" not in server.log()


async def test_a_key_that_is_refused_is_told(server: Sshd) -> None:
    server.make_key(server.client / "user")
    assert "Permission denied (publickey)" in (told := await refused(server))
    assert "no key was taken" in told


async def test_a_key_with_a_passphrase_asks_nobody(server: Sshd) -> None:
    server.make_key(server.client / "user", passphrase="only for people")
    server.authorize()
    began = time.monotonic()
    assert "a passphrase, or an agent" in await refused(server)
    assert time.monotonic() - began < LIMIT.total_seconds() / 2


async def test_a_name_that_does_not_resolve_and_a_port_where_nobody_listens_are_told(server: Sshd) -> None:
    assert "is the name right, here" in await refused(server, target="nowhere.invalid")
    server.connect_to(free_port())
    assert "does sshd run there" in await refused(server)


async def test_a_machine_without_sftp_is_told_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    with machine(monkeypatch, more="") as server:
        assert "it needs `Subsystem sftp internal-sftp`" in await refused(server)


async def test_a_server_that_never_answers_is_left_when_time_is_up(server: Sshd) -> None:
    limit = timedelta(seconds=1)
    began = time.monotonic()
    with server.frozen(), pytest.raises(SyncError, match=r"sftp did not end within 1 s and was killed"):
        await way(server, limit=limit).read()
    assert time.monotonic() - began < 5
    assert await way(server).read() == {"siemens.lic": b"old\r\n"}


async def _arriving(server: Sshd) -> asyncio.Task[None]:
    """A push over a slow line, when about half of it has come."""
    pushing = asyncio.create_task(way(server).put("siemens.lic", BIG))
    path = folder(server) / arriving("siemens.lic")
    await until(lambda: path.exists() and path.stat().st_size > HALVES)
    return pushing


async def _mended(server: Sshd) -> None:
    """The next push finds its way past what the last one has left."""
    server.connect_to(server.port)
    transport = way(server)
    await transport.read()
    await transport.put("siemens.lic", b"new\n")
    assert (folder(server) / "siemens.lic").read_bytes() == b"new\n"
    assert arriving("siemens.lic") not in names(folder(server))


def nothing_half(server: Sshd) -> None:
    assert [name for name in names(folder(server)) if name.endswith(".lic")] == ["siemens.lic"]
    assert (folder(server) / "siemens.lic").read_bytes() == b"old\r\n"


async def test_a_connection_cut_in_the_middle_leaves_the_old_file(server: Sshd) -> None:
    port = free_port()
    server.connect_to(port)
    async with slow_line(port, server.port, bytes_a_second=1_000_000):
        pushing = await _arriving(server)
        server.cut()
        with pytest.raises(SyncError, match="the connection was lost"):
            await pushing
    nothing_half(server)
    await _mended(server)


async def test_over_a_slow_line_a_file_arrives_whole_or_not_at_all(server: Sshd) -> None:
    port = free_port()
    server.connect_to(port)
    async with slow_line(port, server.port, bytes_a_second=1_000_000):
        with pytest.raises(SyncError, match=r"sftp did not end within 0\.6 s"):
            await way(server, limit=timedelta(seconds=0.6)).put("siemens.lic", BIG)
        nothing_half(server)
        await way(server).put("siemens.lic", BIG)
    assert (folder(server) / "siemens.lic").read_bytes() == BIG
    await _mended(server)


async def test_a_disk_that_is_full_keeps_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    with machine(monkeypatch, largest=256 * 1024) as server:
        with pytest.raises(SyncError, match="is the disk full"):
            await way(server).put("siemens.lic", BIG)
        nothing_half(server)
        await _mended(server)


@pytest.mark.parametrize("lacks", ["fsync", "hardlink", "fsync,hardlink,statvfs,limits,expand-path"])
async def test_a_server_with_fewer_of_openssh_s_extensions_does_as_well(
    lacks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with machine(monkeypatch, more=f"{INTERNAL} -P {lacks}") as server:
        await way(server).put("siemens.lic", BIG)
        assert (folder(server) / "siemens.lic").read_bytes() == BIG


async def test_a_server_that_replaces_no_file_in_one_step_is_told_and_keeps_the_old_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with machine(monkeypatch, more=f"{INTERNAL} -P posix-rename") as server:
        with pytest.raises(SyncError, match="posix-rename"):
            await way(server).put("siemens.lic", b"new\n")
        nothing_half(server)
