"""A seat taken back from simulated servers by their rlmutil, with a journal that tells of it."""

import contextlib
import shlex
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.ports import ReleaseJournal
from rlm_exporter.failover.release import FoundSeat, NotReleased, Released, SeatWish
from rlm_exporter.failover.releaser import Releaser
from rlm_exporter.manifest.model import Server
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.rlmutil import RlmutilProbe
from rlm_exporter.probe.rlmutil_program import MISSING, RlmutilProgram
from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.simulator.launch import python_command, write_rlmutil
from rlm_exporter.simulator.mode import Mode
from rlm_exporter.store.journal import Journal
from tests.probe.programs import shell
from tests.simulated import ScenarioServer, SimulatedClient, ask_rlmutil

SCENARIO: dict[str, object] = {
    "style": "15.2-pool",
    "isvs": [
        {
            "name": "acme",
            "port": 0,
            "pools": [
                {"product": "solver", "count": 5, "min_remove": 0},
                {"product": "held", "count": 5},
            ],
        },
        {"name": "umbrella", "port": 0, "pools": [{"product": "mesher", "count": 5, "min_remove": 0}]},
    ],
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ScenarioServer]:
    with ScenarioServer(tmp_path, SCENARIO) as running:
        yield running


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with await Journal.open(url=f"sqlite:///{tmp_path / 'journal.db'}") as opened:
        yield opened


@contextlib.contextmanager
def releaser(journal: ReleaseJournal, rlmutil: Path | None, *, names: bool = True) -> Iterator[Releaser]:
    clock = SystemClock()
    with RlmutilProgram(rlmutil) as program, RlmutilProbe(rlmutil=rlmutil, clock=clock) as probe:
        yield Releaser(
            cluster="prod", journal=journal, rlmutil=program, license_probe=probe, clock=clock, names=names
        )


def described(server: ScenarioServer) -> Server:
    return Server(name="rlm1", role="primary", host=server.host, port=server.port)


def client(server: ScenarioServer, isv: str = "acme") -> SimulatedClient:
    return SimulatedClient(server.host, server.isv_ports[isv])


def held(server: ScenarioServer) -> list[tuple[str, str, str]]:
    """Who has what."""
    status = parse_rlmstat(ask_rlmutil("rlmstat", "-a", "-c", server.endpoint).stdout)
    return sorted((line.product, line.user, line.handle) for line in status.checkouts)


async def release(
    server: ScenarioServer, journal: ReleaseJournal, rlmutil: Path | None, *, names: bool = True, **wish: str
) -> Released | NotReleased:
    with releaser(journal, rlmutil, names=names) as made:
        return await made.release(
            described(server), SeatWish(**wish), requested_by="ada", reason="ws1 is switched off"
        )


async def told(journal: Journal) -> list[tuple[str, str, str]]:
    """The journal, oldest first."""
    return [(each.rule, each.trigger, each.detail) for each in reversed(await journal.held("prod"))]


async def test_exactly_one_seat_comes_back_and_the_journal_tells_of_it(
    server: ScenarioServer, journal: Journal, rlmutil: Path
) -> None:
    with client(server) as alice, client(server) as bob, client(server, "umbrella") as carol:
        handle = str(alice.check_out("solver", count=2)["handle"])
        other = str(bob.check_out("solver", user="bob", host="ws2")["handle"])
        carol.check_out("mesher", user="carol", host="ws3")
        outcome = await release(server, journal, rlmutil, handle=handle, isv="acme")
        assert isinstance(outcome, Released), outcome
        assert alice.is_cut()
        assert held(server) == [("mesher", "carol", "1"), ("solver", "bob", other)]
        assert bob.ask({"op": "ping"})
        assert carol.ask({"op": "ping"})
    whose = f"(solver v1.0 of alice@ws1, since {outcome.seat.checkout.at})"
    intent = f"handle {handle} of acme on rlm1 {whose} is to be freed; by ada: ws1 is switched off"
    assert await told(journal) == [
        ("release", "operator", intent),
        ("release", "operator", f"handle {handle} of acme on rlm1 was freed"),
    ]


async def test_two_isvs_with_one_handle_free_the_one_that_is_named(
    server: ScenarioServer, journal: Journal, rlmutil: Path
) -> None:
    with client(server) as alice, client(server, "umbrella") as carol:
        assert alice.check_out("solver")["handle"] == "1"
        assert carol.check_out("mesher", user="carol")["handle"] == "1"
        unclear = await release(server, journal, rlmutil, handle="1")
        assert isinstance(unclear, NotReleased)
        assert unclear.kind == "ambiguous_handle"
        assert len(held(server)) == 2
        assert await told(journal) == []
        assert isinstance(await release(server, journal, rlmutil, handle="1", product="mesher"), Released)
        assert held(server) == [("solver", "alice", "1")]
        assert carol.is_cut()


@pytest.mark.parametrize("status", [0, 1])
async def test_a_checkout_that_is_too_young_stays_and_rlms_words_are_told(
    server: ScenarioServer, journal: Journal, tmp_path: Path, status: int
) -> None:
    """Whatever rlmutil ends with: the exit status is documented nowhere."""
    rlmutil = tmp_path / "rlmutil"
    write_rlmutil(rlmutil, status=status)
    with client(server) as alice:
        alice.check_out("held")
        outcome = await release(server, journal, rlmutil, handle="1")
        assert held(server) == [("held", "alice", "1")]
        assert alice.ask({"op": "ping"})
    assert isinstance(outcome, NotReleased)
    assert outcome.kind == "rlm_refused"
    assert f"rlmutil ended with {status}: License was checked out less than min_remove" in outcome.detail
    assert "by default 120" in outcome.detail
    assert [detail for _, _, detail in await told(journal)][1:] == [outcome.detail]


