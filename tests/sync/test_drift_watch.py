"""The loop that looks after license files: real folders, a clock that moves when told."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from rlm_exporter.manifest.model import Cluster, LicenseSync, Server, Takeover
from rlm_exporter.sync import drift_watch
from rlm_exporter.sync.drift_watch import AGAIN, MOST_AGAIN, DriftWatch
from rlm_exporter.sync.masters import Masters, read_masters
from rlm_exporter.sync.names import Present
from rlm_exporter.sync.ports import Transport
from rlm_exporter.sync.rounds import make_transport
from tests.clock import FakeClock
from tests.sync.folders import cluster, license_file, server

MASTER = license_file("solver 3.0 permanent 20 sig=1")
EVERY = timedelta(minutes=15)

pytestmark = pytest.mark.row(13)


@dataclass
class Notes:
    """What the watch told: of each server the newest look, None where it is not watched."""

    known: dict[str, tuple[bool | None, bool | None, int | None, bool] | None] = field(default_factory=dict)
    looks: int = 0
    defects: int = 0
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def looked(self, cluster: str, server: str, **seen: Any) -> None:
        self.looks += 1
        self.told.set()
        self.known[server] = seen["in_step"], seen["fits_machine"], seen["foreign"], seen["ok"]

    def unwatched(self, cluster: str, server: str) -> None:
        self.known[server] = None

    def stumbled(self, cluster: str, error: Exception) -> None:
        self.defects += 1


@dataclass
class Site:
    """Two servers' folders on this machine, and the masters."""

    folder: Path
    notes: Notes = field(default_factory=Notes)
    clock: FakeClock = field(default_factory=FakeClock)
    acts: bool = True
    rlmhostid: tuple[str, ...] = ()
    broken: bool = False
    made: list[str] = field(default_factory=list)
    """Servers to whose files a way was made."""
    takeover: Takeover = Takeover.CONTROLLED

    def __post_init__(self) -> None:
        (self.folder / "masters").mkdir()
        (self.folder / "masters" / "acme.lic").write_bytes(MASTER)
        for name in ("rlm1", "rlm2"):
            self.file(name).parent.mkdir()
            self.file(name).write_bytes(MASTER.replace(b"HOST rlm1", b"HOST " + name.encode()))

    def file(self, server: str) -> Path:
        return self.folder / server / "acme.lic"

    def cluster(self) -> Cluster:
        servers = tuple(server(name, folder=str(self.folder / name)) for name in ("rlm1", "rlm2"))
        servers = tuple(
            replace(
                each,
                license_sync=replace(cast("LicenseSync", each.license_sync), rlmhostid=self.rlmhostid),
            )
            for each in servers
        )
        return replace(
            cluster(*servers),
            license_masters=str(self.folder / "masters"),
            license_drift=EVERY,
            takeover=self.takeover,
        )

    def watch(self) -> DriftWatch:
        return DriftWatch(
            cluster=self.cluster(),
            acts=lambda: self.acts,
            turn=asyncio.Semaphore(1),
            clock=self.clock,
            observer=self.notes,
            transport=self._transport,
        )

    def _transport(self, server: Server, sync: LicenseSync) -> Transport:
        self.made.append(server.name)
        return cast("Transport", Breaking(self, make_transport(server, sync)))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[DriftWatch]:
        watch = self.watch()
        task = asyncio.create_task(watch.run())
        try:
            yield watch
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def looks(self, number: int) -> None:
        """Until so many servers were looked at: folders are read in threads, which no clock moves."""
        async with asyncio.timeout(20):
            while self.notes.looks < number:
                self.notes.told.clear()
                await self.notes.told.wait()
        await self.clock.settle()


@dataclass
class Breaking:
    """A way to the files that has a defect of ours while the site says so."""

    site: Site
    inner: Transport

    async def read(self) -> Present:
        if self.site.broken:
            raise RuntimeError("nobody foresaw that")
        return await self.inner.read()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_both_servers_are_looked_at_at_once_and_again_when_it_is_time(site: Site) -> None:
    async with site.running():
        await site.looks(2)
        assert site.notes.known == {"rlm1": (True, None, 0, True), "rlm2": (True, None, 0, True)}

        site.file("rlm2").write_bytes(MASTER)
        await site.clock.advance(EVERY.total_seconds() - 1)
        assert site.notes.looks == 2
        await site.clock.advance(2)
        await site.looks(4)

    assert site.notes.known == {"rlm1": (True, None, 0, True), "rlm2": (False, None, 0, True)}


