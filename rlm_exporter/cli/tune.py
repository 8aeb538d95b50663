"""`rlm-ha licenses config` and `licenses optimize`: what can be set without editing a manifest."""

import os

import click

from rlm_exporter.cli.client import connect
from rlm_exporter.cli.deploy import dry_run_option, show_deployed
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.licenses import login_name
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.sheet import Cell, Facts

_CONFIG = ("load_balancing", "session_affinity", "health_check_interval", "failover_detection")
_OPTIMIZE = ("strategy", "prefer_local_server", "connection_pooling", "max_connections_per_server")


@click.command("config")
@click.argument("name")
@click.option(
    "--load-balancing",
    metavar="WORD",
    help="Who of good standbys takes over: intelligent, preference.",
)
@click.option("--session-affinity", metavar="true|false", help="Whether browsers stay with a web interface.")
@click.option("--health-check-interval", metavar="TIME", help="From one check to the next, such as 30s.")
@click.option("--failover-detection", metavar="WORD", help="How soon a fault is found: fast, normal, slow.")
@dry_run_option
@url_option
def config_command(name: str, *, dry_run: bool, **given: str | None) -> int:
    """Show how cluster NAME is looked after; with flags, change it.

    What follows from a change, and what RLM cannot do, is said in a sentence. A cluster that stands in a file
    of the daemon's is changed there.

    \b
    Examples:
      rlm-ha licenses config site
      rlm-ha licenses config site --failover-detection fast
    """
    return _tune(name, given, _CONFIG, dry_run=dry_run)


@click.command("optimize")
@click.argument("name")
@click.option("--strategy", metavar="WORD", help="In which order clients ask: geographic, preference.")
@click.option("--prefer-local-server", metavar="true|false", help="The same by another word.")
@click.option("--connection-pooling", metavar="enabled|disabled", help="What RLM cannot do; it says why.")
@click.option("--max-connections-per-server", metavar="N", help="Further ones wait; or `unlimited`.")
@dry_run_option
@url_option
def optimize_command(name: str, *, dry_run: bool, **given: str | None) -> int:
    """Show how the clients of cluster NAME are led; with flags, change it.

    `geographic` needs a `site` at servers or load balancers of the manifest.

    \b
    Examples:
      rlm-ha licenses optimize site --max-connections-per-server 200
    """
    return _tune(name, given, _OPTIMIZE, dry_run=dry_run)


def _tune(name: str, given: dict[str, str | None], shown: tuple[str, ...], *, dry_run: bool) -> int:
    manners = current_manners()
    client = connect(manners)
    settings = {key: word for key, word in given.items() if word is not None}
    if not settings:
        answer = client.settings(name)
        pairs = tuple((key.replace("_", "-"), Cell(getattr(answer.value.settings, key))) for key in shown)
        emit(answer.document, lambda: (Facts(pairs=pairs),), manners=manners)
        return ExitCode.DONE
    wish = {"settings": settings, "dry_run": dry_run, "requested_by": login_name(os.environ)}
    changed = client.configure(name, wish)
    show_deployed(changed.document, changed.value, manners=manners)
    for line in changed.value.said:
        click.echo(printable(line), err=True)
    return ExitCode.DONE
