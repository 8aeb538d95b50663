"""`rlm-ha render systemd [rlm|rlm-ha]`: units of an RLM server and of our daemon."""

import re
from dataclasses import replace
from pathlib import Path

import click

from rlm_exporter.cli.inspect_input import read_input
from rlm_exporter.cli.render_input import MANIFEST, Rendered, give, output_option
from rlm_exporter.cli.render_rlm_args import read_rlm_conf, tell_remarks
from rlm_exporter.manifest.load import load_manifests
from rlm_exporter.render.rlm_command import RlmOptions, options_from
from rlm_exporter.render.systemd import (
    OUR_UNIT,
    RLM_UNIT,
    OurService,
    RlmService,
    render_our_unit,
    render_rlm_unit,
    written_folders,
)

_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_OURS, _THEIRS = OurService(), RlmService()


def read_path(_ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """An absolute path, such as a unit or a script can hold."""
    if value is None:
        return value
    # At the end of a unit's line systemd takes blanks away, and a backslash joins the next line to it.
    if value.startswith("/") and value.isprintable() and not value.endswith((" ", "\\")):
        return value
    raise click.BadParameter(f"{value!r} is no absolute path that can be written down here", param=parameter)


def read_names(
    _ctx: click.Context, parameter: click.Parameter, value: str | tuple[str, ...] | None
) -> str | tuple[str, ...] | None:
    """Names of users or groups."""
    for name in (value,) if isinstance(value, str) else value or ():
        if not _NAME.fullmatch(name):
            raise click.BadParameter(f"{name!r} is no name of a user or group", param=parameter)
    return value


@click.command("systemd")
@click.argument("unit", metavar="[rlm|rlm-ha]", required=False, type=click.Choice(["rlm", "rlm-ha"]))
@click.option("--rlm-conf", metavar="FILE", type=MANIFEST, help="Take rlm's options from there.")
@click.option("--home", metavar="DIR", default=_THEIRS.home, show_default=True, callback=read_path,
              help="Where RLM is installed; its programs are in DIR/bin.")  # fmt: skip
@click.option("--licenses", metavar="PATH", callback=read_path, help="rlm -c; default DIR/licenses.")
@click.option("--debug-log", metavar="FILE", callback=read_path, help="rlm -dlog; default DIR/logs/rlm.log.")
@click.option("--web-port", metavar="PORT", type=click.IntRange(1, 65535), help="rlm -ws.")
@click.option("--no-web", is_flag=True, help="rlm -nows: no web interface.")
@click.option("--certificate", metavar="FILE", callback=read_path, help="rlm -sslcert.")
@click.option("--key", metavar="FILE", callback=read_path, help="rlm -sslpriv.")
@click.option("--port", metavar="PORT", type=click.IntRange(1, 65535), default=_THEIRS.port,
              show_default=True, help="Where rlm is told to stop.")  # fmt: skip
@click.option("--user", metavar="NAME", callback=read_names, help="Who runs it; default rlm, rlm-ha.")
@click.option("--manifest", "manifests", metavar="FILE", type=MANIFEST, multiple=True,
              help="Let the daemon write the client settings that this names.")  # fmt: skip
@click.option("--program", metavar="PATH", default=_OURS.program, show_default=True, callback=read_path,
              help="Our command.")  # fmt: skip
@click.option("--config", metavar="DIR", default=_OURS.config, show_default=True, callback=read_path,
              help="The daemon's manifests.")  # fmt: skip
@click.option("--group", "groups", metavar="NAME", multiple=True, callback=read_names,
              help="A group of the daemon: who may use the socket of a balancer beside it.")  # fmt: skip
@output_option
def systemd_command(
    unit: str | None,
    *,
    rlm_conf: Path | None,
    home: str,
    licenses: str | None,
    debug_log: str | None,
    web_port: int | None,
    no_web: bool,
    certificate: str | None,
    key: str | None,
    port: int,
    user: str | None,
    manifests: tuple[Path, ...],
    program: str,
    config: str,
    groups: tuple[str, ...],
    folder: Path | None,
) -> None:
    """Render the unit of an RLM server (rlm), of our daemon (rlm-ha), or of both.

    Put it into /etc/systemd/system, then: systemctl daemon-reload, systemctl enable --now UNIT.

    \b
    Examples:
      rlm-ha render systemd rlm > rlm.service
    """
    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key go together, as -sslcert and -sslpriv of rlm do")
    given = RlmOptions(
        licenses=licenses, debug_log=debug_log, web_port=web_port, certificate=certificate, key=key
    )
    files: dict[str, Rendered] = {}
    if unit != "rlm-ha":
        options = _options(rlm_conf, given, home=home, no_web=no_web)
        service = RlmService(home=home, options=options, port=port, user=user or _THEIRS.user)
        files[RLM_UNIT] = Rendered(text=render_rlm_unit(service))
    if unit != "rlm":
        ours = OurService(
            program=program,
            config=config,
            user=(user if unit else None) or _OURS.user,
            groups=groups,
            writable=written_folders(load_manifests(manifests).clusters) if manifests else (),
        )
        files[OUR_UNIT] = Rendered(text=render_our_unit(ours))
    give(files, folder)


def _options(file: Path | None, given: RlmOptions, *, home: str, no_web: bool) -> RlmOptions:
    """The flags win over the file, and the file over the usual places."""
    options = RlmOptions(licenses=f"{home}/licenses", debug_log=f"{home}/logs/rlm.log")
    if file is not None:
        conf = read_rlm_conf(read_input(file))
        tell_remarks(str(file), conf)
        said = options_from(conf)
        options = replace(
            said,
            licenses=said.licenses or options.licenses,
            debug_log=said.debug_log or options.debug_log,
        )
    web_port = given.web_port or options.web_port
    web = given.web_port is not None or (options.web and not no_web)
    return RlmOptions(
        licenses=given.licenses or options.licenses,
        debug_log=given.debug_log or options.debug_log,
        web=web,
        web_port=web_port if web else None,
        certificate=(given.certificate or options.certificate) if web else None,
        key=(given.key or options.key) if web else None,
    )
