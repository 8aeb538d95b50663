"""Panels with a time axis as SVG: lines, bars over time, states over time, hours of days (pure)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from dev.dashboards.picture_panels import Room, legend, nothing
from dev.dashboards.picture_questions import Document, Series, Span, field_of
from dev.dashboards.picture_style import (
    COLORS,
    ORANGES,
    heat_color,
    number,
    readable_on,
    resolve,
    series_color,
    tell,
    ticks,
)

TIME_STEPS = (5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 172_800)
LETTER = 6.8
"""A character's width on an axis."""
AXIS = 20.0
"""The height of the time axis."""
Note = tuple[float, float, str]
"""Beginning, end and colour of an annotation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Where a graph's points lie, in pixels."""

    left: float
    width: float
    height: float
    span: Span

    def x(self, moment: float) -> float:
        """Of a moment."""
        share = (moment - self.span.start) / (self.span.end - self.span.start)
        return self.left + min(max(share, 0.0), 1.0) * self.width


def notes_of(moments: Sequence[tuple[float, str]], step: int) -> list[Note]:
    """Moments that follow one another without a gap are one span."""
    notes: list[Note] = []
    for moment, color in sorted(moments, key=lambda each: (each[1], each[0])):
        if notes and notes[-1][2] == color and moment - notes[-1][1] <= step:
            notes[-1] = (notes[-1][0], moment, color)
        else:
            notes.append((moment, moment, color))
    return notes


def lines(panel: Document, found: Sequence[Series], room: Room, span: Span, notes: Sequence[Note]) -> str:
    """Each series as a line, or as bars on top of one another."""
    if not found:
        return nothing(panel)
    colors = [series_color(index, field_of(panel, one)) for index, one in enumerate(found)]
    below, taken = legend(dict(zip((one.name for one in found), colors, strict=True)), room)
    as_bars = panel["fieldConfig"]["defaults"].get("custom", {}).get("drawStyle") == "bars"
    base = _bases(found) if as_bars else {}
    high = _highest(found, base) or 1.0
    field = panel["fieldConfig"]["defaults"]
    marks = ticks(0.0, high * 1.05, most=max(2, int((room.height - taken - AXIS) / 30)))
    texts = [number(round(mark, 9), field.get("unit"), field.get("decimals")) for mark in marks]
    left = max(len(text) for text in texts) * LETTER + 10
    plane = Plane(left=left, width=room.width - left - 8, height=room.height - taken - AXIS - 6, span=span)
    up = plane.height / (high * 1.05)
    grid = [_rule(plane, 6 + plane.height - mark * up, text) for mark, text in zip(marks, texts, strict=True)]
    drawn = [
        _bars(one, color, plane, up, base) if as_bars else _line(panel, one, color, plane, up)
        for one, color in zip(found, colors, strict=True)
    ]
    return _svg(room, taken, [*grid, *_times(plane), *_noted(plane, notes), *drawn]) + below


def _bases(found: Sequence[Series]) -> dict[tuple[str, float], float]:
    """On which height each bar stands."""
    heights: dict[float, float] = {}
    base = {}
    for one in found:
        for moment, value in one.points:
            base[one.name, moment] = heights.get(moment, 0.0)
            heights[moment] = heights.get(moment, 0.0) + value
    return base


def _highest(found: Sequence[Series], base: Mapping[tuple[str, float], float]) -> float:
    values = [value + base.get((one.name, moment), 0.0) for one in found for moment, value in one.points]
    return max((value for value in values if value == value), default=0.0)  # noqa: PLR0124 - NaN is unequal to itself


def _bars(one: Series, color: str, plane: Plane, up: float, base: Mapping[tuple[str, float], float]) -> str:
    width = max(plane.width * plane.span.step / (plane.span.end - plane.span.start) * 0.6, 1.0)
    return "".join(
        f'<rect x="{plane.x(moment) - width / 2:.1f}" width="{width:.1f}" fill="{color}" fill-opacity="0.8" '
        f'y="{6 + plane.height - (base[one.name, moment] + value) * up:.1f}" height="{value * up:.1f}"/>'
        for moment, value in one.points
    )


