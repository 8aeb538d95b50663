"""`rlm-ha ship-log FILE`: a report log from the license host to the daemon."""

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from rlm_exporter.cli.client import connect
from rlm_exporter.cli.manners import current_manners
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.sheet import Cell, Line
from rlm_exporter.cli.shipping import LogName, Shipper
from rlm_exporter.rlm.report_log_place import HEAD_BYTES, read_head


@click.command("ship-log")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--to", "url", metavar="URL", help="The daemon's address (default: as for other commands).")
@click.option("--cluster", required=True, metavar="NAME", help="The cluster, by its name in the manifest.")
@click.option("--server", required=True, metavar="NAME", help="The server that writes the log.")
@click.option("--isv", metavar="NAME", help="The ISV server that writes it (default: as the log says).")
@click.option("--once", is_flag=True, help="Ship what there is now, and end.")
def ship_log_command(
    file: Path, *, url: str | None, cluster: str, server: str, isv: str | None, once: bool
) -> None:
    """Follow the report log FILE on a license host, and bring what it tells to the daemon.

    Goes on from where the daemon says that the log has come, over rotations, cuts of the network and
    restarts. Nothing is kept on this machine. Runs until it is ended: make a service of it.

    \b
    Examples:
      rlm-ha ship-log siemens.rl --cluster rlm-ha-cluster --server rlm1
    """
    manners = current_manners()
    manners.url = url or manners.url
    shipper = Shipper(
        client=connect(manners),
        path=file,
        name=LogName(cluster=cluster, server=server, isv=isv or _isv_of(file)),
        once=once,
        say=lambda text: click.echo(f"rlm-ha: {printable(text)}", err=True),
        sleep=time.sleep,
        now=lambda: datetime.now(UTC).replace(tzinfo=None),
    )
    try:
        shipper.run()
    except OSError as error:
        raise click.FileError(str(error.filename or file), hint=error.strerror or "cannot be read") from error
    told = f"{shipper.sessions} sessions and {shipper.denials} denials were shipped"
    document = {"sessions": shipper.sessions, "denials": shipper.denials}
    emit(document, lambda: (Line(cells=(Cell(told),)),), manners=manners)


def _isv_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            isv = read_head(opened.read(HEAD_BYTES)).isv
    except OSError as error:
        raise click.FileError(str(file), hint=error.strerror or "cannot be read") from error
    if isv is None:
        raise click.UsageError(f"{file} does not say which ISV server writes it; give --isv")
    return isv
