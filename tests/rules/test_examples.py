"""The examples for Prometheus and Alertmanager are valid, agree with each other, and lose no alert."""

import re
from pathlib import Path

import pytest

from tests.rules.documents import RULE_FILES, Alert, alerts, each_alert, load
from tests.rules.programs import RULES, run, succeeds

PROMETHEUS_EXAMPLES = ("prometheus.example.yml", "prometheus-many.example.yml")
TOKEN_LINE = re.compile(r"^( *)# ((?: *)(?:http_config|authorization|type|credentials_file):.*)$")


def test_the_prometheus_example_is_valid_with_its_rules() -> None:
    for example in PROMETHEUS_EXAMPLES:
        said = succeeds("promtool", "check", "config", example)
        assert f"{len(RULE_FILES)} rule files found" in said


def test_the_alertmanager_example_is_valid_and_routes_nothing_astray() -> None:
    rules = [word for name in RULE_FILES for word in ("--rules", name)]

    succeeds("amtool", "check-config", "alertmanager.example.yml")
    succeeds("amlint", "check", "--strict", *rules, "alertmanager.example.yml")


@pytest.mark.parametrize("example", [*PROMETHEUS_EXAMPLES, "alertmanager.example.yml"])
def test_the_lines_about_a_token_are_right_once_they_are_taken_in(example: str, tmp_path: Path) -> None:
    lines = (RULES / example).read_text(encoding="utf-8").splitlines()
    taken_in = [TOKEN_LINE.sub(r"\1\2", line) for line in lines]
    path = tmp_path / example
    path.write_text("\n".join(taken_in).replace("/etc/", f"{tmp_path}/"), encoding="utf-8")
    for kind in ("prometheus", "alertmanager"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "rlm-ha.token").write_text("secret", encoding="ascii")
    for name in RULE_FILES:
        (tmp_path / name).write_text((RULES / name).read_text(encoding="utf-8"), encoding="utf-8")

    assert taken_in != lines
    assert "credentials_file" in repr(load(path))
    tool = ("amtool", "check-config") if example.startswith("alert") else ("promtool", "check", "config")
    succeeds(*tool, path)


def test_nothing_keeps_what_asks_for_a_failover_from_the_controller() -> None:
    asking = {"alertname": "RLMFailoverWanted", "severity": "critical", "rlm_action": "failover"}
    rules = load(RULES / "alertmanager.example.yml")["inhibit_rules"]

    for severity in ("critical", "warning", "info"):
        labels = {**asking, "severity": severity}
        assert not any(all(matches(each, labels) for each in rule["target_matchers"]) for rule in rules)


@pytest.mark.parametrize("side", ["source_matchers", "target_matchers"])
def test_inhibitions_name_alerts_that_exist(side: str) -> None:
    names = {alert.name for alert in alerts()}
    named = {
        name
        for rule in load(RULES / "alertmanager.example.yml")["inhibit_rules"]
        for each in rule[side]
        for name in re.findall(r"RLM\w+", each)
    }

    assert named <= names
    assert named


def matches(matcher: str, labels: dict[str, str]) -> bool:
    """Whether one matcher of Alertmanager's takes these labels."""
    found = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"|(\w+)(=~|!~|!=|=)(.*)', matcher)
    assert found is not None, matcher
    name, operator, pattern = [word for word in found.groups() if word is not None]
    value, pattern = labels.get(name, ""), pattern.strip('"')
    same = re.fullmatch(pattern, value) is not None if "~" in operator else value == pattern
    return same != operator.startswith("!")


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


def test_the_examples_agree_with_each_other_and_with_our_default_address() -> None:
    prometheus = load(RULES / "prometheus.example.yml")
    alertmanager = load(RULES / "alertmanager.example.yml")
    many = load(RULES / "prometheus-many.example.yml")
    [job] = prometheus["scrape_configs"]
    [webhook] = alertmanager["receivers"][1]["webhook_configs"]

    assert (job["job_name"], job["honor_labels"]) == ("rlm-ha", True)
    assert prometheus["rule_files"] == many["rule_files"] == list(RULE_FILES)
    assert webhook["url"] == f"http://{job['static_configs'][0]['targets'][0]}/webhooks/alertmanager"
    assert webhook["send_resolved"] is True


def test_a_program_that_finds_a_fault_is_believed() -> None:
    assert run("promtool", "check", "rules", "alertmanager.example.yml").returncode != 0
