"""`rlm-ha simulate …`: the simulator's programs, each with the options of its own."""

from collections.abc import Callable, Sequence
from typing import Any

import click

_RAW: dict[str, Any] = {
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
    "help_option_names": [],
}


def _program(name: str, load: Callable[[], Callable[[list[str]], int]], help_text: str) -> click.Command:
    @click.command(name, context_settings=_RAW, help=help_text)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: Sequence[str]) -> int:
        return load()(list(arguments))

    return command


# ruff: noqa: PLC0415 - one of them runs; the others stay unread


def _load_server() -> Callable[[list[str]], int]:
    from rlm_exporter.simulator.server import main

    return main


def _load_clients() -> Callable[[list[str]], int]:
    from rlm_exporter.simulator.clients import main

    return main


def _load_rlmutil() -> Callable[[list[str]], int]:
    from rlm_exporter.simulator.rlmutil import main

    return main


def _load_control() -> Callable[[list[str]], int]:
    from rlm_exporter.simulator.control import main

    return main


server_command = _program("server", _load_server, "Run a simulated RLM server.")
clients_command = _program("clients", _load_clients, "Run a fleet of clients.")
rlmutil_command = _program("rlmutil", _load_rlmutil, "Ask a simulated server.")
control_command = _program("control", _load_control, "Make a simulated server ill.")
