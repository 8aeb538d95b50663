"""`rlm-ha licenses release` against fixed answers, at a terminal, and on the real daemon."""

import asyncio
import os
import pty
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rlm_exporter.rlm.rlmstat import parse_rlmstat
from rlm_exporter.simulator.launch import write_rlmutil
from tests.cli.command import COMMAND, CommandLine, Ended, end_of, environment
from tests.cli.daemon import FixedDaemon, fixed, hang_up, problem
from tests.ports import free_port
from tests.simulated import ScenarioServer, SimulatedClient, ask_rlmutil

PATH = "/api/v1/clusters/site/release"
SEAT = {
    "server": "rlm1", "isv": "siemens", "product": "STARCCM", "version": "2023.1000", "user": "alice",
    "host": "ws1", "seats": 2, "reserved": 0, "handle": "15c", "since": "03/02 07:58", "shares": False,
}  # fmt: skip
WHOSE = (
    "2 seats of STARCCM v2023.1000 (siemens) on rlm1, held by alice@ws1 since 03/02 07:58 there, handle 15c\n"
)
RELEASED = {"result": "released", "detail": "handle 15c of siemens on rlm1 was freed", "seat": SEAT}


def plan(**changes: Any) -> dict[str, Any]:
    return {"result": "plan", "detail": "nothing was changed", "seat": SEAT | changes}


