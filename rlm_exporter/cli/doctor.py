"""`rlm-ha doctor CLUSTER|MANIFEST`: looks a whole site over."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlm_exporter.cli.chosen_cluster import load_cluster
from rlm_exporter.cli.client import connect
from rlm_exporter.cli.doctor_sheet import counted, document, sheet
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.manners import current_manners, url_option
from rlm_exporter.cli.output import emit
from rlm_exporter.cli.whole_cluster import whole_cluster
from rlm_exporter.cli.written import write_for_somebody
from rlm_exporter.doctor.finding import Examined, Weight
from rlm_exporter.doctor.junit import junit
from rlm_exporter.manifest.model import Cluster

if TYPE_CHECKING:
    from rlm_exporter.doctor.site import Asked


@click.command("doctor")
@click.argument("name", metavar="CLUSTER|MANIFEST")
@click.option("--cluster", "cluster_name", metavar="NAME", help="Which one, where the manifest has several.")
@click.option("--prometheus", metavar="URL", help="Look at its rules and series too.")
@click.option("--alertmanager", metavar="URL", help="Try a harmless alert there too.")
@click.option(
    "--haproxy", metavar="FILE", type=click.Path(path_type=Path), help="Look at this haproxy.cfg too."
)
@click.option("--store", metavar="URL", help="Look at the journal's database too (default: RLM_HA_STORE).")
@click.option("--rlmutil", type=click.Path(path_type=Path), help="The vendor's rlmutil.")
@click.option("--junit", "report", metavar="FILE", type=click.Path(path_type=Path), help="Write JUnit's XML.")
@url_option
def doctor_command(
    name: str,
    *,
    cluster_name: str | None,
    prometheus: str | None,
    alertmanager: str | None,
    haproxy: Path | None,
    store: str | None,
    rlmutil: Path | None,
    report: Path | None,
) -> int:
    """Say what is wrong with a cluster, why it matters, and what to do. Changes nothing.

    The cluster is that of a manifest file, or one that the daemon has. Exit code 1 where there is an error;
    warnings leave it at 0.

    \b
    rlm-ha doctor cluster.yaml
    rlm-ha doctor site --prometheus http://localhost:9090 --junit doctor.xml
    """
    from rlm_exporter.doctor.site import Asked  # noqa: PLC0415 - --help needs none of the parts

    cluster = _cluster(name, cluster_name)
    asked = Asked(
        prometheus=prometheus,
        alertmanager=alertmanager,
        store=store or os.environ.get("RLM_HA_STORE"),
        haproxy=haproxy,
    )
    examined = asyncio.run(_examine(cluster, asked, rlmutil))
    emit(document(cluster.name, examined), lambda: sheet(examined), manners=current_manners())
    if report is not None:
        write_for_somebody(report, junit(cluster.name, examined))
    return ExitCode.FAILED if counted(examined, Weight.ERROR) else ExitCode.DONE


def _cluster(name: str, cluster_name: str | None) -> Cluster:
    """A file goes before a name: a name of the daemon's has no dot and no slash as a rule."""
    if Path(name).exists():
        return load_cluster(Path(name), cluster_name)
    if "/" in name or name.endswith((".yaml", ".yml")):
        raise click.UsageError(f"there is no file {name}")
    return whole_cluster(connect(current_manners()), name)


async def _examine(cluster: Cluster, asked: "Asked", rlmutil: Path | None) -> tuple[Examined, ...]:
    from rlm_exporter.doctor.examine import examine_site  # noqa: PLC0415 - as above
    from rlm_exporter.doctor.site import Means, visit  # noqa: PLC0415
    from rlm_exporter.probe.addresses import SystemResolver  # noqa: PLC0415
    from rlm_exporter.probe.clock import SystemClock  # noqa: PLC0415
    from rlm_exporter.probe.rlmutil import RlmutilProbe, find_rlmutil  # noqa: PLC0415
    from rlm_exporter.probe.tcp import ConnectProbe  # noqa: PLC0415

    clock, resolver = SystemClock(), SystemResolver()
    tool = find_rlmutil(rlmutil, os.environ, shutil.which)
    with RlmutilProbe(rlmutil=tool, clock=clock) as probe:
        means = Means(
            clock=clock, resolver=resolver, tcp=ConnectProbe(clock=clock, resolver=resolver), license=probe
        )
        return await examine_site(await visit(cluster, means=means, asked=asked))
