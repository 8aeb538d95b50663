"""What a dashboard asks of Prometheus, with its variables and steps filled in as Grafana does (pure)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_ROUND_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 21_600)
SCRAPE = 5
"""Seconds between two readings, as the example for Prometheus has it and a data source would be told."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What a panel shows, in seconds since 1970, and how far its points are apart."""

    start: float
    end: float
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What came of a query: one line with its name and points."""

    ref: str
    name: str
    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def newest(self) -> float:
        """The last value."""
        return self.points[-1][1]


def seconds(text: str) -> int:
    """`7d` in seconds."""
    return int(text[:-1]) * _UNITS[text[-1]]


def span_of(panel: Document, *, shown: float, end: float, width: float) -> Span:
    """The dashboard's time, or the panel's own; about a point for each two pixels, and not below its step."""
    since = float(seconds(panel["timeFrom"])) if "timeFrom" in panel else shown
    least = seconds(panel.get("interval", f"{SCRAPE}s"))
    step = max(least, _round(2 * since / width))
    # Prometheus is asked for multiples of the step; a day's end is midnight then.
    return Span(start=(end - since) // step * step, end=end // step * step, step=step)


def _round(step: float) -> int:
    return next((each for each in _ROUND_STEPS if each >= step), 86_400)


def filled(text: str, values: Mapping[str, str], span: Span) -> str:
    """With the values chosen above, and Grafana's own variables."""
    own = {
        "__interval": f"{span.step}s",
        "__rate_interval": f"{max(span.step + SCRAPE, 4 * SCRAPE)}s",
        "__range": f"{round(span.end - span.start)}s",
    }
    return _VARIABLE.sub(lambda match: {**values, **own}[match[1] or match[2]], text)


def name_of(legend: str, labels: Mapping[str, str]) -> str:
    """A series' name by the query's legend."""
    if legend == "__auto":
        told = ", ".join(f'{name}="{value}"' for name, value in labels.items() if name != "__name__")
        return labels.get("__name__", "") + (f"{{{told}}}" if told else "") or "Value"
    return _LABEL.sub(lambda match: labels.get(match[1], ""), legend)


def field_of(panel: Document, series: Series | None = None, *, column: str | None = None) -> Document:
    """A series' configuration, or that of a table's column: the panel's defaults and what overrides them."""
    field = dict(panel["fieldConfig"]["defaults"])
    field["custom"] = dict(field.get("custom") or {})
    for override in panel["fieldConfig"]["overrides"]:
        if not _matches(override["matcher"], series, column):
            continue
        for each in override["properties"]:
            into, key = (
                (field["custom"], each["id"][7:]) if each["id"][:7] == "custom." else (field, each["id"])
            )
            into[key] = each["value"]
    return field


def _matches(matcher: Document, series: Series | None, column: str | None) -> bool:
    match matcher["id"]:
        case "byFrameRefID":
            return series is not None and series.ref == matcher["options"]
        case "byName":
            return bool(matcher["options"] == (column or (series.name if series else None)))
        case "byRegexp":
            return series is not None and re.search(matcher["options"].strip("/"), series.name) is not None
    raise ValueError(f"a matcher that pictures do not know: {matcher['id']}")
