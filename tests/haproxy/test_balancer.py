"""The balancer's one write path on a real HAProxy: moves, repairs, and what is left alone on purpose."""

import asyncio
import contextlib
import csv
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rlm_exporter.errors import CommandRefusedError, LoadBalancerError, StaleEpochError
from rlm_exporter.failover.steering import PACE, QUICK_PACE
from rlm_exporter.haproxy.applied import SETTLE
from rlm_exporter.haproxy.balancer import Balancer
from rlm_exporter.haproxy.client import FRESH
from rlm_exporter.haproxy.plan import FOREIGN_HAND, Repair
from rlm_exporter.haproxy.reach import reach
from rlm_exporter.haproxy.stats_page import Action
from rlm_exporter.haproxy.view import BalancerNames, Desired
from tests.haproxy.lab import BALANCER_HOST, TLS, Haproxy, Lab, desired, lab, until
from tests.haproxy.servers import Load, connected, who_answers


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(tmp_path) as made:
        yield made


@contextlib.asynccontextmanager
async def loop_of(balancer: Balancer, wanted: Desired) -> AsyncIterator[None]:
    """The controller's loop over one balancer, at the controller's pace."""

    async def steer() -> None:
        while True:
            try:
                await balancer.converge(wanted)
                pace = PACE
            except LoadBalancerError:
                pace = QUICK_PACE
            await asyncio.sleep(pace)

    task = asyncio.create_task(steer())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def by_hand(made: Lab, command: str) -> None:
    """One command on the runtime socket, as an administrator types it."""
    reader, writer = await asyncio.open_unix_connection(made.folder / "runtime.sock")
    writer.write(f"{command}\n".encode())
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert not answer.strip(), answer


def with_runtime_socket(folder: Path, text: str) -> str:
    return text.replace("global\n", f"global\n    stats socket {folder}/runtime.sock level admin\n", 1)


def in_haproxys_eyes_dead(made_port: int, text: str) -> str:
    """A configuration in which HAProxy knows rlm1 under an address where nothing listens."""
    return text.replace(f"server rlm1 127.0.61.1:{made_port}", "server rlm1 127.0.61.99:9")


async def moved(made: Lab, balancer: Balancer, wanted: Desired) -> None:
    """Move there, let retries settle, and release whom `wanted` does not pin."""
    others = frozenset(made.servers) - {wanted.active}
    await balancer.move(Desired(epoch=wanted.epoch, active=wanted.active, pinned=others))
    made.clock.pass_time(SETTLE.total_seconds())
    await balancer.converge(wanted)
    assert (await made.view()).pinned == wanted.pinned


async def both_ports(made: Lab) -> tuple[str, str]:
    return (
        await who_answers(BALANCER_HOST, made.port),
        await who_answers(BALANCER_HOST, made.isv_port),
    )


# ---- moves


async def test_a_move_holds_all_others_and_turns_both_ports(local: Lab) -> None:
    balancer = local.balancer()
    view = await balancer.move(desired("rlm3", "rlm1", "rlm2", epoch=4))
    assert (view.epoch, view.active, view.pinned) == (4, "rlm3", frozenset({"rlm1", "rlm2"}))
    assert balancer.reading.view is view
    assert await both_ports(local) == ("rlm3", "rlm3")
    assert local.notes.repairs == ["move"]
    assert await balancer.check(desired("rlm3", epoch=4)) is None
    assert await balancer.check(desired("rlm2", epoch=4)) == (
        "rlm2 is not ready: rlm_license_servers MAINT, rlm_isv_siemens MAINT (via rlm_license_servers/rlm2)"
    )


async def test_after_a_move_those_not_pinned_are_released_and_get_nothing(local: Lab) -> None:
    balancer = local.balancer()
    await balancer.move(desired("rlm2", "rlm1", "rlm3", epoch=2))
    assert await balancer.converge(desired("rlm2", "rlm1", epoch=2)) is None, "retries may land on rlm3"
    local.clock.pass_time(SETTLE.total_seconds())
    need = await balancer.converge(desired("rlm2", "rlm1", epoch=2))
    assert need is not None
    assert (need.repair, need.servers) == (Repair.RELEASE, frozenset({"rlm3"}))
    assert (await local.view()).pinned == {"rlm1"}
    await balancer.converge(desired("rlm2", epoch=2))
    assert (await local.view()).pinned == frozenset()
    assert await both_ports(local) == ("rlm2", "rlm2")
    assert await balancer.converge(desired("rlm2", epoch=2)) is None


