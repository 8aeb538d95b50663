"""Files pushed to simulated servers that read them as RLM does: every *.lic of the folder counts."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from rlm_exporter.errors import SyncError
from rlm_exporter.manifest.model import LicenseSync, Server
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.rlmutil import RlmutilProbe
from rlm_exporter.probe.rlmutil_program import RlmutilProgram
from rlm_exporter.rlm.license_seats import shown_seats
from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.simulator.launch import write_rlmutil
from rlm_exporter.simulator.mode import Mode
from rlm_exporter.sync.local_folder import LocalFolder
from rlm_exporter.sync.masters import Masters
from rlm_exporter.sync.names import Present, arriving
from rlm_exporter.sync.ports import Transport
from rlm_exporter.sync.push import Outcome, Pushed, Pusher, Window
from rlm_exporter.sync.rounds import Seen, ask_whether_served, bring_in_step, look
from tests.probe.programs import until
from tests.simulated import ScenarioServer, SimulatedClient, ask_rlmutil
from tests.sync.folders import LIMIT, cluster, license_file, names, sftp

pytestmark = pytest.mark.row(13)

OLD = license_file("solver 3.0 permanent 20 sig=1")
QUICK = Window(settle=timedelta(seconds=2))


def local(folder: Path) -> Transport:
    return LocalFolder(folder, limit=LIMIT)


class Site:
    """Simulated servers, each with a folder of license files."""

    def __init__(self, folder: Path, stack: ExitStack, *servers: str) -> None:
        self.folder = folder
        self.rlmutil = folder / "rlmutil"
        write_rlmutil(self.rlmutil)
        self.simulated: dict[str, ScenarioServer] = {}
        members = []
        for name in servers:
            (folder / name).mkdir()
            (folder / name / "acme.lic").write_bytes(OLD.replace(b"rlm1.example.com", b"127.0.0.1"))
            document: dict[str, object] = {
                "isvs": [{"name": "acme", "port": 0, "licenses": str(folder / name)}]
            }
            simulated = stack.enter_context(ScenarioServer(folder, document, name=name))
            self.simulated[name] = simulated
            sync = LicenseSync(folder=str(folder / name))
            members.append(
                Server(name=name, role=name, host="127.0.0.1", port=simulated.port, license_sync=sync)
            )
        self.cluster = cluster(*members)

    def seats(self, name: str) -> Mapping[tuple[str, str], int | None]:
        text = ask_rlmutil("rlmstat", "-a", "-c", self.simulated[name].endpoint).stdout
        return shown_seats(parse_rlmstat(text))

    def file(self, name: str) -> bytes:
        return (self.folder / name / "acme.lic").read_bytes()

    async def look(self, master: bytes, **more: Transport) -> tuple[Seen, ...]:
        def make(server: Server, sync: LicenseSync) -> Transport:
            return more.get(server.name) or LocalFolder(Path(sync.folder), limit=LIMIT)

        return await look(
            self.cluster,
            self.cluster.servers,
            masters=Masters(shared={"acme.lic": master}, own={}),
            now=SystemClock().now(),
            transport=make,
        )

    async def sync(self, master: bytes, *, reread: bool = True, **more: Transport) -> list[Pushed]:
        seen = await self.look(master, **more)
        async with self.pusher() as pusher:
            now = SystemClock().now()
            return [each async for each in bring_in_step(seen, pusher, reread=reread, now=now)]

    @asynccontextmanager
    async def pusher(self) -> AsyncIterator[Pusher]:
        clock = SystemClock()
        with RlmutilProbe(rlmutil=self.rlmutil, clock=clock) as probe, RlmutilProgram(self.rlmutil) as tool:
            yield Pusher(probe=probe, rlmutil=tool, clock=clock, window=QUICK)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack, "rlm1", "rlm2")


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack, "rlm1")


def outcomes(pushed: list[Pushed]) -> list[tuple[str, Outcome]]:
    return [(each.server, each.outcome) for each in pushed]


async def test_every_server_serves_what_the_master_grants_and_again_there_is_nothing_to_do(
    site: Site,
) -> None:
    master = license_file("solver 3.0 permanent 25 sig=2", "mesher 1.0 permanent 5 sig=3")

    assert outcomes(await site.sync(master)) == [("rlm2", Outcome.PUSHED), ("rlm1", Outcome.PUSHED)]

    for name in ("rlm1", "rlm2"):
        assert site.seats(name) == {("acme", "solver"): 25, ("acme", "mesher"): 5}
        port = site.simulated[name].port
        assert site.file(name).startswith(f"HOST 127.0.0.1 ANY {port}\n".encode())
        assert names(site.folder / name) == [".acme.lic.rlm-ha-before", "acme.lic"]
    assert outcomes(await site.sync(master)) == [("rlm2", Outcome.IN_STEP), ("rlm1", Outcome.IN_STEP)]


async def test_a_server_that_lacks_a_feature_gets_the_old_file_back_and_nobody_else_is_touched(
    site: Site,
) -> None:
    before = {name: site.file(name) for name in ("rlm1", "rlm2")}
    await site.sync(OLD)
    before = {name: site.file(name) for name in ("rlm1", "rlm2")}
    master = license_file("solver 3.0 permanent 25 sig=2", "mesher 1.0 permanent 5 sig=bad")

    pushed = await site.sync(master)

    assert outcomes(pushed) == [("rlm2", Outcome.ROLLED_BACK), ("rlm1", Outcome.NOT_TRIED)]
    assert pushed[0].detail == ("acme mesher: there is no pool, and the files grant 5 seats",)
    for name in ("rlm1", "rlm2"):
        assert site.file(name) == before[name]
        assert site.seats(name) == {("acme", "solver"): 20}


async def test_a_server_that_counts_other_seats_is_rolled_back(lone: Site) -> None:
    """The simulated RLM refuses one of two lines, as the real one does with a bad signature."""
    before = lone.file("rlm1")
    master = license_file("solver 3.0 permanent 25 sig=2", "solver 3.0 permanent 5 sig=bad")

    (pushed,) = await lone.sync(master)

    assert pushed.outcome is Outcome.ROLLED_BACK
    assert pushed.detail == ("acme solver: 25 seats, and the files grant 30",)
    assert lone.file("rlm1") == before


async def test_a_new_file_that_is_rolled_back_is_gone_again(lone: Site) -> None:
    (lone.folder / "rlm1" / "acme.lic").rename(lone.folder / "rlm1" / "first.lic")
    master = license_file("mesher 1.0 permanent 5 sig=bad")

    (pushed,) = await lone.sync(master)

    assert pushed.outcome is Outcome.ROLLED_BACK
    assert names(lone.folder / "rlm1") == ["first.lic"]


@pytest.mark.parametrize("way", [local, sftp])
async def test_a_new_file_that_never_arrived_leaves_nothing_broken(
    lone: Site, way: Callable[[Path], Transport]
) -> None:
    folder = lone.folder / "rlm1"
    (folder / "acme.lic").rename(folder / "first.lic")
    # No upload gets as far as the exchange: sftp would write to the folder's own `new`.
    (folder / arriving("acme.lic") / "new").mkdir(parents=True)

    (pushed,) = await lone.sync(license_file("mesher 1.0 permanent 5 sig=3"), rlm1=way(folder))

    assert pushed.outcome is Outcome.ROLLED_BACK
    assert "rlm-ha-new" in " ".join(pushed.detail)
    assert names(folder) == [arriving("acme.lic"), "first.lic"]
    assert lone.seats("rlm1") == {("acme", "solver"): 20}


async def test_seats_of_files_beside_the_masters_count(lone: Site) -> None:
    (lone.folder / "rlm1" / "gift.lic").write_bytes(license_file("solver 3.0 permanent 3 sig=9"))

    (pushed,) = await lone.sync(license_file("solver 3.0 permanent 25 sig=2"))

    assert pushed.outcome is Outcome.PUSHED
    assert lone.seats("rlm1") == {("acme", "solver"): 28}


async def test_a_checkout_lives_on_over_a_sync(lone: Site) -> None:
    simulated = lone.simulated["rlm1"]
    with SimulatedClient(simulated.host, simulated.isv_ports["acme"]) as client:
        handle = client.check_out("solver")["handle"]
        (pushed,) = await lone.sync(license_file("solver 3.0 permanent 25 sig=2"))
        assert pushed.outcome is Outcome.PUSHED
        assert client.ask({"op": "checkin", "handle": handle}).get("error") is None


async def test_a_product_that_goes_while_it_is_used_is_no_fault_of_the_file(lone: Site) -> None:
    simulated = lone.simulated["rlm1"]
    with SimulatedClient(simulated.host, simulated.isv_ports["acme"]) as client:
        assert "handle" in client.check_out("solver")
        (pushed,) = await lone.sync(license_file("mesher 1.0 permanent 5 sig=3"))
    assert pushed.outcome is Outcome.PUSHED


async def test_a_server_that_does_not_answer_is_left_alone(lone: Site) -> None:
    before = lone.file("rlm1")
    lone.simulated["rlm1"].kill()

    (pushed,) = await lone.sync(license_file("solver 3.0 permanent 25 sig=2"))

    assert pushed.outcome is Outcome.SILENT
    assert lone.file("rlm1") == before


async def test_a_stopped_server_gets_its_file_where_that_is_asked_for(lone: Site) -> None:
    lone.simulated["rlm1"].kill()

    (pushed,) = await lone.sync(license_file("solver 3.0 permanent 25 sig=2"), reread=False)

    assert pushed.outcome is Outcome.WRITTEN
    lone.simulated["rlm1"].start()
    assert lone.seats("rlm1") == {("acme", "solver"): 25}


async def test_a_refused_master_writes_nothing(site: Site) -> None:
    before = site.file("rlm2")

    pushed = await site.sync(OLD.replace(b"permanent", b"tomorrow"))

    assert outcomes(pushed) == [("rlm2", Outcome.REFUSED), ("rlm1", Outcome.REFUSED)]
    assert site.file("rlm2") == before


async def test_through_sftp_it_is_the_same(lone: Site) -> None:
    folder = lone.folder / "rlm1"

    (good,) = await lone.sync(license_file("solver 3.0 permanent 25 sig=2"), rlm1=sftp(folder))
    (bad,) = await lone.sync(license_file("solver 3.0 permanent 30 sig=bad"), rlm1=sftp(folder))

    assert (good.outcome, bad.outcome) == (Outcome.PUSHED, Outcome.ROLLED_BACK)
    assert lone.seats("rlm1") == {("acme", "solver"): 25}
    assert names(folder) == [".acme.lic.rlm-ha-before", "acme.lic"]


async def test_right_files_that_rlm_refuses_are_read_again_and_then_told(lone: Site) -> None:
    master = license_file("solver 3.0 permanent 30 sig=bad")
    await lone.sync(master, reread=False)
    seen = await lone.look(master)
    now = SystemClock().now()
    async with lone.pusher() as pusher:
        asked = await ask_whether_served(seen, pusher, now=now)
        (pushed,) = [each async for each in bring_in_step(asked, pusher, reread=True, now=now)]

    assert asked[0].unserved == ("acme solver: 20 seats, and the files grant 30",)
    assert (pushed.outcome, pushed.detail) == (
        Outcome.NOT_SERVED,
        ("acme solver: there is no pool, and the files grant 30 seats",),
    )
    assert b"sig=bad" in lone.file("rlm1"), "what the master says stays there"


async def test_a_standby_in_step_that_does_not_serve_keeps_no_renewal_from_the_primary(site: Site) -> None:
    """Nothing is written to it, so whatever keeps it from serving is no fault of this sync."""
    master = license_file("solver 3.0 permanent 25 sig=2")
    standby = (await site.look(master))[1:]
    now = SystemClock().now()
    async with site.pusher() as pusher:
        (first,) = [each async for each in bring_in_step(standby, pusher, reread=True, now=now)]
        site.simulated["rlm2"].set_mode(Mode.ISV_DEAD)
        seen = await ask_whether_served(await site.look(master), pusher, now=now)
        pushed = [each async for each in bring_in_step(seen, pusher, reread=True, now=now)]

    assert first.outcome is Outcome.PUSHED
    assert outcomes(pushed) == [("rlm2", Outcome.NOT_SERVED), ("rlm1", Outcome.PUSHED)]
    assert not Outcome.NOT_SERVED.is_good
    assert pushed[0].detail[0] == "acme solver: there is no pool, and the files grant 25 seats"
    assert site.seats("rlm1") == {("acme", "solver"): 25}


async def test_who_is_stopped_in_the_middle_leaves_the_old_files(lone: Site) -> None:
    before = lone.file("rlm1")
    running = asyncio.create_task(lone.sync(license_file("solver 3.0 permanent 30 sig=bad")))
    await until(lambda: lone.file("rlm1") != before)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert lone.file("rlm1") == before
    assert lone.seats("rlm1") == {("acme", "solver"): 20}


class Failing:
    """A folder whose second write fails, as when the disk is full."""

    def __init__(self, folder: Path) -> None:
        self._inner = LocalFolder(folder, limit=LIMIT)
        self.writes = 0

    async def read(self) -> Present:
        return await self._inner.read()

    async def put(self, name: str, data: bytes) -> None:
        self.writes += 1
        if self.writes == 2:
            raise SyncError("No space left on device")
        await self._inner.put(name, data)

    async def remove(self, name: str) -> None:
        await self._inner.remove(name)


async def test_no_server_is_left_with_one_of_two_new_files(lone: Site) -> None:
    before = lone.file("rlm1")
    folder = lone.folder / "rlm1"
    failing = Failing(folder)
    seen = await look(
        lone.cluster,
        lone.cluster.servers,
        masters=Masters(
            shared={"acme.lic": license_file("solver 3.0 permanent 25 sig=2"), "more.lic": OLD}, own={}
        ),
        now=SystemClock().now(),
        transport=lambda _server, _sync: failing,
    )
    async with lone.pusher() as pusher:
        now = SystemClock().now()
        (pushed,) = [each async for each in bring_in_step(seen, pusher, reread=True, now=now)]

    assert (pushed.outcome, pushed.detail) == (Outcome.ROLLED_BACK, ("No space left on device",))
    assert lone.file("rlm1") == before
    assert not (folder / "more.lic").exists()


async def test_a_server_whose_files_cannot_be_read_stops_nobody_else(site: Site) -> None:
    shutil.rmtree(site.folder / "rlm2")

    pushed = await site.sync(license_file("solver 3.0 permanent 25 sig=2"))

    assert outcomes(pushed) == [("rlm2", Outcome.UNREACHABLE), ("rlm1", Outcome.PUSHED)]
    assert "rlm2: No such file or directory" in pushed[0].detail[0]
