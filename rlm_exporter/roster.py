"""Which clusters this daemon looks after: those of its files, and those that were deployed into its store.

They come, change and go while it runs. Those that a change does not touch go on without noticing; one that
is changed begins anew from the journal, as after a restart, and HAProxy serves on meanwhile.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from rlm_exporter.assembly import ClusterParts
from rlm_exporter.configuration import Configuration
from rlm_exporter.failover.controller import ClusterController
from rlm_exporter.failover.leadership import LeaseKeeper
from rlm_exporter.failover.releaser import Releaser
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.probe.ports import Clock
from rlm_exporter.render.client_desk import ClientDesk
from rlm_exporter.sync.drift_watch import DriftWatch

log = logging.getLogger(__name__)


class Builder(Protocol):
    """Puts a cluster's parts together."""

    def build(self, cluster: Cluster) -> ClusterParts:
        """Nothing runs yet."""
        ...


@dataclass(slots=True)
class _Running:
    cluster: Cluster
    parts: ClusterParts
    task: asyncio.Task[None] | None = None


class Roster:
    """Has the parts of each cluster made, run and ended. `take` may come before `run` and while it runs."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        builder: Builder,
        keeper: LeaseKeeper | None,
        instruments: Instruments,
        clock: Clock,
    ) -> None:
        self.controllers: dict[str, ClusterController] = {}
        self.releasers: dict[str, Releaser] = {}
        self.client_desks: dict[str, ClientDesk] = {}
        self.drifts: dict[str, DriftWatch] = {}
        self.configuration = configuration
        """What is looked after."""
        self.loaded_at: datetime | None = None
        """When the configuration was last read without fault."""
        self.files_are_current = True
        """Whether nothing was wrong with the files the last time that they were read."""
        self.store_is_current = True
        """Whether what is in the store is looked after, as far as it can be."""
        self._builder = builder
        self._keeper = keeper
        self._instruments = instruments
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Until cancelled. An error that ends one cluster's tasks ends all: nobody half works unseen."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for running in self._running.values():
                self._start(running)
            await asyncio.Event().wait()

    async def take(self, new: Configuration, *, was_read: bool = False) -> None:
        """Look after these clusters and no others. Whether that may be was asked before.

        `was_read` is whether the files were read for it, in which nothing was wrong.
        """
        for name in [name for name in self._running if name not in new.clusters]:
            await self._stop(name)
            self._instruments.forget(name)
            if self._keeper is not None:
                await self._keeper.drop(name)
            log.info("cluster=%s is not looked after any more", name)
        for name, cluster in new.clusters.items():
            running = self._running.get(name)
            if running is not None and is_same(running.cluster, cluster):
                continue
            # Before the old ones end: should they not come into being, nothing has changed.
            parts = self._built(cluster)
            if running is not None:
                await self._stop(name)
                parts.controller.reporters.take_over(running.parts.controller.reporters.reports)
            self._add(cluster, parts)
            log.info("cluster=%s is looked after as %s has it", name, cluster.source)
        self.configuration = new
        if was_read:
            self.loaded_at = self._clock.now()
        self.files_are_current = was_read or self.files_are_current
        self.store_is_current = True
        _warn(new)

    @property
    def is_current(self) -> bool:
        """Whether all that was configured is looked after, and nothing is wrong with it."""
        return self.files_are_current and self.store_is_current and not self.configuration.spoilt

    def as_it_runs(self, name: str) -> Cluster | None:
        """The cluster as it is looked after now."""
        running = self._running.get(name)
        return None if running is None else running.cluster

    def _built(self, cluster: Cluster) -> ClusterParts:
        if self._keeper is not None:
            self._keeper.add(cluster.name)
        self._instruments.forget(cluster.name)  # series of servers that are in it no more
        return self._builder.build(cluster)

    def _add(self, cluster: Cluster, parts: ClusterParts) -> None:
        running = _Running(cluster=cluster, parts=parts)
        self._running[cluster.name] = running
        self.controllers[cluster.name] = parts.controller
        self.releasers[cluster.name] = parts.releaser
        self.client_desks[cluster.name] = parts.client_desk
        self.drifts[cluster.name] = parts.drift
        self._start(running)

    def _start(self, running: _Running) -> None:
        if self._group is not None and running.task is None:
            running.task = self._group.create_task(running.parts.run())

    async def _stop(self, name: str) -> None:
        running = self._running.pop(name)
        del self.controllers[name], self.releasers[name], self.client_desks[name], self.drifts[name]
        if running.task is not None:
            running.task.cancel()
            await asyncio.wait({running.task})


def is_same(one: Cluster, other: Cluster) -> bool:
    """Whether both mean the same, wherever it stands."""
    return replace(one, source="") == replace(other, source="")


def _warn(new: Configuration) -> None:
    for name in new.shadowed:
        log.warning("cluster=%s is in the store too; what %s says counts", name, new.kept[name].source)
    for name, problems in new.spoilt.items():
        log.error("cluster=%s its deployed manifest cannot be used: %s", name, "; ".join(problems))
    for name in new.waiting:
        log.warning("spec.loadBalancers has %s, and there is no such cluster (yet)", name)