async def test_a_move_cuts_the_sessions_of_the_old_server_on_both_ports(local: Lab) -> None:
    balancer = local.balancer()
    await balancer.move(desired("rlm1", "rlm2", "rlm3"))
    async with connected(BALANCER_HOST, local.port) as main, connected(BALANCER_HOST, local.isv_port) as isv:
        assert (await main.readline(), await isv.readline()) == (b"rlm1\n", b"rlm1\n")
        await balancer.move(desired("rlm2", "rlm1", "rlm3", epoch=2))
        async with asyncio.timeout(2):
            assert (await main.read(), await isv.read()) == (b"", b"")


async def test_a_bare_connect_through_the_balancer_is_what_writes_the_table(local: Lab) -> None:
    client = local.client()
    await client.command(Action.MAINT, ("rlm1", "rlm2"), epoch=1)
    await client.command(Action.READY, ("rlm3",), epoch=1)
    assert (await client.observe()).active is None

    async def named() -> bool:
        return (await client.observe()).active == "rlm3"

    async with reach(BALANCER_HOST, local.port) as why:
        assert why is None
        await until(named, what="rlm3 in the table")


async def test_a_move_under_a_lower_epoch_is_refused_at_once(local: Lab) -> None:
    balancer = local.balancer()
    await local.client().command(Action.READY, ("rlm1",), epoch=12)
    with pytest.raises(StaleEpochError) as refused:
        await balancer.move(desired("rlm2", "rlm1", "rlm3", epoch=11))
    assert refused.value.seen == 12
    with pytest.raises(StaleEpochError) as seen:
        await balancer.converge(desired("rlm2", epoch=11))
    assert seen.value.seen == 12
    view = await local.view()
    assert (view.epoch, view.pinned) == (12, frozenset())


async def test_a_server_that_haproxy_does_not_know_gets_no_blind_command(local: Lab) -> None:
    names = BalancerNames(license_backend="rlm_license_servers", servers=("rlm1", "rlm2", "rlm3.example.com"))
    balancer = local.balancer(names=names)
    for steer in (balancer.move, balancer.converge):
        with pytest.raises(LoadBalancerError, match=r"does not know rlm3\.example\.com in every backend"):
            await steer(desired("rlm1"))
    view = await local.view()
    assert (view.epoch, view.pinned) == (None, frozenset())


async def test_a_move_goes_on_where_a_reload_interrupts_it(local: Lab) -> None:
    balancer = local.balancer()
    await balancer.move(desired("rlm1", "rlm2", "rlm3"))
    for epoch, target, others in ((2, "rlm2", ("rlm1", "rlm3")), (3, "rlm3", ("rlm1", "rlm2"))):
        wanted = desired(target, *others, epoch=epoch)
        before = (await local.view()).pid
        await local.haproxy.reload()
        with contextlib.suppress(LoadBalancerError):  # a dying worker may take it; the loop asks again
            await balancer.move(wanted)
        async with loop_of(balancer, wanted):

            async def settled(
                wanted: Desired = wanted, before: int | None = before, balancer: Balancer = balancer
            ) -> bool:
                view = balancer.reading.view
                return view is not None and view.pid != before and await balancer.check(wanted) is None

            await until(settled, what=f"{target} active in the new worker")
        assert await both_ports(local) == (target, target)


# ---- repairs


