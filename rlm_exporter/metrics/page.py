"""Keeps the page of metrics as bytes, so that a scrape costs nothing but sending them."""

import asyncio
import gzip
import platform
from collections.abc import Mapping
from datetime import datetime, timedelta

from rlm_exporter import __version__
from rlm_exporter.metrics.exposition import Exposition, exporter_lines
from rlm_exporter.metrics.facts import ClusterFacts
from rlm_exporter.metrics.families import families
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.metrics.negotiation import Encoding, Negotiated
from rlm_exporter.metrics.text import Format, page

SHORTEST = timedelta(seconds=1)
"""At most one page is made in this time."""
LONGEST = timedelta(seconds=5)
"""Our own counters are never older than this, also when no snapshot comes."""
_LEVEL = 1
"""Of gzip: a page shrinks to about a tenth, higher levels cost twice the time for a few percent."""
_PLAIN = Negotiated(format=Format.TEXT, encoding=Encoding.IDENTITY)

Parts = tuple[Mapping[str, str], ...]


class MetricsPage:
    """The newest page, whole, in the variants that have been asked for.

    `update` and `body` belong to the event loop; lines are joined and packed in a thread. Nothing of a
    page is ever seen before all of it is there.
    """

    def __init__(
        self,
        *,
        instruments: Instruments,
        compatibility_names: bool = True,
        exposition: Exposition | None = None,
        shortest: timedelta = SHORTEST,
        longest: timedelta = LONGEST,
    ) -> None:
        self._instruments = instruments
        self._families = families(compatibility_names=compatibility_names)
        self._exposition = exposition or Exposition()
        self._shortest = shortest.total_seconds()
        self._longest = longest.total_seconds()
        self._clusters: tuple[ClusterFacts, ...] = ()
        self._watchdog_seen_at: datetime | None = None
        self._changed = asyncio.Event()
        self._making = asyncio.Lock()
        self._wanted = {_PLAIN}
        self._parts = self._render()
        self._bodies = self._join(self._parts, frozenset(self._wanted))

    def update(self, clusters: tuple[ClusterFacts, ...], *, watchdog_seen_at: datetime | None = None) -> None:
        """Show these clusters and no others from the next page on."""
        self._clusters = clusters
        self._watchdog_seen_at = watchdog_seen_at
        self._changed.set()

    async def run(self) -> None:
        """Make pages until cancelled: soon after a change, and now and then without one."""
        while True:
            await self._a_change()
            await self.refresh()
            await asyncio.sleep(self._shortest)

    async def refresh(self) -> None:
        """Make a page now."""
        async with self._making:
            self._changed.clear()
            self._parts, self._bodies = await asyncio.to_thread(self._make, frozenset(self._wanted))

    async def body(self, negotiated: Negotiated) -> bytes:
        """The newest page in one variant; the first request of a variant packs it, later ones find it."""
        kept = self._bodies.get(negotiated)
        if kept is not None:
            return kept
        self._wanted.add(negotiated)
        made = await asyncio.to_thread(self._join, self._parts, frozenset({negotiated}))
        return made[negotiated]

    async def _a_change(self) -> None:
        try:
            async with asyncio.timeout(self._longest):
                await self._changed.wait()
        except TimeoutError:
            return

    def _make(self, wanted: frozenset[Negotiated]) -> tuple[Parts, Mapping[Negotiated, bytes]]:
        parts = self._render()
        return parts, self._join(parts, wanted)

    def _render(self) -> Parts:
        own = exporter_lines(
            version=__version__,
            python_version=platform.python_version(),
            watchdog_seen_at=self._watchdog_seen_at,
        )
        return (*self._exposition.render(self._clusters), *self._instruments.parts(), own)

    def _join(self, parts: Parts, wanted: frozenset[Negotiated]) -> Mapping[Negotiated, bytes]:
        plain = {form: page(self._families, parts, form) for form in {each.format for each in wanted}}
        return {each: _packed(plain[each.format], each.encoding) for each in wanted}


def _packed(body: bytes, encoding: Encoding) -> bytes:
    return gzip.compress(body, _LEVEL, mtime=0) if encoding is Encoding.GZIP else body
