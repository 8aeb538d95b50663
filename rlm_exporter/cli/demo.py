"""`rlm-ha demo`: the main job on loopback, with everything real but RLM itself."""

import ipaddress
import sys

import click

from rlm_exporter.errors import RlmExporterError

SCENARIO_NAMES = ("primary-hangs", "primary-dies")


def _loopback(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """Whatever else is written there would be an address of somebody else, or none."""
    try:
        if value.count(".") == 2 and ipaddress.IPv4Address(f"{value}.1").is_loopback:
            return value
    except ValueError:
        pass
    raise click.BadParameter(f"{value!r} is not the beginning of a loopback address: write 127.0.53, for one")


@click.command("demo")
@click.option(
    "--scenario",
    type=click.Choice(SCENARIO_NAMES),
    help="Play a story with an end; exit 0 only if it went as it should.",
)
@click.option("--free-ports", is_flag=True, help="Take ports that are free instead of the usual ones.")
@click.option(
    "--network",
    default="127.0.53",
    callback=_loopback,
    show_default=True,
    help="First three numbers of the simulated hosts' loopback addresses.",
)
@click.option("--daemon-port", type=click.IntRange(1, 65535), default=10053, show_default=True)
@click.option("--prometheus-port", type=click.IntRange(1, 65535), default=9090, show_default=True)
@click.option("--alertmanager-port", type=click.IntRange(1, 65535), default=9093, show_default=True)
@click.option("--keep", is_flag=True, help="Leave the temporary folder with all logs in place.")
def demo_command(
    scenario: str | None,
    free_ports: bool,
    network: str,
    daemon_port: int,
    prometheus_port: int,
    alertmanager_port: int,
    keep: bool,
) -> None:
    """Show the main job: three simulated RLM servers and a fleet of clients around real HAProxy,
    Prometheus and Alertmanager, all on loopback. Ctrl-C ends it and leaves nothing behind.

    \b
    Examples:
      rlm-ha demo
      rlm-ha demo --scenario primary-dies
    """
    from rlm_exporter.demo.layout import Layout  # noqa: PLC0415 - only this command needs them
    from rlm_exporter.demo.programs import free_layout  # noqa: PLC0415
    from rlm_exporter.demo.run import run_demo  # noqa: PLC0415

    try:
        layout = (
            free_layout(network)
            if free_ports
            else Layout(
                network=network,
                daemon_port=daemon_port,
                prometheus_port=prometheus_port,
                alertmanager_port=alertmanager_port,
            )
        )
        code = run_demo(layout=layout, scenario=scenario, keep=keep, say=click.echo)
    except RlmExporterError as error:
        click.echo(f"rlm-ha demo: {error}", err=True)
        code = 1
    sys.exit(code)