async def test_after_a_reload_under_load_not_one_connection_is_on_a_wrong_server(local: Lab) -> None:
    """rlm1 is healthy, held, and first in HAProxy's own order."""
    balancer = local.balancer()
    wanted = desired("rlm2", "rlm1", epoch=5)
    await moved(local, balancer, wanted)
    load = Load(host=BALANCER_HOST, ports=(local.port, local.isv_port))
    async with loop_of(balancer, wanted), load.running():
        for _ in range(2):
            before = (await local.view()).pid
            await local.haproxy.reload()

            async def steered_again(before: int | None = before) -> bool:
                view = balancer.reading.view
                return view is not None and view.pid != before and view.epoch == 5

            await until(steered_again, what="the new worker under our epoch")
            reached = len(load.reached)

            async def goes_on(reached: int = reached) -> bool:
                return len(load.reached) > reached + 25

            await until(goes_on, what="connections through the new worker")

        async def released() -> bool:
            return (await local.view()).pinned == {"rlm1"}

        await until(released, what="rlm3 as a standby again")
    assert set(load.reached) == {"rlm2"}
    assert load.refused == 0
    assert local.notes.repairs.count("new_worker") == 2


async def test_after_kill_9_and_restart_not_one_connection_is_on_a_wrong_server(local: Lab) -> None:
    """The table is gone with the process; the new worker holds its clients until it is steered."""
    balancer = local.balancer()
    wanted = desired("rlm2", "rlm1", epoch=5)
    await moved(local, balancer, wanted)
    load = Load(host=BALANCER_HOST, ports=(local.port, local.isv_port))
    async with loop_of(balancer, wanted), load.running():
        for _ in range(2):
            await local.haproxy.kill()
            killed = len(load.reached)

            async def unreadable() -> bool:
                return balancer.reading.view is None

            await until(unreadable, what="the loop's notice of the kill")
            await local.haproxy.start()

            async def goes_on(killed: int = killed) -> bool:
                return len(load.reached) > killed + 25

            await until(goes_on, what="connections through the restarted balancer")
    assert set(load.reached) - {""} == {"rlm2"}  # "": cut in the middle by the kill itself
    assert load.refused > 0
    assert await both_ports(local) == ("rlm2", "rlm2")


async def test_a_connection_that_one_reload_holds_back_is_not_sent_wrong_by_the_next(local: Lab) -> None:
    """A worker that has handed its table over forgets it, and still has connections that it held back."""
    balancer = local.balancer()
    await moved(local, balancer, desired("rlm2", epoch=2))
    for _ in range(2):
        await reloaded(local)
        async with connected(BALANCER_HOST, local.port) as held_back:
            await until(lambda: taken(local), what="the connection in HAProxy's hands")
            need = await balancer.converge(desired("rlm2", epoch=2))
            assert need is not None
            await local.haproxy.reload()
            async with asyncio.timeout(5):
                assert await held_back.readline() == b"rlm2\n"
        await balancer.converge(desired("rlm2", epoch=2))


async def test_a_connection_that_two_reloads_hold_back_without_a_controller_is_closed(local: Lab) -> None:
    await moved(local, local.balancer(), desired("rlm2", epoch=2))
    await reloaded(local)
    async with connected(BALANCER_HOST, local.port) as held_back:
        await until(lambda: taken(local), what="the connection in HAProxy's hands")
        await reloaded(local)
        async with asyncio.timeout(5):
            assert await held_back.readline() == b""


async def reloaded(made: Lab) -> None:
    """Reload, and wait for the new worker, and until the old one can take no connection from it any more."""
    before = (await made.view()).pid
    assert before is not None
    assert listens(before, made.port)
    await made.haproxy.reload()

    async def is_new() -> bool:
        return (await made.view()).pid != before and not listens(before, made.port)

    await until(is_new, what="a new worker, alone")


def listens(process: int, port: int) -> bool:
    """Whether a process has a socket that takes connections on a port of some address."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {
        f"socket:[{row[9]}]" for row in rows if (row[1].partition(":")[2], row[3]) == (f"{port:04X}", "0A")
    }
    with contextlib.suppress(OSError):  # it has ended
        return any(str(each.readlink()) in sockets for each in Path(f"/proc/{process}/fd").iterdir())
    return False


async def taken(made: Lab) -> bool:
    """Whether the license port's front end has an open session."""
    rows = csv.DictReader((await made.page("/stats;csv")).removeprefix("# ").splitlines())
    return any(
        row["pxname"] == "rlm_license_frontend" and row["svname"] == "FRONTEND" and row["scur"] != "0"
        for row in rows
    )