async def test_it_says_whose_seat_it_is_and_frees_that_one(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("POST", PATH, fixed(plan()), fixed(RELEASED))
    ended = await rlm_ha.run(
        *("licenses", "release", "site", "--handle", "15c", "--reason", "off", "--yes"),
        RLM_HA_URL=daemon.url,
    )
    assert (ended.code, ended.out) == (0, "site: handle 15c of siemens on rlm1 was freed\n"), ended.err
    assert ended.err == WHOSE
    look, wish = daemon.bodies
    assert look == {"handle": "15c", "dry_run": True}
    assert wish.pop("requested_by")
    named = ("handle", "server", "isv", "product", "user", "host", "since")
    assert wish == {key: SEAT[key] for key in named} | {"reason": "off"}


async def test_json_is_the_daemons_document(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("POST", PATH, fixed(plan()), fixed(RELEASED))
    ended = await rlm_ha.run(
        *("licenses", "release", "site", "--handle", "15c", "--server", "rlm1", "--isv", "siemens"),
        *("--product", "STARCCM", "--yes", "--json"),
        RLM_HA_URL=daemon.url,
    )
    assert ended.document == RELEASED
    words = {"handle": "15c", "server": "rlm1", "isv": "siemens", "product": "STARCCM"}
    assert daemon.bodies[0] == {**words, "dry_run": True}


async def test_a_shared_seat_is_said_to_be_one(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("POST", PATH, fixed(plan(shares=True, seats=1)))
    ended = await rlm_ha.run("licenses", "release", "site", "--handle", "15c", RLM_HA_URL=daemon.url)
    assert ended.err.startswith("1 seat of STARCCM")
    assert "; other handles may share it, and it is free when the last of them is\n" in ended.err


async def test_where_nobody_can_be_asked_it_needs_yes(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("POST", PATH, fixed(plan()))
    ended = await rlm_ha.run("licenses", "release", "site", "--handle", "15c", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(WHOSE)
    assert "--yes" in ended.err
    assert [body["dry_run"] for body in daemon.bodies] == [True]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ((problem(404, "unknown_handle", "nobody has handle 15c on rlm1"),), 3),
        ((problem(409, "ambiguous_handle", "several have handle 15c on rlm1"),), 4),
        ((fixed(plan()), problem(409, "rlm_refused", "RLM did not free handle 15c")), 4),
        ((fixed(plan()), problem(503, "not_verified", "whether it is free could not be seen")), 5),
    ],
)
async def test_what_was_not_freed_has_an_exit_code(
    rlm_ha: CommandLine, daemon: FixedDaemon, answers: tuple[Any, ...], code: int
) -> None:
    daemon.on("POST", PATH, *answers)
    ended = await rlm_ha.run("licenses", "release", "site", "--handle", "15c", "--yes", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.out) == (code, "")
    assert "Error: " in ended.err


async def test_an_answer_that_is_lost_says_where_to_look(rlm_ha: CommandLine, daemon: FixedDaemon) -> None:
    daemon.on("POST", PATH, fixed(plan()), hang_up)
    ended = await rlm_ha.run("licenses", "release", "site", "--handle", "15c", "--yes", RLM_HA_URL=daemon.url)
    assert ended.code == 5
    assert "It may have been freed all the same: rlm-ha licenses events site" in ended.err


@pytest.mark.parametrize(("said", "code", "asked"), [("y\n", 0, 2), ("n\n", 1, 1), ("\n", 1, 1)])
async def test_at_a_terminal_it_asks(
    rlm_ha: CommandLine, daemon: FixedDaemon, said: str, code: int, asked: int
) -> None:
    daemon.on("POST", PATH, fixed(plan()), fixed(RELEASED))
    ours, theirs = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "licenses", "release", "site", "--handle", "15c"),
            stdin=theirs,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(rlm_ha.home, {"RLM_HA_URL": daemon.url}),
            cwd=rlm_ha.home,
        )
        os.write(ours, said.encode())
        async with asyncio.timeout(30):
            out, err = await process.communicate()
    finally:
        os.close(ours)
        os.close(theirs)
    assert err.decode().startswith(WHOSE)
    assert b"Take it back? [y/N]" in err
    assert (process.returncode, len(daemon.bodies)) == (code, asked), err
    assert (b"was freed" in out) is (code == 0)
    assert (b"Nothing was changed." in err) is (code != 0)


SCENARIO: dict[str, object] = {
    "isvs": [
        {
            "name": "acme",
            "port": 0,
            "pools": [
                {"product": "solver", "count": 5, "min_remove": 0},
                {"product": "young", "count": 5},
            ],
        },
        {"name": "umbrella", "port": 0, "pools": [{"product": "mesher", "count": 5, "min_remove": 0}]},
    ],
}
MANIFEST = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {{name: site}}
spec:
  type: rlm
  highAvailability:
    enabled: true
    mode: active-passive
    primary: {{name: rlm1, host: 127.0.0.1, port: {port}}}
    secondary: {{name: rlm2, host: 127.0.0.2, port: {port}}}
  monitoring:
    healthCheck: {{interval: 2s, timeout: 1900ms, retries: 1, checkWeb: false}}
    failover: {{automatic: false}}
  features: [{{name: solver, vendor: acme}}]
"""


@asynccontextmanager
async def serving(
    server: ScenarioServer, folder: Path, user: CommandLine
) -> AsyncIterator[Callable[..., Awaitable[Ended]]]:
    """The daemon for one server that answers and one that is not there; gives `rlm-ha licenses … site …`."""
    manifest, rlmutil, listen = folder / "site.yaml", folder / "rlmutil", f"127.0.0.1:{free_port()}"
    manifest.write_text(MANIFEST.format(port=server.port), encoding="utf-8")
    write_rlmutil(rlmutil)
    process = await user.start(
        *("serve", "--config", str(manifest), "--listen", listen),
        *("--state-dir", str(folder / "state"), "--rlmutil", str(rlmutil)),
    )

    async def licenses(verb: str, *words: str) -> Ended:
        return await user.run("licenses", verb, "site", *words, RLM_HA_URL=f"http://{listen}")

    waiting = asyncio.create_task(end_of(process, within=None))
    try:
        async with asyncio.timeout(30):
            while (await licenses("primary")).code != 0:
                assert not waiting.done(), waiting.result().err
        yield licenses
    finally:
        process.terminate()
        ended = await waiting
    assert "level=error" not in ended.err, ended.err


def held(server: ScenarioServer) -> list[str]:
    """Who holds what."""
    status = parse_rlmstat(ask_rlmutil("rlmstat", "-a", "-c", server.endpoint).stdout)
    return sorted(f"{line.user} {line.product} {line.handle}" for line in status.checkouts)


async def test_on_the_real_daemon(tmp_path: Path, rlm_ha: CommandLine) -> None:
    """Two ISV servers have given the same handles; one checkout is too young, which RLM minds."""
    with ScenarioServer(tmp_path, SCENARIO) as server, ExitStack() as stack:
        acme, umbrella = server.isv_ports["acme"], server.isv_ports["umbrella"]
        places = {"alice": acme, "bob": acme, "carol": umbrella, "dora": umbrella}
        clients = {
            who: stack.enter_context(SimulatedClient(server.host, port)) for who, port in places.items()
        }
        for who, product in (("alice", "solver"), ("bob", "young"), ("carol", "mesher"), ("dora", "mesher")):
            clients[who].check_out(product, user=who, host=f"ws-{who}")
        everybody = ["alice solver 1", "bob young 2", "carol mesher 1", "dora mesher 2"]
        assert held(server) == everybody
        async with serving(server, tmp_path, rlm_ha) as licenses:
            unclear = await licenses("release", "--handle", "1", "--yes")
            nobody = await licenses("release", "--handle", "fff", "--yes")
            stranger = await licenses("release", "--handle", "1", "--server", "rlm9", "--yes")
            young = await licenses("release", "--handle", "2", "--isv", "acme", "--yes")
            assert [each.code for each in (unclear, nobody, stranger, young)] == [4, 3, 3, 4]
            assert "alice@ws-alice" in unclear.err
            assert "carol@ws-carol" in unclear.err
            assert "min_remove" in young.err
            assert held(server) == everybody

            freed = await licenses("release", "--handle", "1", "--product", "mesher", "--yes")
            assert (freed.code, freed.out) == (0, "site: handle 1 of umbrella on rlm1 was freed\n"), freed.err
            assert held(server) == ["alice solver 1", "bob young 2", "dora mesher 2"]
            assert clients["carol"].is_cut()
            again = await licenses("release", "--handle", "1", "--product", "mesher", "--yes")
            assert again.code == 3

            rows = [row["detail"] for row in (await licenses("events", "--json")).document["decisions"]]
    told = [row.partition(" on rlm1 ")[::2] for row in reversed(rows) if row.startswith("handle ")]
    assert told[-1] == ("handle 1 of umbrella", "was freed")
    assert told[-2][0] == "handle 1 of umbrella"
    assert "mesher v1.0 of carol@ws-carol" in told[-2][1]
    assert [row for row in rows if row.startswith("RLM did not free handle 2 of acme on rlm1")]
