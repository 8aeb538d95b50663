"""`rlm-ha licenses expiring`: which licenses end soon."""

import click

from rlm_exporter.cli.client import connect
from rlm_exporter.cli.expiring_sheet import CSV_ENDINGS, expiring_sheet
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.usage import csv_option
from rlm_exporter.cli.usage_sheet import as_csv


@click.command("expiring")
@click.argument("name")
@click.option(
    "--within", metavar="TIME", default="90d", show_default=True, help="From now, such as 30d or 8w."
)
@csv_option
@url_option
def expiring_command(name: str, *, within: str, as_table: bool) -> None:
    """Show which licenses of cluster NAME end soon, or ended in the last 30 days.

    From the license files, where the daemon reads them; else from the pools that the servers show.

    \b
    Examples:
      rlm-ha licenses expiring rlm-ha-cluster --within 30d
    """
    manners = current_manners()
    answer = connect(manners).expiring(name, {"within": within})
    if as_table:
        click.echo(as_csv(CSV_ENDINGS, answer.value.licenses), nl=False)
        return
    emit(answer.document, lambda: expiring_sheet(answer.value), manners=manners)
