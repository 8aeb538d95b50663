"""Fit the instruments to what those tell who check, decide, steer, and read logs and license files."""

from datetime import datetime

from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.probe.result import ProbeKind, ProbeResult
from rlm_exporter.store.records import Operation


class ProberObserver:
    """Counts probes."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    def observed(self, cluster: str, server: str, kind: ProbeKind, result: ProbeResult[object]) -> None:
        """One probe ended."""
        self._instruments.probed(cluster, server, kind, result)

    def stumbled(self, cluster: str, server: str, error: Exception) -> None:
        """A defect of ours ended one check."""
        self._instruments.defect("prober")


class ControllerObserver:
    """Counts decisions, steps and operations."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    def decided(self, cluster: str, rule: str) -> None:
        """A decision was made."""
        self._instruments.decided(cluster, rule)

    def stepped(self, cluster: str, step: str, seconds: float) -> None:
        """A step of an operation ended."""
        self._instruments.step_ended(step, seconds)

    def ended(self, operation: Operation) -> None:
        """An operation ended."""
        self._instruments.operation_ended(operation)

    def stumbled(self, cluster: str, error: Exception) -> None:
        """A defect of ours ended one look."""
        self._instruments.defect("controller")


class SteeringObserver:
    """Counts what was put right at the balancers of one cluster."""

    def __init__(self, instruments: Instruments, *, cluster: str) -> None:
        self._instruments = instruments
        self._cluster = cluster

    def steered(self, balancer: str, repair: str) -> None:
        """A balancer was steered, for this reason."""
        self._instruments.reapplied(self._cluster, balancer, repair)


class DenialObserver:
    """Counts denials, and says whether report logs can be read."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    def foreseen(self, cluster: str, server: str, isv: str, feature: str, reason: str) -> None:
        """A denial that may come some day."""
        self._instruments.may_be_denied(cluster, server, isv, feature, reason)

    def denied(self, cluster: str, server: str, isv: str, feature: str, reason: str) -> None:
        """Somebody was refused for good."""
        self._instruments.denied(cluster, server, isv, feature, reason)

    def log_read(self, cluster: str, server: str, isv: str, *, ok: bool) -> None:
        """A report log could be read, or could not."""
        self._instruments.report_log_read(cluster, server, isv, ok=ok)

    def stumbled(self, cluster: str, server: str, error: Exception) -> None:
        """A defect of ours ended one reading."""
        self._instruments.defect("report_log")


class DriftObserver:
    """Says whether license files are as their masters have them."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    def looked(
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
        """One look; None is what is not known."""
        self._instruments.license_files_looked_at(
            cluster, server, at=at, ok=ok, in_step=in_step, fits_machine=fits_machine, foreign=foreign
        )

    def unwatched(self, cluster: str, server: str) -> None:
        """Nobody looks here any more."""
        self._instruments.license_files_unwatched(cluster, server)

    def stumbled(self, cluster: str, error: Exception) -> None:
        """A defect of ours ended one look."""
        self._instruments.defect("license_drift")
