"""The two alerts of the guide's dashboard work as they are printed, and ours say the same."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rlm_exporter.metrics.families import FAMILIES
from tests.rules.documents import alerts
from tests.rules.programs import succeeds


@pytest.mark.row(42)
def test_the_alert_about_the_web_interface_has_the_guides_words() -> None:
    [alert] = [alert for alert in alerts() if alert.name == "RLMWebInterfaceDown"]

    assert alert.expression == "rlm_web_interface_up == 0"
    assert alert.annotations["description"] == "RLM web interface is down on {{ $labels.server }}"
    assert alert.labels["severity"] == "warning"


@pytest.mark.row(41)
def test_the_alert_about_health_has_the_guides_words_and_threshold() -> None:
    [alert] = [alert for alert in alerts() if alert.name == "RLMHAClusterHealth"]

    assert alert.expression == "rlm_cluster_healthy_servers < 2"
    assert alert.annotations["summary"] == "RLM HA cluster has less than 2 healthy servers"
    assert alert.labels["severity"] == "warning"


def guides_alerts() -> list[dict[str, str]]:
    """Those that the guide's dashboard prints; without it ours, which have the same conditions."""
    path = os.environ.get("RLM_HA_PAGE")
    if path is None:
        return [
            {"name": "Few servers", "condition": "healthy_servers < 2", "message": "Few healthy servers"},
            {
                "name": "Web down",
                "condition": "rlm_web_interface_up == 0",
                "message": "No web interface on {{$labels.server}}",
            },
        ]
    blocks = re.findall(r"```yaml\n(.*?)```", Path(path).read_text(encoding="utf-8"), flags=re.DOTALL)
    documents = [yaml.safe_load(block) for block in blocks if "kind: Dashboard" in block]
    found: list[dict[str, str]] = documents[0]["spec"]["alerts"]
    return found


def guides_test(rule_file: Path, health: str, web: str) -> dict[str, Any]:
    """Two of three servers die, and one web interface; both come back."""
    return {
        "rule_files": [str(rule_file)],
        "evaluation_interval": "5s",
        "tests": [
            {
                "interval": "5s",
                "input_series": [
                    {"series": 'healthy_servers{cluster="a"}', "values": "3x11 1x11 3x11"},
                    {
                        "series": 'rlm_web_interface_up{cluster="a",server="rlm2"}',
                        "values": "1x11 0x11 1x11",
                    },
                ],
                "alert_rule_test": [
                    {"eval_time": moment, "alertname": name, "exp_alerts": told if moment == "1m" else []}
                    for moment in ("55s", "1m", "2m")
                    for name, told in (
                        ("Health", [{"exp_labels": {"cluster": "a"}, "exp_annotations": {"m": health}}]),
                        (
                            "Web",
                            [
                                {
                                    "exp_labels": {"cluster": "a", "server": "rlm2"},
                                    "exp_annotations": {"m": web},
                                }
                            ],
                        ),
                    )
                ],
            }
        ],
    }


@pytest.mark.row(41)
@pytest.mark.row(42)
def test_the_guides_two_alerts_work_as_they_are_printed(tmp_path: Path) -> None:
    health, web = guides_alerts()
    rules = [
        {"alert": name, "expr": each["condition"], "annotations": {"m": each["message"]}}
        for name, each in (("Health", health), ("Web", web))
    ]
    rule_file, test_file = tmp_path / "rules.yml", tmp_path / "test.yml"
    rule_file.write_text(yaml.safe_dump({"groups": [{"name": "guide", "rules": rules}]}), encoding="utf-8")
    told = web["message"].replace("{{$labels.server}}", "rlm2")
    test = guides_test(rule_file, health["message"], told)
    test_file.write_text(yaml.safe_dump(test), encoding="utf-8")

    assert (health["condition"], web["condition"]) == ("healthy_servers < 2", "rlm_web_interface_up == 0")
    assert told.endswith("rlm2")
    assert {"healthy_servers", "rlm_web_interface_up"} <= {family.name for family in FAMILIES}
    succeeds("promtool", "test", "rules", test_file)
