"""`rlm-ha health`: whether the daemon answers, for containers, keepalived and the like."""

import click

from rlm_exporter.cli.client import connect
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.sheet import Cell, Line, Sheet


@click.command("health")
@click.option("--ready", is_flag=True, help="Whether a failover would work, in every cluster.")
@url_option
def health_command(*, ready: bool) -> int:
    """Tell by the exit code whether the daemon answers; no token is needed.

    With --ready, whether it knows who is active in every cluster, and a failover would work. If it would not,
    that is no reason to start the daemon again.

    \b
    Examples:
      rlm-ha health
      rlm-ha health --ready
    """
    manners = current_manners()
    asked = "ready" if ready else "healthy"
    reasons = connect(manners, patience=5.0).reasons_against(asked)
    document = {"asked": asked, "answer": not reasons, "reasons": list(reasons)}
    emit(document, lambda: _sheet(asked, reasons), manners=manners)
    return ExitCode.FAILED if reasons else ExitCode.DONE


def _sheet(asked: str, reasons: tuple[str, ...]) -> Sheet:
    told = reasons or (asked,)
    return tuple(Line(cells=(Cell(printable(line)),)) for line in told)
