"""What a document of kind Dashboard says, as frozen values: panels for Grafana, conditions for Prometheus."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class PanelType(StrEnum):
    """What a panel draws, in the document's words."""

    STAT = "stat"
    BAR_GRAPH = "bargraph"
    TIMELINE = "timeline"
    TIME_SERIES = "timeseries"


class ColorMode(StrEnum):
    """What a stat panel colours."""

    VALUE = "value"
    BACKGROUND = "background"
    NONE = "none"


class GraphMode(StrEnum):
    """What a stat panel draws behind its numbers."""

    NONE = "none"
    AREA = "area"


class AlertSeverity(StrEnum):
    """How much an alert of the document matters; none of them asks for a failover."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One query of a panel."""

    query: str
    """As it is written, byte for byte."""
    legend: str | None = None
    """With `{{label}}` in the place of a label's value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel."""

    title: str
    kind: PanelType
    targets: tuple[Target, ...]
    time_range: str | None = None
    """What the panel shows whatever the dashboard shows: `7d`."""
    color_mode: ColorMode | None = None
    graph_mode: GraphMode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCondition:
    """One condition that people want to be told of."""

    name: str
    condition: str
    severity: AlertSeverity
    message: str
    """With `{{$labels.name}}` in the place of a label's value."""
    wait: timedelta = timedelta(minutes=1)
    """How long the condition holds before anybody is told: one failed check is no news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """The whole document."""

    name: str
    source: str
    title: str
    refresh: str | None = None
    panels: tuple[Panel, ...]
    alerts: tuple[AlertCondition, ...] = ()
