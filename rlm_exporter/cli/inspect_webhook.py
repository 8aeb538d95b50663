"""`rlm-ha inspect webhook FILE…`: what is understood of a delivery of Alertmanager."""

from pathlib import Path

import click

from rlm_exporter.alerts.webhook import LARGEST, parse_delivery
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.inspect_input import FILES, read_input
from rlm_exporter.cli.manners import current_manners
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.webhook_sheet import Posted, document, sheet
from rlm_exporter.errors import FormatError


@click.command("webhook")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FILES)
@click.option(
    "--cluster", "clusters", metavar="NAME", multiple=True, help="A cluster that the daemon has; repeatable."
)
def webhook_command(files: tuple[Path, ...], clusters: tuple[str, ...]) -> int:
    """Show what the daemon understands of what Alertmanager posts, and what each alert asks for.

    A FILE is the body of one POST, `-` is stdin. Nothing is sent anywhere. Without --cluster every cluster
    counts as known. Exit code 1 when the daemon would refuse one of them.

    \b
    Examples:
      rlm-ha inspect webhook delivery.json
      rlm-ha inspect webhook --cluster rlm-ha-cluster delivery.json
    """
    posted = [_read(path) for path in files]
    known = frozenset(clusters) if clusters else None
    emit(document(posted, known), lambda: sheet(posted, known), manners=current_manners())
    taken = all(each.error is None for each in posted)
    return ExitCode.DONE if taken else ExitCode.FAILED


def _read(path: Path) -> Posted:
    if path.is_dir():
        raise click.UsageError(f"{path} is a folder; name the files in it")
    source = read_input(path)
    if len(source.data) > LARGEST:
        return Posted(name=source.name, delivery=None, error=f"larger than {LARGEST} bytes")
    try:
        return Posted(name=source.name, delivery=parse_delivery(source.data), error=None)
    except FormatError as error:
        return Posted(name=source.name, delivery=None, error=str(error))
