"""Runs hooks: a program with the event as JSON on its stdin, or a POST of the same JSON. Never a shell."""

import json
import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from rlm_exporter.failover.calls import Called, CallEvent, SettingsEvent, sum_up
from rlm_exporter.failover.ports import Clock, StopServer
from rlm_exporter.manifest.model import ExecCall, Hook, HttpCall, RlmdownCall
from rlm_exporter.probe import child

HookEvent = CallEvent | SettingsEvent

OUTPUT_KEPT = 2000
"""Bytes of a program's output that go into the journal."""

PAUSE = 1.0
"""Seconds between attempts at one call."""


class Hooks:
    """Calls outside, each attempt with its limit. What a program leaves running is killed when it ends or
    overruns, with its whole process group."""

    def __init__(self, *, clock: Clock, stop_server: StopServer) -> None:
        self._clock = clock
        self._stop_server = stop_server

    async def run(self, hook: Hook, event: HookEvent) -> Called:
        """Call until it goes well or no attempt is left."""
        allowed = hook.retries + 1
        attempts = [await self._attempt(hook, event)]
        while not attempts[-1].went_well and len(attempts) < allowed:
            await self._clock.sleep(PAUSE)
            attempts.append(await self._attempt(hook, event))
        return sum_up(attempts, allowed=allowed)

    async def _attempt(self, hook: Hook, event: HookEvent) -> Called:
        match hook.call:
            case ExecCall(command=command):
                return await _execute(command, event, hook.timeout)
            case HttpCall(url=url):
                return await _post(url, event, hook.timeout.total_seconds())
            case RlmdownCall():
                if not isinstance(event, CallEvent) or event.source is None:
                    return Called(went_well=False, detail="there is no server to stop")
                return await self._stop_server(event.source, limit=hook.timeout)


async def _execute(command: tuple[str, ...], event: HookEvent, limit: timedelta) -> Called:
    try:
        ended = await child.run(
            command,
            cwd=Path.cwd(),
            environment=os.environ,
            timeout=limit,
            limit=OUTPUT_KEPT,
            given=json.dumps(event.document()).encode(),
            talkative=True,
        )
    except OSError as error:
        return _failed(f"{command[0]} cannot be started: {error.strerror or error}")
    if ended.cut is child.Cut.TIMEOUT:
        return _failed(f"{command[0]} did not end within {limit.total_seconds():g} s and was killed")
    if ended.status == 0:
        return Called(went_well=True)
    told = (ended.output + ended.errors)[:OUTPUT_KEPT].decode("utf-8", "replace").strip()
    return _failed(f"{command[0]} ended with {ended.status}" + (f": {told}" if told else ""))


async def _post(url: str, event: HookEvent, limit: float) -> Called:
    timeout = aiohttp.ClientTimeout(total=limit)
    shown = shown_url(url)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.post(url, json=event.document(), allow_redirects=False) as response,
        ):
            if response.status < 300:
                return Called(went_well=True)
            return _failed(f"{shown} answered {response.status}")
    except TimeoutError:
        return _failed(f"{shown} did not answer within {limit:g} s")
    except aiohttp.InvalidURL:
        # Its own words are the whole address, as they hold it in the next one.
        return _failed(f"{shown} is no address that can be called")
    except aiohttp.ClientResponseError as error:
        return _failed(f"{shown} answered what is not HTTP: {error.message}")
    except (aiohttp.ClientError, OSError) as error:
        return _failed(f"{shown} cannot be reached: {error}")


def shown_url(url: str) -> str:
    """A hook's address without what may be secret in it.

    That is all but scheme, host and port: many services have their token in the path.
    """
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    more = "/..." if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{place}{more}"


def _failed(detail: str) -> Called:
    return Called(went_well=False, detail=detail)
