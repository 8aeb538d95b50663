"""How the pictures of the dashboards are drawn, and that those in the documentation can be seen."""

import re
import struct
from html import escape
from pathlib import Path

import pytest

from dev.dashboards.picture_drawing import draw
from dev.dashboards.picture_graphs import merged_states, notes_of
from dev.dashboards.picture_page import WIDTH, box_of, height_of, page
from dev.dashboards.picture_panels import merged
from dev.dashboards.picture_past import lines
from dev.dashboards.picture_questions import Series, Span, field_of, filled, name_of, span_of
from dev.dashboards.picture_style import COLORS, heat_color, number, readable_on, series_color, tell, ticks
from dev.dashboards.pictures import LARGEST
from tests.dashboards.documents import FILES, Document, load, panels

DOCS = Path(__file__).parents[2] / "docs"
SCREEN = 900
SPAN = Span(start=0, end=300, step=5)
LIMITS = {"thresholds": {"steps": [{"value": None, "color": "green"}, {"value": 1, "color": "red"}]}}
WORDS = {"mappings": [{"type": "value", "options": {"1": {"text": "Up", "color": "blue"}}}], **LIMITS}

each_file = pytest.mark.parametrize("document", [pytest.param(load(path), id=path.stem) for path in FILES])


def series(name: str, *values: float, ref: str = "A", **labels: str) -> Series:
    points = tuple((float(5 * index), value) for index, value in enumerate(values))
    return Series(ref=ref, name=name, labels=labels, points=points)


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "told"),
    [
        (0, "short", None, "0"),
        (31.25, "short", None, "31.2"),
        (1500, "short", None, "1.5 K"),
        (0, "s", None, "0 s"),
        (0.0425, "s", None, "42.5 ms"),
        (49.4, "s", 0, "49 s"),
        (90, "s", None, "1.5 min"),
        (0.8, "percentunit", 0, "80%"),
        (20.6, "suffix:days", 0, "21 days"),
        (1_762_171_200_000, "dateTimeAsLocal", None, "2025-11-03 12:00:00"),
    ],
)
def test_numbers_are_told_with_their_unit(value: float, unit: str, decimals: int | None, told: str) -> None:
    assert number(value, unit, decimals) == told


def test_a_value_is_told_by_its_word_else_by_its_number_in_the_colour_of_its_limit() -> None:
    word, low, high = tell(1, WORDS), tell(0.5, WORDS), tell(1, LIMITS)

    assert (word.text, word.color) == ("Up", COLORS["blue"])
    assert (low.text, low.color) == ("0.5", COLORS["green"])
    assert (high.text, high.color) == ("1", COLORS["red"])


def test_what_is_not_known_is_told_in_the_panels_own_words() -> None:
    assert tell(None, {"noValue": "Nobody"}).text == "Nobody"


def test_colours_follow_the_scheme() -> None:
    red = {"color": {"mode": "shades", "fixedColor": "red"}}

    assert series_color(3, {"color": {"mode": "fixed", "fixedColor": "#808080"}}) == "#808080"
    assert series_color(0, red) == COLORS["red"]
    assert len({series_color(index, red) for index in range(4)}) == 4
    assert series_color(0, {}) != series_color(1, {})
    assert heat_color(10, 0, 10) == "#fff5eb", "the most is the lightest on a dark ground"
    assert readable_on(COLORS["yellow"]) != readable_on("#808080")


@pytest.mark.parametrize(
    ("high", "most", "expected"),
    [(4.2, 5, [0, 1, 2, 3, 4]), (42, 5, [0, 10, 20, 30, 40]), (0.24, 2, [0, 0.2])],
)
def test_marks_of_an_axis_are_round(high: float, most: int, expected: list[float]) -> None:
    assert list(ticks(0, high, most=most)) == pytest.approx(expected)


def test_a_panel_with_a_time_of_its_own_asks_for_that_in_steps_of_its_interval() -> None:
    midnight = 30 * 86_400.0
    hours = span_of({"timeFrom": "28d", "interval": "1d"}, shown=300, end=midnight + 7_000, width=1_400)
    minutes = span_of({}, shown=300, end=midnight + 3, width=700)

    assert (hours.start, hours.end, hours.step) == (2 * 86_400, midnight, 86_400)
    assert (minutes.start, minutes.end, minutes.step) == (midnight - 300, midnight, 5)


def test_variables_are_filled_in_and_a_rate_looks_back_over_four_readings() -> None:
    text = 'increase(x{cluster="$cluster"}[$__rate_interval]) offset $__interval'

    assert filled(text, {"cluster": "c"}, SPAN) == 'increase(x{cluster="c"}[20s]) offset 5s'


def test_a_series_is_named_by_its_legend() -> None:
    assert name_of("{{isv}} {{ feature }}", {"isv": "acme", "feature": "solver"}) == "acme solver"
    assert name_of("__auto", {}) == "Value"


