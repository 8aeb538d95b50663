"""A simulated RLM server: rlm with its main port and web interface, and one child process per ISV server.

It runs in a process group of its own, so that a signal to the group stops or kills rlm together with its ISV
servers; killed alone, it takes them with it.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence

from rlm_exporter.errors import FormatError, RlmExporterError
from rlm_exporter.simulator.children import Household, IsvChild
from rlm_exporter.simulator.clock import LocalClock
from rlm_exporter.simulator.listener import Listener, read_line, send
from rlm_exporter.simulator.main_port import MainPort
from rlm_exporter.simulator.mode import Behaviour, Gate, Mode
from rlm_exporter.simulator.options import Options, read_options
from rlm_exporter.simulator.plan import ServerPlan
from rlm_exporter.simulator.protocol import Message, amount, decode, encode, text
from rlm_exporter.simulator.records import DebugLog, Ledger
from rlm_exporter.simulator.standby import Standby
from rlm_exporter.simulator.tether import LONGEST_LINE, tether_cut
from rlm_exporter.simulator.text import Place
from rlm_exporter.simulator.web import Web

ASK_LIMIT_SECONDS = 5


class RlmServer:
    """rlm, its listeners and its children. `reload` gives the plan as it is now."""

    def __init__(self, plan: ServerPlan, *, reload: Callable[[], ServerPlan]) -> None:
        self._plan = plan
        self._reload = reload
        self._control_server: asyncio.Server | None = None
        clock = LocalClock.starting_at(plan.begins)
        self._debug_log = DebugLog(plan.dlog, speaker="rlm", clock=clock)
        self._gate = Gate()
        self._stop = asyncio.Event()
        self._stopped_by = os.environ.get("USER", "nobody"), socket.gethostname()
        household = Household(
            server=plan.name,
            host=plan.host,
            style=plan.style,
            clock=clock,
            ledger=plan.ledger,
            dlog=plan.dlog,
        )
        self._children = {isv.name: IsvChild(isv, household=household) for isv in plan.isvs}
        self._main = MainPort(
            place=Place(host=plan.name, port=plan.port),
            host_line=plan.host_line,
            children=self._children,
            gate=self._gate,
            debug_log=self._debug_log,
            rlm=self,
            wording=plan.style.wording,
            clock=clock,
        )
        self._listeners = [Listener(host=plan.host, port=plan.port, serve=self._main.serve)]
        self._web: Listener | None = None
        if plan.web_port is not None:
            web = Web(status=self._status_page, gate=self._gate)
            self._web = Listener(
                host=plan.host, port=plan.web_port, serve=web.serve, certificate=plan.web_certificate
            )
            self._listeners.append(self._web)

    async def run(self, *, tethered: bool) -> None:
        """Serve until told to stop; a line is printed once every port listens."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(child.keep()) for child in self._children.values()]
            if self._plan.standby is not None:
                standby = Standby(self._plan.standby, stand_by=self._stand_by, log=self._debug_log.write)
                tasks.append(group.create_task(standby.run()))
            if tethered:
                tasks.append(group.create_task(self._stop_with_tether()))
            sys.stdout.write(f"{self._ready_line()}\n")
            sys.stdout.flush()
            await self._stop.wait()
            for task in tasks:
                task.cancel()

    def _ready_line(self) -> str:
        plan = self._plan
        web = "" if plan.web_port is None else f" web={plan.web_port}"
        isvs = "".join(f" {name}={child.port}" for name, child in self._children.items())
        return f"ready {plan.name} port={plan.port}{web}{isvs} pid={os.getpid()}"

    async def open(self) -> None:
        """Open every port; OSError or RlmExporterError if one is taken."""
        for listener in self._listeners:
            await listener.open()
        for child in self._children.values():
            if self._plan.standby is not None:
                await child.stand_by(True)
            await child.start()
        control = self._plan.control
        if control is not None:
            control.unlink(missing_ok=True)
            self._control_server = await asyncio.start_unix_server(self._serve_control, control)

    async def close(self) -> None:
        """Close every port and end the ISV servers."""
        for listener in self._listeners:
            listener.close()
        user, host = self._stopped_by
        running = [child for child in self._children.values() if child.running]
        async with asyncio.TaskGroup() as group:
            for child in running:
                group.create_task(child.end(user=user, host=host))
        for child in running:
            Ledger(self._plan.ledger, server=self._plan.name, isv=child.plan.name).write("shutdown")
        if self._control_server is not None and self._plan.control is not None:
            self._control_server.close()
            self._plan.control.unlink(missing_ok=True)

    async def shut_down(self, isv: str, *, user: str, host: str) -> None:
        """End one ISV server, or everything."""
        if isv:
            await self._children[isv].end(user=user, host=host)
        else:
            self._stopped_by = user, host
            self._stop.set()

    async def reread(self, isv: str, *, user: str, host: str) -> None:
        """Read the scenario again; what is wrong with it now is logged, and then the old one goes on."""
        try:
            plans = {plan.name: plan for plan in self._reload().isvs}
        except (FormatError, OSError) as error:
            self._debug_log.write(f"ERROR: {error}")
            plans = {}
        for name, child in self._children.items():
            if isv in ("", name):
                await child.reread(plans.get(name), user=user, host=host)

    async def _stop_with_tether(self) -> None:
        await tether_cut()
        self._stop.set()

    async def _stand_by(self, waiting: bool) -> None:
        for child in self._children.values():
            await child.stand_by(waiting)

    async def _behave(self, behaviour: Behaviour) -> None:
        self._gate.set(behaviour)
        for child in self._children.values():
            await child.behave(behaviour)
        for listener in self._listeners:
            is_dead = behaviour.mode is Mode.WEB_DEAD and listener is self._web
            if behaviour.mode is Mode.REFUSE or is_dead:
                listener.close()
            else:
                await listener.open()

    async def _serve_control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, TimeoutError):
            while line := await read_line(reader):
                await send(writer, await self._controlled(line))

    async def _controlled(self, line: bytes) -> Message:
        try:
            order = decode(line)
            behaviour = Behaviour(mode=Mode(text(order, "mode")), seconds=amount(order, "seconds"))
            await self._behave(behaviour)
        except (FormatError, ValueError, OSError, RlmExporterError) as error:
            return {"server": self._plan.name, "error": str(error)}
        return {"server": self._plan.name, "mode": behaviour.mode.value}

    async def _status_page(self) -> str:
        answers = [
            await _pools_of(self._plan.host, child.port)
            for child in self._children.values()
            if child.row.running
        ]
        return "\n".join(answers)


async def _pools_of(host: str, port: int) -> str:
    try:
        async with asyncio.timeout(ASK_LIMIT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, limit=LONGEST_LINE)
            with contextlib.closing(writer):
                writer.write(encode({"op": "rlmstat", "sections": "pools,usage"}))
                await writer.drain()
                return text(decode(await reader.readline()), "text")
    except (OSError, TimeoutError, FormatError) as error:
        return f"The ISV server on port {port} does not answer: {error}"


async def _run(options: Options) -> int:
    server = RlmServer(options.plan, reload=options.reload)
    try:
        await server.open()
    except (OSError, RlmExporterError) as error:
        sys.stderr.write(f"{options.plan.name} cannot start: {error}\n")
        await server.close()
        return 1
    try:
        await server.run(tethered=options.tethered)
    finally:
        await server.close()
    return 0


def main(argv: Sequence[str]) -> int:
    """Run one server in the foreground, until a signal or `rlmutil rlmdown`."""
    options = read_options(argv)
    if os.getpgrp() != os.getpid():
        os.setsid()
    return asyncio.run(_run(options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
