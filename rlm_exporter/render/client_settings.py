"""What clients need in their environment, as text for shells, PowerShell, modules and Slurm. Pure."""

import re
import shlex
from dataclasses import dataclass

from rlm_exporter.manifest.model import ClientFile, Cluster, SettingsFormat
from rlm_exporter.render.client_servers import NOTHING_SET, endpoints_for
from rlm_exporter.rlm.address import format_endpoint
from rlm_exporter.store.records import ClientConfig

_SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What a shell takes for a variable. Environment Modules and Lmod hand theirs to one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """Where clients ask for licenses, in which order, and how long a dead server holds up a checkout."""

    cluster: str
    servers: tuple[str, ...]
    """`port@host`, in the order in which clients ask."""
    isvs: tuple[str, ...]
    """Their programs read `<isv>_LICENSE` and then not `RLM_LICENSE`, which may name others."""
    connect_timeout: int
    """Seconds; RLM reads multiples of 5."""

    def variables(self, separator: str) -> tuple[tuple[str, str], ...]:
        """Names and values; a list's items are parted by colons on Unix and by semicolons on Windows."""
        servers = separator.join(self.servers)
        names = ("RLM_LICENSE", *(f"{isv}_LICENSE" for isv in self.isvs))
        return (*((name, servers) for name in names), ("RLM_CONNECT_TIMEOUT", str(self.connect_timeout)))


def settings_for(
    cluster: Cluster, active: str, config: ClientConfig = NOTHING_SET, *, site: str | None = None
) -> ClientSettings:
    """What clients are told while that server is active; those of a site, where it is named.

    A balancer takes the place of the servers. Without one the active server comes first. It comes alone where
    the servers hold copies of one license and nobody has set a list: a client that the first one refuses goes
    on to the next, and more seats would be out than were bought.
    """
    return ClientSettings(
        cluster=cluster.name,
        servers=tuple(
            format_endpoint(endpoint) for endpoint in endpoints_for(cluster, active, config, site=site)
        ),
        isvs=cluster.wanted_isvs,
        connect_timeout=int(cluster.client_settings.connect_timeout.total_seconds()),
    )


def render_settings(settings: ClientSettings, form: SettingsFormat) -> str:
    """The text of one file."""
    comment = f"RLM license settings of cluster {settings.cluster}, written by rlm-ha: changes are lost."
    match form:
        case SettingsFormat.SH:
            lines = [f"export {name}={shlex.quote(value)}" for name, value in _for_shells(settings)]
            return _text(f"# {comment}", *_left_out(settings, "#"), *lines)
        case SettingsFormat.POWERSHELL:
            lines = [f"{_powershell(name)} = '{value}'" for name, value in settings.variables(";")]
            return _text(f"# {comment}", *lines, end="\r\n")
        case SettingsFormat.MODULEFILE:
            lines = [f"setenv {name} {{{value}}}" for name, value in _for_shells(settings)]
            return _text("#%Module1.0", f"## {comment}", *_left_out(settings, "##"), *lines)
        case SettingsFormat.LUA:
            lines = [f'setenv("{name}", "{value}")' for name, value in _for_shells(settings)]
            return _text(f"-- {comment}", *_left_out(settings, "--"), *lines)
        case SettingsFormat.TASK_PROLOG:
            # Slurm puts into a task's environment what its prolog prints as `export NAME=value`.
            exports = [f"export {name}={value}" for name, value in settings.variables(":")]
            return _text("#!/bin/sh", f"# {comment}", *(f"echo {shlex.quote(each)}" for each in exports))


def render_file(file: ClientFile, cluster: Cluster, active: str, config: ClientConfig = NOTHING_SET) -> str:
    """The text that belongs into one of the cluster's files while that server is active."""
    return render_settings(settings_for(cluster, active, config, site=file.site), file.format)


def file_mode(form: SettingsFormat) -> int:
    """The rights of a new file: everybody reads it, and Slurm runs its prolog."""
    return 0o755 if form is SettingsFormat.TASK_PROLOG else 0o644


def _powershell(name: str) -> str:
    return f"$env:{name}" if _SHELL_NAME.fullmatch(name) else f"${{env:{name}}}"


def _for_shells(settings: ClientSettings) -> list[tuple[str, str]]:
    return [each for each in settings.variables(":") if _SHELL_NAME.fullmatch(each[0])]


def _left_out(settings: ClientSettings, mark: str) -> list[str]:
    """A shell that met such a name would end with an error, and with it the login that reads the file."""
    names = [name for name, _ in settings.variables(":") if not _SHELL_NAME.fullmatch(name)]
    return [
        f"{mark} {name} is no name that a shell can set; these programs read RLM_LICENSE" for name in names
    ]


def _text(*lines: str, end: str = "\n") -> str:
    return end.join([*lines, ""])