async def test_a_crash_without_a_controller_goes_to_the_backup_and_does_not_come_back(local: Lab) -> None:
    balancer = local.balancer()
    await moved(local, balancer, desired("rlm1"))
    assert await both_ports(local) == ("rlm1", "rlm1")
    await local.servers["rlm1"].die()

    async def answered_by_the_backup() -> bool:
        return await who_answers(BALANCER_HOST, local.port) == "rlm2"

    await until(answered_by_the_backup, within=20, what="an answer of rlm2")
    await local.servers["rlm1"].start()

    async def is_up_again() -> bool:
        line = (await local.view()).license_line("rlm1")
        return line is not None and line.status == "UP"

    await until(is_up_again, within=30, what="rlm1 up in HAProxy's eyes")
    assert [await both_ports(local) for _ in range(5)] == [("rlm2", "rlm2")] * 5


async def test_that_haproxy_moved_by_itself_is_left_alone(local: Lab) -> None:
    """Whether to follow is the controller's decision; to steer back would cut everybody twice."""
    balancer = local.balancer()
    await moved(local, balancer, desired("rlm1"))
    await local.servers["rlm1"].die()

    async def followed() -> bool:
        await who_answers(BALANCER_HOST, local.port)
        return (await local.view()).active == "rlm2"

    await until(followed, within=20, what="HAProxy's own move")
    await local.servers["rlm1"].start()
    assert await balancer.converge(desired("rlm1")) is None
    assert await both_ports(local) == ("rlm2", "rlm2")


async def test_what_an_earlier_life_of_ours_steered_is_recognised(local: Lab) -> None:
    await local.balancer().move(desired("rlm2", "rlm1", "rlm3", epoch=3))
    again = local.balancer()
    assert await again.converge(desired("rlm2", "rlm1", "rlm3", epoch=3)) is None
    assert again.applied == desired("rlm2", "rlm1", "rlm3", epoch=3)
    assert await again.converge(desired("rlm2", "rlm1", epoch=3)) is None, "the move may be a moment old"
    local.clock.pass_time(SETTLE.total_seconds())
    need = await again.converge(desired("rlm2", "rlm1", epoch=3))
    assert need is not None
    assert need.servers == {"rlm3"}
    assert local.notes.repairs == ["move", "release"]


async def test_what_another_daemon_did_since_is_not_measured_by_what_we_did_before(local: Lab) -> None:
    """Ours held rlm1 under epoch 3; another moved back and released everybody since, and we act again."""
    ours, theirs = local.balancer(), local.balancer()
    await ours.move(desired("rlm2", "rlm1", "rlm3", epoch=3))
    await theirs.move(desired("rlm1", epoch=4))
    local.clock.pass_time(SETTLE.total_seconds())
    await theirs.converge(desired("rlm1", epoch=4))
    before = list(local.notes.repairs)
    ours.forget()
    assert await ours.converge(desired("rlm1", epoch=4)) is None
    assert local.notes.repairs == before, "all is as wanted: nobody is to be moved, and no client cut"
    assert ours.applied == desired("rlm1", epoch=4)


async def test_a_balancer_that_was_out_of_reach_at_the_move_is_moved_when_it_returns(local: Lab) -> None:
    balancer = local.balancer()
    await balancer.move(desired("rlm1", "rlm2", "rlm3", epoch=1))
    need = await balancer.converge(desired("rlm2", "rlm1", epoch=2))
    assert need is not None
    assert need.repair is Repair.MOVE
    view = await local.view()
    assert (view.epoch, view.active) == (2, "rlm2")
    assert view.pinned == {"rlm1", "rlm3"}, "a pending retry may land on rlm3 until things have settled"
    assert await balancer.converge(desired("rlm2", "rlm1", epoch=2)) is None
    local.clock.pass_time(SETTLE.total_seconds())
    need = await balancer.converge(desired("rlm2", "rlm1", epoch=2))
    assert need is not None
    assert (need.repair, need.servers) == (Repair.RELEASE, frozenset({"rlm3"}))
    assert (await local.view()).pinned == {"rlm1"}


