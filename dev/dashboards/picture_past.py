"""The days before the story, for panels that show days: made up, while all else was seen (pure)."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

DAYS = 29
STEP = 300
_DAY = 86_400
_MAINTENANCE = (96, 88)
"""Hours before the story between which rlm1 was being served and rlm2 was active, by a planned move."""


def lines(series: Sequence[Any], *, until: int) -> Iterator[str]:
    """OpenMetrics text of each series, from DAYS before `until` to a moment before it."""
    for each in sorted(series, key=lambda one: str(one["metric"]["__name__"])):
        labels = dict(each["metric"])
        name = labels.pop("__name__")
        written = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        value = float(each["value"][1])
        for moment in range((until - DAYS * _DAY) // STEP * STEP, until - 60, STEP):
            yield f"{name}{{{written}}} {_past(name, labels, value, moment, until)!r} {moment}\n"


def _past(name: str, labels: dict[str, str], value: float, moment: int, until: int) -> float:
    hours = (until - moment) / 3_600
    away = _MAINTENANCE[1] < hours <= _MAINTENANCE[0]
    active = "rlm2" if away else "rlm1"
    match name:
        case "rlm_server_active":
            return float(labels["server"] == active)
        case "rlm_license_in_use":
            return (
                float(round(_seats(labels["feature"]) * busy(moment))) if labels["server"] == active else 0.0
            )
    return value


def _seats(feature: str) -> int:
    return {"STARCCM": 40, "NXCAE": 10, "MESHER": 12}[feature]


def busy(moment: int) -> float:
    """The share of seats in use: most at noon, few at night and at weekends; no two days are alike."""
    day, second = divmod(moment, _DAY)
    hour = second / 3_600
    bell = math.exp(-(((hour - 10.5) / 2.8) ** 2)) + math.exp(-(((hour - 15) / 2.6) ** 2))
    weekend = (day + 3) % 7 >= 5  # 1970 began on a Thursday
    height = (0.12 if weekend else 0.8) + 0.12 * math.sin(day * 2.4)
    return min(1.0, 0.08 + max(0.0, height) * min(bell, 1.15) / 1.15)
