"""docs/dashboards.md says what there is."""

import re
from pathlib import Path

import pytest
import yaml

from rlm_exporter.manifest.dashboard import AlertCondition, AlertSeverity, PanelType
from rlm_exporter.manifest.durations import format_duration
from rlm_exporter.render.grafana_panels import GRAFANA_TYPES
from tests.dashboards.documents import FILES, load, variables

PAGE = (Path(__file__).parents[2] / "docs" / "dashboards.md").read_text(encoding="utf-8")


def test_every_dashboard_is_named_with_its_title() -> None:
    for path in FILES:
        assert f"[{load(path)['title']}](../dashboards/{path.name})" in PAGE


def test_every_variable_is_explained() -> None:
    [rows] = re.findall(r"^\| Variable \| \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    explained = {word for row in rows.splitlines() for word in row.split("|")[1].strip().split(", ")}
    labels = {each["label"] for path in FILES for each in variables(load(path)).values()}

    assert explained == labels


@pytest.mark.row(39)
def test_every_type_of_panel_stands_beside_grafanas() -> None:
    said = dict(re.findall(r"^\| `type: (\w+)` \| `([\w-]+)`", PAGE, re.MULTILINE))

    assert said == {kind.value: GRAFANA_TYPES[kind] for kind in PanelType}


def test_the_wait_of_an_alert_is_the_models() -> None:
    [wait] = re.findall(r"^\| `for` \| .*?`(\w+)` by default", PAGE, re.MULTILINE)

    alert = AlertCondition(name="", condition="", severity=AlertSeverity.INFO, message="")
    assert wait == format_duration(alert.wait)


def test_the_provisioning_is_yaml_that_names_a_folder() -> None:
    [text] = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    [provider] = yaml.safe_load(text)["providers"]

    assert (provider["type"], provider["options"]["path"][0]) == ("file", "/")
