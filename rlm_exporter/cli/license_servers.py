"""`rlm-ha license-servers …`."""

import click

from rlm_exporter.cli.client import connect
from rlm_exporter.cli.clusters_sheet import clusters_sheet
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.status_sheet import status_sheet


@click.command("list")
@url_option
def list_command() -> int:
    """Show all clusters of the daemon, a line for each; those that need somebody come first.

    FOR is how long the active server has been that, UP how many servers answer. Exit code 0 when somebody is
    active and healthy in every cluster, 1 when not.

    \b
    Examples:
      rlm-ha license-servers list
      rlm-ha license-servers list --json | jq -r '.clusters[].name'
    """
    manners = current_manners()
    answer = connect(manners).clusters()
    emit(answer.document, lambda: clusters_sheet(answer.value.clusters), manners=manners)
    healthy = all(cluster.healthy for cluster in answer.value.clusters)
    return ExitCode.DONE if healthy else ExitCode.FAILED


@click.command("status")
@click.argument("name")
@click.option("--show-ha", is_flag=True, help="Also who decides what about a move, and why.")
@url_option
def status_command(name: str, *, show_ha: bool) -> int:
    """Show a whole cluster on one screen.

    NAME is the cluster's name in its manifest. Exit code 0 when somebody is active and healthy, 1 when not.

    \b
    Examples:
      rlm-ha license-servers status rlm-ha-cluster
      rlm-ha license-servers status rlm-ha-cluster --show-ha
    """
    manners = current_manners()
    answer = connect(manners).cluster(name)
    emit(answer.document, lambda: status_sheet(answer.value, show_ha=show_ha), manners=manners)
    return ExitCode.DONE if answer.value.healthy else ExitCode.FAILED
