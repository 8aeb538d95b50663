"""`rlm-ha licenses report`: all that the daemon tells about usage, in one answer, with pictures."""

from collections.abc import Mapping
from pathlib import Path

import click

from rlm_exporter.cli.client import Client, connect
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.report_parts import Report
from rlm_exporter.cli.report_sheet import report_sheet
from rlm_exporter.cli.usage import read_groups, window_options, window_query

MOST_DRAWN = 50
"""Features that have pictures: those that were used most."""


@click.command("report")
@click.argument("name")
@click.option("--feature", metavar="NAME", help="Usage, denials and pictures of this one alone.")
@click.option(
    "--groups",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A CSV file with user,group lines: usage by group, too.",
)
@click.option(
    "--longer", metavar="TIME", default="3d", show_default=True, help="What counts as a long session."
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Draw each feature there; needs the extra `pictures`.",
)
@click.option(
    "--picture-format",
    type=click.Choice(("png", "svg")),
    default="png",
    show_default=True,
    help="Of pictures.",
)
@click.option(
    "--timezone", metavar="ZONE", default="UTC", show_default=True, help="Of pictures, such as Europe/Berlin."
)
@window_options
@url_option
def report_command(
    name: str,
    *,
    feature: str | None,
    groups: Path | None,
    longer: str,
    pictures: Path | None,
    picture_format: str,
    timezone: str,
    last: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """Show all about the usage of cluster NAME: seats, users, refusals, long sessions, hosts with two seats.

    With --pictures three files a feature: use over time with the ceiling, use by hour and weekday, and for
    how much of the time how many seats were in use.

    \b
    Examples:
      rlm-ha licenses report rlm-ha-cluster --last month
      rlm-ha licenses report rlm-ha-cluster --pictures pictures
    """
    manners = current_manners()
    if pictures is not None:
        # Before anything is asked: who lacks the extra need not wait for the report.
        from rlm_exporter.cli.pictures import prepare  # noqa: PLC0415 - here only, and not for --help

        prepare(pictures)
    client = connect(manners)
    named = None if groups is None else read_groups(groups)
    report = _ask(client, name, window_query(last, since, until), feature, named, longer)
    drawn: tuple[Path, ...] = ()
    if pictures is not None:
        drawn = _draw(client, name, report, folder=pictures, ending=picture_format, timezone=timezone)
    emit(report.document(drawn), lambda: report_sheet(report, drawn), manners=manners)


def _ask(
    client: Client,
    name: str,
    query: Mapping[str, str],
    feature: str | None,
    groups: Mapping[str, str] | None,
    longer: str,
) -> Report:
    of_feature = {} if feature is None else {"feature": feature}
    features = client.usage(name, {**query, **of_feature, "by": "feature"})
    # All parts are about one time, also where that ends now.
    time = {"since": features.document["since"], "until": features.document["until"]}
    return Report(
        features=features,
        users=client.usage(name, {**time, **of_feature, "by": "user"}),
        groups=None
        if groups is None
        else client.usage(name, {**time, **of_feature, "by": "group"}, groups=groups),
        denials=client.denials(name, {**time, **of_feature}),
        long_sessions=client.usage_sessions(name, {**time, "longer": longer}),
        double_use=client.double_use(name, time),
        expiring=client.expiring(name, {}),
    )


def _draw(
    client: Client, name: str, report: Report, *, folder: Path, ending: str, timezone: str
) -> tuple[Path, ...]:
    from rlm_exporter.cli.pictures import draw_feature, file_names  # noqa: PLC0415 - here only

    usage = report.features.value
    lines = sorted(usage.lines, key=lambda line: -line.seat_hours)
    if len(lines) > MOST_DRAWN:
        click.echo(f"Only the {MOST_DRAWN} features that were used most are drawn.", err=True)
    drawn: list[Path] = []
    chosen = lines[:MOST_DRAWN]
    stems = file_names([(line.isv, line.feature) for line in chosen])
    for line, stem in zip(chosen, stems, strict=True):
        query = {
            "since": report.features.document["since"],
            "until": report.features.document["until"],
            "feature": line.feature,
            "timezone": timezone,
            "isv": line.isv or "",  # empty = of which no ISV is known
        }
        drawn += draw_feature(client.profile(name, query).value, folder=folder, stem=stem, ending=ending)
    return tuple(drawn)
