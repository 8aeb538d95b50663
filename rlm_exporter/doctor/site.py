"""What the checks look at, and with which means."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rlm_exporter.doctor.looking import Seen, SeenFile, look
from rlm_exporter.manifest.model import Cluster, HaproxyEndpoint, LicensePaths, Server
from rlm_exporter.probe.ports import Clock, LicenseProbe, Resolver, TcpProbe
from rlm_exporter.probe.result import LicenseResult

LOOK = 4.0
"""Seconds after which a folder or a file that gives no answer is given up."""
NO_BALANCER = (
    "no load balancer is given; if the daemon's settings attach one, name the cluster instead of its file, "
    "or the folder with both files"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How the world is looked at."""

    clock: Clock
    resolver: Resolver
    tcp: TcpProbe
    license: LicenseProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What else is to be looked at; None = it is left out."""

    prometheus: str | None = None
    alertmanager: str | None = None
    store: str | None = None
    haproxy: Path | None = None
    """A HAProxy's configuration file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One cluster with what was asked of its servers and folders once, for all checks."""

    cluster: Cluster
    means: Means
    asked: Asked
    answers: Mapping[str, LicenseResult]
    """rlmstat's, by server."""
    folders: Mapping[str, Seen]
    """Folders and files on this machine that hold license files, by path."""
    keys: Mapping[str, Seen]
    """Certificates with which we steer balancers, by path."""
    now: datetime

    def files_of(self, server: Server) -> tuple[SeenFile, ...]:
        """This server's license files, where they lie on this machine."""
        seen = (self.folders[path] for path in license_paths(server))
        return tuple({file.path: file for folder in seen for file in folder.files}.values())


async def visit(cluster: Cluster, *, means: Means, asked: Asked, limit: float = LOOK) -> Site:
    """Ask all servers and look at all folders, at once."""
    paths = tuple(dict.fromkeys(path for server in cluster.servers for path in license_paths(server)))
    endpoints = () if cluster.load_balancer is None else cluster.load_balancer.haproxy
    keys = tuple(dict.fromkeys(path for endpoint in endpoints for path in key_paths(endpoint)))
    answers, folders, read = await asyncio.gather(
        asyncio.gather(*(_ask(server, cluster, means) for server in cluster.servers)),
        asyncio.gather(*(look(path, limit=limit) for path in paths)),
        asyncio.gather(*(look(path, limit=limit) for path in keys)),
    )
    return Site(
        cluster=cluster,
        means=means,
        asked=asked,
        answers={server.name: answer for server, answer in zip(cluster.servers, answers, strict=True)},
        folders=dict(zip(paths, folders, strict=True)),
        keys=dict(zip(keys, read, strict=True)),
        now=means.clock.now(),
    )


async def _ask(server: Server, cluster: Cluster, means: Means) -> LicenseResult:
    return await means.license.probe(server.host, server.port, timeout=cluster.health_check.timeout)


def license_paths(server: Server) -> tuple[str, ...]:
    """Where a server's license files lie on this machine; empty where they are elsewhere."""
    found: Sequence[str] = ()
    if isinstance(server.license_files, LicensePaths):
        found = server.license_files.paths
    sync = server.license_sync
    if sync is not None and sync.sftp is None and not sync.command:
        found = (*found, sync.folder.rstrip("/"))
    return tuple(dict.fromkeys(found))


def key_paths(endpoint: HaproxyEndpoint) -> tuple[str, ...]:
    """The files on this machine with which that balancer is steered."""
    return tuple(path for path in (endpoint.client_cert, endpoint.ca_cert) if path is not None)
