"""The loop that reads one server's license files every few minutes, and says what could not be read."""

import logging
from collections.abc import Callable
from datetime import timedelta

from rlm_exporter.probe.license_reading import MOST_DATED, LicenseReading
from rlm_exporter.probe.ports import Clock, LicenseReader, Observer

logger = logging.getLogger(__name__)

FILES_EVERY = timedelta(minutes=3)


class FileWatch:
    """Watches the license files of one server; each trouble is logged once, and its end too."""

    def __init__(
        self,
        *,
        cluster: str,
        server: str,
        reader: LicenseReader,
        every: timedelta,
        clock: Clock,
        observer: Observer,
        take: Callable[[LicenseReading], None],
    ) -> None:
        self._cluster = cluster
        self._server = server
        self._reader = reader
        self._every = every
        self._clock = clock
        self._observer = observer
        self._take = take
        self._failures: tuple[str, ...] = ()
        self._left_out = 0

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                reading = await self._reader.read()
                self._tell(reading)
                self._take(reading)
            except Exception as error:
                # As in the loop of the checks: a defect of ours must not end anything but this reading.
                logger.exception("license files of %s in cluster %s", self._server, self._cluster)
                self._observer.stumbled(self._cluster, self._server, error)
                failure = f"a defect of ours: {type(error).__name__}: {error}"
                self._take(LicenseReading(read_at=self._clock.now(), failures=(failure,)))
            await self._clock.sleep(self._every.total_seconds())

    def _tell(self, reading: LicenseReading) -> None:
        of = f"license files of {self._server} in cluster {self._cluster}"
        for failure in reading.failures:
            if failure not in self._failures:
                logger.warning("%s: %s", of, failure)
        if self._failures and reading.ok:
            logger.info("%s can be read again", of)
        if reading.left_out and not self._left_out:
            logger.warning(
                "%s: %d dated licenses are too many; the %d that end first are on the page of metrics",
                of,
                reading.left_out + MOST_DATED,
                MOST_DATED,
            )
        self._failures, self._left_out = reading.failures, reading.left_out
