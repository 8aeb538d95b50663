"""The rules are accepted by Prometheus' own tools, read only what we export, and lead to the runbook."""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from rlm_exporter.metrics.families import FAMILIES
from tests.rules.cases import CASES, Case
from tests.rules.documents import (
    RULE_FILES,
    Alert,
    Recording,
    alerts,
    grouped_by,
    joined_labels,
    load,
    recordings,
    selectors,
)
from tests.rules.programs import ROOT, RULES, run, succeeds
from tests.rules.scripts import rules_for, script

RUNBOOK = "docs/runbook.md"
GOLDEN = ROOT / "tests" / "data" / "metrics" / "golden.prom"
BY_SAMPLE = {name: family for family in FAMILIES for name in family.sample_names}
ADDED_BY_PROMETHEUS = frozenset({"job", "instance"})
PROMETHEUS_EXAMPLES = ("prometheus.example.yml", "prometheus-many.example.yml")
SEVERITIES = {"critical", "warning", "info", "none"}
TEMPLATED_LABEL = re.compile(r"\$labels\.(\w+)")
TOKEN_LINE = re.compile(r"^( *)# ((?: *)(?:http_config|authorization|type|credentials_file):.*)$")
TESTS = sorted((RULES / "tests").glob("*.yml"))

each_alert = pytest.mark.parametrize(
    "alert", alerts(), ids=lambda alert: f"{alert.name}-{alert.labels['severity']}"
)
each_recording = pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording.name)


def labels_of(name: str) -> frozenset[str]:
    """The labels that a metric may have: an exported one, a recorded one, or Prometheus' own `up`."""
    if name == "up":
        return ADDED_BY_PROMETHEUS
    for recording in recordings():
        if recording.name == name:
            left = grouped_by(recording.expression)
            read = (labels_of(each.name) for each in selectors(recording.expression))
            return left if left is not None else frozenset().union(*read)
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


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_rules_do_what_their_own_tests_say(path: Path) -> None:
    succeeds("promtool", "test", "rules", path)


def written(folder: Path, file: str, number: int, case: Case) -> Path:
    """The case as promtool reads it."""
    rules, tests = folder / f"{number}.rules.yml", folder / f"{number}.yml"
    rules.write_text(yaml.safe_dump(rules_for(case, file), sort_keys=False), encoding="utf-8")
    tests.write_text(yaml.safe_dump(script(case, rule_file=str(rules)), sort_keys=False), encoding="utf-8")
    return tests


@pytest.mark.parametrize("file", RULE_FILES)
def test_each_alert_fires_not_before_its_time_clears_and_is_silent_without_its_series(
    file: str, tmp_path: Path
) -> None:
    paths = [written(tmp_path, file, number, case) for number, case in enumerate(CASES[file])]

    succeeds("promtool", "test", "rules", *paths)


def test_a_case_that_is_wrong_is_found(tmp_path: Path) -> None:
    right = CASES["server.yml"][0]
    for number, wrong in enumerate(
        (
            replace(right, fires=right.fires - right.step),
            replace(right, fires=right.fires + right.step),
            replace(right, description="something else"),
            replace(right, not_needed=frozenset(right.series)),
        )
    ):
        assert (
            run("promtool", "test", "rules", written(tmp_path, "server.yml", number, wrong)).returncode == 1
        )


def test_promtool_finds_nothing_to_say_about_our_metrics() -> None:
    assert succeeds("promtool", "check", "metrics", stdin=GOLDEN.read_text(encoding="utf-8")) == ""


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

    for severity in SEVERITIES:
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
    if alert.name == "Watchdog":  # it has no fault; its own test says that it always fires
        stories = load(RULES / "tests" / alert.file)["tests"]
        assert any(case["alertname"] == alert.name for each in stories for case in each["alert_rule_test"])
        return
    assert (alert.name, alert.labels["severity"]) in {
        (each.alert, each.severity) for each in CASES[alert.file]
    }


@each_alert
def test_each_alert_waits_as_long_as_its_case_says(alert: Alert) -> None:
    waits = {"": 0, "5s": 5, "10s": 10, "15s": 15, "30s": 30, "90s": 90} | {
        f"{minutes}m": minutes * 60 for minutes in (1, 2, 3, 5, 10, 15, 30)
    }
    wait = {**waits, "1h": 3600}[alert.wait]

    for case in CASES[alert.file]:
        if (case.alert, case.severity) == (alert.name, alert.labels["severity"]):
            assert case.fires >= wait


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_each_group_of_tests_states_its_interval(path: Path) -> None:
    assert all("interval" in group for group in load(path)["tests"])


@each_alert
def test_each_alert_reads_only_what_we_export(alert: Alert) -> None:
    told = {name for text in alert.annotations.values() for name in TEMPLATED_LABEL.findall(text)}

    assert told <= check_expression(alert.expression)


@each_recording
def test_each_recording_reads_only_what_we_export_and_is_read(recording: Recording) -> None:
    check_expression(recording.expression)
    expressions = [each.expression for each in (*alerts(), *recordings())]

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
    rules = (*alerts(), *recordings())
    names = {selector.name for rule in rules for selector in selectors(rule.expression)}

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
    assert {"healthy_servers", "rlm_web_interface_up"} <= set(BY_SAMPLE)
    succeeds("promtool", "test", "rules", test_file)


def matches(matcher: str, labels: dict[str, str]) -> bool:
    """Whether one matcher of Alertmanager's takes these labels."""
    found = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"|(\w+)(=~|!~|!=|=)(.*)', matcher)
    assert found is not None, matcher
    name, operator, pattern = [word for word in found.groups() if word is not None]
    value, pattern = labels.get(name, ""), pattern.strip('"')
    same = re.fullmatch(pattern, value) is not None if "~" in operator else value == pattern
    return same != operator.startswith("!")


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
    many = load(RULES / "prometheus-many.example.yml")
    [job] = prometheus["scrape_configs"]
    [webhook] = alertmanager["receivers"][1]["webhook_configs"]

    assert (job["job_name"], job["honor_labels"]) == ("rlm-ha", True)
    assert prometheus["rule_files"] == many["rule_files"] == list(RULE_FILES)
    assert webhook["url"] == f"http://{job['static_configs'][0]['targets'][0]}/webhooks/alertmanager"
    assert webhook["send_resolved"] is True


def test_a_program_that_finds_a_fault_is_believed() -> None:
    assert run("promtool", "check", "rules", "alertmanager.example.yml").returncode != 0
