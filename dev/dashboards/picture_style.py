"""How Grafana tells a number and in which colour, as far as our dashboards ask for it (pure)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

COLORS = {
    "green": "#73bf69",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "text": "#ccccdc",
}
"""Names of the palette in the dark theme."""
SERIES = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d")
"""Colours of series without one of their own, in their order; begun anew after the last."""
ORANGES = ("#fff5eb", "#fee6ce", "#fdd0a2", "#fdae6b", "#fd8d3c", "#f16913", "#d94801", "#a63603", "#7f2704")
"""The heat map's scheme, from the lowest value on a light ground; a dark one has it the other way round."""
DARK, LIGHT = "#111217", "#ffffff"

_BINARY_STEPS = ((1e9, "Bil"), (1e6, "Mil"), (1e3, "K"))
_SECONDS = ((31_536_000, "year"), (604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "min"), (1, "s"))
_SMALL = ((1e-3, "ms"), (1e-6, "µs"), (0.0, "ns"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A value as its reader sees it."""

    text: str
    color: str


def tell(value: float | None, field: Mapping[str, Any]) -> Told:
    """By the field's words, else by its unit and limits; `field` is what Grafana calls a field's config."""
    if value is None:
        return Told(text=field.get("noValue") or "No data", color=COLORS["text"])
    for mapping in field.get("mappings") or ():
        meaning = mapping["options"].get(_plain(value))
        if meaning is not None:
            return Told(text=meaning["text"], color=resolve(meaning["color"]))
    return Told(text=number(value, field.get("unit"), field.get("decimals")), color=limit_color(value, field))


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def limit_color(value: float, field: Mapping[str, Any]) -> str:
    """The colour of the highest limit that the value has reached."""
    steps = field["thresholds"]["steps"]
    reached = [step for step in steps if step["value"] is None or value >= step["value"]]
    return resolve(reached[-1]["color"])


def resolve(color: str) -> str:
    """The tone of a name; a tone is itself."""
    return COLORS.get(color, color)


def number(value: float, unit: str | None, decimals: int | None = None) -> str:
    """A number with its unit."""
    match unit:
        case "s":
            return _scaled_seconds(value, decimals)
        case "percentunit":
            return f"{_fixed(100 * value, decimals)}%"
        case "dateTimeAsLocal":
            return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        case "d":
            return _scaled_seconds(86_400 * value, decimals)
        case str() if unit.startswith("suffix:"):
            return f"{_fixed(value, decimals)} {unit.removeprefix('suffix:')}"
    for size, name in _BINARY_STEPS:
        if abs(value) >= size:
            return f"{_fixed(value / size, decimals)} {name}"
    return _fixed(value, decimals)


def _scaled_seconds(value: float, decimals: int | None) -> str:
    if value == 0:
        return "0 s"
    for size, name in _SECONDS if abs(value) >= 1 else _SMALL:
        if abs(value) >= size:
            return f"{_fixed(value / (size or 1e-9), decimals)} {name}"
    raise AssertionError(value)


def _fixed(value: float, decimals: int | None) -> str:
    """With as many decimals as are asked for, else with three digits at the least that say something."""
    if decimals is not None:
        return f"{value:.{decimals}f}"
    if value == int(value):
        return str(int(value))
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(digits, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def series_color(index: int, field: Mapping[str, Any]) -> str:
    """The colour of a panel's series with that number."""
    color = field.get("color") or {}
    match color.get("mode"):
        case "fixed":
            return resolve(color["fixedColor"])
        case "shades":
            return mixed(resolve(color["fixedColor"]), LIGHT if index % 2 else DARK, _shade(index))
    return SERIES[index % len(SERIES)]


def _shade(index: int) -> float:
    return min(0.2 * ((index + 1) // 2), 0.6)


def mixed(color: str, other: str, share: float) -> str:
    """That share of the other colour in the first."""
    pairs = zip(_parts(color), _parts(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in pairs)


def _parts(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def heat_color(value: float, low: float, high: float) -> str:
    """Of the heat map's scheme: on a dark ground the highest value is the lightest."""
    share = (value - low) / (high - low) if high > low else 0.0
    place = share * (len(ORANGES) - 1)
    index = min(int(place), len(ORANGES) - 2)
    dark_first = ORANGES[::-1]
    return mixed(dark_first[index], dark_first[index + 1], place - index)


def readable_on(color: str) -> str:
    """Black or white, whichever is easier to read on the colour."""
    red, green, blue = _parts(color)
    return DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else LIGHT


def ticks(low: float, high: float, *, most: int) -> Sequence[float]:
    """Round values from the first within the bounds to the last."""
    if high <= low:
        return (low,)
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in (1, 2, 2.5, 5, 10) if power * each >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [step * each for each in range(first, last + 1)]
