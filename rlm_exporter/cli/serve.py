"""`rlm-ha serve`: the daemon. A flag wins over a variable, a variable over the configuration document."""

import asyncio
import contextlib
import ipaddress
import logging
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlm_exporter.cli.logs import set_up_logging
from rlm_exporter.errors import ConfigurationError, FormatError, RlmExporterError
from rlm_exporter.manifest.formats import check_http_url
from rlm_exporter.rlm.address import bracketed, parse_host_port

if TYPE_CHECKING:
    from rlm_exporter.bootstrap import Settings
    from rlm_exporter.manifest.model import ExporterConfig
    from rlm_exporter.server.auth import Token

log = logging.getLogger(__name__)

DEFAULT_LISTEN = "127.0.0.1:10053"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What was said on the command line; None where nothing was."""

    config: tuple[Path, ...]
    listen: str | None = None
    state_dir: Path | None = None
    store: str | None = None
    rlmutil: Path | None = None
    name: str | None = None
    advertise: str | None = None


@click.command("serve")
@click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A manifest, or a directory of them. May be given several times. SIGHUP has them read again.",
)
@click.option("--listen", help=f"ADDRESS:PORT of the HTTP interface; default {DEFAULT_LISTEN}.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the journal is kept.")
@click.option("--store", help="sqlite:///PATH or postgresql://USER@HOST/DATABASE of the journal.")
@click.option("--name", help="What this daemon is called among several on one database; default HOST:PORT.")
@click.option("--advertise", help="The URL at which operators reach this daemon, for the others to tell.")
@click.option("--rlmutil", type=click.Path(path_type=Path), help="The vendor's rlmutil.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default=None)
@click.option("--log-format", type=click.Choice(["logfmt", "json"]), default=None)
def serve_command(
    config: tuple[Path, ...],
    listen: str | None,
    state_dir: Path | None,
    store: str | None,
    name: str | None,
    advertise: str | None,
    rlmutil: Path | None,
    log_level: str | None,
    log_format: str | None,
) -> None:
    """Run the daemon: exporter, webhook receiver, controller and status page.

    \b
    Examples:
      rlm-ha serve --config rlm-ha-cluster.yaml
      rlm-ha serve --config /etc/rlm-ha --listen 0.0.0.0:10053
    """
    from rlm_exporter.configuration import read_configuration  # noqa: PLC0415 - only this command needs it

    try:
        loaded = read_configuration(config, ())
        set_up_logging(
            level=log_level or os.environ.get("RLM_HA_LOG_LEVEL") or loaded.config.log_level,
            form=log_format or os.environ.get("RLM_HA_LOG_FORMAT") or loaded.config.log_format,
        )
        flags = Flags(
            config=config,
            listen=listen,
            state_dir=state_dir,
            store=store,
            rlmutil=rlmutil,
            name=name,
            advertise=advertise,
        )
        settings = settings_from(flags, loaded.config, os.environ)
        asyncio.run(run(settings))
    except RlmExporterError as error:
        click.echo(f"rlm-ha: {error}", err=True)
        sys.exit(1)


def settings_from(
    flags: Flags,
    config: "ExporterConfig",
    environ: Mapping[str, str],
) -> "Settings":
    """Everything the daemon needs; raises ConfigurationError for what does not allow a start."""
    from rlm_exporter.bootstrap import Settings  # noqa: PLC0415 - aiohttp and SQLAlchemy are slow to import
    from rlm_exporter.probe.rlmutil import find_rlmutil  # noqa: PLC0415
    from rlm_exporter.probe.rlmutil_program import MISSING  # noqa: PLC0415
    from rlm_exporter.store.database import is_shared  # noqa: PLC0415

    host, port = parse_listen(flags.listen or environ.get("RLM_HA_LISTEN") or config.listen or DEFAULT_LISTEN)
    tokens = _tokens(environ)
    if not tokens and not is_loopback(host):
        raise ConfigurationError(
            f"{host} is not loopback, and there are no tokens: whoever reaches it could move the licenses. "
            "Set RLM_HA_TOKENS_FILE (and RLM_HA_WEBHOOK_TOKEN_FILE for Alertmanager), or listen on 127.0.0.1"
        )
    if not tokens:
        log.warning("no tokens: everybody on this machine may read and move (RLM_HA_TOKENS_FILE)")
    rlmutil = find_rlmutil(flags.rlmutil or config.rlmutil, environ, shutil.which)
    if rlmutil is None:
        log.warning("%s; until then licenses cannot be probed, web and TCP are", MISSING)
    store = flags.store or environ.get("RLM_HA_STORE") or config.store
    state = None if store is not None and not is_shared(store) else _state_dir(flags, config, environ)
    advertise = flags.advertise or environ.get("RLM_HA_ADVERTISE") or config.advertise
    return Settings(
        paths=flags.config,
        host=host,
        port=port,
        store=store or f"sqlite:///{(_state_dir(flags, config, environ) / 'journal.db').absolute()}",
        rlmutil=rlmutil,
        compatibility_names=config.compatibility_names,
        tokens=tokens,
        name=flags.name or environ.get("RLM_HA_NAME") or config.name or "",
        advertise=advertised(advertise, host, port),
        state=state,
        usage=config.usage,
        alerts=config.alerts,
    )


def advertised(url: str | None, host: str, port: int) -> str | None:
    """What was said, or an address that others can reach; None where there is no such thing to tell."""
    if url is not None:
        try:
            check_http_url(url)
        except ValueError as error:
            raise ConfigurationError(f"--advertise: {error}") from error
        return url.rstrip("/")
    if is_loopback(host) or host in {"0.0.0.0", "::"}:  # noqa: S104 - no address is bound here
        return None
    return f"http://{bracketed(host)}:{port}"


def parse_listen(text: str) -> tuple[str, int]:
    """`ADDRESS:PORT`, IPv6 in brackets; raises ConfigurationError."""
    try:
        endpoint = parse_host_port(text)
    except FormatError as error:
        raise ConfigurationError(f"--listen: {error}; for example {DEFAULT_LISTEN}") from error
    return endpoint.host, endpoint.port


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _state_dir(flags: Flags, config: "ExporterConfig", environ: Mapping[str, str]) -> Path:
    import platformdirs  # noqa: PLC0415 - only where one is needed

    named = flags.state_dir or environ.get("RLM_HA_STATE_DIR") or config.state_dir
    directory = Path(named) if named else platformdirs.user_state_path("rlm-ha")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the state directory {directory} cannot be made: {error.strerror}; choose one with --state-dir"
        ) from error
    return directory


def _tokens(environ: Mapping[str, str]) -> "tuple[Token, ...]":
    from rlm_exporter.server.auth import parse_tokens, webhook_token  # noqa: PLC0415

    tokens: tuple[Token, ...] = ()
    path = environ.get("RLM_HA_TOKENS_FILE")
    if path:
        tokens = parse_tokens(_read(path, "RLM_HA_TOKENS_FILE"), source=path)
    secret = environ.get("RLM_HA_WEBHOOK_TOKEN")
    secret_file = environ.get("RLM_HA_WEBHOOK_TOKEN_FILE")
    if not secret and secret_file:
        secret = _read(secret_file, "RLM_HA_WEBHOOK_TOKEN_FILE").strip()
    if secret:
        tokens = (*tokens, webhook_token(secret))
    elif tokens:
        log.warning("no webhook token: Alertmanager will be refused (RLM_HA_WEBHOOK_TOKEN_FILE)")
    return tokens


def _read(path: str, variable: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{variable}: {path} cannot be read: {error}") from error


async def run(settings: "Settings") -> None:
    """The daemon, until a signal ends it; SIGHUP has it read its files again."""
    from rlm_exporter.bootstrap import run_daemon  # noqa: PLC0415

    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    handlers = {signal.SIGINT: stop.set, signal.SIGTERM: stop.set, signal.SIGHUP: reload.set}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        await run_daemon(settings, stop=stop, reload=reload, listening=_say_listening)
    except RlmExporterError:
        raise
    except Exception:
        # What a daemon dies of at night has to stand where somebody can look for it.
        log.critical("a defect of rlm-ha ends the daemon", exc_info=True)
        raise
    finally:
        for number in handlers:
            with contextlib.suppress(ValueError):
                loop.remove_signal_handler(number)


def _say_listening(host: str, port: int) -> None:
    log.info("listening on http://%s:%d", bracketed(host), port)
