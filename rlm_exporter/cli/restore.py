"""`rlm-ha restore`: a backup back into its place, in five steps, none of which stops a license server."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.sheet import Cell, Column, Line, Sheet, Table, Tone
from rlm_exporter.errors import BackupError

if TYPE_CHECKING:
    from rlm_exporter.backup.actions import Action
    from rlm_exporter.backup.contents import Contents

# ruff: noqa: PLC0415 - what a restore needs is imported when there is one


@click.command("restore")
@click.argument("backup", type=click.Path(path_type=Path))
@click.argument("file", metavar="[SETTINGS]", required=False, type=click.Path(path_type=Path))
@click.option("--plan", "only_plan", is_flag=True, help="Say what each step would do, and do nothing.")
@click.option("--apply", "do_apply", is_flag=True, help="Do it; the same again goes on where it stopped.")
@click.option("--verify", is_flag=True, help="Only look whether the backup is whole.")
@click.option("--into", type=click.Path(path_type=Path), help="Only put all files there, machine by machine.")
@click.option("--even-serving", is_flag=True, help="Write files of servers that serve too; they go on.")
@click.option("--allow-missing", is_flag=True, help="Leave out machines that SETTINGS do not have.")
@click.option("--replace-journal", is_flag=True, help="Put the journal back over one that is there, too.")
@click.option("--state", type=click.Path(path_type=Path), help="Where it is written how far it came.")
@click.option("--rlmutil", type=click.Path(path_type=Path), help="The vendor's rlmutil.")
@url_option
def restore_command(
    backup: Path,
    file: Path | None,
    *,
    only_plan: bool,
    do_apply: bool,
    verify: bool,
    into: Path | None,
    even_serving: bool,
    allow_missing: bool,
    replace_journal: bool,
    state: Path | None,
    rlmutil: Path | None,
) -> int:
    """Put BACKUP back: files, mounts, license servers, balancers and daemon, and a drill at the end.

    SETTINGS are those that the backup was made by. A license server that serves is never stopped, and its
    files are left alone. What a file replaces stays beside it, as NAME.rlm-ha-before.

    \b
    Examples:
      rlm-ha restore /backups/site.tar.gz backup.yaml --plan
      rlm-ha restore /backups/site.tar.gz backup.yaml --apply
      rlm-ha restore /backups/site.tar.gz --into /tmp/look
    """
    from rlm_exporter.backup.opening import opened, verified

    if [only_plan, do_apply, verify, into is not None].count(True) != 1:
        raise click.UsageError("say one of --plan, --apply, --verify and --into")
    if verify:
        contents = verified(backup)
        _tell_missing(contents)
        emit(_whole(contents), lambda: _whole_sheet(contents), manners=current_manners())
        return ExitCode.DONE
    with opened(backup) as (contents, folder):
        _tell_missing(contents)
        if into is not None:
            _unpack(contents, folder, into)
            return ExitCode.DONE
        if file is None:
            raise click.UsageError("--plan and --apply need SETTINGS, which say where everything belongs")
        return _restore(
            contents,
            folder,
            file,
            do_apply=do_apply,
            even_serving=even_serving,
            allow_missing=allow_missing,
            replace_journal=replace_journal,
            state=state,
            rlmutil=rlmutil,
        )


def _tell_missing(contents: "Contents") -> None:
    for line in contents.missing:
        click.echo(printable(f"missing in this backup: {line}"), err=True)


def _restore(
    contents: "Contents",
    folder: Path,
    file: Path,
    *,
    do_apply: bool,
    even_serving: bool,
    allow_missing: bool,
    replace_journal: bool,
    state: Path | None,
    rlmutil: Path | None,
) -> int:
    from rlm_exporter.backup.restore import Restore
    from rlm_exporter.backup.settings import read_settings
    from rlm_exporter.backup.state import StateFile
    from rlm_exporter.cli.interruption import Interrupted, left_in_good_order, tell_interrupted
    from rlm_exporter.cli.restoring import OurWorld, saved_cluster, say

    settings = read_settings(file)
    if settings.cluster != contents.cluster:
        raise BackupError(f"the backup is of {contents.cluster}, and {file} of {settings.cluster}")
    manners = current_manners()
    world = OurWorld(saved_cluster(contents, folder), manners, rlmutil=rlmutil)
    restore = Restore(
        contents=contents,
        folder=folder,
        settings=settings,
        world=world,
        even_serving=even_serving,
        allow_missing=allow_missing,
        replace_journal=replace_journal,
    )
    progress = StateFile(state or _state_path(contents), backup=contents.name)
    if do_apply:
        try:
            with left_in_good_order():
                actions = restore.apply(progress, say)
        except Interrupted as interrupted:
            return tell_interrupted(interrupted)
    else:
        actions = restore.plan(progress)
    emit(_document(contents, actions), lambda: _sheet(contents, actions), manners=manners)
    return ExitCode.DONE


def _state_path(contents: "Contents") -> Path:
    from platformdirs import user_state_path

    return Path(user_state_path("rlm-ha")) / f"restore-{contents.cluster}.json"


def _unpack(contents: "Contents", folder: Path, into: Path) -> None:
    """Each machine's files below a folder of its own; nothing else is asked or started."""
    from rlm_exporter.backup.courier import Courier
    from rlm_exporter.backup.members import Member, Role
    from rlm_exporter.backup.put import differing, put

    for key in contents.members:
        role, name = key.split("/", 1)
        root = into / key
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BackupError(f"{root}: cannot be made: {error.strerror}; give another --into") from error
        member = Member(
            role=Role(role), name=name, ssh=None, command=(), root=str(root.absolute()), paths=(), logs=()
        )
        courier = Courier(member, seconds=600, largest=10**12)
        entries = tuple(replace(entry, mode=entry.mode & 0o777) for entry in contents.of(key))
        put(member, courier, differing(member, courier, entries), folder)
        wrong = differing(member, courier, entries)
        if wrong:
            raise BackupError(f"{root}{wrong[0].path}: is not as it was saved")
        click.echo(printable(f"{root}: {len(entries)} files and folders as saved"))