# ---- the wanted server is not there


async def test_a_dead_server_is_not_made_ready(local: Lab) -> None:
    balancer = local.balancer()
    await balancer.move(desired("rlm2", "rlm1", "rlm3", epoch=2))
    local.clock.pass_time(SETTLE.total_seconds())
    await local.servers["rlm1"].close(local.isv_port)
    for _ in range(2):
        await balancer.converge(desired("rlm2", epoch=2))
    view = await local.view()
    assert view.pinned == {"rlm1"}
    assert local.notes.repairs == ["move", "release"], "to find nobody to release is no repair"
    assert await balancer.converge(desired("rlm2", epoch=2)) is None
    await local.servers["rlm1"].open(local.isv_port)
    assert await balancer.converge(desired("rlm2", epoch=2)) is not None
    assert (await local.view()).pinned == frozenset()


async def test_a_reload_while_the_wanted_server_is_dead_leaves_haproxy_free_to_move(local: Lab) -> None:
    balancer = local.balancer()
    await moved(local, balancer, desired("rlm1", "rlm3"))
    await local.servers["rlm1"].die()
    before = (await local.view()).pid
    await local.haproxy.reload()

    async def new_worker() -> bool:
        return (await local.view()).pid != before

    await until(new_worker, what="a new worker")
    need = await balancer.converge(desired("rlm1", "rlm3"))
    assert need is not None
    assert need.repair is Repair.NEW_WORKER
    view = await local.view()
    assert (view.epoch, view.pinned) == (1, frozenset({"rlm3"}))

    async def served() -> bool:
        return await who_answers(BALANCER_HOST, local.port) == "rlm2"

    await until(served, within=20, what="an answer of rlm2")
    assert await balancer.converge(desired("rlm1", "rlm3")) is None


async def test_a_reload_while_the_wanted_server_is_dead_puts_nobody_in_maintenance_into_service(
    local: Lab,
) -> None:
    """Both others are in maintenance: that nobody serves then is what their owner has asked for."""
    balancer = local.balancer()
    wanted = desired("rlm1", "rlm2", "rlm3")
    await balancer.move(wanted)
    local.clock.pass_time(SETTLE.total_seconds())
    await local.servers["rlm1"].die()
    before = (await local.view()).pid
    await local.haproxy.reload()

    async def new_worker() -> bool:
        return (await local.view()).pid != before

    await until(new_worker, what="a new worker")
    for _ in range(3):
        await balancer.converge(wanted)
        assert (await local.view()).pinned == {"rlm2", "rlm3"}
        assert balancer.foreign_hand is None


async def test_where_nobody_in_particular_is_wanted_haproxy_chooses_among_those_not_pinned(
    local: Lab,
) -> None:
    balancer = local.balancer()
    await balancer.move(desired("rlm1", "rlm2", "rlm3", epoch=1))
    let_be = Desired(epoch=2, active=None, pinned=frozenset({"rlm3"}))
    need = await balancer.converge(let_be)
    assert need is not None
    assert need.repair is Repair.MOVE
    view = await local.view()
    assert (view.epoch, view.pinned) == (2, frozenset({"rlm3"}))
    assert await both_ports(local) == ("rlm1", "rlm1"), "nobody is moved"
    await local.servers["rlm1"].die()

    async def served() -> bool:
        return await who_answers(BALANCER_HOST, local.port) == "rlm2"

    await until(served, within=20, what="an answer of rlm2")
    assert await balancer.converge(let_be) is None