def _line(panel: Document, one: Series, color: str, plane: Plane, up: float) -> str:
    custom = field_of(panel, one)["custom"]
    stepped = custom.get("lineInterpolation") == "stepAfter"
    dash = custom.get("lineStyle", {}).get("dash")
    drawn = []
    for run in _runs(one.points, plane.span.step):
        path = _path([(plane.x(at), 6 + plane.height - value * up) for at, value in run], stepped=stepped)
        first, last = plane.x(run[0][0]), plane.x(run[-1][0])
        area = f"{path}L{last:.1f},{6 + plane.height:.1f}L{first:.1f},{6 + plane.height:.1f}Z"
        drawn.append(f'<path d="{area}" fill="{color}" fill-opacity="{custom.get("fillOpacity", 0) / 100}"/>')
        dashes = f' stroke-dasharray="{" ".join(map(str, dash))}"' if dash else ""
        width = max(custom.get("lineWidth", 1), 1)
        drawn.append(f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{width}"{dashes}/>')
    return "".join(drawn)


def _runs(points: Sequence[tuple[float, float]], step: int) -> Iterator[list[tuple[float, float]]]:
    """Points without a gap between them: what is not known is not drawn."""
    run: list[tuple[float, float]] = []
    for moment, value in points:
        if value != value or (run and moment - run[-1][0] > 1.5 * step):  # noqa: PLR0124 - NaN is unequal to itself
            if run:
                yield run
            run = []
        if value == value:  # noqa: PLR0124 - as above
            run.append((moment, value))
    if run:
        yield run


def _path(points: Sequence[tuple[float, float]], *, stepped: bool) -> str:
    words = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for x, y in points[1:]:
        words.append(f"H{x:.1f}V{y:.1f}" if stepped else f"L{x:.1f},{y:.1f}")
    return "".join(words)


def states(panel: Document, found: Sequence[Series], room: Room, span: Span, notes: Sequence[Note]) -> str:
    """A row for each series, in the colours of its states."""
    if not found:
        return nothing(panel)
    entries: dict[str, str] = {}
    for one in found:
        field = field_of(panel, one)
        entries |= {told.text: told.color for told in (tell(value, field) for _, value in one.points)}
    below, taken = legend(entries, room)
    left = max(len(one.name) for one in found) * LETTER + 10
    plane = Plane(left=left, width=room.width - left - 8, height=room.height - taken - AXIS - 6, span=span)
    row = plane.height / len(found)
    drawn = [_row(panel, one, plane, 6 + row * index, row) for index, one in enumerate(found)]
    return _svg(room, taken, [*_times(plane), *drawn, *_noted(plane, notes)]) + below


def _row(panel: Document, one: Series, plane: Plane, top: float, row: float) -> str:
    field = field_of(panel, one)
    height = row * panel["options"]["rowHeight"]
    opacity = field["custom"].get("fillOpacity", 70) / 100
    words = [_text(plane.left - 6, top + row / 2 + 4, one.name, anchor="end")]
    for begins, ends, value in merged_states(one.points, plane.span.step):
        told = tell(value, field)
        x = plane.x(begins)
        width = max(plane.x(min(ends, plane.span.end)) - x, 1.0)
        words.append(
            f'<rect x="{x:.1f}" y="{top + (row - height) / 2:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" fill="{told.color}" fill-opacity="{opacity}"/>'
        )
        if width > len(told.text) * LETTER + 8 and height >= 12:
            words.append(_text(x + 4, top + row / 2 + 4, told.text, fill=readable_on(told.color)))
    return "".join(words)


def merged_states(points: Sequence[tuple[float, float]], step: int) -> list[tuple[float, float, float]]:
    """Beginning, end and value of each state; a gap ends one."""
    merged: list[tuple[float, float, float]] = []
    for moment, value in points:
        if merged and merged[-1][2] == value and moment <= merged[-1][1] + step / 2:
            merged[-1] = (merged[-1][0], moment + step, value)
        else:
            merged.append((moment, moment + step, value))
    return merged


def hours(found: Sequence[Series], panel: Document, room: Room, span: Span) -> str:
    """A row for each series, from the bottom up, and a cell for each of its points."""
    values = [value for one in found for _, value in one.points]
    if not values:
        return nothing(panel)
    low, high = min(values), max(values)
    below = _scale(low, high)
    left = max(len(one.name) for one in found) * LETTER + 10
    plane = Plane(left=left, width=room.width - left - 8, height=room.height - 28 - AXIS - 6, span=span)
    row = plane.height / len(found)
    cell = plane.width * span.step / (span.end - span.start)
    drawn = []
    for index, one in enumerate(found):
        top = 6 + plane.height - row * (index + 1)
        if index % max(1, round(14 / row)) == 0:
            drawn.append(_text(left - 6, top + row / 2 + 4, one.name, anchor="end"))
        drawn += [
            f'<rect x="{plane.x(moment) - cell:.1f}" y="{top + 0.5:.1f}" width="{cell - 1:.1f}" '
            f'height="{row - 1:.1f}" fill="{heat_color(value, low, high)}"/>'
            for moment, value in one.points
            if moment > span.start
        ]
    return _svg(room, 28, [*drawn, *_times(plane)]) + below


def _scale(low: float, high: float) -> str:
    shades = ",".join(reversed(ORANGES))
    return (
        f'<div class="scale"><span>{number(low, None)}</span>'
        f'<i style="background:linear-gradient(90deg,{shades})"></i><span>{number(high, None)}</span></div>'
    )


def _rule(plane: Plane, y: float, text: str) -> str:
    line = f'<path d="M{plane.left},{y:.1f}H{plane.left + plane.width:.1f}" stroke="#ffffff14"/>'
    return line + _text(plane.left - 6, y + 4, text, anchor="end")


def _times(plane: Plane) -> Iterator[str]:
    """The time axis, with a mark for each round time that has room for its text."""
    length = plane.span.end - plane.span.start
    step = next((each for each in TIME_STEPS if each * plane.width / length >= 80), 604_800)
    moment = -(-plane.span.start // step) * step
    while moment <= plane.span.end:
        x = plane.x(moment)
        yield f'<path d="M{x:.1f},6V{6 + plane.height:.1f}" stroke="#ffffff14"/>'
        text = datetime.fromtimestamp(moment, UTC).strftime(_form(step, length))
        if x + len(text) * LETTER / 2 <= plane.left + plane.width + 8:
            yield _text(x, plane.height + 6 + 15, text, anchor="middle")
        moment += step


def _form(step: float, length: float) -> str:
    if step < 60:
        return "%H:%M:%S"
    if step >= 86_400:
        return "%m/%d"
    return "%m/%d %H:%M" if length > 86_400 else "%H:%M"


def _noted(plane: Plane, notes: Sequence[Note]) -> Iterator[str]:
    for begins, ends, color in notes:
        if not plane.span.start <= ends or not begins <= plane.span.end:
            continue
        tone, x = resolve(color), plane.x(begins)
        width = plane.x(ends) - x
        if width >= 1:
            box = f'x="{x:.1f}" y="6" width="{width:.1f}" height="{plane.height:.1f}"'
            yield f'<rect {box} fill="{tone}" fill-opacity="0.12"/>'
        yield (
            f'<path d="M{x:.1f},6V{6 + plane.height:.1f}" stroke="{tone}" stroke-dasharray="4 3"/>'
            f'<path d="M{x - 4:.1f},{plane.height + 11:.1f}h8l-4,-6z" fill="{tone}"/>'
        )


def _text(x: float, y: float, text: str, *, anchor: str = "start", fill: str = COLORS["text"]) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'


def _svg(room: Room, taken: float, drawn: Sequence[str]) -> str:
    height = room.height - taken
    return f'<svg width="{room.width:.0f}" height="{height:.0f}">{"".join(drawn)}</svg>'
