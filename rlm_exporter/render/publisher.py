"""Keeps the files with client settings as they should be: written at each move, and put right in between."""

import asyncio
import logging
from pathlib import Path

from rlm_exporter.manifest.model import ClientFile, Cluster
from rlm_exporter.render.client_settings import render_file
from rlm_exporter.render.whole_file import write_whole

log = logging.getLogger(__name__)

LIMIT = 10.0
"""Seconds for one file: a network file system that hangs must not hold up a move for ever."""


class Publisher:
    """The files of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._files = cluster.client_settings.files
        self._troubles: dict[str, str] = {}
        self._writing: dict[str, asyncio.Task[bool]] = {}
        """What has not come to an end: a thread that hangs in a file system cannot be ended by us."""

    @property
    def troubles(self) -> tuple[str, ...]:
        """What could not be written the last time, in words; empty when all is as it should be."""
        return tuple(self._troubles[file.path] for file in self._files if file.path in self._troubles)

    async def publish(self, active: str) -> tuple[str, ...]:
        """Write what is not yet so. Returns what could not be written, in words; the others are."""
        await asyncio.gather(*(self._one(file, active) for file in self._files))
        return self.troubles

    async def _one(self, file: ClientFile, active: str) -> None:
        hanging = self._writing.get(file.path)
        if hanging is not None and not hanging.done():
            self._say(file, f"{file.path}: an earlier writing has not come to its end")
            return
        text = render_file(file, self._cluster, active)
        writing = asyncio.create_task(asyncio.to_thread(_bring, Path(file.path), text))
        self._writing[file.path] = writing
        try:
            async with asyncio.timeout(LIMIT):
                written = await asyncio.shield(writing)
        except TimeoutError:
            self._say(file, f"{file.path}: not written within {LIMIT:g} s")
        except OSError as error:
            self._say(file, f"{file.path}: {error.strerror or error}")
        else:
            self._say(file, None)
            if written:
                log.info("cluster=%s client settings for %s are in %s", self._cluster.name, active, file.path)

    def _say(self, file: ClientFile, trouble: str | None) -> None:
        if trouble is None:
            self._troubles.pop(file.path, None)
            return
        if self._troubles.get(file.path) != trouble:
            log.warning("cluster=%s client settings cannot be published: %s", self._cluster.name, trouble)
        self._troubles[file.path] = trouble


def _bring(path: Path, text: str) -> bool:
    """Write the file unless it is so already; whether it was written."""
    try:
        if path.read_bytes() == text.encode():
            return False
    except FileNotFoundError:
        pass
    write_whole(path, text)
    return True
