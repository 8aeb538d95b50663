"""The prober of one cluster: a watch over each server, and the snapshot that they make together."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from rlm_exporter.manifest.model import Cluster
from rlm_exporter.probe.checker import Probes
from rlm_exporter.probe.file_watch import FILES_EVERY, FileWatch
from rlm_exporter.probe.ports import (
    Clock,
    Jitter,
    LicenseProbe,
    LicenseReader,
    Observer,
    TcpProbe,
    WebProbe,
)
from rlm_exporter.probe.result import Failure
from rlm_exporter.probe.snapshot import ClusterSnapshot, ServerSnapshot
from rlm_exporter.probe.waiting import Bell
from rlm_exporter.probe.watch import Watch

DIRECT_TIMEOUT = timedelta(seconds=2)
"""The limit of a direct connect: somebody waits for it, and a live server takes milliseconds."""


class Prober:
    """Runs the checks of one cluster. Everything but `run` may be called at any time in the loop's thread."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        license_probe: LicenseProbe,
        tcp_probe: TcpProbe,
        web_probe: WebProbe,
        clock: Clock,
        observer: Observer,
        jitter: Jitter,
        slots: asyncio.Semaphore | None = None,
        license_readers: Mapping[str, LicenseReader] | None = None,
        files_every: timedelta = FILES_EVERY,
    ) -> None:
        """`slots` bounds license probes over several clusters; without it each server has one of its own.

        `license_readers` read the license files of the servers that they are for by name.
        """
        self._cluster = cluster
        self._clock = clock
        probes = Probes(
            license=license_probe,
            tcp=tcp_probe,
            web=web_probe,
            clock=clock,
            observer=observer,
            slots=slots or asyncio.Semaphore(len(cluster.servers)),
        )
        self._watches = {
            server.name: Watch(
                cluster=cluster, server=server, probes=probes, jitter=jitter, publish=self._publish
            )
            for server in cluster.servers
        }
        self._file_watches = tuple(
            FileWatch(
                cluster=cluster.name,
                server=name,
                reader=reader,
                every=files_every,
                clock=clock,
                observer=observer,
                take=self._watches[name].take,
            )
            for name, reader in (license_readers or {}).items()
        )
        self._news = Bell()
        self._snapshot = self._assemble()

    @property
    def snapshot(self) -> ClusterSnapshot:
        """The newest; servers that were not checked yet have empty parts."""
        return self._snapshot

    async def run(self) -> None:
        """Watch all servers, all at once, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, watch in self._watches.items():
                group.create_task(watch.run(), name=f"watch {self._cluster.name}/{name}")
            for file_watch in self._file_watches:
                group.create_task(file_watch.run())

    async def changed(self, after: ClusterSnapshot) -> ClusterSnapshot:
        """The newest snapshot as soon as it is another one than `after`; none is waited for in vain."""
        while self._snapshot is after:
            await self._news.wait()
        return self._snapshot

    def set_active(self, server: str | None) -> None:
        """Tell which server clients are sent to: `detection: fast` is for it. KeyError for a stranger."""
        if server is not None and server not in self._watches:
            raise KeyError(server)
        for name, watch in self._watches.items():
            watch.set_active(name == server)

    def check_now(self, server: str) -> None:
        """Have a check started at once (attempts stay 1 s apart); nothing where one runs. Does not wait."""
        self._watches[server].check_now()

    async def check_and_wait(self, server: str) -> ServerSnapshot:
        """The part of that server after a check that began no sooner than this call; needs `run`.

        A check that runs already is waited out first, so this may take as long as two.
        """
        return await self._watches[server].check_and_wait()

    async def direct(self, server: str) -> Failure | None:
        """A fresh bare connect to the license port and to every planned ISV port; the first failure.

        None means that each was taken. What the last check saw plays no part.
        """
        return await self._watches[server].direct(DIRECT_TIMEOUT)

    def _publish(self) -> None:
        self._snapshot = self._assemble()
        self._news.ring()

    def _assemble(self) -> ClusterSnapshot:
        parts = tuple(watch.part for watch in self._watches.values())
        return ClusterSnapshot(cluster=self._cluster.name, taken_at=self._clock.now(), servers=parts)
