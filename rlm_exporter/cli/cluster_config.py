"""`rlm-ha cluster config …`: which license servers jobs get, and that as files for their environment."""

import os
from typing import Any

import click

from rlm_exporter.cli.client import Client, connect
from rlm_exporter.cli.client_config_answers import ClientConfigAnswer, JobsView
from rlm_exporter.cli.client_config_sheet import config_sheet, update_sheet
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.licenses import login_name
from rlm_exporter.cli.manners import Format, current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.settings_formats import FORM, FORMS, HELP
from rlm_exporter.errors import ApiError
from rlm_exporter.render.client_settings import ClientSettings, render_settings

SWITCHES = {"true": True, "enabled": True, "false": False, "disabled": False}


def _read_switch(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> bool | None:
    return None if value is None else SWITCHES[value]


_cluster_option = click.option(
    "--cluster", metavar="NAME", help="Which one, where the daemon has several clusters."
)


@click.command("update")
@click.option(
    "--license-servers",
    "servers",
    metavar="LIST",
    help="Such as 5053@rlm1:5053@rlm2, or the cluster's name for what its manifest has.",
)
@click.option(
    "--license-failover-enabled",
    "follows",
    type=click.Choice(list(SWITCHES), case_sensitive=False),
    callback=_read_switch,
    help="Whether jobs are told anew at each move, the active server first.",
)
@click.option("--license-redundancy-mode", "mode", metavar="MODE", help="active-passive; there is no other.")
@click.option("--reason", metavar="TEXT", default="", help="Why; it stands in the journal.")
@click.option("--dry-run", is_flag=True, help="Show what would become otherwise, and change nothing.")
@_cluster_option
@url_option
def update_command(
    *,
    servers: str | None,
    follows: bool | None,
    mode: str | None,
    reason: str,
    dry_run: bool,
    cluster: str | None,
) -> int:
    """Set which license servers jobs get. What is not named stays as it is.

    The daemon stores it and writes the files that the manifest names (clientSettings.files), now and at each
    move. Behind a load balancer jobs get its address; without one the list, the active server first.

    \b
    Examples:
      rlm-ha cluster config update --license-servers "5053@rlm-lb" \\
        --license-failover-enabled true --license-redundancy-mode active-passive
      rlm-ha cluster config update --license-servers "rlm1 rlm2 rlm3" --dry-run
    """
    named = {
        "license_servers": servers,
        "license_failover_enabled": follows,
        "license_redundancy_mode": mode,
    }
    wish: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    if not wish:
        raise click.UsageError("nothing is to be set; `rlm-ha cluster config show` shows what is")
    manners = current_manners()
    client = connect(manners)
    name = cluster or _only_cluster(client, named=servers)
    signed = {"dry_run": dry_run, "reason": reason, "requested_by": login_name(os.environ)}
    answer = client.set_client_config(name, {**wish, **signed})
    emit(answer.document, lambda: update_sheet(answer.value), manners=manners)
    _remark(answer.value.config)
    troubled = not dry_run and any(file.trouble for file in answer.value.config.files)
    return ExitCode.FAILED if troubled else ExitCode.DONE


@click.command("show")
@click.option("--format", "form", type=FORM, help=HELP)
@_cluster_option
@url_option
def show_command(*, form: str | None, cluster: str | None) -> int:
    """Show which license servers jobs get now, and by whose word; with --format as text to be read by them.

    Exit code 1 where nobody knows who is active, or a file could not be written.

    \b
    Examples:
      rlm-ha cluster config show
      eval "$(rlm-ha cluster config show --format sh)"
    """
    manners = current_manners()
    if form is not None and manners.output is not Format.TABLE:
        raise click.UsageError("--format prints text for programs; leave out --json and -o")
    client = connect(manners)
    answer = client.client_config(cluster or _only_cluster(client))
    config = answer.value
    if form is not None:
        text = render_settings(_settings(config.cluster, _known(config)), FORMS[form])
        click.echo(text.encode(), nl=False)  # as it is, with the line ends of whoever reads it
        return ExitCode.DONE
    emit(answer.document, lambda: config_sheet(config), manners=manners)
    _remark(config)
    troubled = config.jobs is None or any(file.trouble for file in config.files)
    return ExitCode.FAILED if troubled else ExitCode.DONE


def _only_cluster(client: Client, *, named: str | None = None) -> str:
    """The one that there is, or the one whose name was given as the list of its servers."""
    names = [target.labels.cluster for target in client.targets(by="cluster")]
    if named in names:
        return str(named)
    if len(names) == 1:
        return names[0]
    known = ", ".join(names) or "none"
    raise click.UsageError(f"the daemon has {len(names)} clusters ({known}): say which by --cluster")


def _known(config: ClientConfigAnswer) -> JobsView:
    if config.jobs is None:
        raise ApiError(
            f"who is active in {config.cluster} is not known yet, so nobody knows what jobs are to get",
            status=None,
            exit_code=ExitCode.FAILED,
        )
    return config.jobs


def _settings(cluster: str, jobs: JobsView) -> ClientSettings:
    return ClientSettings(
        cluster=cluster,
        servers=jobs.servers,
        isvs=jobs.isvs,
        connect_timeout=jobs.connect_timeout_seconds,
    )


def _remark(config: ClientConfigAnswer) -> None:
    for remark in config.remarks:
        click.echo(f"Note: {printable(remark)}", err=True)
    for file in config.files:
        if file.trouble is not None:
            click.echo(f"Error: not written: {printable(file.trouble)}", err=True)