async def test_a_balancer_that_can_be_read_and_not_steered_says_so(tmp_path: Path) -> None:
    async with lab(tmp_path, tls=True) as made:
        await made.balancer().move(desired("rlm1", "rlm2", "rlm3"))
        stranger = Balancer(
            page=made.client(client_cert=str(TLS / "steer" / "somebody.pem")),
            servers=made.names.servers,
            host=BALANCER_HOST,
            ports=(made.port, made.isv_port),
            reach=reach,
            direct=made.direct,
            clock=made.clock,
            observer=made.notes,
        )
        await stranger.observe()
        assert stranger.reading.steerable, "nobody has asked yet"
        with pytest.raises(CommandRefusedError):
            await stranger.converge(desired("rlm1"))
        reading = stranger.reading
        assert reading.view is not None
        assert not reading.steerable
        assert "403" in str(reading.refuses)


async def test_two_masters_on_one_address_are_told_from_a_reload(tmp_path: Path) -> None:
    async with lab(tmp_path, tls=True) as made:
        balancer = made.balancer()
        await balancer.observe()
        before = (await made.view()).pid
        await made.haproxy.reload()

        async def new_worker() -> bool:
            return (await balancer.observe()).pid != before

        await until(new_worker, what="a new worker")
        assert balancer.reading.masters == ()
        second = Haproxy(configs=made.haproxy.configs, log=tmp_path / "second.log")
        await second.start()
        try:

            async def seen() -> bool:
                made.clock.pass_time(FRESH)
                with contextlib.suppress(LoadBalancerError):
                    await balancer.observe()
                return len(balancer.reading.masters) > 1

            await until(seen, within=20, what="a word about two masters")
        finally:
            await second.kill()


async def test_a_wanted_server_that_is_held_and_dead_is_not_made_ready(local: Lab) -> None:
    """It would be up in HAProxy's eyes at once, and every client would run into it."""
    await local.client().command(Action.MAINT, ("rlm2",), epoch=1)
    await local.servers["rlm2"].die()
    balancer = local.balancer()
    for _ in range(2):
        await balancer.converge(desired("rlm2", "rlm3", epoch=2))
    view = await local.view()
    assert (view.epoch, view.pinned) == (2, frozenset({"rlm2", "rlm3"}))
    assert await both_ports(local) == ("rlm1", "rlm1")
    await local.servers["rlm2"].start()
    await balancer.converge(desired("rlm2", "rlm3", epoch=2))
    assert (await local.view()).pinned == {"rlm3"}


async def test_that_all_are_held_and_the_wanted_one_is_dead_does_not_stay_so(local: Lab) -> None:
    await local.client().command(Action.MAINT, ("rlm1", "rlm2", "rlm3"), epoch=1)
    await local.servers["rlm1"].die()
    balancer = local.balancer()
    await balancer.converge(desired("rlm1", epoch=2))
    view = await local.view()
    assert (view.epoch, view.pinned) == (2, frozenset({"rlm1"}))
    assert (await who_answers(BALANCER_HOST, local.port)) in {"rlm2", "rlm3"}


async def test_a_server_that_haproxy_cannot_reach_and_we_can_is_no_outage(tmp_path: Path) -> None:
    """The way between HAProxy and rlm1 is broken; to hold the others for it would serve nobody."""

    def broken(text: str) -> str:
        return text.replace("server rlm1 127.0.61.1:", "server rlm1 127.0.61.99:")

    async with lab(tmp_path, change=broken) as made:
        balancer = made.balancer()

        async def down() -> bool:
            line = (await made.view()).license_line("rlm1")
            return line is not None and line.status == "DOWN"

        await until(down, what="rlm1 down in HAProxy's eyes")
        with pytest.raises(LoadBalancerError, match="does not send clients to rlm1"):
            await balancer.converge(desired("rlm1", "rlm3"))
        assert (await made.view()).pinned == {"rlm3"}
        assert await both_ports(made) == ("rlm2", "rlm2")


@pytest.mark.parametrize("active", ["rlm1", "rlm2"])
async def test_a_dead_isv_port_sends_nobody_to_another_server(local: Lab, active: str) -> None:
    """The others are ready, and rlm1 is the first that HAProxy would think of."""
    balancer = local.balancer()
    await moved(local, balancer, desired(active))
    await local.servers[active].close(local.isv_port)
    assert await who_answers(BALANCER_HOST, local.isv_port) == ""
    assert (await local.view()).active == active
    assert await who_answers(BALANCER_HOST, local.port) == active


