"""What is inside of a panel, by its type (pure)."""

from collections.abc import Sequence

from dev.dashboards.picture_graphs import Note, hours, lines, states
from dev.dashboards.picture_panels import Room, bars, stat, table
from dev.dashboards.picture_questions import Document, Series, Span


def draw(panel: Document, found: Sequence[Series], *, room: Room, span: Span, notes: Sequence[Note]) -> str:
    """As HTML; a type that no dashboard of ours has had until now is an error."""
    match panel["type"]:
        case "stat":
            return stat(panel, found, room)
        case "bargauge":
            return bars(panel, found, room)
        case "table":
            return table(panel, found)
        case "heatmap":
            return hours(found, panel, room, span)
        case "timeseries":
            return lines(panel, found, room, span, notes)
        case "state-timeline":
            return states(panel, found, room, span, notes)
    raise ValueError(f"pictures cannot draw panels of type {panel['type']}")