async def test_who_asks_second_finds_it_gone(server: ScenarioServer, journal: Journal, rlmutil: Path) -> None:
    with client(server) as alice:
        alice.check_out("solver")
        assert isinstance(await release(server, journal, rlmutil, handle="1"), Released)
        again = await release(server, journal, rlmutil, handle="1")
    assert isinstance(again, NotReleased)
    assert again.kind == "unknown_handle"
    assert len(await told(journal)) == 2


async def test_a_look_changes_nothing(server: ScenarioServer, journal: Journal, rlmutil: Path) -> None:
    with client(server) as alice, releaser(journal, rlmutil) as made:
        alice.check_out("solver")
        seat = await made.find(described(server), SeatWish(handle="1"))
        assert isinstance(seat, FoundSeat)
        assert (seat.checkout.user, seat.port) == ("alice", server.isv_ports["acme"])
        assert len(held(server)) == 1
    assert await told(journal) == []


async def test_names_stay_out_of_the_journal_where_privacy_is_wanted(
    server: ScenarioServer, journal: Journal, rlmutil: Path
) -> None:
    with client(server) as alice:
        alice.check_out("solver")
        assert isinstance(await release(server, journal, rlmutil, names=False, handle="1"), Released)
    assert not any("alice" in detail for _, _, detail in await told(journal))


async def test_a_server_that_cannot_be_asked_frees_nothing(
    server: ScenarioServer, journal: Journal, rlmutil: Path
) -> None:
    server.kill()
    away = await release(server, journal, rlmutil, handle="1")
    assert isinstance(away, NotReleased)
    assert away.kind == "server_unknown"
    without = await release(server, journal, None, handle="1")
    assert isinstance(without, NotReleased)
    assert without.detail == f"who holds what on rlm1 is not known: {MISSING}"
    assert await told(journal) == []


async def test_without_a_journal_nothing_is_freed(server: ScenarioServer, rlmutil: Path) -> None:
    class Away:
        async def hold(self, cluster: str, *, rule: str, trigger: str, detail: str, now: datetime) -> None:
            raise JournalError("the disk is full")

    with client(server) as alice:
        alice.check_out("solver")
        with pytest.raises(JournalError):
            await release(server, Away(), rlmutil, handle="1")
        assert len(held(server)) == 1


async def test_a_journal_that_is_away_afterwards_does_not_hide_what_was_done(
    server: ScenarioServer, rlmutil: Path
) -> None:
    class AwaySoon:
        def __init__(self) -> None:
            self.rows: list[str] = []

        async def hold(self, cluster: str, *, rule: str, trigger: str, detail: str, now: datetime) -> None:
            if self.rows:
                raise JournalError("the disk is full")
            self.rows.append(detail)

    with client(server) as alice:
        alice.check_out("solver")
        assert isinstance(await release(server, AwaySoon(), rlmutil, handle="1"), Released)
        assert held(server) == []


def with_another_rlmremove(folder: Path, instead: str, *, before_rlmstat: str = ":") -> Path:
    """An rlmutil that does something else for rlmremove, and perhaps something before rlmstat."""
    real = folder / "real-rlmutil"
    write_rlmutil(real)
    return shell(
        folder / "rlmutil",
        f'if [ "$1" = rlmremove ]; then {instead}; exit 0; fi\n{before_rlmstat}\nexec "{real}" "$@"',
    )


async def test_an_rlmremove_that_hangs_is_killed_and_nothing_is_claimed(
    server: ScenarioServer, journal: Journal, tmp_path: Path
) -> None:
    rlmutil = with_another_rlmremove(tmp_path, "exec sleep 60")
    with client(server) as alice:
        alice.check_out("solver")
        outcome = await release(server, journal, rlmutil, handle="1")
        assert held(server) == [("solver", "alice", "1")]
    assert isinstance(outcome, NotReleased)
    assert outcome.kind == "not_verified"
    assert "did not end within 4 s and was killed" in outcome.detail


async def test_a_server_that_cannot_be_asked_afterwards_is_no_proof(
    server: ScenarioServer, journal: Journal, tmp_path: Path
) -> None:
    """A handle that is not listed proves nothing where nothing is."""
    flag = tmp_path / "removed"
    silent = f'if [ -e "{flag}" ]; then echo nonsense; exit 0; fi'
    rlmutil = with_another_rlmremove(tmp_path, f'touch "{flag}"', before_rlmstat=silent)
    with client(server) as alice:
        alice.check_out("solver")
        outcome = await release(server, journal, rlmutil, handle="1")
    assert isinstance(outcome, NotReleased)
    assert outcome.kind == "not_verified"
    assert (await told(journal))[-1][2] == outcome.detail


async def test_an_isv_server_that_is_down_by_then_is_no_proof_either(
    server: ScenarioServer, journal: Journal, tmp_path: Path
) -> None:
    """rlm answers without it, and so without the handle."""
    dies = shlex.join(python_command("control", str(server.control), Mode.ISV_DEAD.value))
    rlmutil = with_another_rlmremove(tmp_path, dies)
    with client(server) as alice:
        alice.check_out("solver")
        outcome = await release(server, journal, rlmutil, handle="1")
    assert isinstance(outcome, NotReleased)
    assert outcome.kind == "not_verified", outcome.detail
