"""Hooks on real programs and a real HTTP server."""

import asyncio
import json
import logging
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rlm_exporter.failover.calls import Called, CallEvent
from rlm_exporter.failover.hooks import OUTPUT_KEPT, PAUSE, Hooks, shown_url
from rlm_exporter.manifest.model import ExecCall, Hook, HttpCall, RlmdownCall, Server
from rlm_exporter.probe.clock import SystemClock
from tests.clock import FakeClock
from tests.ports import free_port
from tests.probe.programs import shell
from tests.simulated import wait_until

pytestmark = pytest.mark.row(35)

RLM1 = Server(name="rlm1", role="primary", host="rlm1.example.com")
EVENT = CallEvent(
    event="failover",
    phase="before",
    cluster="rlm-ha",
    operation=12,
    epoch=7,
    source=RLM1,
    target=Server(name="rlm2", role="secondary", host="192.0.2.2", port=5063),
    rule="failed_over",
    reason="rlm1 'is' $HOME; down\n",
    requested_by="controller",
)
DOCUMENT = {
    "event": "failover",
    "phase": "before",
    "cluster": "rlm-ha",
    "operation": 12,
    "epoch": 7,
    "from": "rlm1",
    "from_host": "rlm1.example.com",
    "from_port": 5053,
    "to": "rlm2",
    "to_host": "192.0.2.2",
    "to_port": 5063,
    "rule": "failed_over",
    "reason": "rlm1 'is' $HOME; down\n",
    "requested_by": "controller",
}

Program = Callable[[str], str]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Write a Python program and say where it is."""

    def write(body: str) -> str:
        path = tmp_path / "hook"
        path.write_text(f"#!{sys.executable}\nimport os, sys, time\n{body}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return write


async def nobody_stops(server: Server, *, limit: timedelta) -> Called:
    raise AssertionError(f"{server.name}: no hook here asks for rlmdown")


async def call(hook: Hook) -> str | None:
    """What went wrong; None when all went well."""
    called = await Hooks(clock=SystemClock(), stop_server=nobody_stops).run(hook, EVENT)
    assert called.went_well == (not called.detail)
    return called.detail or None


async def execute(*command: str, timeout: float = 20.0) -> str | None:
    return await call(Hook(call=ExecCall(command=command), timeout=timedelta(seconds=timeout)))


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_a_program_gets_the_event_as_json_on_its_standard_input(
    program: Program, tmp_path: Path
) -> None:
    seen = tmp_path / "seen.json"
    command = program("open(sys.argv[1], 'w').write(sys.stdin.read())")
    assert await execute(command, str(seen)) is None
    assert json.loads(seen.read_text(encoding="utf-8")) == DOCUMENT


async def test_arguments_reach_it_as_they_are_and_no_shell_sees_them(
    program: Program, tmp_path: Path
) -> None:
    words = ("$HOME", "a b", ";", "`id`", "*", f"> {tmp_path / 'made'}")
    seen = tmp_path / "seen"
    command = program(f"open({str(seen)!r}, 'w').write('\\n'.join(sys.argv[1:]))")
    assert await execute(command, *words) is None
    assert tuple(seen.read_text(encoding="utf-8").split("\n")) == words
    assert not (tmp_path / "made").exists()


async def test_a_program_that_reads_nothing_may_end_well(program: Program) -> None:
    assert await execute(program("pass")) is None


async def test_what_a_failing_program_says_is_kept(program: Program) -> None:
    command = program("print('ipmi: no route', file=sys.stderr); print('half'); sys.exit(3)")
    assert await execute(command) == f"{command} ended with 3: half\nipmi: no route"


async def test_a_program_that_is_killed_has_failed(program: Program) -> None:
    command = program("os.kill(os.getpid(), 9)")
    assert await execute(command) == f"{command} ended with -9"


async def test_a_missing_program_is_told(tmp_path: Path) -> None:
    missing = str(tmp_path / "nothing")
    assert await execute(missing) == f"{missing} cannot be started: No such file or directory"


async def test_one_that_may_not_be_run_is_told(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\n", encoding="utf-8")
    assert await execute(str(plain)) == f"{plain} cannot be started: Permission denied"


async def test_one_that_overruns_is_killed_with_its_children(tmp_path: Path) -> None:
    told = tmp_path / "pids"
    # A shell begins within its limit on any machine; Python may not.
    command = str(shell(tmp_path / "hook", f"sleep 600 & echo $! $$ > '{told}'; wait"))
    began = asyncio.get_running_loop().time()
    assert await execute(command, timeout=1.5) == f"{command} did not end within 1.5 s and was killed"
    assert asyncio.get_running_loop().time() - began < 10
    pids = [int(line) for line in told.read_text(encoding="ascii").split()]
    assert len(pids) == 2
    wait_until(lambda: not any(map(is_alive, pids)), what="the end of the hook and its child")


async def test_a_child_that_is_left_behind_is_killed_and_holds_nobody_up(
    program: Program, tmp_path: Path
) -> None:
    """It has the program's output open, so its end cannot be waited for."""
    told = tmp_path / "pid"
    command = program(
        f"child = os.fork()\nif child: open({str(told)!r}, 'w').write(str(child))\nelse: time.sleep(600)"
    )
    began = asyncio.get_running_loop().time()
    assert await execute(command, timeout=30) is None
    assert asyncio.get_running_loop().time() - began < 10
    wait_until(lambda: not is_alive(int(told.read_text(encoding="ascii"))), what="the end of the child")


