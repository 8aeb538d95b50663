"""Counters and histograms of what we ourselves do, in a registry of their own."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from prometheus_client import CollectorRegistry, Counter, Histogram

from rlm_exporter.manifest.model import Cluster
from rlm_exporter.metrics import families as f
from rlm_exporter.metrics.families import Family
from rlm_exporter.metrics.text import sample
from rlm_exporter.probe.result import FailureReason, ProbeKind, ProbeResult
from rlm_exporter.store.records import Operation, OperationKind

PROBE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STEP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

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
    """Counts what we do; any thread may call it. `observers` fit it to those who tell what they did.

    A counter that begins above 0 has no increase to be seen, so series are born at 0 as soon as their
    label values are known: for each cluster by `watch`, for the words given here at once.
    """

    def __init__(
        self,
        *,
        rules: Iterable[str] = (),
        steps: Iterable[str] = (),
        webhook_results: Iterable[str] = (),
        reapply_reasons: Iterable[str] = (),
        tasks: Iterable[str] = ("prober", "controller"),
    ) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._rules = tuple(rules)
        self._reapply_reasons = tuple(reapply_reasons)
        self._probe_seconds = self._histogram(f.PROBE_DURATION, PROBE_BUCKETS)
        self._probe_failures = self._counter(f.PROBE_FAILURES)
        self._failovers = self._counter(f.FAILOVERS)
        self._operations = self._counter(f.HA_OPERATIONS)
        self._step_seconds = self._histogram(f.HA_STEP_SECONDS, STEP_BUCKETS)
        self._decisions = self._counter(f.HA_DECISIONS)
        self._reapplied = self._counter(f.HA_REAPPLIED)
        self._webhook_alerts = self._counter(f.HA_WEBHOOK_ALERTS)
        self._defects = self._counter(f.EXPORTER_DEFECTS)
        for step in steps:
            self._step_seconds.labels(step)
        for result in webhook_results:
            self._webhook_alerts.labels(result)
        for task in tasks:
            self._defects.labels(task)

    def watch(self, cluster: Cluster) -> None:
        """Give birth to the series of a cluster; once more does no harm."""
        name = cluster.name
        for server in cluster.servers:
            for kind, reasons in _FAILURES.items():
                if kind is ProbeKind.WEB and not cluster.health_check.check_web:
                    continue
                self._probe_seconds.labels(name, kind)
                for reason in reasons:
                    self._probe_failures.labels(name, server.name, kind, reason)
        for rule in self._rules:
            self._decisions.labels(name, rule)
        for kind_of_move, rule, outcome in _OPERATIONS:
            self._operations.labels(name, kind_of_move, rule, outcome)
            if kind_of_move in _UNPLANNED:
                self._failovers.labels(name, rule, outcome)
        for balancer in cluster.load_balancer.haproxy if cluster.load_balancer else ():
            for reapply_reason in self._reapply_reasons:
                self._reapplied.labels(name, balancer.name, reapply_reason)

    def forget(self, cluster: str) -> None:
        """Drop every series of a cluster that is no longer watched."""
        for instrument in (
            self._probe_seconds,
            self._probe_failures,
            self._failovers,
            self._operations,
            self._decisions,
            self._reapplied,
        ):
            for labels in _labels_of(instrument, cluster):
                instrument.remove(*labels)

    def probed(
        self, cluster: str, server: str, kind: ProbeKind, result: ProbeResult[object]
    ) -> None:
        """One probe ended."""
        self._probe_seconds.labels(cluster, kind).observe(result.duration.total_seconds())
        if result.failure is not None:
            self._probe_failures.labels(cluster, server, kind, result.failure.reason).inc()

    def defect(self, task: str) -> None:
        """An error that nobody foresaw was caught in a task that goes on."""
        self._defects.labels(task).inc()

    def decided(self, cluster: str, rule: str) -> None:
        """A decision was made, to hold or to move."""
        self._decisions.labels(cluster, rule).inc()

    def operation_ended(self, operation: Operation) -> None:
        """An operation ended, committed or not."""
        rule, outcome = operation.rule, operation.outcome
        self._operations.labels(operation.cluster, operation.kind, rule, outcome).inc()
        if operation.kind in _UNPLANNED:
            self._failovers.labels(operation.cluster, rule, outcome).inc()

    def step_ended(self, step: str, seconds: float) -> None:
        """A step of an operation had its outcome, whatever it was."""
        self._step_seconds.labels(step).observe(seconds)

    def reapplied(self, cluster: str, balancer: str, reason: str) -> None:
        """The wanted state was applied to a balancer again."""
        self._reapplied.labels(cluster, balancer, reason).inc()

    def webhook_alert(self, result: str) -> None:
        """Alertmanager delivered an alert, and this came of it."""
        self._webhook_alerts.labels(result).inc()

    def chunks(self) -> Mapping[str, str]:
        """The sample lines of all instruments, by family name."""
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

    def _counter(self, family: Family) -> Counter:
        return Counter(family.base_name, family.help, family.labels, registry=self._registry)

    def _histogram(self, family: Family, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(family.name, family.help, family.labels, buckets=buckets, registry=self._registry)


def _labels_of(instrument: Counter | Histogram, cluster: str) -> set[tuple[str, ...]]:
    """The label values of a cluster's series; all families with a cluster have it as their first label."""
    return {
        tuple(value for label, value in each.labels.items() if label != "le")
        for metric in instrument.collect()
        for each in metric.samples
        if each.labels.get("cluster") == cluster
    }
