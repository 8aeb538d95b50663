"""`rlm-ha licenses seats`: which seats are free, for people and for schedulers."""

import click

from rlm_exporter.cli.client import connect
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.seats_answers import SeatsAnswer
from rlm_exporter.cli.seats_sheet import seats_sheet

_ENOUGH = frozenset({"no_limit", "token"})
"""Reasons for which there is no number and nothing is wrong."""


@click.command("seats")
@click.argument("name")
@click.option("--feature", metavar="NAME", help="This one alone, with the hosts that hold its seats.")
@url_option
def seats_command(name: str, *, feature: str | None) -> int:
    """Show the free seats of cluster NAME: those of the active server, as of its last check.

    What is not known is "-" (null in JSON) with the reason, and the exit code is 1; it is never 0 seats.

    \b
    Examples:
      rlm-ha licenses seats rlm-ha-cluster
      rlm-ha licenses seats rlm-ha-cluster --feature STARCCM --json
    """
    manners = current_manners()
    answer = connect(manners).seats(name, {} if feature is None else {"feature": feature})
    emit(
        answer.document, lambda: seats_sheet(answer.value, with_holders=feature is not None), manners=manners
    )
    return ExitCode.DONE if _is_known(answer.value, feature) else ExitCode.FAILED


def _is_known(answer: SeatsAnswer, feature: str | None) -> bool:
    if feature is None:
        return answer.known
    return answer.known and all(each.free is not None or each.reason in _ENOUGH for each in answer.features)
