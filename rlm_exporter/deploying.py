"""Changes of what the daemon looks after, as operators ask for them: reload, deploy, tune, remove.

One at a time. Each is looked at as a whole first: what is wrong anywhere, or would move clients by itself,
leaves everything as it was.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from pathlib import Path

from rlm_exporter.configuration import Configuration, Plan, configuration_of, plan_of, read_configuration
from rlm_exporter.errors import ConfigurationError, JournalError, RlmExporterError
from rlm_exporter.failover.replacing import lost, refusals
from rlm_exporter.manifest.changes import differences, with_values
from rlm_exporter.manifest.deployment import Change, Deployed, Kept, NotDeployedError, Owner, RefusalKind
from rlm_exporter.manifest.document import Path as Place
from rlm_exporter.manifest.document import Value
from rlm_exporter.manifest.model import Cluster, DeployPolicy, ExporterConfig
from rlm_exporter.manifest.notes import notes
from rlm_exporter.manifest.reach import drift_reaches
from rlm_exporter.manifest.writing import written_document
from rlm_exporter.probe.ports import Clock
from rlm_exporter.roster import Roster, is_same
from rlm_exporter.store.errors import ConflictError
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.manifest_records import DeployedManifest, Deployment
from rlm_exporter.store.records import Operation

log = logging.getLogger(__name__)

LOOK = 2.0
"""Seconds between two looks at what other daemons have deployed into a store that is shared."""


class Deploying:
    """Changes the roster of a daemon."""

    def __init__(self, roster: Roster, *, paths: tuple[Path, ...], journal: Journal, clock: Clock) -> None:
        self._roster = roster
        self._paths = paths
        self._journal = journal
        self._clock = clock
        self._changing = asyncio.Lock()
        self._stored: tuple[DeployedManifest, ...] = ()
        """What the store had when it was last looked at."""
        self._taken: tuple[DeployedManifest, ...] = ()
        """What of it is looked after."""

    async def begin(self) -> None:
        """Look after what there is at the start.

        Raises ManifestError, JournalError, and ConfigurationError where the journal contradicts a manifest.
        """
        deployed = self._stored = await self._journal.manifests()
        new = await asyncio.to_thread(read_configuration, self._paths, deployed)
        troubles = await self._contradicted(new)
        of_files = [name for name in troubles if new.kept[name].owner is Owner.FILE]
        if of_files:
            raise ConfigurationError("\n".join(line for name in of_files for line in troubles[name]))
        await self._roster.take(new.without(troubles, {}), was_read=True)
        self._taken = deployed

    async def run(self) -> None:
        """Take what other daemons deploy into a store that is shared, until cancelled."""
        told = ""
        while True:
            await self._clock.sleep(LOOK)
            try:
                await self.follow()
            except JournalError:
                pass  # what there is goes on, and is looked at again
            except RlmExporterError as error:
                self._roster.store_is_current = False
                if str(error) != told:
                    log.error("what another daemon has deployed cannot be taken: %s", error)
                told = str(error)
            else:
                told = ""

    def kept(self, name: str) -> Kept | None:
        """A cluster's manifest, and whose it is."""
        return self._roster.configuration.kept.get(name)

    async def reload(self) -> tuple[Deployed, ...]:
        """Read the files again, and take what changed in them.

        Raises ManifestError for what is wrong in them, NotDeployedError for what would move clients, and
        JournalError; then all stays as it was, and is known to be behind.
        """
        async with self._changing:
            try:
                return await self._reload()
            except BaseException:
                self._roster.files_are_current = False
                raise

    async def deploy(
        self, text: str, *, source: str, by: str, dry_run: bool, after: Mapping[str, int | None] | None = None
    ) -> tuple[Deployed, ...]:
        """Take the clusters of a text into the store, all or none; with `dry_run` tell what would be.

        `after` are the revisions that somebody has seen, by cluster; where there are others by now, nothing
        is done. Raises ManifestError, NotDeployedError, JournalError.
        """
        async with self._changing:
            return await self._deploy(text, source=source, by=by, dry_run=dry_run, after=after)

    async def tune(
        self, name: str, values: Mapping[Place, Value], *, by: str, dry_run: bool
    ) -> tuple[Deployed, ...]:
        """Set some values of one cluster's manifest, as `deploy` would take the whole."""
        async with self._changing:
            kept = self._known(name)
            text = written_document(with_values(kept.document, values))
            return await self._deploy(text, source=kept.source, by=by, dry_run=dry_run, after=None)

    async def remove(self, name: str, *, by: str) -> Deployed:
        """Look after a cluster no more; what was decided and used stays. Raises as `deploy` does."""
        async with self._changing:
            self._stored = await self._journal.manifests()
            revision = self._revision(name)
            if revision is None:
                raise _owned(self._known(name), ())
            told = await self._gone(name)
            now = self._clock.now()
            await _unless_overtaken(self._journal.remove_manifest(name, after=revision, by=by, now=now))
            await self._take_stored()
            return told

    def _revision(self, name: str) -> int | None:
        """Of what the store has, also where that cannot be used."""
        return next((each.revision for each in self._stored if each.cluster == name), None)

    def _known(self, name: str) -> Kept:
        kept = self.kept(name)
        if kept is None:
            known = ", ".join(sorted(self._roster.controllers)) or "none"
            raise NotDeployedError(RefusalKind.UNKNOWN_CLUSTER, f"no such cluster; known: {known}")
        return kept

    async def follow(self) -> None:
        """Take what another daemon has deployed since; raises JournalError and what `take` raises."""
        async with self._changing:
            if await self._journal.manifests() != self._taken:
                log.info("another daemon has deployed manifests")
                self._roster.store_is_current = False  # until they are taken
                await self._take_stored()

    async def _take_stored(self) -> None:
        """Look after what is in the store by now, beside what the files said when they were last read."""
        deployed = self._stored = await self._journal.manifests()
        files = self._roster.configuration.files
        new = await asyncio.to_thread(configuration_of, files, deployed)
        await self._roster.take(new.without(await self._contradicted(new), self._running()))
        self._taken = deployed

    def _running(self) -> dict[str, Cluster]:
        return {name: each.cluster for name, each in self._roster.controllers.items()}

    async def _contradicted(self, new: Configuration) -> dict[str, tuple[str, ...]]:
        """Where the journal makes no sense with a manifest: clients may have been moved meanwhile."""
        troubles: dict[str, tuple[str, ...]] = {}
        for cluster in new.clusters.values():
            record = await self._journal.cluster(cluster.name)
            operation = await self._journal.open_operation(cluster.name)
            lines = tuple(f"{cluster.source}: {line}" for line in lost(cluster, record, operation))
            if lines:
                troubles[cluster.name] = lines
        return troubles

    async def _reload(self) -> tuple[Deployed, ...]:
        old = self._roster.configuration
        deployed = self._stored = await self._journal.manifests()
        new = await asyncio.to_thread(read_configuration, self._paths, deployed)
        troubles = await self._contradicted(new)
        of_store = {name: troubles[name] for name in troubles if new.kept[name].owner is Owner.STORE}
        new = new.without(of_store, self._running())  # it must not keep the files from being read
        told = [await self._judged(name, new) for name in new.clusters]
        told += [await self._gone(name) for name in old.clusters if name not in new.clusters]
        await self._roster.take(new, was_read=True)
        self._taken = deployed
        if _settings(old.config) != _settings(new.config):
            log.warning("the daemon's own settings have changed: they count from its next start on")
        return tuple(told)

    async def _deploy(
        self, text: str, *, source: str, by: str, dry_run: bool, after: Mapping[str, int | None] | None
    ) -> tuple[Deployed, ...]:
        now, files = self._clock.now(), self._roster.configuration.files
        deployed = self._stored = await self._journal.manifests()
        plan = await asyncio.to_thread(
            plan_of, (source, text), files=files, deployed=deployed, now=now, by=by
        )
        told = tuple([await self._wished(name, plan) for name in plan.documents])
        _refuse_other_revisions(told, after)
        changed = [each for each in told if each.change is not Change.UNCHANGED]
        if dry_run or not changed:
            return told
        wishes = [_deployment(each, plan) for each in changed]
        await _unless_overtaken(self._journal.deploy(wishes, by=by, now=now))
        await self._take_stored()
        revisions = {each.cluster: each.revision for each in self._stored}
        return tuple(replace(each, revision=revisions.get(each.cluster)) for each in told)

    async def _wished(self, name: str, plan: Plan) -> Deployed:
        """What would become of one cluster of a text."""
        kept = self.kept(name)
        if kept is None or kept.owner is Owner.STORE:
            return await self._judged(name, plan.configuration)
        lines = differences(kept.document, plan.documents[name])
        if lines:
            raise _owned(kept, lines)
        return Deployed(cluster=name, change=Change.UNCHANGED, differences=(), notes=(), revision=None)

    async def _judged(self, name: str, new: Configuration) -> Deployed:
        """What a new reading means for one cluster; raises NotDeployedError where it must not be."""
        kept, cluster = self.kept(name), new.clusters[name]
        running = self._roster.as_it_runs(name)
        lines = () if kept is None else differences(kept.document, new.kept[name].document)
        if running is None or not is_same(running, cluster):
            await self._refuse_moves(running, cluster)
        return Deployed(
            cluster=name,
            change=Change.CREATED if kept is None else Change.CHANGED if lines else Change.UNCHANGED,
            differences=lines,
            notes=(*notes(cluster), *_unwatched(cluster, new)),
            revision=self._revision(name),
        )

    async def _refuse_moves(self, old: Cluster | None, new: Cluster) -> None:
        record = await self._journal.cluster(new.name)
        operation = await self._journal.open_operation(new.name)
        if operation is not None and old is not None:
            raise NotDeployedError(RefusalKind.WOULD_MOVE, _under_way(new.name, operation))
        why = refusals(old=old, new=new, record=record, operation=operation)
        if why:
            raise NotDeployedError(RefusalKind.WOULD_MOVE, "\n".join(why))

    async def _gone(self, name: str) -> Deployed:
        operation = await self._journal.open_operation(name)
        if operation is not None:
            raise NotDeployedError(RefusalKind.WOULD_MOVE, _under_way(name, operation))
        return Deployed(cluster=name, change=Change.REMOVED, differences=(), notes=(), revision=None)


