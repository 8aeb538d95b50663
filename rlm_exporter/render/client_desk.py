"""Takes what operators set of the settings that clients get, and tells what is so."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from rlm_exporter.manifest.model import Cluster
from rlm_exporter.render.client_settings import ClientSettings, settings_for
from rlm_exporter.render.client_wish import (
    Change,
    ConfigRefusal,
    ConfigWish,
    apply_wish,
    changes,
    config_words,
    is_same,
    remarks,
)
from rlm_exporter.render.ports import Clock, ConfigStore
from rlm_exporter.render.publisher import Publisher
from rlm_exporter.store.records import ClientConfig

log = logging.getLogger(__name__)

WRITING_LIMIT = 8.0
"""Seconds for which a wish waits for its files; they are written on where a file system hangs for longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """One file with client settings."""

    path: str
    form: str
    trouble: str | None
    """Why it is not as it should be, as of the last writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What clients of a cluster are told now."""

    config: ClientConfig
    active: str | None
    settings: ClientSettings | None
    """None where nobody knows who is active."""
    files: tuple[FileState, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """What came of a wish."""

    changes: tuple[Change, ...]
    """Empty where all was so already."""
    told: Told


class ClientDesk:
    """One cluster's. One wish after the other: each is laid over what the one before it has left."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        store: ConfigStore,
        publisher: Publisher,
        active: Callable[[], str | None],
        publish: Callable[[], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._publisher = publisher
        self._active = active
        self._publish = publish
        self._clock = clock
        self._turn = asyncio.Lock()
        self._writing: asyncio.Future[None] | None = None

    async def show(self) -> Told:
        """What is so; raises JournalError."""
        return self._told(await self._store.client_config(self._cluster.name))

    async def update(
        self, wish: ConfigWish, *, dry_run: bool, requested_by: str, reason: str
    ) -> Updated | ConfigRefusal:
        """Store it and write the files, or with `dry_run` say what that would change; raises JournalError."""
        async with self._turn:
            before = await self._store.client_config(self._cluster.name)
            after = apply_wish(wish, before, self._cluster)
            if not isinstance(after, ClientConfig):
                return after
            found = changes((before, self._settings(before)), (after, self._settings(after)))
            if not dry_run and not is_same(before, after):
                after = await self._save(replace(after, set_by=requested_by, reason=reason))
            return Updated(changes=found, told=self._told(after))

    async def _save(self, config: ClientConfig) -> ClientConfig:
        why = f": {config.reason}" if config.reason else ""
        told = f"clients are to be told: {config_words(config)}; by {config.set_by}{why}"
        log.info("cluster=%s %s", self._cluster.name, told)
        saved = await self._store.set_client_config(
            self._cluster.name, config, told=told, now=self._clock.now()
        )
        self._writing = asyncio.ensure_future(self._publish())
        await asyncio.wait({self._writing}, timeout=WRITING_LIMIT)
        return saved

    def _settings(self, config: ClientConfig) -> ClientSettings | None:
        active = self._active()
        return None if active is None else settings_for(self._cluster, active, config)

    def _told(self, config: ClientConfig) -> Told:
        active = self._active()
        return Told(
            config=config,
            active=active,
            settings=self._settings(config),
            files=tuple(
                FileState(path=file.path, form=file.format.value, trouble=self._publisher.trouble_with(file))
                for file in self._cluster.client_settings.files
            ),
            remarks=tuple(remarks(self._cluster, active or self._cluster.servers[0].name, config)),
        )
