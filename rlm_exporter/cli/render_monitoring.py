"""`rlm-ha render prometheus|alertmanager [MANIFEST]`: their configurations, for the daemon that is meant."""

from pathlib import Path
from urllib.parse import urlsplit

import click

from rlm_exporter.cli.render_input import MANIFEST, Rendered, give, output_option
from rlm_exporter.cli.render_systemd import read_path
from rlm_exporter.cli.serve import DEFAULT_LISTEN, is_loopback
from rlm_exporter.errors import ConfigurationError, FormatError
from rlm_exporter.manifest.formats import check_http_url
from rlm_exporter.manifest.load import load_manifests
from rlm_exporter.manifest.model import ExporterConfig
from rlm_exporter.render.monitoring import (
    Daemon,
    alertmanager_document,
    prometheus_document,
    write_document,
)
from rlm_exporter.render.shipped import example, rule_files, rules_folder
from rlm_exporter.rlm.address import Endpoint, bracketed, format_host_port, parse_host_port


def _read_urls(_ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            check_http_url(value)
        except ValueError as error:
            raise click.BadParameter(str(error), param=parameter) from error
    if len({urlsplit(value).scheme for value in values}) > 1:
        raise click.BadParameter("all daemons go by http, or all by https", param=parameter)
    return tuple(f"{urlsplit(value).scheme}://{urlsplit(value).netloc}" for value in values)


def _read_addresses(
    _ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    try:
        return tuple(format_host_port(parse_host_port(value)) for value in values)
    except FormatError as error:
        raise click.BadParameter(str(error), param=parameter) from error


_manifest = click.argument("manifest", required=False, type=MANIFEST)
_daemons = click.option(
    "--daemon", "urls", metavar="URL", multiple=True, callback=_read_urls,
    help="Where our daemon answers, once for each; default what the manifest says, else this host.",
)  # fmt: skip
_credentials = click.option(
    "--credentials-file", metavar="FILE", callback=read_path, help="The token's file, on the other machine."
)
_authority = click.option(
    "--ca-file", metavar="FILE", callback=read_path, help="Who signed the daemon's certificate."
)


@click.command("prometheus")
@_manifest
@_daemons
@click.option("--alertmanager", "alertmanagers", metavar="HOST:PORT", multiple=True,
              default=("127.0.0.1:9093",), show_default=True, callback=_read_addresses,
              help="Who is told of alerts; once for each.")  # fmt: skip
@click.option(
    "--rules", metavar="DIR", callback=read_path, help="Where the rule files are; default beside it."
)
@_credentials
@_authority
@output_option
def prometheus_command(
    manifest: Path | None,
    *,
    urls: tuple[str, ...],
    alertmanagers: tuple[str, ...],
    rules: str | None,
    credentials_file: str | None,
    ca_file: str | None,
    folder: Path | None,
) -> None:
    """Render prometheus.yml: scraping, rules and alerting.

    With --output DIR the rule files are written there too, unless --rules says that they are elsewhere.

    \b
    Examples:
      rlm-ha render prometheus > prometheus.yml
    """
    daemon = _daemon(manifest, urls, credentials_file, ca_file)
    document = prometheus_document(example("prometheus"), daemon, alertmanagers=alertmanagers, rules=rules)
    head = "Rendered by `rlm-ha render prometheus`. The rules know the job by its name."
    files = {"prometheus.yml": Rendered(text=write_document(head, document))}
    if folder is not None and rules is None:
        files |= {path.name: Rendered(text=path.read_text(encoding="utf-8")) for path in rule_files()}
    elif rules is None:
        click.echo(f"the rule files are in {rules_folder()}; --output DIR copies them too", err=True)
    give(files, folder)


@click.command("alertmanager")
@_manifest
@_daemons
@_credentials
@_authority
@output_option
def alertmanager_command(
    manifest: Path | None,
    *,
    urls: tuple[str, ...],
    credentials_file: str | None,
    ca_file: str | None,
    folder: Path | None,
) -> None:
    """Render alertmanager.yml: the route that wakes the controller, and what mutes what.

    The receiver `people` is empty: put your own ways to reach people there.

    \b
    Examples:
      rlm-ha render alertmanager > alertmanager.yml
    """
    daemon = _daemon(manifest, urls, credentials_file, ca_file)
    head = (
        "Rendered by `rlm-ha render alertmanager`. Put your ways to reach people into the receiver `people`."
    )
    text = write_document(head, alertmanager_document(example("alertmanager"), daemon))
    give({"alertmanager.yml": Rendered(text=text, mode=0o640)}, folder)


def _daemon(
    manifest: Path | None, urls: tuple[str, ...], credentials_file: str | None, ca_file: str | None
) -> Daemon:
    config = ExporterConfig() if manifest is None else load_manifests((manifest,)).config
    daemon = Daemon(urls=urls or (_url(config),), credentials_file=credentials_file, ca_file=ca_file)
    hosts = [urlsplit(url).hostname or "" for url in daemon.urls]
    if credentials_file is None and not all(is_loopback(host) for host in hosts):
        click.echo(
            "warning: a daemon that others reach asks for a token: name its file by --credentials-file",
            err=True,
        )
    return daemon


def _url(config: ExporterConfig) -> str:
    """Where others reach the daemon, as far as its settings tell."""
    if config.advertise is not None:
        return config.advertise
    place: Endpoint = parse_host_port(config.listen or DEFAULT_LISTEN)
    if place.host in {"0.0.0.0", "::"}:  # noqa: S104 - no address is bound here
        raise ConfigurationError(
            f"{config.source}: the daemon listens on every address, and the file does not say by which one "
            "it is reached: name it by --daemon, or by advertise"
        )
    return f"http://{bracketed(place.host)}:{place.port}"
