"""`rlm-ha backup`: a copy of all that a cluster is made of, while everything goes on."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.manners import Format, Manners, current_manners, url_option
from rlm_exporter.cli.output import emit, is_live
from rlm_exporter.cli.printable import printable
from rlm_exporter.errors import ApiError, ManifestError

if TYPE_CHECKING:
    from rlm_exporter.backup.make import Known, Made, Progress
    from rlm_exporter.backup.members import BackupSettings

# ruff: noqa: PLC0415 - what a backup needs is imported when one is made


@click.command("backup")
@click.argument("file", metavar="SETTINGS", type=click.Path(path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), help="Another folder than spec.into.")
@click.option("--folder", is_flag=True, help="A folder instead of one tar.gz.")
@click.option("--logs", is_flag=True, help="Debug and report logs too.")
@click.option("--keys", is_flag=True, help="Private keys too; nobody but you can read the backup.")
@click.option("--keep", metavar="N", type=click.IntRange(1), help="Keep so many; older ones are deleted.")
@click.option("--keep-days", metavar="DAYS", type=click.IntRange(1), help="Keep those of so many days.")
@click.option("--allow-missing", is_flag=True, help="Also without what cannot be had; it is named.")
@url_option
def backup_command(
    file: Path,
    *,
    into: Path | None,
    folder: bool,
    logs: bool,
    keys: bool,
    keep: int | None,
    keep_days: int | None,
    allow_missing: bool,
) -> int:
    """Save what SETTINGS names of every server and balancer, the daemon's manifest and its journal.

    Nothing is stopped. Links are followed. A backup has its name only once it is whole, and holds a sum of
    each file. docs/backup.md has the form of SETTINGS.

    \b
    Examples:
      rlm-ha backup /etc/rlm-ha/backup.yaml --keep 14
      rlm-ha backup /etc/rlm-ha/backup.yaml --logs --keys --folder
    """
    from rlm_exporter.backup.make import Wishes, make_backup
    from rlm_exporter.backup.settings import read_settings

    manners = current_manners()
    settings = read_settings(file)
    changed: dict[str, Any] = {"into": str(into)} if into is not None else {}
    if keep is not None:
        changed["keep_count"] = keep
    if keep_days is not None:
        changed["keep_age"] = timedelta(days=keep_days)
    settings = replace(settings, **changed)
    wishes = Wishes(folder=folder, logs=logs, keys=keys, allow_missing=allow_missing)
    known = ask_daemon(manners, settings.cluster, allow_missing=allow_missing)
    for line in strangers(settings, known.export):
        click.echo(printable(f"note: {line}"), err=True)
    with shown_progress([member.name for member in settings.members]) as progress:
        made = make_backup(settings, wishes, known, now=datetime.now(UTC), progress=progress)
    for line in made.contents.missing:
        click.echo(printable(f"missing: {line}"), err=True)
    for line in made.contents.left_out:
        click.echo(printable(f"left out, a private key: {line} (--keys saves it)"), err=True)
    _show(made, manners)
    return ExitCode.DONE


def ask_daemon(manners: Manners, cluster: str, *, allow_missing: bool) -> "Known":
    """Who is active, and the export. Raises ApiError, or tells why not where that may be missing."""
    from rlm_exporter.backup.make import Known
    from rlm_exporter.cli.client import connect

    try:
        client = connect(manners)
        status = client.cluster(cluster).value
        manifest = client.manifest(cluster).value.manifest
    except ApiError as error:
        if not allow_missing:
            raise
        return Known(trouble=str(error))
    return Known(active=status.active, active_host=status.active_host, epoch=status.epoch, export=manifest)


def strangers(settings: "BackupSettings", export: str | None) -> tuple[str, ...]:
    """What is to be said of servers that the manifest does not have: their restore would come to a stop."""
    from rlm_exporter.backup.contents import EXPORT
    from rlm_exporter.backup.members import Role
    from rlm_exporter.manifest.load import parse_manifests

    try:
        clusters = parse_manifests((export or "").encode(), EXPORT).clusters
    except ManifestError:
        return ()  # the restore says so of it
    known = [server.name for cluster in clusters[:1] for server in cluster.servers]
    return tuple(
        f"{member.name}: the manifest has no server {member.called} (it has: {', '.join(known)}), so "
        f"a restore cannot tell whether it serves; say in {settings.source} which it is: {{server: NAME}}"
        for member in settings.of(Role.SERVER)
        if known and member.called not in known
    )


@contextlib.contextmanager
def shown_progress(members: list[str]) -> "Iterator[Progress]":
    """A bar over the members on a terminal; silence elsewhere."""
    if not is_live(sys.stderr):
        yield lambda _what, _size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[size]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(members) + 2, size="")

        def told(what: str, size: int) -> None:
            done = members.index(what) if what in members else len(members)
            bar.update(task, description=what, completed=done, size=f"{size / 1e6:.1f} MB" if size else "")

        yield told


def _document(made: "Made") -> dict[str, Any]:
    contents = made.contents
    return {
        "path": str(made.path),
        "cluster": contents.cluster,
        "made_at": contents.made_at.isoformat(),
        "active": contents.active,
        "active_host": contents.active_host,
        "epoch": contents.epoch,
        "files": sum(entry.kind == "file" for entry in contents.entries),
        "bytes": sum(entry.size for entry in contents.entries),
        "missing": list(contents.missing),
        "left_out": list(contents.left_out),
        "notes": list(contents.notes),
        "deleted": list(made.deleted),
    }


def _show(made: "Made", manners: Manners) -> None:
    """No table: a path is not cut, and can be searched for."""
    if manners.output is not Format.TABLE:
        emit(_document(made), tuple, manners=manners)
        return
    contents = made.contents
    files = sum(entry.kind == "file" for entry in contents.entries)
    size = sum(entry.size for entry in contents.entries)
    lines = [
        f"{made.path} is written",
        f"active: {contents.active or 'not known'}",
        f"holds: {files} files of {len(contents.members)} machines, {size} bytes",
        *(f"note: {note}" for note in contents.notes),
        *(f"deleted: {name}" for name in made.deleted),
    ]
    for line in lines:
        click.echo(printable(line))
