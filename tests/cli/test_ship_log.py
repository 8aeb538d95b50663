"""`rlm-ha ship-log` on a license host, with the real daemon elsewhere and a wire between them that is cut."""

import asyncio
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rlm_exporter.usage.report_log_wire import read_place
from tests.cli.command import CommandLine, Ended, end_of
from tests.cli.daemon import FixedDaemon, fixed
from tests.cli.site import Site
from tests.ports import free_port
from tests.usage.growing_log import LogOfSessions

RELAY = Path(__file__).parents[1] / "acceptance" / "relay.py"
PLACE = "/api/v1/clusters/site/servers/rlm1/report-logs/acme"


class Scene:
    """A log on a license host, and what of it is in the daemon's database."""

    def __init__(self, folder: Path, user: CommandLine) -> None:
        self.site = Site(folder, user)
        self.log = LogOfSessions(folder / "acme.rl")
        self.log.start()
        self.relayed = f"http://127.0.0.1:{free_port()}"
        self._journal = folder / "state" / "journal.db"

    async def ship(self, *words: str, to: str | None = None) -> asyncio.subprocess.Process:
        """Start a shipper."""
        return await self.site.start(
            *("ship-log", str(self.log.path), "--to", to or self.site.url),
            *("--cluster", "site", "--server", "rlm1", *words),
        )

    async def ship_once(self) -> Ended:
        return await end_of(await self.ship("--once"))

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Between the shipper and the daemon."""
        ports = [self.relayed.rpartition(":")[2], self.site.url.rpartition(":")[2]]
        process = await asyncio.create_subprocess_exec(sys.executable, str(RELAY), *ports)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def users(self) -> list[str]:
        """Of the sessions that came, in the order of their numbers."""
        query = "SELECT user_name FROM rlm_usage_log WHERE source = 'report_log'"
        return sorted((row[0] for row in self._all(query)), key=lambda user: int(user.removeprefix("user")))

    def denials(self) -> list[str]:
        """Who was refused."""
        return sorted((row[0] for row in self._all("SELECT user_name FROM rlm_denial_log")), key=int)

    def _all(self, query: str) -> list[tuple[str]]:
        with closing(sqlite3.connect(self._journal)) as connection:
            return connection.execute(query).fetchall()

    async def until(self, claim: Callable[[], bool]) -> None:
        """Return as soon as that is so."""
        async with asyncio.timeout(45):
            while not claim():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)


@pytest.fixture
async def scene(tmp_path: Path, rlm_ha: CommandLine) -> AsyncIterator[Scene]:
    made = Scene(tmp_path, rlm_ha)
    async with made.site.daemon():
        await made.site.until(lambda ended: True)
        yield made
    made.log.stop()


async def until_said(process: asyncio.subprocess.Process, words: str) -> None:
    """Read what it says beside its output up to a line with these words."""
    assert process.stderr is not None
    async with asyncio.timeout(45):
        while words not in (line := (await process.stderr.readline()).decode()):
            assert line, f"it ended without {words!r}"


def numbered(count: int) -> list[str]:
    return [f"user{number}" for number in range(1, count + 1)]


async def test_once_ships_what_there_is_and_never_twice(scene: Scene) -> None:
    for _ in range(3):
        scene.log.session()
    scene.log.deny(2)
    first = await scene.ship_once()
    assert (first.code, first.out) == (0, "3 sessions and 2 denials were shipped\n"), first.err
    again = await scene.ship_once()
    assert (again.code, again.out) == (0, "0 sessions and 0 denials were shipped\n"), again.err
    scene.log.rename("acme.rl.1")
    scene.log.start()
    scene.log.session()
    rotated = await scene.ship_once()
    assert rotated.out == "1 sessions and 0 denials were shipped\n"
    assert (scene.users(), scene.denials()) == (numbered(4), ["1", "2"])


async def test_it_follows_over_cuts_kills_and_rotations(scene: Scene) -> None:
    """Each of them in the middle of a session that goes on."""
    async with scene.wire():
        shipper = await scene.ship(to=scene.relayed)
        scene.log.session()
        scene.log.deny()
        await scene.until(lambda: scene.users() == numbered(1))
        scene.log.checkout()
    # The network is cut.
    scene.log.checkin()
    scene.log.deny()
    scene.log.rename("acme.rl.1")
    scene.log.start()
    scene.log.session()
    await until_said(shipper, "waiting: no answer from the daemon")
    shipper.send_signal(signal.SIGKILL)
    await end_of(shipper)
    scene.log.checkout()
    shipper = await scene.ship(to=scene.relayed)
    async with scene.wire() as wire:
        await scene.until(lambda: scene.users() == numbered(3))
        wire.send_signal(signal.SIGSTOP)  # swallowed, as by a network that is partitioned
        scene.log.checkin()
        scene.log.deny()
        await asyncio.sleep(3)
        wire.send_signal(signal.SIGCONT)
        await scene.until(lambda: scene.users() == numbered(4) and len(scene.denials()) == 3)
        shipper.terminate()
        await end_of(shipper)
    assert scene.denials() == ["1", "2", "3"]


async def test_an_answer_that_is_lost_doubles_nothing(scene: Scene) -> None:
    scene.log.session()
    scene.log.deny()
    async with scene.wire() as wire:
        shipper = await scene.ship(to=scene.relayed)
        for _ in range(20):
            await asyncio.sleep(0.05)
            scene.log.session()
            scene.log.deny()
        await scene.until(lambda: len(scene.users()) > 3)
        wire.kill()  # with whatever is under way
        await wire.wait()
    async with scene.wire():
        await scene.until(lambda: scene.users() == numbered(21) and len(scene.denials()) == 21)
        shipper.terminate()
        await end_of(shipper)
    assert scene.denials() == [str(number) for number in range(1, 22)]


async def test_a_name_that_the_daemon_does_not_know_ends_it(scene: Scene) -> None:
    process = await scene.site.start(
        *("ship-log", str(scene.log.path), "--to", scene.site.url, "--cluster", "site", "--server", "rlm9")
    )
    ended = await end_of(process)
    assert (ended.code, ended.err) == (3, "Error: no such server; there are rlm1, rlm2\n")


async def test_a_log_that_does_not_say_whose_it_is_needs_a_name(tmp_path: Path, rlm_ha: CommandLine) -> None:
    (tmp_path / "empty").touch()
    ended = await rlm_ha.run("ship-log", str(tmp_path / "empty"), "--cluster", "c", "--server", "s")
    assert ended.code == 2
    assert "does not say which ISV server writes it; give --isv" in ended.err
    ended = await rlm_ha.run("ship-log", str(tmp_path / "nothing"), "--cluster", "c", "--server", "s")
    assert ended.code != 0
    assert "No such file or directory" in ended.err


async def test_a_place_that_cannot_be_read_brings_no_denial_twice(
    tmp_path: Path, rlm_ha: CommandLine, daemon: FixedDaemon
) -> None:
    """Sessions are known by their keys. Until all is read again the daemon keeps the place that it has."""
    log = LogOfSessions(tmp_path / "acme.rl")
    log.start()
    log.session()
    log.deny()
    log.stop()
    daemon.on("GET", PLACE, fixed({"number": 7, "position": "{}"}))
    daemon.on("POST", PLACE, fixed({"number": 8}))
    ended = await rlm_ha.run(
        *("ship-log", str(log.path), "--to", daemon.url, "--cluster", "site", "--server", "rlm1", "--once")
    )
    assert ended.out == "1 sessions and 0 denials were shipped\n", ended.err
    assert "without the requests that were refused until now" in ended.err
    again, last = (body for body in daemon.bodies if body is not None)
    assert (again["position"], len(again["sessions"]), again["denials"]) == ("{}", 1, [])
    assert read_place(last["position"]).offset == log.path.stat().st_size
    assert (last["sessions"], last["denials"]) == ([], [])


async def test_more_sessions_than_go_in_one_request_are_parted(
    tmp_path: Path, rlm_ha: CommandLine, daemon: FixedDaemon
) -> None:
    """A shutdown ends all that are out in one line; the place goes with the last of them."""
    log = LogOfSessions(tmp_path / "acme.rl")
    log.start()
    for _ in range(1001):
        log.checkout()
    log.deny()
    log.lines(f"SHUTDOWN root rlm1 {log.at()}")
    log.stop()

    async def take(_: web.Request) -> web.Response:
        return web.json_response({"number": len(bodies())})

    def bodies() -> list[dict[str, Any]]:
        return [body for body in daemon.bodies if body is not None]

    daemon.on("GET", PLACE, fixed({"number": 0, "position": ""}))
    daemon.on("POST", PLACE, take)
    ended = await rlm_ha.run(
        *("ship-log", str(log.path), "--to", daemon.url, "--cluster", "site", "--server", "rlm1", "--once")
    )
    assert ended.out == "1001 sessions and 1 denials were shipped\n", ended.err
    taken = bodies()
    sent = [len(each["sessions"]) for each in taken]
    assert (sum(sent), max(sent)) == (1001, 1000)
    assert [each["after"] for each in taken] == list(range(len(taken)))
    assert [len(each["denials"]) for each in taken][-2:] in ([0, 0], [0, 1])
    assert len({each["position"] for each in taken[-2:]}) == 2
