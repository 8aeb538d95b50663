"""`rlm-ha licenses release`: takes one seat back from whoever holds it, after saying who that is."""

import os
import sys
from typing import Any

import click

from rlm_exporter.cli.client import UnreachableError, connect
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.licenses import login_name
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.seats_answers import SeatView
from rlm_exporter.cli.sheet import Cell, Line


@click.command("release")
@click.argument("name")
@click.option("--handle", metavar="H", required=True, help="As `licenses seats --feature` shows it.")
@click.option("--server", metavar="SERVER", help="Where it is held (default: the active one).")
@click.option("--isv", metavar="ISV", help="Where two ISV servers have that handle.")
@click.option("--product", metavar="NAME", help="The same by what is held.")
@click.option("--reason", metavar="TEXT", default="", help="Why; it stands in the journal.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@url_option
def release_command(
    name: str,
    *,
    handle: str,
    server: str | None,
    isv: str | None,
    product: str | None,
    reason: str,
    yes: bool,
) -> int:
    """Take one seat of cluster NAME back from whoever holds it, as RLM's rlmremove does.

    It says whose seat it is, and asks. The program that holds it loses it. RLM refuses while the checkout
    is younger than the pool's min_remove, by default two minutes.

    \b
    Examples:
      rlm-ha licenses seats rlm-ha-cluster --feature STARCCM
      rlm-ha licenses release rlm-ha-cluster --handle 15c --reason "ws1 is off"
    """
    manners = current_manners()
    client = connect(manners)
    named = {"server": server, "isv": isv, "product": product}
    wish: dict[str, Any] = {
        "handle": handle,
        **{key: word for key, word in named.items() if word is not None},
    }
    seat = client.release(name, {**wish, "dry_run": True}).value.seat
    click.echo(printable(_whose(seat)), err=True)
    if not yes and not _is_sure():
        click.echo("Nothing was changed.", err=True)
        return ExitCode.FAILED
    signed = {"reason": reason, "requested_by": login_name(os.environ)}
    try:
        answer = client.release(name, {**_exactly(seat), **signed})
    except UnreachableError as error:
        if error.maybe_done:
            click.echo(f"It may have been freed all the same: rlm-ha licenses events {name}", err=True)
        raise
    emit(answer.document, lambda: (Line(cells=(Cell(f"{name}: {answer.value.detail}"),)),), manners=manners)
    return ExitCode.DONE


def _whose(seat: SeatView) -> str:
    number = "1 seat" if seat.seats == 1 else f"{seat.seats} seats"
    shared = "; other handles may share it, and it is free when the last of them is" if seat.shares else ""
    return (
        f"{number} of {seat.product} v{seat.version} ({seat.isv}) on {seat.server}, held by "
        f"{seat.user}@{seat.host} since {seat.since} there, handle {seat.handle}{shared}"
    )


def _is_sure() -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked whether that is the one: say --yes")
    return click.confirm("Take it back?", err=True)


def _exactly(seat: SeatView) -> dict[str, Any]:
    """The seat that was shown: a handle may be somebody else's by the time of the answer."""
    return {
        "handle": seat.handle,
        "server": seat.server,
        "isv": seat.isv,
        "product": seat.product,
        "user": seat.user,
        "host": seat.host,
        "since": seat.since,
    }
