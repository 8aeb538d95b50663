"""An ISV server as rlm sees it: a child process that is started, told how to behave, and started again."""

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from rlm_exporter.errors import FormatError, RlmExporterError
from rlm_exporter.rlm.status import IsvServer
from rlm_exporter.simulator.clock import LocalClock
from rlm_exporter.simulator.launch import python_command
from rlm_exporter.simulator.mode import Behaviour, Mode
from rlm_exporter.simulator.plan import IsvPlan
from rlm_exporter.simulator.protocol import Message, decode, encode, number, text
from rlm_exporter.simulator.records import DebugLog
from rlm_exporter.simulator.scenario import isv_document
from rlm_exporter.simulator.style import Style
from rlm_exporter.simulator.tether import LONGEST_LINE

START_LIMIT_SECONDS = 15
"""For a Python process to come up on a loaded machine."""
ORDER_LIMIT_SECONDS = 5
END_LIMIT_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """What all ISV servers of one rlm have in common."""

    server: str
    host: str
    style: Style
    clock: LocalClock
    ledger: Path | None
    dlog: Path | None


class IsvChild:
    """One ISV server's process. `keep` starts it again when it dies, unless it has been forbidden."""

    def __init__(self, plan: IsvPlan, *, household: Household) -> None:
        self.plan = plan
        self._household = household
        self._debug_log = DebugLog(household.dlog, speaker="rlm", clock=household.clock)
        self._process: Process | None = None
        self._behaviour = Behaviour()
        self._waiting = False
        self._port = plan.port
        self._allowed = asyncio.Event()
        self._turn = asyncio.Lock()
        self._restarts = 0

    @property
    def port(self) -> int:
        """Where it listens now, or did last."""
        return self._port

    @property
    def running(self) -> bool:
        """Whether its process lives; one stopped by a signal does."""
        return self._process is not None and self._process.returncode is None

    @property
    def row(self) -> IsvServer:
        """Its row in rlm's table."""
        return IsvServer(name=self.plan.name, port=self._port, running=self.running, restarts=self._restarts)

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
        await self._tell(_behave(behaviour))

    async def stand_by(self, waiting: bool) -> None:
        """Have no pools while the primary server is there."""
        self._waiting = waiting
        await self._tell(_stand_by(waiting))

    async def reread(self, plan: IsvPlan | None, *, user: str, host: str) -> None:
        """Build the pools anew, after another plan if there is one; its port needs a restart."""
        if plan is not None:
            self.plan = replace(plan, port=self.plan.port)
        document = {} if plan is None else {"isv": isv_document(self.plan)}
        await self._tell({"op": "reread", "user": user, "host": host, **document})

    async def end(self, *, user: str, host: str) -> None:
        """Let it end as it should, and leave it dead until `start`; kill one that does not answer."""
        self._allowed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_LIMIT_SECONDS):
                await self._tell({"op": "shutdown", "user": user, "host": host})
                if self._process is not None:
                    await self._process.wait()
        await self.forbid()

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
        process = await asyncio.create_subprocess_exec(
            *python_command("isv"), stdin=PIPE, stdout=PIPE, limit=LONGEST_LINE
        )
        try:
            async with asyncio.timeout(START_LIMIT_SECONDS):
                first = await _ask(process, self._setup())
        except (TimeoutError, ConnectionError):
            first = {"failed": f"not ready within {START_LIMIT_SECONDS} s"}
        except asyncio.CancelledError:
            await _kill(process)
            raise
        if "ready" not in first:
            await _kill(process)
            raise RlmExporterError(f"ISV server {self.plan.name}: {text(first, 'failed')}")
        self._port = number(first, "ready")
        self._debug_log.write(f"Starting ISV server {self.plan.name} on port {self._port}")
        if self._behaviour.mode is not Mode.OK:
            await _order(process, _behave(self._behaviour))
        if self._waiting:
            await _order(process, _stand_by(waiting=True))
        return process

    def _setup(self) -> Message:
        house = self._household
        return {
            "name": house.server,
            "host": house.host,
            "style": house.style.value,
            "ahead": house.clock.ahead.total_seconds(),
            "ledger": "" if house.ledger is None else str(house.ledger),
            "dlog": "" if house.dlog is None else str(house.dlog),
            "isv": isv_document(self.plan),
        }

    async def _tell(self, order: Message) -> None:
        async with self._turn:
            if self._process is not None:
                await _order(self._process, order)


def _behave(behaviour: Behaviour) -> Message:
    return {"op": "behave", "mode": behaviour.mode.value, "seconds": behaviour.seconds}


def _stand_by(waiting: bool) -> Message:
    return {"op": "stand-by", "waiting": "yes" if waiting else "no"}


async def _order(process: Process, order: Message) -> None:
    """Have it carried out; nothing where the process is dead, or stopped by a signal."""
    with contextlib.suppress(ConnectionError, TimeoutError, FormatError):
        async with asyncio.timeout(ORDER_LIMIT_SECONDS):
            await _ask(process, order)


async def _ask(process: Process, order: Message) -> Message:
    stdin = cast("asyncio.StreamWriter", process.stdin)  # pipes were asked for
    stdout = cast("asyncio.StreamReader", process.stdout)
    stdin.write(encode(order))
    await stdin.drain()
    line = await stdout.readline()
    return decode(line) if line else {"failed": "ended before it was ready"}


async def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
