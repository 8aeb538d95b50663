"""`rlm-ha licenses …`: who is active, who is to be, and what happened."""

import os
import pwd
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from rlm_exporter.cli.answers import MoveAnswer, OperationView
from rlm_exporter.cli.client import Answer, Client, connect
from rlm_exporter.cli.events_sheet import events_sheet
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.manners import Manners, current_manners, url_option
from rlm_exporter.cli.move import ask_for_move, follow, verdict
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.patience import Patience
from rlm_exporter.cli.plan_sheet import plan_sheet
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.sheet import Cell, Line, Sheet
from rlm_exporter.cli.spans import read_span
from rlm_exporter.cli.step_lines import StepLines

EVENTS_LIMIT = 1000


@click.command("primary")
@click.argument("name")
@url_option
def primary_command(name: str) -> int:
    """Print the host that is active now, whatever the order in the manifest.

    \b
    Examples:
      rlm-ha licenses primary rlm-ha-cluster
    """
    manners = current_manners()
    status = connect(manners).cluster(name).value
    if status.active_host is None:
        click.echo(f"Nobody is known to be active in {name}.", err=True)
        return ExitCode.FAILED
    document = {"cluster": status.name, "active": status.active, "active_host": status.active_host}
    emit(document, lambda: _one_line(status.active_host or ""), manners=manners)
    return ExitCode.DONE


@click.command("events")
@click.argument("name")
@click.option(
    "--last", callback=read_span, default="30d", show_default=True, help="How far back, such as 12h."
)
@url_option
def events_command(name: str, *, last: timedelta) -> None:
    """Show the journal of a cluster: moves, and decisions that held; the newest last.

    JSON and YAML have the newest first, and every step.

    \b
    Examples:
      rlm-ha licenses events rlm-ha-cluster --last 30d
    """
    manners = current_manners()
    since = _back(last).isoformat()
    answer = connect(manners).events(name, since=since, limit=EVENTS_LIMIT)
    events = answer.value
    if EVENTS_LIMIT in {len(events.operations), len(events.decisions)}:
        click.echo(f"Only the newest {EVENTS_LIMIT} of a kind are shown; --last makes it fewer.", err=True)
    emit(answer.document, lambda: events_sheet(events), manners=manners)


def _back(span: timedelta) -> datetime:
    try:
        return datetime.now(UTC) - span
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


@click.command("failover")
@click.argument("name")
@click.option("--to", "target", metavar="SERVER", required=True, help="Its name, its host, or host:port.")
@click.option("--from", "source", metavar="SERVER", help="Refuse unless this one is active now.")
@click.option("--reason", metavar="TEXT", default="", help="Why; it stands in the journal.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--force", is_flag=True, help="Also to a server that looks unhealthy, or without all balancers."
)
@url_option
def failover_command(
    name: str, *, target: str, source: str | None, reason: str, dry_run: bool, force: bool
) -> int:
    """Move the clients of cluster NAME to another server, and wait until that is verified.

    Steps are shown as they happen. The move goes on in the daemon when this command is stopped.

    \b
    Examples:
      rlm-ha licenses failover rlm-ha-cluster --to rlm2 --dry-run
      rlm-ha licenses failover rlm-ha-cluster --to rlm2 --reason "new disks"
    """
    wish = {"to": target, "dry_run": dry_run, "force": force, **_said(reason, source)}
    return _move(name, "failover", wish)


