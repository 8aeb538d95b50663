"""Counters and histograms of what we ourselves do, in registries of their own.

Each cluster has a registry: its lines are kept until something of that cluster is counted, and a cluster
that is no longer watched is forgotten with it.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from types import MappingProxyType

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from rlm_exporter.manifest.model import Cluster
from rlm_exporter.metrics import families as f
from rlm_exporter.metrics.families import Family
from rlm_exporter.metrics.text import sample
from rlm_exporter.probe.result import FailureReason, ProbeKind, ProbeResult
from rlm_exporter.store.records import Operation, OperationKind, OperationState

PROBE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STEP_BUCKETS = (*PROBE_BUCKETS, 60)

_UNPLANNED = frozenset({OperationKind.FAILOVER, OperationKind.ADOPT})

_REFUSALS = (FailureReason.REFUSED, FailureReason.TIMEOUT, FailureReason.UNREACHABLE)
_FAILURES: Mapping[ProbeKind, tuple[FailureReason, ...]] = MappingProxyType(
    {
        ProbeKind.LICENSE: (
            FailureReason.NO_ANSWER,
            FailureReason.TIMEOUT,
            FailureReason.GARBAGE,
            FailureReason.TOOL_MISSING,
        ),
        ProbeKind.TCP: _REFUSALS,
        ProbeKind.WEB: (*_REFUSALS, FailureReason.HTTP_STATUS, FailureReason.TLS),
    }
)
"""The reasons each probe of a server can be expected to give; any other is counted when it comes."""

_OPERATIONS = (
    (OperationKind.FAILOVER, "failed_over", "done"),
    (OperationKind.ADOPT, "adopted", "done"),
    (OperationKind.SWITCHOVER, "operator", "done"),
    (OperationKind.FAILOVER, "operator", "done"),
)


class Instruments:
    """Counts what we do, in the event loop; `observers` fit it to those who tell what they did.

    A counter that begins above 0 has no increase to be seen, so series are born at 0 as soon as their
    label values are known: for each cluster by `watch`, for the words given here at once. Another thread
    may read while we count.
    """

    def __init__(
        self,
        *,
        rules: Iterable[str] = (),
        steps: Iterable[str] = (),
        webhook_results: Iterable[str] = (),
        reapply_reasons: Iterable[str] = (),
        tasks: Iterable[str] = (
            "prober",
            "controller",
            "report_log",
            "license_drift",
            "page",
            "deploying",
        ),
    ) -> None:
        self._rules = tuple(rules)
        self._reapply_reasons = tuple(reapply_reasons)
        self._clusters: dict[str, _ClusterInstruments] = {}
        self._common = _Registry()
        self._step_seconds = self._common.histogram(f.HA_STEP_SECONDS, STEP_BUCKETS)
        self._webhook_alerts = self._common.counter(f.HA_WEBHOOK_ALERTS)
        self._defects = self._common.counter(f.EXPORTER_DEFECTS)
        for step in steps:
            self._step_seconds.labels(step)
        for result in webhook_results:
            self._webhook_alerts.labels(result)
        for task in tasks:
            self._defects.labels(task)

    def watch(self, cluster: Cluster) -> None:
        """Give birth to the series of a cluster; once more does no harm."""
        with self._counting(cluster.name) as counted:
            counted.watch(cluster, self._rules, self._reapply_reasons)

    def forget(self, cluster: str) -> None:
        """Drop every series of a cluster that is no longer watched."""
        self._clusters.pop(cluster, None)

    def probed(self, cluster: str, server: str, kind: ProbeKind, result: ProbeResult[object]) -> None:
        """One probe ended."""
        with self._counting(cluster) as counted:
            counted.probe_seconds.labels(cluster, kind).observe(result.duration.total_seconds())
            if result.failure is not None:
                counted.probe_failures.labels(cluster, server, kind, result.failure.reason).inc()

    def defect(self, task: str) -> None:
        """An error that nobody foresaw was caught in a task that goes on."""
        with self._common.changed():
            self._defects.labels(task).inc()

    def decided(self, cluster: str, rule: str) -> None:
        """A decision was made, to hold or to move."""
        with self._counting(cluster) as counted:
            counted.decisions.labels(cluster, rule).inc()

    def operation_ended(self, operation: Operation) -> None:
        """An operation ended, committed or not."""
        cluster, rule, outcome = operation.cluster, operation.rule, operation.outcome
        with self._counting(cluster) as counted:
            counted.operations.labels(cluster, operation.kind, rule, outcome).inc()
            if operation.state is not OperationState.COMMITTED:
                counted.failed_operations.labels(cluster).inc()
            if operation.kind in _UNPLANNED:
                counted.failovers.labels(cluster, rule, outcome).inc()

    def step_ended(self, step: str, seconds: float) -> None:
        """A step of an operation had its outcome, whatever it was."""
        with self._common.changed():
            self._step_seconds.labels(step).observe(seconds)

    def reapplied(self, cluster: str, balancer: str, reason: str) -> None:
        """The wanted state was applied to a balancer again."""
        with self._counting(cluster) as counted:
            counted.reapplied.labels(cluster, balancer, reason).inc()

    def may_be_denied(self, cluster: str, server: str, isv: str, feature: str, reason: str) -> None:
        """Checkouts of this feature may be refused for this reason; none has been."""
        with self._counting(cluster) as counted:
            counted.denied.labels(cluster, server, isv, feature, reason)

    def denied(self, cluster: str, server: str, isv: str, feature: str, reason: str) -> None:
        """A checkout was refused."""
        with self._counting(cluster) as counted:
            counted.denied.labels(cluster, server, isv, feature, reason).inc()

    def report_log_read(self, cluster: str, server: str, isv: str, *, ok: bool) -> None:
        """A report log could be read, or could not."""
        with self._counting(cluster) as counted:
            counted.report_log.labels(cluster, server, isv).set(ok)

    def license_files_looked_at(
        self,
        cluster: str,
        server: str,
        *,
        at: datetime,
        ok: bool,
        in_step: bool | None,
        fits_machine: bool | None,
        foreign: int | None,
    ) -> None:
        """A server's license files were compared with their masters; what is not known has no series."""
        with self._counting(cluster) as counted:
            counted.drift_looked.labels(cluster, server).set(at.timestamp())
            counted.drift_successful.labels(cluster, server).set(ok)
            for gauge, value in (
                (counted.in_step, in_step),
                (counted.hostid_fits, fits_machine),
                (counted.foreign, foreign),
            ):
                if value is None:
                    _drop(gauge, cluster, server)
                else:
                    gauge.labels(cluster, server).set(value)

    def license_files_unwatched(self, cluster: str, server: str) -> None:
        """Nobody looks at a server's license files any more."""
        with self._counting(cluster) as counted:
            for gauge in (
                counted.drift_looked,
                counted.drift_successful,
                counted.in_step,
                counted.hostid_fits,
                counted.foreign,
            ):
                _drop(gauge, cluster, server)

    def webhook_alert(self, result: str) -> None:
        """Alertmanager delivered an alert, and this came of it."""
        with self._common.changed():
            self._webhook_alerts.labels(result).inc()

    def clusters(self) -> Mapping[str, Mapping[str, str]]:
        """What is counted by cluster: for each its sample lines by family name."""
        return {name: counted.registry.chunks() for name, counted in tuple(self._clusters.items())}

    def common(self) -> Mapping[str, str]:
        """The sample lines of the rest, by family name."""
        return self._common.chunks()

    @contextmanager
    def _counting(self, cluster: str) -> Iterator["_ClusterInstruments"]:
        """The instruments of a cluster, to be changed."""
        if cluster not in self._clusters:
            self._clusters[cluster] = _ClusterInstruments()
        counted = self._clusters[cluster]
        with counted.registry.changed():
            yield counted


