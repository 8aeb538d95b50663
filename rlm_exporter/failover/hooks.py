"""Runs hooks: a program with the event as JSON on its stdin, or a POST of the same JSON. Never a shell."""

import asyncio
import contextlib
import json
import os
import signal
from typing import Any

import aiohttp

from rlm_exporter.manifest.model import ExecCall, Hook, HttpCall

OUTPUT_KEPT = 2000
"""Characters of a program's output that go into the journal."""


class Hooks:
    """Calls outside, each with its limit; what overruns is killed with its whole process group."""

    async def run(self, hook: Hook, event: dict[str, Any]) -> str | None:
        """None when the hook went well, else what went wrong, in words."""
        match hook.call:
            case ExecCall(command=command):
                return await _execute(command, event, hook.timeout.total_seconds())
            case HttpCall(url=url):
                return await _post(url, event, hook.timeout.total_seconds())


async def _execute(command: tuple[str, ...], event: dict[str, Any], limit: float) -> str | None:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return f"{command[0]} cannot be started: {error.strerror or error}"
    try:
        async with asyncio.timeout(limit):
            output, _ = await process.communicate(json.dumps(event).encode())
    except TimeoutError:
        return f"{command[0]} did not end within {limit:g} s and was killed"
    finally:
        await _kill(process)
    if process.returncode == 0:
        return None
    told = output[:OUTPUT_KEPT].decode("utf-8", "replace").strip()
    return f"{command[0]} ended with {process.returncode}" + (f": {told}" if told else "")


async def _kill(process: asyncio.subprocess.Process) -> None:
    # The group may outlive its leader, which is why it is killed even when the leader has ended.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.returncode is None:
        await process.wait()


async def _post(url: str, event: dict[str, Any], limit: float) -> str | None:
    timeout = aiohttp.ClientTimeout(total=limit)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.post(url, json=event, allow_redirects=False) as response,
        ):
            if response.status < 300:
                return None
            return f"{url} answered {response.status}"
    except TimeoutError:
        return f"{url} did not answer within {limit:g} s"
    except (aiohttp.ClientError, OSError) as error:
        return f"{url} cannot be reached: {error}"