@click.command("switchover")
@click.argument("name")
@click.option("--to", "target", metavar="SERVER", required=True, help="Its name, its host, or host:port.")
@click.option("--from", "source", metavar="SERVER", help="Refuse unless this one is active now.")
@click.option("--reason", metavar="TEXT", default="", help="Why; it stands in the journal.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@url_option
def switchover_command(name: str, *, target: str, source: str | None, reason: str, dry_run: bool) -> int:
    """Move the clients of cluster NAME in a planned way: from a healthy server, with all balancers there.

    \b
    Examples:
      rlm-ha licenses switchover rlm-ha-cluster --to rlm2 --from rlm1
    """
    return _move(name, "switchover", {"to": target, "dry_run": dry_run, **_said(reason, source)})


@click.command("failback")
@click.argument("name")
@click.option("--reason", metavar="TEXT", default="", help="Why; it stands in the journal.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@url_option
def failback_command(name: str, *, reason: str, dry_run: bool) -> int:
    """Move the clients of cluster NAME back to its preferred server, the manifest's first one.

    \b
    Examples:
      rlm-ha licenses failback rlm-ha-cluster
    """
    return _move(name, "failback", {"dry_run": dry_run, **_said(reason, None)})


@click.command("pause")
@click.argument("name")
@click.option("--for", "lasting", metavar="TIME", required=True, help="How long, such as 2h or 30m.")
@click.option("--reason", metavar="TEXT", default="", help="Why; it stands in the journal.")
@url_option
def pause_command(name: str, *, lasting: str, reason: str) -> None:
    """Hold back every automatic move of cluster NAME for a while; moves by hand go on.

    \b
    Examples:
      rlm-ha licenses pause rlm-ha-cluster --for 2h --reason "network"
    """
    _tell(name, "pause", {"for": lasting, **_said(reason, None)})


@click.command("resume")
@click.argument("name")
@click.option("--reason", metavar="TEXT", default="", help="Why; it stands in the journal.")
@url_option
def resume_command(name: str, *, reason: str) -> None:
    """End a pause of cluster NAME.

    \b
    Examples:
      rlm-ha licenses resume rlm-ha-cluster
    """
    _tell(name, "resume", _said(reason, None))


@click.command("ack")
@click.argument("name")
@click.option("--reason", metavar="TEXT", default="", help="Why; it stands in the journal.")
@url_option
def ack_command(name: str, *, reason: str) -> None:
    """Say that you have seen what was done: cooldown, chase and failed attempts hold nothing any more.

    \b
    Examples:
      rlm-ha licenses ack rlm-ha-cluster --reason "disk replaced"
    """
    _tell(name, "ack", _said(reason, None))


@click.command("maintenance")
@click.argument("name")
@click.option("--server", metavar="SERVER", required=True, help="Its name, its host, or host:port.")
@click.option(
    "--enable/--disable", "enable", default=None, required=True, help="Take it out, or give it back."
)
@click.option("--switchover", is_flag=True, help="Move the clients first where it serves them now.")
@click.option("--reason", metavar="TEXT", default="", help="Why; it stands in the journal.")
@url_option
def maintenance_command(name: str, *, server: str, enable: bool, switchover: bool, reason: str) -> None:
    """Take a server of cluster NAME out: nobody is sent there until it is given back.

    \b
    Examples:
      rlm-ha licenses maintenance rlm-ha-cluster --server rlm2 --enable
      rlm-ha licenses maintenance rlm-ha-cluster --server rlm2 --disable
    """
    wish = {"server": server, "enable": enable, "switchover": switchover, **_said(reason, None)}
    _tell(name, "maintenance", wish)


def _said(reason: str, source: str | None) -> dict[str, Any]:
    expected = {} if source is None else {"from": source}
    return {"reason": reason, "requested_by": login_name(os.environ), **expected}


def _tell(name: str, verb: str, wish: dict[str, Any]) -> None:
    manners = current_manners()
    answer = connect(manners).tell(name, verb, wish)
    emit(answer.document, lambda: _one_line(f"{name}: {answer.value.detail}"), manners=manners)


def _move(name: str, verb: str, wish: dict[str, Any]) -> int:
    manners = current_manners()
    lines = StepLines(sys.stderr)
    client, patience = connect(manners), Patience()
    try:
        answer = ask_for_move(
            client, name, wish, key=uuid.uuid4().hex, patience=patience, tell=lines.tell, verb=verb
        )
        return _show_answer(client, name, answer, lines=lines, patience=patience, manners=manners)
    except KeyboardInterrupt:
        lines.tell(f"\nStopped asking. The move goes on in the daemon: rlm-ha licenses events {name}")
        return ExitCode.INTERRUPTED
    finally:
        lines.close()


def _show_answer(
    client: Client,
    name: str,
    answer: Answer[MoveAnswer],
    *,
    lines: StepLines,
    patience: Patience,
    manners: Manners,
) -> int:
    move = answer.value
    if move.plan is not None:
        plan = move.plan
        for warning in plan.warnings:
            click.echo(f"Warning: {printable(warning)}", err=True)
        emit(answer.document, lambda: plan_sheet(plan), manners=manners)
        return ExitCode.DONE
    if move.operation is None:
        emit(
            answer.document,
            lambda: _one_line(f"{move.server or 'The server'} is active already; nothing was changed"),
            manners=manners,
        )
        return ExitCode.DONE
    started = Answer(value=move.operation, document=answer.document["operation"])
    ended = follow(client, name, started, patience=patience, show=lines.show, tell=lines.tell)
    return _show_end(ended, manners=manners)


def _show_end(ended: Answer[OperationView], *, manners: Manners) -> int:
    code, sentence = verdict(ended.value)
    lines_out = () if code is not ExitCode.DONE else _one_line(sentence)
    if lines_out or manners.output != "table":
        emit(ended.document, lambda: lines_out, manners=manners)
    if code is not ExitCode.DONE:
        click.echo(f"Error: {printable(sentence)}", err=True)
    elif ended.value.outcome == "partial":
        partial = "; ".join(
            step.detail or step.step for step in ended.value.steps if step.outcome == "partial"
        )
        click.echo(f"Warning: only partly, the rest follows by itself: {printable(partial)}", err=True)
    return code


def _one_line(text: str) -> Sheet:
    return (Line(cells=(Cell(text),)),)


def login_name(environ: Mapping[str, str]) -> str:
    """Who asks, for the journal: the person behind sudo rather than root."""
    uid = os.getuid()
    if uid == 0 and (person := environ.get("SUDO_USER")):
        return person
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
