"""An ISV server as rlm sees it: a child process that is started, told how to behave, and started again."""

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import cast

from rlm_exporter.errors import RlmExporterError
from rlm_exporter.rlm.status import IsvServer
from rlm_exporter.simulator.launch import python_command
from rlm_exporter.simulator.mode import Behaviour, Mode
from rlm_exporter.simulator.plan import IsvPlan, isv_argument
from rlm_exporter.simulator.protocol import Message, decode, encode, text
from rlm_exporter.simulator.records import DebugLog

START_LIMIT_SECONDS = 15
"""For a Python process to come up on a loaded machine."""
ORDER_LIMIT_SECONDS = 5


class IsvChild:
    """One ISV server's process. `keep` starts it again when it dies, unless it has been forbidden."""

    def __init__(
        self, *, server: str, host: str, plan: IsvPlan, ledger: Path | None, dlog: Path | None
    ) -> None:
        self.plan = plan
        self._command = python_command(
            "isv", "--name", server, "--host", host, "--isv", isv_argument(plan),
            *(("--ledger", str(ledger)) if ledger else ()),
            *(("--dlog", str(dlog)) if dlog else ()),
        )  # fmt: skip
        self._debug_log = DebugLog(dlog, speaker="rlm")
        self._process: Process | None = None
        self._behaviour = Behaviour()
        self._allowed = asyncio.Event()
        self._turn = asyncio.Lock()
        self._restarts = 0

    @property
    def running(self) -> bool:
        """Whether its process lives; one stopped by a signal does."""
        return self._process is not None and self._process.returncode is None

    @property
    def row(self) -> IsvServer:
        """Its row in rlm's table."""
        return IsvServer(
            name=self.plan.name, port=self.plan.port, running=self.running, restarts=self._restarts
        )

    async def start(self) -> None:
        """Start the process and wait until its port listens; RlmExporterError if it cannot."""
        self._allowed.set()
        await self._ensure()

    async def keep(self) -> None:
        """Watch the process for ever; a dead one is started again and counted, as rlm does."""
        while True:
            await self._allowed.wait()
            try:
                process = await self._ensure()
            except RlmExporterError:
                self._debug_log.write(f"{self.plan.name} initialization error: 1, not restarting")
                self._allowed.clear()
                continue
            if process is None:
                continue
            await process.wait()
            if self._allowed.is_set() and process is self._process:
                self._restarts += 1

    async def behave(self, behaviour: Behaviour) -> None:
        """Change over; returns when the ISV server has done so, or has died."""
        self._behaviour = behaviour
        if behaviour.mode is Mode.ISV_DEAD:
            await self.forbid()
            return
        await self.start()
        async with self._turn:
            if self._process is not None:
                await self._tell(self._process)

    async def forbid(self) -> None:
        """Kill the process and leave it dead until `start`."""
        self._allowed.clear()
        async with self._turn:
            if self._process is not None:
                await _kill(self._process)

    async def _ensure(self) -> Process | None:
        """The living process; None if it has been forbidden meanwhile."""
        async with self._turn:
            if not self._allowed.is_set():
                return None
            if self._process is None or not self.running:
                self._process = await self._started()
            return self._process

    async def _started(self) -> Process:
        process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE)
        try:
            async with asyncio.timeout(START_LIMIT_SECONDS):
                first = await _reply(process)
        except TimeoutError:
            first = {"failed": f"not ready within {START_LIMIT_SECONDS} s"}
        except asyncio.CancelledError:
            await _kill(process)
            raise
        if "ready" not in first:
            await _kill(process)
            raise RlmExporterError(f"ISV server {self.plan.name}: {text(first, 'failed')}")
        self._debug_log.write(f"Starting ISV server {self.plan.name} on port {self.plan.port}")
        if self._behaviour.mode is not Mode.OK:
            await self._tell(process)
        return process

    async def _tell(self, process: Process) -> None:
        stdin = cast("asyncio.StreamWriter", process.stdin)  # a pipe was asked for
        order: Message = {"mode": self._behaviour.mode.value, "seconds": self._behaviour.seconds}
        with contextlib.suppress(ConnectionError, TimeoutError):  # dead, or stopped by a signal
            async with asyncio.timeout(ORDER_LIMIT_SECONDS):
                stdin.write(encode(order))
                await stdin.drain()
                await _reply(process)


async def _reply(process: Process) -> Message:
    stdout = cast("asyncio.StreamReader", process.stdout)  # a pipe was asked for
    line = await stdout.readline()
    return decode(line) if line else {"failed": "ended before it was ready"}


async def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