def _whole(contents: "Contents") -> dict[str, Any]:
    return {
        "whole": True,
        "cluster": contents.cluster,
        "made_at": contents.made_at.isoformat(),
        "active": contents.active,
        "members": list(contents.members),
        "files": sum(entry.kind == "file" for entry in contents.entries),
        "missing": list(contents.missing),
        "left_out": list(contents.left_out),
    }


def _whole_sheet(contents: "Contents") -> Sheet:
    text = f"{contents.name}: whole; {', '.join(contents.members)}"
    return (Line(cells=(Cell(text, Tone.GOOD),)),)


def _document(contents: "Contents", actions: "tuple[Action, ...]") -> dict[str, Any]:
    from rlm_exporter.backup.info import STEPS

    return {
        "backup": contents.name,
        "cluster": contents.cluster,
        "steps": [
            {
                "number": number,
                "title": title,
                "actions": [
                    {
                        "deed": action.deed.value,
                        "subject": action.subject,
                        "state": action.state.value,
                        "text": action.text,
                    }
                    for action in actions
                    if action.step == number
                ],
            }
            for number, title in enumerate(STEPS, start=1)
        ],
    }


def _sheet(contents: "Contents", actions: "tuple[Action, ...]") -> Sheet:
    from rlm_exporter.backup.info import STEPS

    tones = {"done": Tone.GOOD, "todo": Tone.STRONG, "held": Tone.WARNING, "blocked": Tone.BAD}
    rows = tuple(
        (
            Cell(f"{action.step}. {STEPS[action.step - 1]}"),
            Cell(action.subject),
            Cell(action.state.value, tones[action.state.value]),
            Cell(action.text),
        )
        for action in actions
    )
    columns = (
        Column(title="STEP"),
        Column(title="OF"),
        Column(title="IS"),
        Column(title="WHAT", long=True),
    )
    ended = sum(
        all(action.state.value in {"done", "held"} for action in actions if action.step == number)
        for number in range(1, len(STEPS) + 1)
    )
    line = Line(cells=(Cell(f"{contents.cluster}: {ended}/{len(STEPS)} steps are as they are to be"),))
    return (Table(columns=columns, rows=rows, wraps=True), line)
