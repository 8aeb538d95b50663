"""The rules are accepted by Prometheus' own tools, keep to the house form, and read only what we export."""

import re

import pytest

from rlm_exporter.metrics.families import FAMILIES
from tests.rules.documents import (
    RULE_FILES,
    Alert,
    Recording,
    alerts,
    each_alert,
    grouped_by,
    joined_labels,
    recordings,
    selectors,
)
from tests.rules.programs import ROOT, succeeds

GOLDEN = ROOT / "tests" / "data" / "metrics" / "golden.prom"
BY_SAMPLE = {name: family for family in FAMILIES for name in family.sample_names}
ADDED_BY_PROMETHEUS = frozenset({"job", "instance"})
SEVERITIES = {"critical", "warning", "info", "none"}
TEMPLATED_LABEL = re.compile(r"\$labels\.(\w+)")

each_recording = pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording.name)


def labels_of(name: str) -> frozenset[str]:
    """The labels that a metric may have: an exported one, a recorded one, or Prometheus' own `up`."""
    if name == "up":
        return ADDED_BY_PROMETHEUS
    for recording in recordings():
        if recording.name == name:
            left = grouped_by(recording.expression)
            read = [labels_of(each.name) for each in selectors(recording.expression)]
            return left if left is not None else frozenset(label for labels in read for label in labels)
    assert name in BY_SAMPLE, f"nobody exports or records {name}"
    return BY_SAMPLE[name].sample_labels | ADDED_BY_PROMETHEUS


def check_expression(expression: str) -> frozenset[str]:
    """It matches and joins by labels that exist; returns those."""
    known: frozenset[str] = frozenset()
    for selector in selectors(expression):
        assert selector.labels <= labels_of(selector.name)
        known |= labels_of(selector.name)
    assert joined_labels(expression) <= known
    return known


def test_promtool_finds_nothing_to_say_about_the_rules() -> None:
    succeeds("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)


def test_promtool_finds_nothing_to_say_about_our_metrics() -> None:
    assert succeeds("promtool", "check", "metrics", stdin=GOLDEN.read_text(encoding="utf-8")) == ""


@each_alert
def test_each_alert_reads_only_what_we_export(alert: Alert) -> None:
    told = {name for text in alert.annotations.values() for name in TEMPLATED_LABEL.findall(text)}

    assert told <= check_expression(alert.expression)


@each_recording
def test_each_recording_reads_only_what_we_export_and_is_read(recording: Recording) -> None:
    check_expression(recording.expression)
    expressions = [each.expression for each in alerts()] + [each.expression for each in recordings()]

    assert any(recording.name == each.name for text in expressions for each in selectors(text))


@each_recording
def test_each_recording_is_named_by_its_labels_its_metric_and_what_was_done(recording: Recording) -> None:
    level, metric, operation = recording.name.split(":")

    assert level.split("_") == sorted(labels_of(recording.name), key=level.split("_").index)
    assert metric in BY_SAMPLE
    assert operation in {"max", "min", "ratio"}


def test_a_selector_of_an_unknown_metric_or_label_would_be_seen() -> None:
    [selector] = selectors('sum by (nope) (rate(rlm_nope_total{cluster="a"}[5m]))')

    assert (selector.name, selector.labels) == ("rlm_nope_total", frozenset({"cluster"}))
    assert joined_labels("sum by (nope) (rlm_nope)") == {"nope"}
    assert joined_labels("a == 0 and on (cluster, server) b == 1") == {"cluster", "server"}


def test_no_alert_depends_on_a_name_that_can_be_switched_off() -> None:
    expressions = [each.expression for each in alerts()] + [each.expression for each in recordings()]
    names = {selector.name for text in expressions for selector in selectors(text)}

    assert not names & {family.name for family in FAMILIES if family.compatibility}


@each_alert
def test_each_alert_keeps_the_house_form(alert: Alert) -> None:
    assert re.fullmatch(r"RLM[A-Za-z]+|Watchdog", alert.name)
    assert alert.labels["severity"] in SEVERITIES
    assert set(alert.annotations) == {"summary", "description", "runbook_url"}
    assert "{{" not in alert.annotations["summary"], "a summary is static: it groups"


def test_only_the_alert_for_a_failover_asks_for_one() -> None:
    asking = {alert.name: alert.labels["rlm_action"] for alert in alerts() if "rlm_action" in alert.labels}

    assert asking == {"RLMFailoverWanted": "failover"}
