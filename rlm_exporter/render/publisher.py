"""Keeps the files with client settings as they should be: written at each move, and put right in between.

Hooks hear of it beside that, so that no program of the site holds a move up.
"""

import asyncio
import logging
from pathlib import Path

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.calls import SettingsEvent
from rlm_exporter.failover.ports import Observer
from rlm_exporter.failover.task_root import surviving
from rlm_exporter.manifest.model import ClientFile, Cluster
from rlm_exporter.render.client_settings import ClientSettings, file_mode, render_settings, settings_for
from rlm_exporter.render.ports import ConfigStore, SettingsHooks
from rlm_exporter.render.whole_file import write_whole
from rlm_exporter.store.records import ClientConfig

log = logging.getLogger(__name__)

LIMIT = 10.0
"""Seconds for one file: a network file system that hangs must not hold up a move for ever."""

HOOK_AGAIN = 30.0
"""Seconds after which a hook that failed is called again."""


class Publisher:
    """The files of one cluster. One writing after the other: an older one never comes over a newer."""

    def __init__(
        self, *, cluster: Cluster, store: ConfigStore, hooks: SettingsHooks, observer: Observer
    ) -> None:
        self._cluster = cluster
        self._files = cluster.client_settings.files
        self._store = store
        self._hooks = hooks
        self._observer = observer
        self._config: ClientConfig | None = None
        """What was last read; None until the journal could be read once."""
        self._troubles: dict[str, str] = {}
        self._writing: dict[str, asyncio.Task[bool]] = {}
        """What has not come to an end: a thread that hangs in a file system cannot be ended by us."""
        self._turn = asyncio.Lock()
        self._untold: SettingsEvent | None = None
        self._news = asyncio.Event()

    @property
    def troubles(self) -> tuple[str, ...]:
        """What could not be written the last time, in words; empty when all is as it should be."""
        return tuple(self._troubles[file.path] for file in self._files if file.path in self._troubles)

    def trouble_with(self, file: ClientFile) -> str | None:
        """Why that one is not as it should be."""
        writing = self._writing.get(file.path)
        if writing is not None and not writing.done():
            return f"{file.path}: it is still being written"
        return self._troubles.get(file.path)

    async def publish(self, active: str) -> tuple[str, ...]:
        """Write what is not yet so. Returns what could not be written, in words; the others are."""
        if not self._files:
            return ()
        async with self._turn:
            config = await self._read_config()
            if config is None:
                for file in self._files:
                    self._say(file, f"{file.path}: what was set cannot be read from the journal")
                return self.troubles
            settings = settings_for(self._cluster, active, config)
            first = not self._writing
            written = await asyncio.gather(*(self._one(file, settings) for file in self._files))
            if first or any(written):
                self._untold = SettingsEvent(
                    cluster=self._cluster.name,
                    active=self._cluster.server(active),
                    servers=settings.servers,
                    files=tuple((file.path, file.format.value) for file in self._files),
                )
                self._news.set()
            return self.troubles

    async def tell(self) -> None:
        """Call the hooks after each writing, until cancelled: at least once, the newest event alone.

        The first look of our life counts also where all was so already: an earlier life may have ended
        between the file and the hook.
        """
        while True:
            await self._news.wait()
            self._news.clear()
            with surviving(self._cluster.name, "telling of client settings", observer=self._observer):
                await self._tell()

    async def _tell(self) -> None:
        event = self._untold
        if event is None or await self._told(event):
            return
        try:
            async with asyncio.timeout(HOOK_AGAIN):
                await self._news.wait()
        except TimeoutError:
            self._news.set()

    async def _told(self, event: SettingsEvent) -> bool:
        good = True
        for hook in self._cluster.client_settings.hooks:
            called = await self._hooks.run(hook, event)
            if not called.went_well:
                log.warning("cluster=%s after client settings: %s", event.cluster, called.detail)
            good = good and called.went_well
        return good

    async def _read_config(self) -> ClientConfig | None:
        try:
            self._config = await self._store.client_config(self._cluster.name)
        except JournalError as error:
            log.warning("cluster=%s client settings as last known: %s", self._cluster.name, error)
        return self._config

    async def _one(self, file: ClientFile, settings: ClientSettings) -> bool:
        """Whether it was written: neither failed nor so already."""
        hanging = self._writing.get(file.path)
        if hanging is not None and not hanging.done():
            self._say(file, f"{file.path}: an earlier writing has not come to its end")
            return False
        text = render_settings(settings, file.format)
        writing = asyncio.create_task(
            asyncio.to_thread(_bring, Path(file.path), text, file_mode(file.format))
        )
        self._writing[file.path] = writing
        try:
            async with asyncio.timeout(LIMIT):
                written = await asyncio.shield(writing)
        except TimeoutError:
            self._say(file, f"{file.path}: not written within {LIMIT:g} s")
            return False
        except OSError as error:
            self._say(file, f"{file.path}: {error.strerror or error}")
            return False
        self._say(file, None)
        if written:
            told = " ".join(settings.servers)
            log.info("cluster=%s client settings are in %s: %s", self._cluster.name, file.path, told)
        return written

    def _say(self, file: ClientFile, trouble: str | None) -> None:
        if trouble is None:
            self._troubles.pop(file.path, None)
            return
        if self._troubles.get(file.path) != trouble:
            log.warning("cluster=%s client settings cannot be published: %s", self._cluster.name, trouble)
        self._troubles[file.path] = trouble


def _bring(path: Path, text: str, mode: int) -> bool:
    """Write the file unless it is so already; whether it was written."""
    try:
        if path.read_bytes() == text.encode():
            return False
    except FileNotFoundError:
        pass
    write_whole(path, text, mode=mode)
    return True
