"""The rules are accepted by Prometheus' own tools, read only what we export, and lead to the runbook."""

import re
from pathlib import Path

import pytest

from rlm_exporter.metrics.families import FAMILIES
from tests.rules.documents import RULE_FILES, Alert, alerts, joined_labels, load, selectors
from tests.rules.programs import ROOT, RULES, run, succeeds

RUNBOOK = "docs/runbook.md"
GOLDEN = ROOT / "tests" / "data" / "metrics" / "golden.prom"
BY_SAMPLE = {name: family for family in FAMILIES for name in family.sample_names}
ADDED_BY_PROMETHEUS = frozenset({"job", "instance"})
SEVERITIES = {"critical", "warning", "info", "none"}
TEMPLATED_LABEL = re.compile(r"\$labels\.(\w+)")
TESTS = sorted((RULES / "tests").glob("*.yml"))

each_alert = pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)


def test_promtool_finds_nothing_to_say_about_the_rules() -> None:
    succeeds("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_rules_do_what_their_own_tests_say(path: Path) -> None:
    succeeds("promtool", "test", "rules", path)


def test_promtool_finds_nothing_to_say_about_our_metrics() -> None:
    assert succeeds("promtool", "check", "metrics", stdin=GOLDEN.read_text(encoding="utf-8")) == ""


def test_the_prometheus_example_is_valid_with_its_rules() -> None:
    assert "3 rule files found" in succeeds("promtool", "check", "config", "prometheus.example.yml")


def test_the_alertmanager_example_is_valid() -> None:
    succeeds("amtool", "check-config", "alertmanager.example.yml")


@each_alert
def test_each_alert_reaches_the_receivers_it_is_for(alert: Alert) -> None:
    receivers = {"RLMFailoverWanted": "rlm-ha,people", "Watchdog": "rlm-ha"}.get(alert.name, "people")
    labels = {**alert.labels, "alertname": alert.name, "cluster": "a"}

    succeeds(
        "amtool",
        "config",
        "routes",
        "test",
        "--config.file=alertmanager.example.yml",
        f"--verify.receivers={receivers}",
        *(f"{name}={value}" for name, value in labels.items()),
    )


@each_alert
def test_each_alert_is_tested(alert: Alert) -> None:
    document = load(RULES / "tests" / alert.file)
    cases = [case for group in document["tests"] for case in group.get("alert_rule_test", [])]
    expected = [bool(case["exp_alerts"]) for case in cases if case["alertname"] == alert.name]

    assert True in expected
    assert False in expected or alert.name == "Watchdog"


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_each_group_of_tests_states_its_interval(path: Path) -> None:
    assert all("interval" in group for group in load(path)["tests"])


@each_alert
def test_each_alert_reads_only_what_we_export(alert: Alert) -> None:
    for selector in selectors(alert.expression):
        if selector.name == "up":
            assert selector.labels <= ADDED_BY_PROMETHEUS
            continue
        assert selector.name in BY_SAMPLE, f"nobody exports {selector.name}"
        assert selector.labels <= BY_SAMPLE[selector.name].sample_labels | ADDED_BY_PROMETHEUS


@each_alert
def test_each_alert_joins_and_tells_by_labels_that_exist(alert: Alert) -> None:
    known = set(ADDED_BY_PROMETHEUS)
    for selector in selectors(alert.expression):
        known |= BY_SAMPLE[selector.name].sample_labels if selector.name in BY_SAMPLE else set()
    told = {name for text in alert.annotations.values() for name in TEMPLATED_LABEL.findall(text)}

    assert joined_labels(alert.expression) <= known
    assert told <= known


def test_a_selector_of_an_unknown_metric_or_label_would_be_seen() -> None:
    [selector] = selectors('sum by (nope) (rate(rlm_nope_total{cluster="a"}[5m]))')

    assert (selector.name, selector.labels) == ("rlm_nope_total", frozenset({"cluster"}))
    assert joined_labels("sum by (nope) (rlm_nope)") == {"nope"}
    assert joined_labels("a == 0 and on (cluster, server) b == 1") == {"cluster", "server"}


def test_no_alert_depends_on_a_name_that_can_be_switched_off() -> None:
    names = {selector.name for alert in alerts() for selector in selectors(alert.expression)}

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


def runbook() -> dict[str, str]:
    """The sections of the runbook by heading."""
    text = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    heads = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(heads[1::2], heads[2::2], strict=True))


def test_alerts_and_the_runbook_name_each_other() -> None:
    assert {alert.name for alert in alerts()} == set(runbook())
    for alert in alerts():
        assert alert.annotations["runbook_url"] == f"{RUNBOOK}#{alert.name.lower()}"


@pytest.mark.parametrize("heading", runbook())
def test_each_section_of_the_runbook_has_the_same_four_parts(heading: str) -> None:
    parts = re.findall(r"^\*\*(.+?)\*\*", runbook()[heading], flags=re.MULTILINE)

    assert parts == ["What it means.", "Impact.", "What to look at.", "What to do."]
    assert runbook()[heading].count("```") == 2, "one block of commands to look with"


def test_the_examples_agree_with_each_other_and_with_our_default_address() -> None:
    prometheus = load(RULES / "prometheus.example.yml")
    alertmanager = load(RULES / "alertmanager.example.yml")
    [job] = prometheus["scrape_configs"]
    [webhook] = alertmanager["receivers"][1]["webhook_configs"]

    assert (job["job_name"], job["honor_labels"]) == ("rlm-ha", True)
    assert prometheus["rule_files"] == list(RULE_FILES)
    assert webhook["url"] == f"http://{job['static_configs'][0]['targets'][0]}/webhooks/alertmanager"
    assert webhook["send_resolved"] is True


def test_a_program_that_finds_a_fault_is_believed() -> None:
    assert run("promtool", "check", "rules", "alertmanager.example.yml").returncode != 0
