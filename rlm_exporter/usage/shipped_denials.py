"""Counts the denials of report logs that are shipped, as `DenialWatch` does for those that are read here."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rlm_exporter.manifest.model import Cluster, Server
from rlm_exporter.store.usage_records import Denied
from rlm_exporter.usage.denials import DenialNames, Series
from rlm_exporter.usage.ports import DenialObserver


class ShippedDenials:
    """For all logs that are brought to this daemon.

    A log that is shipped for the first time brings its past along, which is history and not counted: `since`
    is when this process began to count.
    """

    def __init__(self, *, observer: DenialObserver, since: datetime) -> None:
        self._observer = observer
        self._since = since
        self._names: dict[tuple[str, str, str], DenialNames] = {}

    def expect(self, cluster: Cluster, server: Server, isv: str, products: Iterable[str]) -> None:
        """That log is shipped: what may be denied, of these products too, is counted from 0."""
        for series in self._names_of(cluster, server, isv).foresee(products):
            self._observer.foreseen(*_labels(cluster, server, isv, series))

    def count(self, cluster: Cluster, server: Server, isv: str, denials: Sequence[Denied]) -> None:
        """Those that somebody felt and that are not history."""
        names = self._names_of(cluster, server, isv)
        for denial in denials:
            if denial.is_final and denial.at is not None and denial.at >= self._since:
                series = names.series(denial.feature, denial.code)
                self._observer.denied(*_labels(cluster, server, isv, series))

    def _names_of(self, cluster: Cluster, server: Server, isv: str) -> DenialNames:
        key = (cluster.name, server.name, isv.casefold())
        if key not in self._names:
            wanted = (each.name for each in cluster.features if each.isv.casefold() == isv.casefold())
            self._names[key] = DenialNames(wanted)
        return self._names[key]


def _labels(cluster: Cluster, server: Server, isv: str, series: Series) -> tuple[str, str, str, str, str]:
    return cluster.name, server.name, cluster.isv_name(isv), series.feature, series.reason