async def test_a_look_that_failed_is_made_again_after_a_minute_at_that_server_alone(site: Site) -> None:
    away = site.folder / "away"
    site.file("rlm2").parent.rename(away)
    async with site.running():
        await site.looks(2)
        seen = [site.notes.known["rlm2"]]
        away.rename(site.file("rlm2").parent)
        await site.clock.advance(AGAIN.total_seconds())
        await site.looks(3)
        assert [*seen, site.notes.known["rlm2"]] == [(None, None, None, False), (True, None, 0, True)]
        await site.clock.advance(10 * AGAIN.total_seconds())
        assert site.notes.looks == 3


async def test_a_server_that_stays_away_is_soon_looked_at_with_the_others_only(site: Site) -> None:
    site.file("rlm2").unlink()
    site.file("rlm2").parent.rmdir()
    async with site.running():
        await site.looks(2)
        for number in range(1, MOST_AGAIN + 1):
            await site.clock.advance(AGAIN.total_seconds())
            await site.looks(2 + number)
        await site.clock.advance(5 * AGAIN.total_seconds())
        assert site.notes.looks == 2 + MOST_AGAIN

        await site.clock.advance(EVERY.total_seconds())
        await site.looks(2 + MOST_AGAIN + 2)
        await site.clock.advance(5 * AGAIN.total_seconds())
        assert site.notes.looks == 2 + MOST_AGAIN + 2


