"""Builds a dashboard from a document that is known to be right."""

from datetime import timedelta

from rlm_exporter.manifest.dashboard import (
    AlertCondition,
    AlertSeverity,
    ColorMode,
    Dashboard,
    GraphMode,
    Panel,
    PanelType,
    Target,
)
from rlm_exporter.manifest.document import Part
from rlm_exporter.manifest.durations import parse_duration

_WAIT = timedelta(minutes=1)


def build_dashboard(document: Part) -> Dashboard:
    """The whole document."""
    spec = document.at("spec")
    return Dashboard(
        name=_text(document.at("metadata", "name")),
        source=document.document.source,
        title=_text(spec.at("title")),
        refresh=_optional(spec.at("refresh")),
        panels=tuple(_panel(part) for part in spec.at("panels").children()),
        alerts=tuple(_alert(part) for part in spec.at("alerts").children()),
    )


def _panel(part: Part) -> Panel:
    targets = tuple(part.at("targets").children())
    ranges = [target.at("timeRange").text for target in targets]
    color, graph = (part.at("visualization", key).text for key in ("colorMode", "graphMode"))
    return Panel(
        title=_text(part.at("title")),
        kind=PanelType(_text(part.at("type"))),
        targets=tuple(
            Target(query=_text(target.at("query")), legend=_optional(target.at("legend")))
            for target in targets
        ),
        time_range=next((text for text in ranges if text is not None), None),
        color_mode=ColorMode(color) if color else None,
        graph_mode=GraphMode(graph) if graph else None,
    )


def _alert(part: Part) -> AlertCondition:
    wait = part.at("for").text
    return AlertCondition(
        name=_text(part.at("name")),
        condition=_text(part.at("condition")),
        severity=AlertSeverity(_text(part.at("severity"))),
        message=_text(part.at("message")),
        wait=_WAIT if wait is None else parse_duration(wait),
    )


def _text(part: Part) -> str:
    """What the schema says must be there."""
    return str(part.text or "")


def _optional(part: Part) -> str | None:
    return None if part.text is None else str(part.text)