class _ClusterInstruments:
    """All that is counted by cluster, for one of them."""

    def __init__(self) -> None:
        self.registry = _Registry()
        self.probe_seconds = self.registry.histogram(f.PROBE_DURATION, PROBE_BUCKETS)
        self.probe_failures = self.registry.counter(f.PROBE_FAILURES)
        self.failovers = self.registry.counter(f.FAILOVERS)
        self.operations = self.registry.counter(f.HA_OPERATIONS)
        self.failed_operations = self.registry.counter(f.HA_FAILED_OPERATIONS)
        self.decisions = self.registry.counter(f.HA_DECISIONS)
        self.reapplied = self.registry.counter(f.HA_REAPPLIED)
        self.denied = self.registry.counter(f.LICENSE_DENIED)
        self.report_log = self.registry.gauge(f.REPORT_LOG_SUCCESSFUL)
        self.in_step = self.registry.gauge(f.LICENSE_IN_STEP)
        self.foreign = self.registry.gauge(f.LICENSE_FOREIGN)
        self.hostid_fits = self.registry.gauge(f.LICENSE_HOSTID_FITS)
        self.drift_successful = self.registry.gauge(f.LICENSE_DRIFT_SUCCESSFUL)
        self.drift_looked = self.registry.gauge(f.LICENSE_DRIFT_LOOKED)

    def watch(self, cluster: Cluster, rules: tuple[str, ...], reapply_reasons: tuple[str, ...]) -> None:
        self._watch_probes(cluster)
        self.failed_operations.labels(cluster.name)
        for rule in rules:
            self.decisions.labels(cluster.name, rule)
        for kind, rule, outcome in _OPERATIONS:
            self.operations.labels(cluster.name, kind, rule, outcome)
            if kind in _UNPLANNED:
                self.failovers.labels(cluster.name, rule, outcome)
        for balancer in cluster.load_balancer.haproxy if cluster.load_balancer else ():
            for reason in reapply_reasons:
                self.reapplied.labels(cluster.name, balancer.name, reason)

    def _watch_probes(self, cluster: Cluster) -> None:
        kinds = [each for each in _FAILURES if each is not ProbeKind.WEB or cluster.health_check.check_web]
        for kind in kinds:
            self.probe_seconds.labels(cluster.name, kind)
        for server in cluster.servers:
            for kind in kinds:
                for reason in _FAILURES[kind]:
                    self.probe_failures.labels(cluster.name, server.name, kind, reason)


