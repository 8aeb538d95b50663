"""The committed dashboards are what the code makes, and the guide's panels stand first."""

import pytest

from dev.dashboards.__main__ import FOLDER, dashboards
from tests.dashboards.documents import ANY, FILES, filled, load, panels
from tests.manifest.dashboards import QUERIES, printed, read

HIGH_AVAILABILITY = FOLDER / "rlm-high-availability.json"


def test_making_the_dashboards_changes_nothing() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FILES}

    assert committed == dashboards(), "run: make dashboards"


@pytest.mark.row(39)
def test_the_first_five_panels_ask_what_the_guide_prints() -> None:
    shown = panels(load(HIGH_AVAILABILITY))[: len(QUERIES)]

    with_its_cluster = [filled(panel["targets"][0]["expr"], ANY) for panel in shown]
    dashboard = read(printed())
    assert with_its_cluster == [panel.targets[0].query for panel in dashboard.panels] == list(QUERIES)


@pytest.mark.row(39)
@pytest.mark.row(40)
def test_the_first_five_panels_are_of_todays_types_with_the_guides_legends() -> None:
    up, seats, moves, response, web = panels(load(HIGH_AVAILABILITY))[:5]

    types = [panel["type"] for panel in (up, seats, moves, response, web)]
    assert types == ["stat", "bargauge", "state-timeline", "timeseries", "stat"]
    assert [panel["targets"][0]["legendFormat"] for panel in (up, seats, response, web)] == [
        "{{server}}",
        "{{server}} - {{feature}}",
        "{{server}}",
        "{{server}} Web",
    ]
    assert moves["timeFrom"] == "7d"
    assert response["fieldConfig"]["defaults"]["unit"] == "s"


@pytest.mark.row(40)
def test_the_timeline_tells_who_was_active_beside_the_guides_count() -> None:
    moves = panels(load(HIGH_AVAILABILITY))[2]

    assert [filled(target["expr"], ANY) for target in moves["targets"]] == [
        QUERIES[2],
        'rlm_server_active{cluster="rlm-ha-cluster"}',
    ]
    of_count, of_servers = moves["fieldConfig"]["overrides"]
    assert of_count["matcher"] == {"id": "byFrameRefID", "options": "A"}
    assert of_servers["matcher"] == {"id": "byFrameRefID", "options": "B"}
