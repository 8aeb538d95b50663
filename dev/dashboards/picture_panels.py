"""Panels without a time axis as HTML: numbers, bars, tables (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from dev.dashboards.picture_questions import Document, Series, field_of
from dev.dashboards.picture_style import COLORS, Told, number, readable_on, tell

CHARACTER = 0.62
"""A character's width by its height, with something to spare."""
SPACING = 10
"""Between two bars; where they have too little room, some are out of sight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a panel has inside, in pixels."""

    width: float
    height: float


def stat(panel: Document, found: Sequence[Series], room: Room) -> str:
    """The newest value of each series, side by side, as large as it fits."""
    if not found:
        told = tell(None, panel["fieldConfig"]["defaults"])
        return _tile("", told, room, filled=False)
    tile = Room(width=(room.width - 4 * (len(found) - 1)) / len(found), height=room.height)
    filled = panel["options"]["colorMode"] == "background"
    by_name = panel["options"]["textMode"] == "name"
    tiles = []
    for series in found:
        told = tell(series.newest, field_of(panel, series))
        shown = Told(text=series.name, color=told.color) if by_name else told
        tiles.append(_tile(series.name if len(found) > 1 else "", shown, tile, filled=filled))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _tile(name: str, told: Told, room: Room, *, filled: bool) -> str:
    size = min(room.height * (0.4 if name else 0.5), room.width * 0.9 / (CHARACTER * len(told.text)), 70)
    above = f'<div style="font-size:{max(size * 0.4, 14):.0f}px">{escape(name)}</div>' if name else ""
    look = f"background:{told.color};color:{readable_on(told.color)}" if filled else f"color:{told.color}"
    return (
        f'<div class="tile" style="{look};width:{room.width:.1f}px;height:{room.height:.1f}px">'
        f'{above}<div class="fits" style="font-size:{size:.0f}px;font-weight:500">{escape(told.text)}</div>'
        "</div>"
    )


def bars(panel: Document, found: Sequence[Series], room: Room) -> str:
    """A horizontal bar for each series; the longest is the greatest of all."""
    if not found:
        return nothing(panel)
    most = panel["fieldConfig"]["defaults"].get("max") or max(series.newest for series in found) or 1.0
    options = panel["options"]
    share = (room.height - SPACING * (len(found) - 1)) / len(found)
    height = min(max(share, options["minVizHeight"]), options["maxVizHeight"])
    size = min(height * 0.7, 14)
    told = [tell(series.newest, field_of(panel, series)) for series in found]
    names = max(len(series.name) for series in found) * size * CHARACTER + 8
    values = max(len(each.text) for each in told) * size * CHARACTER + 14
    rows = []
    for series, each in zip(found, told, strict=True):
        width = max((room.width - names - values) * min(max(series.newest / most, 0), 1), 1)
        rows.append(
            f'<div class="bar" style="height:{height:.1f}px;font-size:{size:.1f}px">'
            f'<span class="fits" style="width:{names:.0f}px">{escape(series.name)}</span>'
            f'<span class="ground" style="width:{room.width - names - values:.1f}px">'
            f'<span style="width:{width:.1f}px;background:{each.color}"></span></span>'
            f'<span class="fits" style="width:{values:.0f}px;padding-left:6px;color:{each.color}">'
            f"{escape(each.text)}</span></div>"
        )
    return f'<div class="bars">{"".join(rows)}</div>'


def table(panel: Document, found: Sequence[Series]) -> str:
    """One line for each set of labels, a column for each label and each query."""
    organize = next(each["options"] for each in panel["transformations"] if each["id"] == "organize")
    lines = merged(found)
    if not lines:
        return nothing(panel)
    columns = sorted(organize["indexByName"], key=lambda name: organize["indexByName"][name])
    titles = {name: organize["renameByName"].get(name, name) for name in columns}
    for sort in panel["options"]["sortBy"]:
        column = next(name for name, title in titles.items() if title == sort["displayName"])
        lines.sort(key=lambda line, by=column: float(line.get(by, 0)), reverse=sort["desc"])  # type: ignore[misc] # mypy knows no defaults of lambdas
    head = "".join(f"<th>{escape(title)}</th>" for title in titles.values())
    body = "".join(
        f"<tr>{''.join(_cell(panel, titles[name], line.get(name, '')) for name in columns)}</tr>"
        for line in lines
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def merged(found: Sequence[Series]) -> list[dict[str, str | float]]:
    """Series with the same labels in one line; a query's value under `Value #A`."""
    lines: dict[tuple[tuple[str, str], ...], dict[str, str | float]] = {}
    for series in found:
        line = lines.setdefault(tuple(sorted(series.labels.items())), dict(series.labels))
        line[f"Value #{series.ref}"] = series.newest
    return list(lines.values())


def _cell(panel: Document, title: str, value: str | float) -> str:
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    field = field_of(panel, column=title)
    told = tell(value, field)
    colored = (field["custom"].get("cellOptions") or {}).get("type") == "color-text"
    text = told.text if colored else number(value, field.get("unit"), field.get("decimals"))
    return f'<td class="value" style="color:{told.color if colored else COLORS["text"]}">{escape(text)}</td>'


def nothing(panel: Document) -> str:
    """What stands where no series was found."""
    return (
        f'<div class="nothing">{escape(panel["fieldConfig"]["defaults"].get("noValue") or "No data")}</div>'
    )


def legend(entries: Mapping[str, str], room: Room) -> tuple[str, float]:
    """Names with their colours below a graph, and how high that is: at most a third of the panel."""
    lines, used = 1, 0.0
    for name in entries:
        width = 7.0 * len(name) + 34
        if used and used + width > room.width:
            lines, used = lines + 1, 0.0
        used += width
    height = min(20.0 * lines + 4, max(room.height * 0.35, 24))
    items = "".join(
        f'<span><i style="background:{color}"></i>{escape(name)}</span>' for name, color in entries.items()
    )
    return f'<div class="legend" style="height:{height:.0f}px">{items}</div>', height
