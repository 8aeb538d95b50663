"""`rlm-ha licenses denials`: who was refused, and why."""

import click

from rlm_exporter.cli.client import connect
from rlm_exporter.cli.denials_sheet import CSV_DENIALS, denials_sheet
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.usage import csv_option, window_options, window_query
from rlm_exporter.cli.usage_sheet import as_csv


@click.command("denials")
@click.argument("name")
@click.option(
    "--by",
    type=click.Choice(("feature", "user", "host", "server")),
    default="feature",
    help="Of each feature, who was refused.",
)
@click.option("--feature", metavar="NAME", help="This one alone.")
@window_options
@csv_option
@url_option
def denials_command(
    name: str,
    *,
    by: str,
    feature: str | None,
    last: str | None,
    since: str | None,
    until: str | None,
    as_table: bool,
) -> None:
    """Show who was refused licenses of cluster NAME, and why, those most refused first.

    They come from report logs. JSON has the newest 100 one by one, too.

    \b
    Examples:
      rlm-ha licenses denials rlm-ha-cluster --by user
    """
    manners = current_manners()
    query = window_query(last, since, until) | ({} if feature is None else {"feature": feature})
    answer = connect(manners).denials(name, query | {"by": by})
    if as_table:
        click.echo(as_csv(CSV_DENIALS, answer.value.lines), nl=False)
        return
    emit(answer.document, lambda: denials_sheet(answer.value), manners=manners)