def test_the_last_override_that_matches_counts() -> None:
    def override(matcher: str, options: str, color: str) -> Document:
        return {
            "matcher": {"id": matcher, "options": options},
            "properties": [{"id": "color", "value": color}],
        }

    overrides = [override("byRegexp", "/^fail/", "orange"), override("byRegexp", "/ed$/", "red")]
    panel = {"fieldConfig": {"defaults": {"color": "blue"}, "overrides": overrides}}

    found = [field_of(panel, series(name))["color"] for name in ("move", "failover", "failed")]
    assert found == ["blue", "orange", "red"]


def test_equal_states_are_one_and_a_gap_ends_it() -> None:
    points = [(0.0, 1.0), (5.0, 1.0), (10.0, 0.0), (25.0, 0.0)]

    assert merged_states(points, 5) == [(0, 10, 1), (10, 15, 0), (25, 30, 0)]


def test_moments_without_a_gap_are_one_span() -> None:
    assert notes_of([(5, "red"), (20, "blue"), (10, "red"), (30, "red")], 5) == [
        (20, 20, "blue"),
        (5, 10, "red"),
        (30, 30, "red"),
    ]


def test_a_line_has_a_gap_where_nothing_is_known() -> None:
    panel = panels(load(FILES[0]))[3]
    at = box_of(panel["gridPos"]).room
    whole, cut = (
        draw(panel, [series("rlm1", 1, value, 1)], room=at, span=SPAN, notes=()).count('fill="none"')
        for value in (1, float("nan"))
    )

    assert (whole, cut) == (1, 2)


def test_series_with_the_same_labels_are_one_line_of_a_table() -> None:
    found = [series("", 5, isv="acme"), series("", 7, isv="other"), series("", 6, ref="B", isv="acme")]

    assert merged(found) == [
        {"isv": "acme", "Value #A": 5, "Value #B": 6},
        {"isv": "other", "Value #A": 7},
    ]


@each_file
def test_every_panel_can_be_drawn_full_and_empty(document: Document) -> None:
    bodies = {}
    for panel in panels(document):
        at = box_of(panel["gridPos"]).room
        labels = {"isv": "acme", "feature": "<solver>"}
        refs = [target["refId"] for target in panel["targets"]]
        found = [series(f"<{ref}>", 1, 0, 1, ref=ref, **labels) for ref in refs]
        bodies[panel["id"]] = draw(panel, found, room=at, span=SPAN, notes=[(5, 10, "red")])
        words = panel["fieldConfig"]["defaults"].get("noValue", "No data")
        assert words in draw(panel, [], room=at, span=SPAN, notes=())

    text = page(document, bodies, {"Cluster": "c"}, time="now")
    assert all(escape(panel["title"]) in text for panel in document["panels"])
    assert re.search(r"<(solver|[A-Z])>", text) is None, "names are escaped"


@each_file
def test_panels_stand_side_by_side_over_the_whole_width(document: Document) -> None:
    boxes = [box_of(panel["gridPos"]) for panel in document["panels"]]

    assert max(box.left + box.width for box in boxes) == pytest.approx(WIDTH - boxes[0].left)
    assert height_of(document) > max(box.top + box.height for box in boxes)


def test_what_serves_now_is_on_the_first_screen() -> None:
    [active] = [panel for panel in panels(load(FILES[0])) if panel["title"] == "Active"]
    box = box_of(active["gridPos"])

    assert box.top + box.height <= SCREEN


def test_before_the_story_one_server_at_a_time_is_active_and_has_the_seats() -> None:
    def found(name: str, server: str, **more: str) -> Document:
        return {"metric": {"__name__": name, "server": server, **more}, "value": [0, "0"]}

    names = ("rlm_server_active", "rlm_license_in_use")
    asked = [found(name, server, feature="NXCAE") for name in names for server in ("rlm1", "rlm2", "rlm3")]
    past: dict[str, dict[str, dict[str, float]]] = {name: {} for name in names}
    for line in lines(asked, until=1_762_171_200):
        match = re.fullmatch(r'(\w+)\{.*server="(\w+)"\} (\S+) (\d+)\n', line)
        assert match is not None
        past[match[1]].setdefault(match[4], {})[match[2]] = float(match[3])

    for moment, active in past["rlm_server_active"].items():
        [server] = [name for name, value in active.items() if value]
        seats = past["rlm_license_in_use"][moment]
        assert all(count <= 10 if name == server else count == 0 for name, count in seats.items())
    assert {name for active in past["rlm_server_active"].values() for name in active if active[name]} == {
        "rlm1",
        "rlm2",
    }


@each_file
def test_the_documentation_shows_a_picture_of_each_that_is_no_wider_than_a_screen_and_small(
    document: Document,
) -> None:
    name = f"pictures/dashboard-{document['uid'].removeprefix('rlm-')}.png"
    picture = (DOCS / name).read_bytes()

    width, height = struct.unpack(">II", picture[16:24])
    assert f"]({name})" in (DOCS / "dashboards.md").read_text(encoding="utf-8")
    assert (width, height) == (WIDTH, height_of(document)), "run: make dashboard-pictures"
    assert len(picture) <= LARGEST