def _unwatched(cluster: Cluster, new: Configuration) -> tuple[str, ...]:
    if new.kept[cluster.name].owner is Owner.FILE or not drift_reaches(cluster, new.config.deploy):
        return ()
    told = (
        "licenseSync: the daemon does not look whether license files stay as they are, because a deployed "
        "manifest has it run no programs and use no files; allow it by deploy.programs and deploy.files in "
        "its settings"
    )
    return (told,)


def _owned(kept: Kept, lines: tuple[str, ...]) -> NotDeployedError:
    told = f"cluster {kept.cluster} stands in {kept.source}: change it there, and have the daemon reload it"
    return NotDeployedError(RefusalKind.OWNED_BY_FILE, "\n".join([f"{told}{':' if lines else ''}", *lines]))


def _under_way(name: str, operation: Operation) -> str:
    return f"cluster {name}: operation {operation.id} is under way; wait for its end"


def _deployment(told: Deployed, plan: Plan) -> Deployment:
    return Deployment(
        cluster=told.cluster,
        document=written_document(plan.documents[told.cluster]),
        after=told.revision,
        servers=frozenset(server.name for server in plan.clusters[told.cluster].servers),
    )


def _refuse_other_revisions(told: tuple[Deployed, ...], after: Mapping[str, int | None] | None) -> None:
    if after is None:
        return
    for each in told:
        if after.get(each.cluster) != each.revision:
            raise NotDeployedError(
                RefusalKind.CHANGED_MEANWHILE,
                f"cluster {each.cluster} was deployed by somebody else meanwhile; look at it again",
            )


async def _unless_overtaken(writing: Awaitable[None]) -> None:
    try:
        await writing
    except ConflictError as error:
        raise NotDeployedError(RefusalKind.CHANGED_MEANWHILE, str(error)) from error


def _settings(config: ExporterConfig) -> ExporterConfig:
    """What is read at the start only."""
    return replace(config, source=None, load_balancers=(), deploy=DeployPolicy())
