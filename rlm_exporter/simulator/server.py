"""A simulated RLM server: rlm with its main port and web interface, and one child process per ISV server.

It runs in a process group of its own, so that a signal to the group stops or kills rlm together with its ISV
servers; killed alone, it takes them with it.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rlm_exporter.errors import FormatError, RlmExporterError
from rlm_exporter.simulator.children import IsvChild
from rlm_exporter.simulator.listener import Listener, read_line, send
from rlm_exporter.simulator.main_port import MainPort
from rlm_exporter.simulator.mode import Behaviour, Gate, Mode
from rlm_exporter.simulator.plan import parse_isv, parse_port
from rlm_exporter.simulator.protocol import Message, amount, decode, encode, text
from rlm_exporter.simulator.records import DebugLog, Ledger
from rlm_exporter.simulator.tether import tether_cut
from rlm_exporter.simulator.text import Place
from rlm_exporter.simulator.web import Web

ASK_LIMIT_SECONDS = 5


class RlmServer:
    """rlm, its listeners and its children."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._name: str = options.name
        self._host: str = options.host
        self._control: Path | None = options.control
        self._control_server: asyncio.Server | None = None
        self._ledger: Path | None = options.ledger
        self._debug_log = DebugLog(options.dlog, speaker="rlm")
        self._gate = Gate()
        self._stop = asyncio.Event()
        self._children = {
            plan.name: IsvChild(
                server=options.name, host=options.host, plan=plan, ledger=options.ledger, dlog=options.dlog
            )
            for plan in options.isv
        }
        self._main = MainPort(
            place=Place(host=options.name, port=options.port),
            host_line=options.host_line,
            children=self._children,
            gate=self._gate,
            debug_log=self._debug_log,
            shut_down=self._shut_down,
        )
        self._listeners = [Listener(host=options.host, port=options.port, serve=self._main.serve)]
        if options.web_port is not None:
            web = Web(status=self._status_page, gate=self._gate)
            self._listeners.append(Listener(host=options.host, port=options.web_port, serve=web.serve))

    async def run(self, *, ready: str, tethered: bool) -> None:
        """Serve until told to stop; `ready` is printed once every port listens."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(child.keep()) for child in self._children.values()]
            if tethered:
                tasks.append(group.create_task(self._stop_with_tether()))
            sys.stdout.write(f"{ready}\n")
            sys.stdout.flush()
            await self._stop.wait()
            for task in tasks:
                task.cancel()

    async def open(self) -> None:
        """Open every port; OSError or RlmExporterError if one is taken."""
        for listener in self._listeners:
            await listener.open()
        for child in self._children.values():
            await child.start()
        if self._control is not None:
            self._control.unlink(missing_ok=True)
            self._control_server = await asyncio.start_unix_server(self._serve_control, self._control)

    async def close(self) -> None:
        """Close every port and end the ISV servers."""
        for listener in self._listeners:
            listener.close()
        for child in self._children.values():
            if child.running:
                await child.forbid()
                Ledger(self._ledger, server=self._name, isv=child.plan.name).write("shutdown")
        if self._control_server is not None and self._control is not None:
            self._control_server.close()
            self._control.unlink(missing_ok=True)

    async def _stop_with_tether(self) -> None:
        await tether_cut()
        self._stop.set()

    async def _behave(self, behaviour: Behaviour) -> None:
        self._gate.set(behaviour)
        for child in self._children.values():
            await child.behave(behaviour)
        for listener in self._listeners:
            if behaviour.mode is Mode.REFUSE:
                listener.close()
            else:
                await listener.open()

    async def _shut_down(self, isv: str) -> None:
        if isv:
            await self._children[isv].forbid()
        else:
            self._stop.set()

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
            return {"server": self._name, "error": str(error)}
        return {"server": self._name, "mode": behaviour.mode.value}

    async def _status_page(self) -> str:
        answers = [
            await _pools_of(self._host, child.plan.port)
            for child in self._children.values()
            if child.row.running
        ]
        return "\n".join(answers)


async def _pools_of(host: str, port: int) -> str:
    try:
        async with asyncio.timeout(ASK_LIMIT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            with contextlib.closing(writer):
                writer.write(encode({"op": "rlmstat", "sections": "pools,usage"}))
                await writer.drain()
                return text(decode(await reader.readline()), "text")
    except (OSError, TimeoutError, FormatError) as error:
        return f"The ISV server on port {port} does not answer: {error}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="server", description=__doc__)
    parser.add_argument("--name", required=True, help="the name it gives in every reply, such as rlm1")
    parser.add_argument("--host", required=True, help="address to listen on")
    parser.add_argument("--port", required=True, type=parse_port, help="the main port (rlm's own is 5053)")
    parser.add_argument("--web-port", type=parse_port, help="the web interface; none without this")
    parser.add_argument(
        "--isv", required=True, action="append", type=parse_isv,
        metavar="NAME:PORT=PRODUCT:VERSION:COUNT[:EXPIRES],...", help="an ISV server; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--host-line", default="", metavar="NAME",
        help="name of the ISV server's host handed to clients; without it, the name that they used",
    )  # fmt: skip
    parser.add_argument("--control", type=Path, metavar="SOCKET", help="unix socket to change the mode by")
    parser.add_argument(
        "--ledger", type=Path, metavar="FILE", help="JSON lines: checkouts, checkins, denials"
    )
    parser.add_argument("--dlog", type=Path, metavar="FILE", help="debug log; standard error without this")
    parser.add_argument("--tethered", action="store_true", help="stop when standard input is closed")
    return parser


def _ready_line(options: argparse.Namespace) -> str:
    web = "" if options.web_port is None else f" web={options.web_port}"
    isvs = "".join(f" {plan.name}={plan.port}" for plan in options.isv)
    return f"ready {options.name} port={options.port}{web}{isvs} pid={os.getpid()}"


async def _run(options: argparse.Namespace) -> int:
    server = RlmServer(options)
    try:
        await server.open()
    except (OSError, RlmExporterError) as error:
        sys.stderr.write(f"{options.name} cannot start: {error}\n")
        await server.close()
        return 1
    try:
        await server.run(ready=_ready_line(options), tethered=options.tethered)
    finally:
        await server.close()
    return 0


def main(argv: Sequence[str]) -> int:
    """Run one server in the foreground, until a signal or `rlmutil rlmdown`."""
    options = _parser().parse_args(argv)
    if os.getpgrp() != os.getpid():
        os.setsid()
    return asyncio.run(_run(options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
