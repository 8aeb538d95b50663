"""Runs `rlm-ha` as its users do: a process of its own."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-W", "error", "-m", "rlm_exporter.cli")
LIMIT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What came of one run."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


def environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Of ours only what a program needs to start."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), **extra}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """One user's machine: an empty home, and variables."""

    home: Path

    async def start(self, *arguments: str, **variables: str) -> asyncio.subprocess.Process:
        """Start it, its output in pipes."""
        return await self.start_at(asyncio.subprocess.DEVNULL, *arguments, **variables)

    async def start_at(self, stdin: int, *arguments: str, **variables: str) -> asyncio.subprocess.Process:
        """Start it with somebody at its input, such as a terminal."""
        return await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(self.home, variables),
            cwd=self.home,
        )

    async def run(self, *arguments: str, **variables: str) -> Ended:
        """Run it to its end."""
        process = await self.start(*arguments, **variables)
        return await end_of(process)


async def end_of(process: asyncio.subprocess.Process, *, within: float | None = LIMIT) -> Ended:
    """Wait for its end; kills it when that takes too long."""
    try:
        async with asyncio.timeout(within):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(code=process.returncode, out=out.decode(), err=(err or b"").decode())