async def test_a_talkative_program_is_let_be_and_little_of_it_is_kept(program: Program) -> None:
    command = program("sys.stdout.write('x' * 3_000_000)\nsys.exit(int(sys.argv[1]))")
    assert await execute(command, "0") is None
    told = await execute(command, "1")
    assert told is not None
    assert len(told) == len(f"{command} ended with 1: ") + OUTPUT_KEPT


async def test_a_cancelled_hook_is_killed(program: Program, tmp_path: Path) -> None:
    told = tmp_path / "pid"
    command = program(f"open({str(told)!r}, 'w').write(str(os.getpid()) + '\\n')\ntime.sleep(600)")
    task = asyncio.create_task(execute(command))
    async with asyncio.timeout(20):
        while not (told.exists() and told.read_text(encoding="ascii").endswith("\n")):  # noqa: ASYNC110 - a file sets no event
            await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    wait_until(lambda: not is_alive(int(told.read_text(encoding="ascii"))), what="the end of the hook")


async def test_it_has_our_environment_and_a_session_of_its_own(program: Program, tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = program(f"open({str(told)!r}, 'w').write(f\"{{os.environ['PATH']}}\\n{{os.getsid(0)}}\")")
    assert await execute(command) is None
    path, session = told.read_text(encoding="utf-8").split("\n")
    assert path == os.environ["PATH"]
    assert int(session) != os.getsid(0)


# ---- HTTP


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/hook"
    finally:
        await runner.cleanup()


async def post(url: str, timeout: float = 20.0) -> str | None:
    return await call(Hook(call=HttpCall(url=url), timeout=timedelta(seconds=timeout)))


def masked(url: str) -> str:
    """As the journal and the log have it."""
    return url.removesuffix("hook") + "..."


async def test_a_url_gets_the_event_as_json() -> None:
    seen: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((request.content_type, await request.json()))
        return web.Response(status=204)

    async with serving(take) as url:
        assert await post(url) is None
    assert seen == [("application/json", DOCUMENT)]


@pytest.mark.parametrize("status", [404, 500])
async def test_an_answer_that_is_not_good_is_told(status: int) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=status)

    async with serving(refuse) as url:
        assert await post(url) == f"{masked(url)} answered {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """It would carry the event to somebody whom the manifest does not name."""
    asked: list[str] = []

    async def send_on(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return web.Response(status=status, headers={"Location": "/hook?again=1"})

    async with serving(send_on) as url:
        assert await post(url) == f"{masked(url)} answered {status}"
    assert asked == ["/hook"]


# The manifest refuses a user name and a password in an address; they are masked all the same.
SECRET = "s3cr3t"


async def refused(scheme: str, place: str) -> str | None:
    return await post(f"{scheme}://ada:{SECRET}@{place}/services/{SECRET}?token={SECRET}#{SECRET}")


async def test_an_address_with_a_secret_is_masked_whatever_goes_wrong(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        assert SECRET in request.path_qs
        return web.Response(status=401, reason="who are you")

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 this is no HTTP\r\n\r\n")
        await writer.drain()
        writer.close()

    caplog.set_level(logging.DEBUG)
    told = []
    async with serving(refuse) as url:
        told.append(await refused("http", url.split("/")[2]))
    server = await asyncio.start_server(babble, "127.0.0.1", port := free_port())
    async with server:
        told.append(await refused("http", f"127.0.0.1:{port}"))
        told.append(await refused("https", f"127.0.0.1:{port}"))
    told.append(await refused("http", f"127.0.0.1:{free_port()}"))
    told.append(await refused("http", "127.0.0.1:99999"))

    for words in told:
        assert words is not None
        assert words.startswith(("http://127.0.0.1:", "https://127.0.0.1:"))
        assert SECRET not in words
        assert "ada" not in words
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example.com", "https://hooks.example.com"),
        ("https://hooks.example.com:8443/", "https://hooks.example.com:8443"),
        ("https://hooks.example.com/services/T0/B0/x", "https://hooks.example.com/..."),
        ("https://hooks.example.com/?token=x", "https://hooks.example.com/..."),
        ("http://ada:x@[2001:db8::1]:80/x", "http://[2001:db8::1]:80/..."),
    ],
)
def test_what_is_shown_of_an_address(url: str, shown: str) -> None:
    assert shown_url(url) == shown


async def test_a_silent_url_is_left_at_its_limit() -> None:
    done = asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    async with serving(wait) as url:
        try:
            assert await post(url, timeout=0.3) == f"{masked(url)} did not answer within 0.3 s"
        finally:
            done.set()


async def test_a_url_where_nobody_listens_is_told() -> None:
    url = f"http://127.0.0.1:{free_port()}/hook"
    told = await post(url)
    assert told is not None
    assert told.startswith(f"{masked(url)} cannot be reached: ")


async def test_a_proxy_of_the_environment_does_not_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response()

    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    async with serving(take) as url:
        assert await post(url) is None


# ---- several attempts


@dataclass(kw_only=True)
class Scene:
    """Hooks under a clock that the test moves."""

    answers: list[int]
    timeout: float = 5.0
    retries: int = 2
    clock: FakeClock = field(default_factory=FakeClock)
    asked_at: list[float] = field(default_factory=list)

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked_at.append(self.clock.monotonic())
        return web.Response(status=self.answers[len(self.asked_at) - 1])

    async def called(self) -> Called:
        """What came of the hook, with time going on whenever somebody waits for it."""
        async with serving(self._answer) as url:
            hook = Hook(call=HttpCall(url=url), timeout=timedelta(seconds=self.timeout), retries=self.retries)
            hooks = Hooks(clock=self.clock, stop_server=nobody_stops)
            task = asyncio.create_task(hooks.run(hook, EVENT))
            async with asyncio.timeout(20):
                while not task.done():
                    if self.clock.sleepers:
                        await self.clock.advance(PAUSE)
                    await asyncio.sleep(0.005)
            return await task


async def test_what_failed_is_tried_again_after_a_pause_and_the_attempts_are_told() -> None:
    scene = Scene(answers=[503, 503, 200])
    called = await scene.called()
    assert called.went_well
    assert called.detail.startswith("attempts 1 to 2 of 3: http://127.0.0.1:")
    assert called.detail.endswith(" answered 503; attempt 3 of 3: went well")
    first = scene.asked_at[0]
    assert scene.asked_at == [first, first + PAUSE, first + 2 * PAUSE]


async def test_there_are_no_more_attempts_than_were_asked_for() -> None:
    scene = Scene(answers=[500, 502, 503, 200])
    called = await scene.called()
    assert not called.went_well
    assert [part.split(": ")[0] for part in called.detail.split("; ")] == [
        "attempt 1 of 3",
        "attempt 2 of 3",
        "attempt 3 of 3",
    ]
    assert len(scene.asked_at) == 3


async def test_one_that_goes_well_is_not_tried_again() -> None:
    scene = Scene(answers=[200])
    assert await scene.called() == Called(went_well=True)
    assert len(scene.asked_at) == 1


async def test_each_attempt_has_the_whole_limit(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    command = str(shell(tmp_path / "hook", f"printf x >> '{marks}'; exec sleep 600"))
    hook = Hook(call=ExecCall(command=(command,)), timeout=timedelta(seconds=1.5), retries=1)
    told = await call(hook)
    assert told == f"attempts 1 to 2 of 2: {command} did not end within 1.5 s and was killed"
    assert marks.read_text(encoding="ascii") == "xx"


# ---- rlmdown


async def test_rlmdown_is_about_the_server_that_is_left() -> None:
    asked: list[tuple[Server, timedelta]] = []

    async def stops(server: Server, *, limit: timedelta) -> Called:
        asked.append((server, limit))
        return Called(went_well=True, detail="rlm1 was told to stop")

    hook = Hook(call=RlmdownCall(), timeout=timedelta(seconds=7), required=False)
    called = await Hooks(clock=SystemClock(), stop_server=stops).run(hook, EVENT)
    assert called == Called(went_well=True, detail="rlm1 was told to stop")
    assert asked == [(RLM1, timedelta(seconds=7))]


async def test_rlmdown_without_a_server_to_leave_stops_nobody() -> None:
    hook = Hook(call=RlmdownCall(), required=False)
    hooks = Hooks(clock=SystemClock(), stop_server=nobody_stops)
    called = await hooks.run(hook, replace(EVENT, source=None))
    assert called == Called(went_well=False, detail="there is no server to stop")