async def test_what_is_wrong_is_logged_once_and_so_is_its_end(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rlm_exporter.sync")
    watch = site.watch()
    right = site.file("rlm2").read_bytes()
    site.file("rlm2").unlink()
    await watch.look()
    await watch.look()
    site.file("rlm2").write_bytes(right)
    await watch.look()

    assert [record.getMessage() for record in caplog.records] == [
        "cluster=site license files of rlm2: acme.lic is missing",
        "cluster=site license files of rlm2 are as their masters again",
    ]


async def test_a_server_that_cannot_be_read_is_unknown_and_the_other_is_not(site: Site) -> None:
    watch = site.watch()
    await watch.look()
    site.file("rlm1").unlink()
    site.file("rlm1").parent.rmdir()
    await watch.look()

    assert site.notes.known == {"rlm1": (None, None, None, False), "rlm2": (True, None, 0, True)}
    assert watch.seen["rlm1"].trouble == f"{site.folder / 'rlm1'}: No such file or directory"


async def test_masters_that_cannot_be_read_make_all_unknown(site: Site) -> None:
    watch = site.watch()
    (site.folder / "masters" / "acme.lic").unlink()
    await watch.look()

    assert site.notes.known == {"rlm1": (None, None, None, False), "rlm2": (None, None, None, False)}
    assert "there is no *.lic" in str(watch.seen["rlm1"].trouble)


async def test_the_host_id_of_a_machine_is_asked_for(site: Site) -> None:
    locked = MASTER.replace(b"ANY", b"0050569a1111")
    site.rlmhostid = ("echo", "0050569a2222")
    site.file("rlm1").write_bytes(locked)
    watch = site.watch()
    await watch.look()

    assert site.notes.known["rlm1"] == (False, False, 0, True)
    assert site.notes.known["rlm2"] == (True, True, 0, True)


async def test_a_host_id_that_nobody_can_tell_leaves_the_files_known(site: Site) -> None:
    site.rlmhostid = ("/no/such/rlmutil", "rlmhostid")
    watch = site.watch()
    await watch.look()

    assert site.notes.known["rlm1"] == (True, None, 0, False)
    assert watch.seen["rlm1"].trouble == (
        "rlmhostid: /no/such/rlmutil cannot be started: No such file or directory"
    )


@pytest.mark.parametrize("said", ["", "usage: rlmutil rlmhostid [type]"])
async def test_a_program_that_prints_no_host_id_tells_nothing_of_the_machine(site: Site, said: str) -> None:
    site.rlmhostid = ("echo", said)
    site.file("rlm1").write_bytes(MASTER.replace(b"ANY", b"0050569a1111"))
    watch = site.watch()
    await watch.look()

    assert site.notes.known["rlm1"] == (False, None, 0, False)
    told = repr(said) if said else "'nothing'"
    assert watch.seen["rlm1"].trouble == f"rlmhostid: echo printed no host id, but {told}"


async def test_a_standby_of_rlms_own_failover_has_the_primarys_host_id(site: Site) -> None:
    locked = MASTER.replace(b"ANY", b"0050569a1111")
    (site.folder / "masters" / "acme.lic").write_bytes(locked)
    site.rlmhostid = ("echo", "0050569a2222")
    site.takeover = Takeover.NATIVE
    for name in ("rlm1", "rlm2"):
        site.file(name).write_bytes(locked)
    watch = site.watch()
    await watch.look()

    assert site.notes.known == {"rlm1": (True, False, 0, True), "rlm2": (True, None, 0, True)}


async def test_a_daemon_that_does_not_act_looks_at_nothing_and_tells_nothing(site: Site) -> None:
    site.acts = False
    async with site.running() as watch:
        await site.clock.advance(3600)
        assert site.notes.looks == 0

        site.acts = True
        await site.clock.advance(6)
        await site.looks(2)
        assert set(watch.seen) == {"rlm1", "rlm2"}

        site.acts = False
        await site.clock.advance(6)
        assert watch.seen == {}

    assert site.notes.known == {"rlm1": None, "rlm2": None}


async def test_a_defect_of_ours_ends_one_look_and_is_counted(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.broken = True
    watch = site.watch()
    await watch.look()
    site.broken = False
    await watch.look()

    assert site.notes.defects == 2
    assert "nobody foresaw that" in caplog.text
    assert site.notes.known["rlm1"] == (True, None, 0, True)


async def test_the_way_to_a_servers_files_is_kept_so_that_what_hangs_there_is_known(site: Site) -> None:
    watch = site.watch()
    await watch.look()
    await watch.look()

    assert site.made == ["rlm1", "rlm2"]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, True),
        ({"license_drift": None}, False),
        ({"license_masters": None}, False),
        ({"servers": (Server(name="rlm1", role="rlm1", host="rlm1.example.com"),)}, False),
    ],
)
def test_it_is_wanted_where_there_is_something_to_see(
    site: Site, change: dict[str, Any], wanted: bool
) -> None:
    watch = DriftWatch(
        cluster=replace(site.cluster(), **change),
        acts=lambda: True,
        turn=asyncio.Semaphore(1),
        clock=site.clock,
        observer=site.notes,
    )
    assert watch.is_wanted is wanted


async def test_masters_that_were_read_too_late_are_read_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes out of a dead server's folder in the end is what stood there when it was asked."""
    gate = threading.Event()
    old = read_masters(site.folder / "masters", servers=("rlm1", "rlm2"))

    def hangs(folder: Path, *, servers: Collection[str]) -> Masters:
        if gate.is_set():
            return read_masters(folder, servers=servers)
        gate.wait(20)
        return old

    monkeypatch.setattr(drift_watch, "read_masters", hangs)
    monkeypatch.setattr(drift_watch, "LIMIT", timedelta(milliseconds=50))
    watch = site.watch()
    await watch.look()
    assert "not read within 0.05 s" in str(watch.seen["rlm1"].trouble)
    await watch.look()
    assert "an earlier reading still hangs" in str(watch.seen["rlm1"].trouble)

    (site.folder / "masters" / "acme.lic").write_bytes(MASTER.replace(b" 20 sig", b" 30 sig"))
    gate.set()
    async with asyncio.timeout(20):
        while site.notes.known["rlm1"] != (False, None, 0, True):
            await watch.look()


async def test_a_defect_where_the_masters_are_read_ends_one_look(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task stands beside failover's own: its end would be theirs."""
    async with site.running() as watch:
        await site.looks(2)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_thread)
            await site.clock.advance(EVERY.total_seconds() + 1)
            assert (site.notes.defects, watch.seen) == (1, {})
        await site.clock.advance(EVERY.total_seconds() + 1)
        await site.looks(4)
    assert site.notes.known == {"rlm1": (True, None, 0, True), "rlm2": (True, None, 0, True)}


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
