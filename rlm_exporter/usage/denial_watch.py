"""The loop that follows the report log of one ISV server and counts who was refused for good."""

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

from rlm_exporter.manifest.model import Cluster, ReportLog
from rlm_exporter.probe.aside import Aside
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.rlm.report_log_records import Deny
from rlm_exporter.usage.denials import MOST_FEATURES, OTHERS, DenialNames, Series
from rlm_exporter.usage.ports import Clock, DenialObserver, Followed, Follower

logger = logging.getLogger(__name__)

EVERY = timedelta(seconds=1)
LIMIT = timedelta(seconds=10)
"""How long one reading may take; one that goes on longer is waited for again, so that nothing is lost."""


class DenialWatch:
    """Watches one report log; each trouble is logged once, and its end too."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        server: str,
        log: ReportLog,
        follower: Follower,
        part: Callable[[], ServerSnapshot],
        clock: Clock,
        observer: DenialObserver,
    ) -> None:
        """`part` is what is known of the server: products that it has pools of may be denied some day."""
        self._cluster = cluster.name
        self._server = server
        self._log = log
        self._follower = follower
        self._part = part
        self._clock = clock
        self._observer = observer
        self._aside = Aside[Followed]("report log")
        self._names = DenialNames(
            feature.name for feature in cluster.features if feature.isv.casefold() == log.isv.casefold()
        )
        self._seen: ServerSnapshot | None = None
        self._trouble: str | None = None
        self._ok: bool | None = None

    async def run(self) -> None:
        """Follow until cancelled."""
        try:
            while True:
                if not await self._turn():
                    await self._clock.sleep(EVERY.total_seconds())
        finally:
            if self._aside.is_idle:  # else a thread still reads there
                self._follower.close()

    async def _turn(self) -> bool:
        """One reading; whether there may be more to read at once."""
        try:
            self._foresee()
            found = await self._aside.run(self._follower.read, limit=LIMIT)
        except TimeoutError:
            self._tell(f"{self._log.path}: not read within {LIMIT.total_seconds():g} s; is it on a dead NFS?")
        except OSError as error:
            self._tell(f"{error.filename or self._log.path}: {error.strerror or error}")
        except Exception as error:
            # As in the prober's loops: a defect of ours must not end anything but this reading.
            logger.exception("%s", self._place)
            self._observer.stumbled(self._cluster, self._server, error)
            self._tell("a defect of ours, see above")
        else:
            self._take(found)
            return found.more
        return False

    @property
    def _place(self) -> str:
        return f"report log of {self._log.isv} on {self._server} in cluster {self._cluster}"

    def _take(self, found: Followed) -> None:
        self._tell(None)
        if found.lost:
            logger.warning("%s: lines may have gone unread, because it was cut or taken away", self._place)
        self._count(denial for denial in found.denials if denial.last_attempt != 0)

    def _foresee(self) -> None:
        """What may be denied is counted from 0, so that the first denial is an increase."""
        part = self._part()
        if part is self._seen:
            return
        self._seen = part
        pools = part.status.pools if part.status is not None else ()
        isv = self._log.isv.casefold()
        for series in self._names.foresee(
            pool.product for pool in pools if (pool.isv or "").casefold() == isv
        ):
            self._observer.foreseen(*self._labels(series))

    def _count(self, denials: Iterable[Deny]) -> None:
        overflowed = self._names.overflowed
        for denial in denials:
            self._observer.denied(*self._labels(self._names.series(denial.product, denial.why)))
        if self._names.overflowed and not overflowed:
            text = "%s: denials name more than %d features; those beyond are counted as %s"
            logger.warning(text, self._place, MOST_FEATURES, OTHERS)

    def _labels(self, series: Series) -> tuple[str, str, str, str, str]:
        return self._cluster, self._server, self._log.isv, series.feature, series.reason

    def _tell(self, trouble: str | None) -> None:
        ok = trouble is None
        if ok is not self._ok:
            self._observer.log_read(self._cluster, self._server, self._log.isv, ok=ok)
        if trouble is not None and trouble != self._trouble:
            logger.warning("%s cannot be read: %s", self._place, trouble)
        elif trouble is None and self._trouble is not None:
            logger.info("%s can be read again", self._place)
        self._trouble, self._ok = trouble, ok
