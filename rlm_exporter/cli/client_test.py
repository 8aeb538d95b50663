"""`rlm-ha client-test`: how long a client waits when a server of its list is dead."""

import asyncio
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.manners import current_manners
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.sheet import Cell, Column, Sheet, Table, Tone
from rlm_exporter.cli.spans import read_span
from rlm_exporter.errors import ConfigurationError

if TYPE_CHECKING:
    from rlm_exporter.drill.first_answer import Case

# ruff: noqa: PLC0415 - what probes is imported when something is probed

DEATHS = {"machine": "is switched off", "program": "has no rlm running"}


@click.command("client-test")
@click.argument("servers", metavar="[LIST]", required=False)
@click.option("--connect-timeout", metavar="SECONDS", help="RLM_CONNECT_TIMEOUT of the clients.")
@click.option("--limit", callback=read_span, help="Fail where a client waits longer, such as 15s.")
@click.option("--rlmutil", type=click.Path(path_type=Path), help="The vendor's rlmutil.")
def client_test_command(
    servers: str | None, *, connect_timeout: str | None, limit: timedelta | None, rlmutil: Path | None
) -> int:
    """Measure how long a client with RLM_LICENSE=LIST waits for its first answer, each server dead in turn.

    Each server is asked through rlmutil. What a dead one costs is measured at ports of this machine that
    behave so; nothing is stopped. Without LIST it is that of the environment. Exit code 1 where a client
    would get no answer at all, or later than --limit.

    \b
    Examples:
      rlm-ha client-test 5053@rlm1.example.com:5053@rlm2.example.com
      rlm-ha client-test 5053@lb.example.com --connect-timeout 5 --limit 10s
    """
    from rlm_exporter.drill.asking import ask_each, cost_of_death
    from rlm_exporter.drill.first_answer import cases

    names, timeout, patience = _listed(servers, connect_timeout)
    program = _program(rlmutil)
    # rlmutil may try a server more than once.
    longest = 3 * patience + timedelta(seconds=10)

    async def measure() -> "tuple[Case, ...]":
        asked, cost = await asyncio.gather(
            ask_each(names, rlmutil=program, connect_timeout=timeout, limit=longest),
            cost_of_death(rlmutil=program, connect_timeout=timeout, limit=longest),
        )
        for each in asked:
            if not each.answered:
                click.echo(printable(f"{each.server}: {each.detail}"), err=True)
        return cases(asked, cost=cost)

    found = asyncio.run(measure())
    emit(_document(found, limit), lambda: _sheet(found, limit), manners=current_manners())
    return ExitCode.FAILED if any(_is_bad(case, limit) for case in found) else ExitCode.DONE


def _listed(servers: str | None, connect_timeout: str | None) -> tuple[list[str], str | None, timedelta]:
    """The servers to ask, RLM_CONNECT_TIMEOUT as it is set, and as RLM understands it."""
    from rlm_exporter.rlm.client_env import CONNECT_TIMEOUT, GENERIC, Setting, read_client_env

    listed = servers or os.environ.get(GENERIC, "")
    timeout = connect_timeout if connect_timeout is not None else os.environ.get(CONNECT_TIMEOUT)
    settings = [Setting(name=GENERIC, value=listed)]
    settings += [] if timeout is None else [Setting(name=CONNECT_TIMEOUT, value=timeout)]
    environment = read_client_env(settings)
    if not environment.connect_timeout.readable:
        raise click.UsageError(f"--connect-timeout {timeout!r}: write whole seconds")
    items = environment.lists[0].path.items
    names = [str(item.endpoint) for item in items if item.endpoint is not None]
    for item in items:
        if item.endpoint is None:
            click.echo(printable(f"not asked, for it is no port@host: {item.text}"), err=True)
    if not names:
        raise click.UsageError("there is no server to ask; give a LIST such as 5053@rlm1:5053@rlm2")
    return names, timeout, timedelta(seconds=environment.connect_timeout.seconds)


def _program(named: Path | None) -> Path:
    from rlm_exporter.probe.rlmutil import find_rlmutil
    from rlm_exporter.probe.rlmutil_program import MISSING

    found = find_rlmutil(named, os.environ, shutil.which)
    if found is None:
        raise ConfigurationError(MISSING)
    return found


def _is_bad(case: "Case", limit: timedelta | None) -> bool:
    return case.answered_by is None or (limit is not None and case.seconds > limit.total_seconds())


def _document(found: "tuple[Case, ...]", limit: timedelta | None) -> dict[str, Any]:
    return {
        "passed": not any(_is_bad(case, limit) for case in found),
        "cases": [
            {
                "dead": case.dead,
                "death": None if case.death is None else case.death.value,
                "seconds": round(case.seconds, 3),
                "answered_by": case.answered_by,
            }
            for case in found
        ],
    }


def _sheet(found: "tuple[Case, ...]", limit: timedelta | None) -> Sheet:
    rows = tuple(
        (
            Cell("nobody" if case.dead is None else case.dead),
            Cell("" if case.death is None else DEATHS[case.death.value]),
            Cell(f"{case.seconds:.1f}", Tone.BAD if _is_bad(case, limit) else Tone.GOOD),
            Cell(case.answered_by or "nobody: the client gets no license", Tone.PLAIN),
        )
        for case in found
    )
    columns = (
        Column(title="DEAD"),
        Column(title="HOW"),
        Column(title="SECONDS", right=True),
        Column(title="ANSWERED BY", long=True),
    )
    return (Table(columns=columns, rows=rows, wraps=True),)
