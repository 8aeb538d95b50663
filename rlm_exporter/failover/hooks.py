"""Runs hooks: a program with the event as JSON on its stdin, or a POST of the same JSON. Never a shell."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from rlm_exporter.manifest.model import ExecCall, Hook, HttpCall
from rlm_exporter.probe import child

OUTPUT_KEPT = 2000
"""Bytes of a program's output that go into the journal."""


class Hooks:
    """Calls outside, each with its limit. What a program leaves running is killed when it ends or overruns,
    with its whole process group."""

    async def run(self, hook: Hook, event: dict[str, Any]) -> str | None:
        """None when the hook went well, else what went wrong, in words."""
        match hook.call:
            case ExecCall(command=command):
                return await _execute(command, event, hook.timeout)
            case HttpCall(url=url):
                return await _post(url, event, hook.timeout.total_seconds())


async def _execute(command: tuple[str, ...], event: dict[str, Any], limit: timedelta) -> str | None:
    try:
        ended = await child.run(
            command,
            cwd=Path.cwd(),
            environment=os.environ,
            timeout=limit,
            limit=OUTPUT_KEPT,
            given=json.dumps(event).encode(),
            talkative=True,
        )
    except OSError as error:
        return f"{command[0]} cannot be started: {error.strerror or error}"
    if ended.cut is child.Cut.TIMEOUT:
        return f"{command[0]} did not end within {limit.total_seconds():g} s and was killed"
    if ended.status == 0:
        return None
    told = (ended.output + ended.errors)[:OUTPUT_KEPT].decode("utf-8", "replace").strip()
    return f"{command[0]} ended with {ended.status}" + (f": {told}" if told else "")


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
