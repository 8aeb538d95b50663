"""`rlm-ha sync licenses MANIFEST`: every server's license files as the masters have them."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from rlm_exporter.cli.chosen_cluster import load_cluster
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.interruption import Interrupted, run_to_good_order, tell_interrupted
from rlm_exporter.cli.manners import Format, current_manners
from rlm_exporter.cli.output import draw, emit
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.sync_sheet import document, losses, outcome_line, plan_sheet
from rlm_exporter.errors import ApiError, ConfigurationError
from rlm_exporter.manifest.model import Cluster, Server
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.rlmutil import RlmutilProbe, find_rlmutil
from rlm_exporter.probe.rlmutil_program import MISSING, RlmutilProgram
from rlm_exporter.sync.masters import read_masters
from rlm_exporter.sync.push import Pushed, Pusher
from rlm_exporter.sync.rounds import Seen, ask_whether_served, bring_in_step, look


@click.command("licenses")
@click.argument("manifest", type=click.Path(exists=True, path_type=Path))
@click.option("--cluster", "cluster_name", metavar="NAME", help="Which one, where the manifest has several.")
@click.option(
    "--masters",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The master files (default: spec.licenseMasters).",
)
@click.option("--server", "names", metavar="SERVER", multiple=True, help="Only this one; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Show what would change; exit code 1 when something would.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--no-reread", is_flag=True,
    help="Write alone: for servers that are stopped, or that you restart yourself.",
)  # fmt: skip
@click.option("--rlmutil", type=click.Path(path_type=Path), help="The vendor's rlmutil.")
def licenses_command(
    manifest: Path,
    *,
    cluster_name: str | None,
    masters: Path | None,
    names: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    no_reread: bool,
    rlmutil: Path | None,
) -> int:
    """Bring the master license files to the servers of MANIFEST.

    Each server gets its own HOST line; all else stays byte for byte. A file is linted, written whole or not
    at all, reread by rlm, and read back: a server that then shows other seats than its files grant gets the
    old files back. Standbys go first, and after one that got them back nobody else is touched.

    \b
    rlm-ha sync licenses cluster.yaml --dry-run
    rlm-ha sync licenses cluster.yaml --yes
    """
    cluster = load_cluster(manifest, cluster_name)
    servers = _servers(cluster, names)
    folder = _masters(cluster, masters)
    now = SystemClock().now()
    found = read_masters(folder, servers=[server.name for server in cluster.servers])
    seen = asyncio.run(look(cluster, servers, masters=found, now=now))
    tool = find_rlmutil(rlmutil, os.environ, shutil.which)
    if not no_reread:
        seen = _asked(seen, tool, now=now)
    manners = current_manners()
    shows_plan = manners.output is Format.TABLE
    if shows_plan:
        draw(plan_sheet(seen))
    if dry_run or not _may_go_on(seen, yes=yes):
        if not shows_plan:
            emit(document(cluster.name, seen, None), tuple, manners=manners)
        return ExitCode.DONE if _in_step(seen) else ExitCode.FAILED
    if tool is None and not no_reread:
        raise ConfigurationError(MISSING)
    try:
        pushed = run_to_good_order(_push(seen, tool, now=now, reread=not no_reread))
    except Interrupted as interrupted:
        return tell_interrupted(interrupted)
    if not shows_plan:
        emit(document(cluster.name, seen, pushed), tuple, manners=manners)
    return ExitCode.DONE if all(each.outcome.is_good for each in pushed) else ExitCode.FAILED


def _servers(cluster: Cluster, names: Sequence[str]) -> tuple[Server, ...]:
    chosen: list[Server] = []
    for name in names:
        server = cluster.find(name)
        if server is None:
            known = ", ".join(each.name for each in cluster.servers)
            raise ApiError(
                f"no server {name} in {cluster.name}; there are: {known}",
                status=None,
                exit_code=ExitCode.NOT_FOUND,
            )
        chosen.append(server)
    servers = tuple(each for each in cluster.servers if not chosen or each in chosen)
    without = [each.name for each in servers if each.license_sync is None]
    if without:
        raise ConfigurationError(
            f"{cluster.source}: {', '.join(without)}: licenseSync is missing: name the folder of the "
            "server's license files there, and how it is reached (folder, sftp)"
        )
    return servers


def _masters(cluster: Cluster, given: Path | None) -> Path:
    if given is not None:
        return given
    if cluster.license_masters is None:
        raise click.UsageError("say where the master files are: --masters, or spec.licenseMasters")
    return Path(cluster.license_masters)


def _in_step(seen: Sequence[Seen]) -> bool:
    return all(each.plan is not None and each.plan.in_step and not each.unserved for each in seen)


def _may_go_on(seen: Sequence[Seen], *, yes: bool) -> bool:
    """Whether there is something to do, and nobody has said no."""
    plans = [each.plan for each in seen if each.plan is not None and each.is_to_do]
    changing = [plan for plan in plans if not plan.refused]
    if not changing:
        return False
    for product in losses(changing):
        click.echo(printable(f"will be gone: {product}"), err=True)
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked whether that is right: say --yes, or --dry-run")
    listed = ", ".join(plan.server.name for plan in reversed(changing))
    verb = "Write to" if any(plan.changes for plan in changing) else "Have rlm read its files on"
    return click.confirm(f"{verb} {listed}?", err=True)


def _asked(seen: Sequence[Seen], tool: Path | None, *, now: datetime) -> tuple[Seen, ...]:
    """With what rlm serves, where the files are right: one that was never told to read them serves others."""
    if tool is None:
        return tuple(replace(each, unasked="there is no rlmutil here") for each in seen)

    async def ask() -> tuple[Seen, ...]:
        with _pusher(tool) as pusher:
            return await ask_whether_served(seen, pusher, now=now)

    return asyncio.run(ask())


async def _push(seen: Sequence[Seen], tool: Path | None, *, now: datetime, reread: bool) -> list[Pushed]:
    pushed: list[Pushed] = []
    with _pusher(tool) as pusher:
        async for each in bring_in_step(seen, pusher, reread=reread, now=now):
            click.echo(printable(outcome_line(each)), err=True)
            pushed.append(each)
    return pushed


@contextmanager
def _pusher(tool: Path | None) -> Iterator[Pusher]:
    clock = SystemClock()
    with RlmutilProbe(rlmutil=tool, clock=clock) as probe, RlmutilProgram(tool) as program:
        yield Pusher(probe=probe, rlmutil=program, clock=clock)
