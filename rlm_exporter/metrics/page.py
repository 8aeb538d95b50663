"""Keeps the page of metrics as bytes, so that a scrape costs nothing but sending them."""

import asyncio
import gzip
import logging
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rlm_exporter import __version__
from rlm_exporter.errors import RlmExporterError
from rlm_exporter.metrics.exposition import Chunks, Exposition, RenderedCluster, exporter_lines
from rlm_exporter.metrics.facts import ClusterFacts, Reading
from rlm_exporter.metrics.families import TARGET_FAMILIES, families
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.metrics.negotiation import Encoding, Negotiated
from rlm_exporter.metrics.target_lines import only_of
from rlm_exporter.metrics.text import Format, page

log = logging.getLogger(__name__)

SHORTEST = timedelta(seconds=1)
"""At most one page is made in this time."""
LONGEST = timedelta(seconds=5)
"""Our own counters are never older than this, also when no snapshot comes."""
_LEVEL = 1
"""Of gzip: a page shrinks to about a tenth, higher levels cost twice the time for a few percent."""
_PLAIN = Negotiated(format=Format.TEXT, encoding=Encoding.IDENTITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What one page was joined from."""

    clusters: Mapping[str, RenderedCluster]
    counted: Mapping[str, Chunks]
    rest: tuple[Chunks, ...]

    @property
    def parts(self) -> tuple[Chunks, ...]:
        clusters = (chunks for each in self.clusters.values() for chunks in each.parts)
        return (*clusters, *self.counted.values(), *self.rest)


class NoPageError(RlmExporterError):
    """The page could not be made anew; the one before it says what is not so any more."""


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
        self._reading: Reading | None = None
        self._is_untold = False
        self._is_spoilt = False
        self._changed = asyncio.Event()
        self._making = asyncio.Lock()
        self._wanted = {_PLAIN}
        self._made = self._render()
        self._bodies = self._join(self._made.parts, frozenset(self._wanted))

    def update(
        self,
        clusters: tuple[ClusterFacts, ...],
        *,
        watchdog_seen_at: datetime | None = None,
        reading: Reading | None = None,
    ) -> None:
        """Show these clusters and no others from the next page on."""
        self._clusters = clusters
        self._watchdog_seen_at = watchdog_seen_at
        self._reading = reading
        self._is_untold = False
        self._changed.set()

    def not_told(self, error: Exception) -> None:
        """A defect of ours keeps what is so from being told: until the next `update` there is no page."""
        self._is_untold = True
        self._stumble(error)

    async def run(self) -> None:
        """Make pages until cancelled: soon after a change, and now and then without one."""
        while True:
            await self._a_change()
            try:
                await self.refresh()
            except Exception as error:  # noqa: BLE001 - logged there; it must end nothing else
                self._is_spoilt = True
                self._stumble(error)
            await asyncio.sleep(self._shortest)

    async def refresh(self) -> None:
        """Make a page now."""
        async with self._making:
            self._changed.clear()
            self._made, self._bodies = await asyncio.to_thread(self._make, frozenset(self._wanted))
            self._is_spoilt = False

    async def body(self, negotiated: Negotiated) -> bytes:
        """The newest page in one variant; the first request of a variant packs it, later ones find it.

        Raises NoPageError.
        """
        self._refuse_spoilt()
        kept = self._bodies.get(negotiated)
        if kept is not None:
            return kept
        self._wanted.add(negotiated)
        made = await asyncio.to_thread(self._join, self._made.parts, frozenset({negotiated}))
        return made[negotiated]

    def cluster(self, name: str) -> ClusterFacts | None:
        """What the newest page says of a cluster; None for one that it does not know, or not yet."""
        rendered = self._made.clusters.get(name)
        return None if rendered is None else rendered.facts

    async def target(self, cluster: str, server: str | None, lines: Chunks, negotiated: Negotiated) -> bytes:
        """What the newest page says of one cluster, or of one of its servers, after these lines.

        Raises NoPageError.
        """
        self._refuse_spoilt()
        return await asyncio.to_thread(self._target, self._made, cluster, server, lines, negotiated)

    def _stumble(self, error: Exception) -> None:
        log.error("the page of metrics cannot be made", exc_info=error)
        self._instruments.defect("page")

    def _refuse_spoilt(self) -> None:
        if self._is_spoilt or self._is_untold:
            raise NoPageError("the page of metrics cannot be made; the daemon's log says why")

    async def _a_change(self) -> None:
        try:
            async with asyncio.timeout(self._longest):
                await self._changed.wait()
        except TimeoutError:
            return

    def _make(self, wanted: frozenset[Negotiated]) -> tuple[_Made, Mapping[Negotiated, bytes]]:
        made = self._render()
        return made, self._join(made.parts, wanted)

    def _render(self) -> _Made:
        own = exporter_lines(
            version=__version__,
            python_version=platform.python_version(),
            watchdog_seen_at=self._watchdog_seen_at,
            reading=self._reading,
        )
        return _Made(
            clusters={each.facts.cluster.name: each for each in self._exposition.render(self._clusters)},
            counted=self._instruments.clusters(),
            rest=(self._instruments.common(), own),
        )

    def _target(
        self, made: _Made, cluster: str, server: str | None, lines: Chunks, negotiated: Negotiated
    ) -> bytes:
        parts = (lines, *_parts_of(made, cluster, server))
        body = page((*TARGET_FAMILIES, *self._families), parts, negotiated.format)
        return _packed(body, negotiated.encoding)

    def _join(self, parts: Iterable[Chunks], wanted: frozenset[Negotiated]) -> Mapping[Negotiated, bytes]:
        plain = {form: page(self._families, parts, form) for form in {each.format for each in wanted}}
        return {each: _packed(plain[each.format], each.encoding) for each in wanted}


def _parts_of(made: _Made, cluster: str, server: str | None) -> tuple[Chunks, ...]:
    rendered, counted = made.clusters.get(cluster), made.counted.get(cluster, {})
    if server is None:
        return (*(rendered.parts if rendered is not None else ()), counted)
    if rendered is None:
        return (only_of(server, counted),)
    return (*rendered.servers[server], only_of(server, rendered.whole), only_of(server, counted))


def _packed(body: bytes, encoding: Encoding) -> bytes:
    return gzip.compress(body, _LEVEL, mtime=0) if encoding is Encoding.GZIP else body
