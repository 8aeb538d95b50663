"""`rlm-ha licenses update-health`: what a monitor of the site's own sees, as evidence beside the daemon's."""

import os
import re
import socket
from typing import Any

import click

from rlm_exporter.cli.client import connect
from rlm_exporter.cli.licenses import login_name
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.sheet import Cell, Line

COMPONENTS = ("license", "isv", "web")
_WHOLE = "server"
_CLAIM = re.compile(r"(?P<server>[^\s()]+)(?:\s*\((?P<component>[^()]*)\))?(?=\s|$)")


def read_claims(text: str) -> tuple[tuple[str, str], ...]:
    """(server, component) of each word in `a b (web) c (license)`; raises ValueError naming what is wrong."""
    claims: list[tuple[str, str]] = []
    rest = text.strip()
    while rest:
        match = _CLAIM.match(rest)
        if match is None:
            raise ValueError(f"{rest!r}: expected servers such as `rlm1` or `rlm1 (web)`, between blanks")
        component = match["component"]
        if component is not None and component.strip() not in COMPONENTS:
            raise ValueError(f"({component}): not one of {', '.join(COMPONENTS)}")
        claims.append((match["server"], _WHOLE if component is None else component.strip()))
        rest = rest[match.end() :].strip()
    return tuple(claims)


def _claims(_ctx: click.Context, _parameter: click.Parameter, value: str) -> tuple[tuple[str, str], ...]:
    try:
        return read_claims(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command("update-health")
@click.argument("name")
@click.option(
    "--healthy-servers", "healthy", metavar="LIST", default="", callback=_claims, help='Such as "rlm2 rlm3".'
)
@click.option(
    "--failed-servers",
    "failed",
    metavar="LIST",
    default="",
    callback=_claims,
    help='Such as "rlm1 (license) rlm2 (web)".',
)
@click.option("--ttl", metavar="TIME", help="How long the report counts, such as 5m (default: 2m).")
@click.option("--reporter", metavar="TEXT", help="Who says so (default: you, at this machine).")
@url_option
def update_health_command(
    name: str,
    *,
    healthy: tuple[tuple[str, str], ...],
    failed: tuple[tuple[str, str], ...],
    ttl: str | None,
    reporter: str | None,
) -> None:
    """Report to cluster NAME what a monitor of yours sees of its servers.

    Each list has servers between blanks, by name or host, each with the part that is meant behind it if it
    is not all of the server: (license), (isv) or (web). Either list may be empty. A report is shown beside
    the daemon's own checks; it can hold an automatic failover back and never causes one.

    \b
    Examples:
      rlm-ha licenses update-health rlm-ha-cluster --healthy-servers "rlm1 rlm2"
      rlm-ha licenses update-health rlm-ha-cluster --failed-servers "rlm1 (web)"
    """
    if not healthy and not failed:
        raise click.UsageError("nothing is reported: both --healthy-servers and --failed-servers are empty")
    report: dict[str, Any] = {
        "reporter": reporter or f"{login_name(os.environ)}@{socket.gethostname()}",
        "reports": [
            {"server": server, "component": component, "healthy": is_healthy}
            for claims, is_healthy in ((healthy, True), (failed, False))
            for server, component in claims
        ],
        **({} if ttl is None else {"ttl": ttl}),
    }
    manners = current_manners()
    answer = connect(manners).update_health(name, report)
    emit(answer.document, lambda: (Line(cells=(Cell(f"{name}: {answer.value.detail}"),)),), manners=manners)
    for difference in answer.value.differences:
        click.echo(f"Note: {printable(difference)}", err=True)
