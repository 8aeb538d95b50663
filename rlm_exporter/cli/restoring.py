"""The world of a restore: license servers asked by rlmutil, the daemon by its API, the drill as it is."""

import asyncio
import contextlib
import os
import shutil
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import click

from rlm_exporter.backup.contents import EXPORT, Contents
from rlm_exporter.backup.serving import Serves, Standing
from rlm_exporter.cli.client import UnreachableError, connect
from rlm_exporter.cli.drilling import DaemonsMover, Session
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.licenses import login_name
from rlm_exporter.cli.manners import Manners
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.standings import standings
from rlm_exporter.errors import ApiError, BackupError, ConfigurationError, ManifestError
from rlm_exporter.manifest.load import parse_manifests
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.rlmutil import find_rlmutil
from rlm_exporter.probe.rlmutil_program import MISSING


def say(text: str) -> None:
    """Of how far it is. A terminal that is gone is no reason to leave servers in maintenance."""
    with contextlib.suppress(OSError):
        click.echo(printable(text), err=True)


class OurWorld:
    """As commands see it."""

    def __init__(self, cluster: Cluster, manners: Manners, *, rlmutil: Path | None) -> None:
        self._cluster = cluster
        self._client = connect(manners)
        self._named = rlmutil
        self._rlmutil = find_rlmutil(rlmutil, os.environ, shutil.which)
        if self._rlmutil is None:
            raise ConfigurationError(MISSING)

    def serving(self) -> dict[str, Standing]:
        """Asked now, all at once. Raises BackupError where nobody can be asked.

        One that has another address since the backup may serve there: that counts too.
        """
        found = asyncio.run(standings(self._cluster, self._rlmutil))
        if self._moved.servers:
            now = asyncio.run(standings(self._moved, self._rlmutil))
            found |= {name: there for name, there in now.items() if found[name].serves is Serves.NO}
        return found

    @cached_property
    def _moved(self) -> Cluster:
        """The servers that have another address by the daemon than by the saved manifest."""
        try:
            text = self._client.manifest(self._cluster.name).value.manifest
            clusters = parse_manifests(text.encode(), self._cluster.name).clusters
        except (ApiError, ManifestError):
            return replace(self._cluster, servers=())
        saved = {server.name: (server.host, server.port) for server in self._cluster.servers}
        current = clusters[0] if clusters else self._cluster
        moved = [
            server
            for server in current.servers
            if server.name in saved and saved[server.name] != (server.host, server.port)
        ]
        return replace(current, servers=tuple(moved))

    def active(self) -> str | None:
        """By the daemon."""
        try:
            return self._client.cluster(self._cluster.name).value.active
        except ApiError:
            return None

    def knows_cluster(self) -> bool | None:
        """404 is an answer too."""
        try:
            self._client.manifest(self._cluster.name)
        except ApiError as error:
            if error.exit_code == ExitCode.NOT_FOUND:
                return False
            if isinstance(error, UnreachableError):
                return None
            raise
        return True

    def deploy(self, manifest: str) -> None:
        """Raises ApiError."""
        self._client.deploy(
            {"manifest": manifest, "source": EXPORT, "requested_by": login_name(os.environ), "after": {}}
        )

    def maintain(self, server: str, *, enable: bool) -> bool:
        """The daemon refuses it of the active one, and may not be there at all."""
        wish = {
            "server": server,
            "enable": enable,
            "switchover": False,
            "reason": "restore",
            "requested_by": login_name(os.environ),
        }
        try:
            self._client.tell(self._cluster.name, "maintenance", wish)
        except ApiError as error:
            say(f"   {server}: {error}")
            return False
        return True

    def drill(self) -> tuple[str, ...]:
        """All that changes nothing."""
        mover = DaemonsMover(self._client, self._cluster.name)
        return Session(self._cluster, mover, rlmutil=self._named, checkout=()).check().failed


def saved_cluster(contents: Contents, folder: Path) -> Cluster:
    """What the saved manifest says. Raises BackupError where none was saved."""
    path = folder / EXPORT
    if not path.is_file():
        raise BackupError(f"{contents.name}: holds no {EXPORT}, so nobody knows where the servers are")
    clusters = parse_manifests(path.read_bytes(), EXPORT).clusters
    if not clusters:
        raise BackupError(f"{contents.name}: its {EXPORT} has no cluster; use another backup")
    return clusters[0]
