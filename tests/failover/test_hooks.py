"""Hooks on real programs and a real HTTP server."""

import asyncio
import json
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rlm_exporter.failover.hooks import OUTPUT_KEPT, Hooks
from rlm_exporter.manifest.model import ExecCall, Hook, HttpCall
from tests.ports import free_port
from tests.simulated import wait_until

pytestmark = pytest.mark.row(35)

EVENT = {"event": "failover", "from": "rlm1", "to": "rlm2", "reason": "rlm1 'is' $HOME; down\n"}

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


async def execute(*command: str, timeout: float = 20.0) -> str | None:
    hook = Hook(call=ExecCall(command=command), timeout=timedelta(seconds=timeout))
    return await Hooks().run(hook, EVENT)


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
    assert json.loads(seen.read_text(encoding="utf-8")) == EVENT


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


async def test_one_that_overruns_is_killed_with_its_children(program: Program, tmp_path: Path) -> None:
    told = tmp_path / "pids"
    command = program(
        f"child = os.fork()\nopen({str(told)!r}, 'a').write(f'{{os.getpid()}}\\n')\ntime.sleep(600)",
    )
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
    app.router.add_post("/hook", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/hook"
    finally:
        await runner.cleanup()


async def post(url: str, timeout: float = 20.0) -> str | None:
    return await Hooks().run(Hook(call=HttpCall(url=url), timeout=timedelta(seconds=timeout)), EVENT)


async def test_a_url_gets_the_event_as_json() -> None:
    seen: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((request.content_type, await request.json()))
        return web.Response(status=204)

    async with serving(take) as url:
        assert await post(url) is None
    assert seen == [("application/json", EVENT)]


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_an_answer_that_is_not_good_is_told(status: int) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "http://127.0.0.1:1/"})

    async with serving(refuse) as url:
        assert await post(url) == f"{url} answered {status}"


async def test_a_silent_url_is_left_at_its_limit() -> None:
    done = asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    async with serving(wait) as url:
        try:
            assert await post(url, timeout=0.3) == f"{url} did not answer within 0.3 s"
        finally:
            done.set()


async def test_a_url_where_nobody_listens_is_told() -> None:
    url = f"http://127.0.0.1:{free_port()}/hook"
    told = await post(url)
    assert told is not None
    assert told.startswith(f"{url} cannot be reached: ")


async def test_a_proxy_of_the_environment_does_not_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response()

    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    async with serving(take) as url:
        assert await post(url) is None