# ---- by another's hand


@pytest.mark.parametrize("state", ["maint", "drain"])
async def test_a_server_taken_out_by_another_hand_is_left_so_for_60_s(tmp_path: Path, state: str) -> None:
    async with lab(tmp_path, change=lambda text: with_runtime_socket(tmp_path, text)) as made:
        balancer = made.balancer()
        wanted = desired("rlm2", epoch=2)
        await moved(made, balancer, wanted)
        await by_hand(made, f"set server rlm_license_servers/rlm3 state {state}")
        assert await balancer.converge(wanted) is None
        made.clock.pass_time(FOREIGN_HAND.total_seconds() - 5)
        assert await balancer.converge(wanted) is None
        assert balancer.foreign_hand == f"rlm1 ready, rlm2 ready, rlm3 {state}"
        made.clock.pass_time(FOREIGN_HAND.total_seconds())
        need = await balancer.converge(wanted)
        assert need is not None
        assert (need.repair, need.servers) == (Repair.RELEASE, frozenset({"rlm3"}))
        line = (await made.view()).license_line("rlm3")
        assert line is not None
        assert line.is_up
        assert await balancer.converge(wanted) is None
        assert balancer.foreign_hand is None


async def test_a_pin_lifted_by_another_hand_is_put_back_after_60_s(tmp_path: Path) -> None:
    async with lab(tmp_path, change=lambda text: with_runtime_socket(tmp_path, text)) as made:
        balancer = made.balancer()
        wanted = desired("rlm2", "rlm1", epoch=2)
        await moved(made, balancer, wanted)
        await by_hand(made, "set server rlm_license_servers/rlm1 state ready")
        assert await balancer.converge(wanted) is None
        assert (await made.view()).pinned == frozenset()
        made.clock.pass_time(FOREIGN_HAND.total_seconds())
        need = await balancer.converge(wanted)
        assert need is not None
        assert need.repair is Repair.PINS
        assert (await made.view()).pinned == {"rlm1"}
        assert await balancer.converge(wanted) is None
        assert await both_ports(made) == ("rlm2", "rlm2")


async def test_what_another_hand_undoes_within_60_s_is_forgotten(tmp_path: Path) -> None:
    async with lab(tmp_path, change=lambda text: with_runtime_socket(tmp_path, text)) as made:
        balancer = made.balancer()
        wanted = desired("rlm2", epoch=2)
        await moved(made, balancer, wanted)
        for _ in range(2):
            made.clock.pass_time(FOREIGN_HAND.total_seconds())
            await by_hand(made, "set server rlm_license_servers/rlm3 state maint")
            assert await balancer.converge(wanted) is None
            assert balancer.foreign_hand is not None
            await by_hand(made, "set server rlm_license_servers/rlm3 state ready")
            assert await balancer.converge(wanted) is None
            assert balancer.foreign_hand is None


# ---- out of reach


async def test_an_old_reading_is_never_kept_as_a_new_one(local: Lab) -> None:
    balancer = local.balancer()
    first = balancer.reading
    assert (first.view, first.error) == (None, "it has not been read yet")
    await balancer.observe()
    assert balancer.reading.error is None
    await local.haproxy.kill()
    for steer in (balancer.converge, balancer.move):
        with pytest.raises(LoadBalancerError, match="cannot be reached"):
            await steer(desired("rlm1"))
        assert balancer.reading.view is None
        assert "cannot be reached" in str(balancer.reading.error)
    assert "cannot be reached" in str(await balancer.check(desired("rlm1")))


async def test_a_port_that_takes_no_connection_fails_the_move(local: Lab) -> None:
    balancer = Balancer(
        page=local.client(),
        servers=local.names.servers,
        host=BALANCER_HOST,
        ports=(local.port, 9),
        reach=reach,
        direct=local.direct,
        clock=local.clock,
        observer=local.notes,
    )
    with pytest.raises(LoadBalancerError, match=rf"{BALANCER_HOST}:9 takes no connection"):
        await balancer.move(desired("rlm2", "rlm1", "rlm3", epoch=2))
