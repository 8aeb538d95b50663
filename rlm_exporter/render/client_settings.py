"""What clients need in their environment, as text for shells, PowerShell, modules and Slurm. Pure."""

import shlex
from dataclasses import dataclass

from rlm_exporter.manifest.model import ClientFile, ClientServers, Cluster, SettingsFormat, Takeover
from rlm_exporter.rlm.address import Endpoint, format_endpoint


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


def settings_for(cluster: Cluster, active: str) -> ClientSettings:
    """What clients are told while that server is active.

    A balancer takes the place of the servers. Without one the active server comes first. It comes alone where
    the servers hold copies of one license: a client that the first one refuses goes on to the next, and more
    seats would be out than were bought.
    """
    return ClientSettings(
        cluster=cluster.name,
        servers=tuple(format_endpoint(endpoint) for endpoint in _endpoints(cluster, active)),
        isvs=cluster.wanted_isvs,
        connect_timeout=int(cluster.client_settings.connect_timeout.total_seconds()),
    )


def lists_all(cluster: Cluster) -> bool:
    """Whether clients are told of every server, the active one first."""
    wanted = cluster.client_settings.servers
    if wanted is None:
        return cluster.takeover is Takeover.NATIVE
    return wanted is ClientServers.ALL


def _endpoints(cluster: Cluster, active: str) -> tuple[Endpoint, ...]:
    balancer = cluster.load_balancer
    if balancer is not None:
        return (Endpoint(port=balancer.port, host=balancer.host),)
    others = [server for server in cluster.servers if server.name != active] if lists_all(cluster) else []
    return tuple(Endpoint(port=server.port, host=server.host) for server in (cluster.server(active), *others))


def render_settings(settings: ClientSettings, form: SettingsFormat) -> str:
    """The text of one file."""
    comment = f"RLM license settings of cluster {settings.cluster}, written by rlm-ha: changes are lost."
    match form:
        case SettingsFormat.SH:
            lines = [f"export {name}={shlex.quote(value)}" for name, value in settings.variables(":")]
            return _text(f"# {comment}", *lines)
        case SettingsFormat.POWERSHELL:
            lines = [f"$env:{name} = '{value}'" for name, value in settings.variables(";")]
            return _text(f"# {comment}", *lines, end="\r\n")
        case SettingsFormat.MODULEFILE:
            lines = [f"setenv {name} {{{value}}}" for name, value in settings.variables(":")]
            return _text("#%Module1.0", f"## {comment}", *lines)
        case SettingsFormat.TASK_PROLOG:
            # Slurm puts into a task's environment what its prolog prints as `export NAME=value`.
            exports = [f"export {name}={value}" for name, value in settings.variables(":")]
            return _text("#!/bin/sh", f"# {comment}", *(f"echo {shlex.quote(each)}" for each in exports))


def render_file(file: ClientFile, cluster: Cluster, active: str) -> str:
    """The text that belongs into one of the cluster's files while that server is active."""
    return render_settings(settings_for(cluster, active), file.format)


def _text(*lines: str, end: str = "\n") -> str:
    return end.join([*lines, ""])
