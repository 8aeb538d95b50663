"""`rlm-ha alerts …`: tell people, through the daemon's outbox."""

import os
import socket
from datetime import UTC, datetime, timedelta

import click

from rlm_exporter.cli.answers import AlertAnswer, AlertsAnswer, SentAlertView
from rlm_exporter.cli.client import connect
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.licenses import login_name
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.phrases import moment_in_words
from rlm_exporter.cli.sheet import Cell, Column, Line, Sheet, Table, Tone
from rlm_exporter.cli.spans import read_span

SEVERITIES = click.Choice(["critical", "warning", "info"])
LISTED = 1000
"""What the daemon tells at once at the most."""

_COLUMNS = (
    Column(title="TIME (UTC)"),
    Column(title="SEVERITY"),
    Column(title="MESSAGE", long=True),
    Column(title="SINKS", long=True),
)
_TONES = {"critical": Tone.BAD, "warning": Tone.WARNING, "info": Tone.PLAIN}


@click.command("send")
@click.argument("severity", required=False, type=SEVERITIES)
@click.option("--severity", "severity_option", type=SEVERITIES, help="The same, as an option.")
@click.option("--message", "-m", metavar="TEXT", help="What is to be said.")
@click.option("--component", metavar="NAME", help="What it is about (default: licensing).")
@click.option("--name", metavar="NAME", help="The alert's name (default: RlmHaAlert).")
@click.option("--cluster", metavar="NAME", help="The cluster that it is about.")
@click.option("--server", metavar="NAME", help="The server of that cluster.")
@click.option("--key", metavar="TEXT", help="What makes two calls one alert (default: all words of it).")
@click.option("--resolve", is_flag=True, help="Say that it is over.")
@click.option("--channels", metavar="A,B", help="Only these of the configured sinks.")
@url_option
def send_command(
    severity: str | None,
    *,
    severity_option: str | None,
    message: str | None,
    component: str | None,
    name: str | None,
    cluster: str | None,
    server: str | None,
    key: str | None,
    resolve: bool,
    channels: str | None,
) -> int:
    """Send an alert to the sinks of the daemon's settings.

    SEVERITY is critical, warning or info. The same call within the repeat interval sends nothing new. The
    daemon goes on trying sinks that cannot be reached; the exit code is 5 while no sink has taken it.

    \b
    Examples:
      rlm-ha alerts send critical --message "No healthy servers"
      rlm-ha alerts send warning --key pool-low --message "Two seats are left"
      rlm-ha alerts send --key pool-low --resolve
    """
    if severity and severity_option and severity != severity_option:
        raise click.UsageError(f"both {severity} and --severity {severity_option} are given")
    severity = severity or severity_option
    if not resolve and (severity is None or not message):
        raise click.UsageError("a severity and --message are needed")
    if resolve and not (key or message):
        raise click.UsageError("--resolve needs --key, or the --message that the alert was sent with")
    words = {
        "severity": severity,
        "message": message,
        "component": component,
        "name": name,
        "cluster": cluster,
        "server": server,
        "key": key,
        "channels": channels.replace(",", " ").split() if channels is not None else None,
    }
    manners = current_manners()
    wish = {name: value for name, value in words.items() if value is not None}
    by = f"{login_name(os.environ)}@{socket.gethostname()}"
    answer = connect(manners).send_alert({**wish, "resolve": resolve, "requested_by": by})
    emit(answer.document, lambda: _sheet(answer.value), manners=manners)
    return ExitCode.DONE if answer.value.result in {"taken", "nothing_to_resolve"} else ExitCode.UNREACHABLE


@click.command("list")
@click.option(
    "--last", callback=read_span, default="7d", show_default=True, help="How far back, such as 12h."
)
@url_option
def list_command(*, last: timedelta) -> None:
    """Show what was sent, newest first, and which sink took it.

    \b
    Examples:
      rlm-ha alerts list --last 24h
    """
    manners = current_manners()
    since = (datetime.now(UTC) - last).isoformat()
    answer = connect(manners).alerts(since=since, limit=LISTED)
    emit(answer.document, lambda: _list_sheet(answer.value), manners=manners)
    if len(answer.value.alerts) == LISTED:
        click.echo(f"Only the newest {LISTED} are shown; --last makes it fewer.", err=True)


def _list_sheet(answer: AlertsAnswer) -> Sheet:
    if not answer.alerts:
        return (Line(cells=(Cell("Nothing was sent in that time.", Tone.QUIET),)),)
    return (Table(columns=_COLUMNS, rows=tuple(map(_row, answer.alerts)), wraps=True),)


def _row(alert: SentAlertView) -> tuple[Cell, ...]:
    is_over = alert.status == "resolved"
    about = "".join(f"{part}: " for part in (alert.cluster, alert.server) if part)
    often = f" ({alert.asked} calls)" if alert.asked > 1 else ""
    return (
        Cell(moment_in_words(alert.created_at)),
        Cell(
            "resolved" if is_over else alert.severity,
            Tone.GOOD if is_over else _TONES.get(alert.severity, Tone.PLAIN),
        ),
        Cell(f"{about}{alert.message}{often}"),
        Cell("; ".join(f"{sink.name} {sink.state.replace('_', ' ')}" for sink in alert.sinks) or "none"),
    )


def _sheet(answer: AlertAnswer) -> Sheet:
    troubles = [f"  {sink.name}: {sink.detail}" for sink in answer.sinks if sink.detail]
    return tuple(Line(cells=(Cell(text),)) for text in (answer.detail, *troubles))
