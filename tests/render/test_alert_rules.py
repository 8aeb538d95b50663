"""The alerts of a document become rules that Prometheus takes, and that fire when they should."""

from pathlib import Path

import pytest
import yaml

from rlm_exporter.render.alert_rules import render_rules, rule_notes
from tests.manifest.dashboards import DASHBOARD, printed, read
from tests.rules.programs import succeeds


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.yml"
    path.write_text(render_rules(read(text)), encoding="utf-8")
    return path


@pytest.mark.row(41)
@pytest.mark.row(42)
def test_prometheus_takes_the_rules_of_the_printed_document(tmp_path: Path) -> None:
    said = succeeds("promtool", "check", "rules", "--lint=all", "--lint-fatal", written(tmp_path, printed()))

    assert "2 rules found" in said


@pytest.mark.row(41)
@pytest.mark.row(42)
def test_conditions_and_messages_are_kept_as_written() -> None:
    dashboard = read(printed())
    [group] = yaml.safe_load(render_rules(dashboard))["groups"]

    assert [rule["expr"] for rule in group["rules"]] == ["healthy_servers < 2", "rlm_web_interface_up == 0"]
    for rule, alert in zip(group["rules"], dashboard.alerts, strict=True):
        assert (rule["alert"], rule["annotations"]["description"]) == (alert.name, alert.message)
        assert rule["labels"] == {"severity": "warning"}, "a warning that asks for no failover"


TEST = """\
rule_files: [rules.yml]
evaluation_interval: 30s
tests:
- interval: 30s
  input_series:
  - {series: 'healthy_servers{cluster="a"}', values: '3 3 1x6 2 3 0x6'}
  - {series: 'rlm_web_interface_up{cluster="a",server="rlm1"}', values: '1x20'}
  - {series: 'rlm_web_interface_up{cluster="a",server="rlm2"}', values: '1 1 0x6 1x10'}
  alert_rule_test:
  - {eval_time: 90s, alertname: Few servers, exp_alerts: []}
  - eval_time: 2m
    alertname: Few servers
    exp_alerts:
    - exp_labels: {severity: warning, cluster: a}
      exp_annotations: {summary: Few servers, description: The cluster has fewer than 2 servers}
  - {eval_time: 270s, alertname: Few servers, exp_alerts: []}
  - eval_time: 8m
    alertname: Few servers
    exp_alerts:
    - exp_labels: {severity: warning, cluster: a}
      exp_annotations: {summary: Few servers, description: The cluster has fewer than 2 servers}
  - {eval_time: 90s, alertname: Web gone, exp_alerts: []}
  - eval_time: 3m
    alertname: Web gone
    exp_alerts:
    - exp_labels: {severity: warning, cluster: a, server: rlm2}
      exp_annotations: {summary: Web gone, description: No web interface on rlm2}
  - {eval_time: 6m, alertname: Web gone, exp_alerts: []}
"""


@pytest.mark.row(41)
@pytest.mark.row(42)
def test_each_alert_fires_once_for_its_cause_names_it_and_ends(tmp_path: Path) -> None:
    written(tmp_path, DASHBOARD)
    (tmp_path / "test.yml").write_text(TEST, encoding="utf-8")

    succeeds("promtool", "test", "rules", tmp_path / "test.yml")


def test_what_an_alert_cannot_tell_is_told_beforehand() -> None:
    wrong = DASHBOARD.replace("on {{$labels.server}}", "on {{$labels.host}} of {{$labels.instance}}")
    unknown = DASHBOARD.replace('"rlm_web_interface_up == 0"', '"rlm_web_up == 0"')

    assert list(rule_notes(read(printed()))) == []
    assert list(rule_notes(read(wrong))) == [
        "'Web gone' tells of host, a label that its condition does not have"
    ]
    assert list(rule_notes(read(unknown))) == [
        "nobody exports rlm_web_up, so 'Web gone' never fires; docs/metrics.md has what there is"
    ]