def _drop(gauge: Gauge, *labels: str) -> None:
    with suppress(KeyError):  # it was not there
        gauge.remove(*labels)


class _Registry:
    """A registry that renders again only after a change."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._touched = True
        self._kept: Mapping[str, str] = {}

    def counter(self, family: Family) -> Counter:
        return Counter(family.base_name, family.help, family.labels, registry=self._registry)

    def gauge(self, family: Family) -> Gauge:
        return Gauge(family.name, family.help, family.labels, registry=self._registry)

    def histogram(self, family: Family, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(family.name, family.help, family.labels, buckets=buckets, registry=self._registry)

    @contextmanager
    def changed(self) -> Iterator[None]:
        """Around a change. The mark comes after it: a reader that came between has not seen it."""
        yield
        self._touched = True

    def chunks(self) -> Mapping[str, str]:
        if self._touched:
            # Before reading: what is counted meanwhile is read the next time.
            self._touched = False
            self._kept = self._render()
        return self._kept

    def _render(self) -> Mapping[str, str]:
        chunks: dict[str, str] = {}
        for metric in self._registry.collect():
            lines = [
                sample(each.name, each.labels.items(), each.value)
                for each in metric.samples
                if not each.name.endswith("_created")
            ]
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            chunks[name] = "".join(lines)
        return chunks
