"""How our metrics look in Grafana: colours, words for numbers, limits and units, each in one place (pure).

The dashboards in `dashboards/` and those that `rlm-ha render dashboard` makes are both drawn by this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlm_exporter.metrics.families import FAMILIES, Family

GREEN, YELLOW, ORANGE, RED, BLUE = "green", "yellow", "orange", "red", "blue"
"""Names of Grafana's palette, which has a light and a dark tone of each."""
GREY = "#808080"
"""For what is as it should be and asks for nobody; the palette has none, and `text` outshines all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What one value means."""

    text: str
    color: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """From this value on; the first one is for everything below the second."""

    above: float | None
    color: str


UP_OR_DOWN = {0: Meaning(text="Down", color=RED), 1: Meaning(text="Up", color=GREEN)}
ACTIVE_OR_STANDBY = {0: Meaning(text="Standby", color=GREY), 1: Meaning(text="Active", color=BLUE)}
GOOD_YES = {0: Meaning(text="No", color=RED), 1: Meaning(text="Yes", color=GREEN)}
BAD_YES = {0: Meaning(text="No", color=GREEN), 1: Meaning(text="Yes", color=RED)}
HELD_OR_FREE = {0: Meaning(text="Free", color=GREY), 1: Meaning(text="Held", color=ORANGE)}
BALANCER_STATES = {
    0: Meaning(text="Down", color=RED),
    1: Meaning(text="Up", color=GREEN),
    2: Meaning(text="Drain", color=YELLOW),
    3: Meaning(text="Maint", color=ORANGE),
    4: Meaning(text="Unresolved", color=GREY),
}
"""The exporter tells each state by a label; a timeline wants one number."""

NO_LIMIT = (Limit(above=None, color=BLUE),)
HEALTHY_LIMITS = (
    Limit(above=None, color=RED),
    Limit(above=1, color=YELLOW),
    Limit(above=2, color=GREEN),
)
FAILOVERS_LIMITS = (Limit(above=None, color=GREY), Limit(above=1, color=ORANGE))
NONE_IS_GOOD = (Limit(above=None, color=GREEN), Limit(above=1, color=RED))
USED_LIMITS = (Limit(above=None, color=GREEN), Limit(above=0.8, color=YELLOW), Limit(above=1, color=RED))
DAYS_LEFT_LIMITS = (
    Limit(above=None, color=RED),
    Limit(above=7, color=ORANGE),
    Limit(above=30, color=GREEN),
)
INTERVAL_LIMITS = (
    Limit(above=None, color=GREEN),
    Limit(above=1.5, color=YELLOW),
    Limit(above=2, color=RED),
)
"""In check intervals: from two on, what is known is too old to decide on."""
WATCHDOG_LIMITS = (
    Limit(above=None, color=GREEN),
    Limit(above=120, color=YELLOW),
    Limit(above=300, color=RED),
)
"""In seconds; the example of Alertmanager's configuration repeats it once a minute."""

COUNT, SECONDS, SHARE, DAYS, MOMENT = "short", "s", "percentunit", "suffix:days", "dateTimeAsLocal"
"""Grafana's names of units. Its own for days tells weeks from seven on, and limits are in days."""
_UNITS = {"seconds": SECONDS, "": COUNT}
_BY_NAME = {name: family for family in FAMILIES for name in family.sample_names}


def family_of(name: str) -> Family | None:
    """The family that a metric's name belongs to; the guide's names lead to those that they repeat."""
    family = _BY_NAME.get(name)
    return _BY_NAME.get(family.same_as, family) if family is not None else None


def unit_of(name: str) -> str:
    """The unit of a metric's values."""
    family = family_of(name)
    return _UNITS[family.unit] if family is not None else COUNT


def meanings_of(name: str) -> Mapping[int, Meaning]:
    """Words for the values of a metric; empty where its numbers speak for themselves."""
    if name == "rlm_server_active":
        return ACTIVE_OR_STANDBY
    return UP_OR_DOWN if family_of(name) is not None and name.endswith("_up") else {}


def limits_of(name: str) -> Sequence[Limit]:
    """The limits of a metric's values."""
    family = family_of(name)
    return HEALTHY_LIMITS if family is not None and family.name == "rlm_cluster_healthy_servers" else NO_LIMIT
