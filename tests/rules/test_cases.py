"""Each alert comes when it should and not before, ends with its fault, and is silent on what is not known."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.rules.cases import CASES, Case
from tests.rules.documents import RULE_FILES, Alert, each_alert, load
from tests.rules.programs import RULES, run, succeeds
from tests.rules.scripts import rules_for, script

STORIES = sorted((RULES / "tests").glob("*.yml"))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_rules_do_what_their_own_tests_say(path: Path) -> None:
    succeeds("promtool", "test", "rules", path)


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_each_group_of_tests_states_its_interval(path: Path) -> None:
    assert all("interval" in group for group in load(path)["tests"])


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


@each_alert
def test_each_alert_is_tested(alert: Alert) -> None:
    if alert.name == "Watchdog":  # it has no fault; its own test says that it always fires
        stories = load(RULES / "tests" / alert.file)["tests"]
        cases = [case for story in stories for case in story.get("alert_rule_test", [])]
        assert alert.name in {case["alertname"] for case in cases}
        return
    assert (alert.name, alert.labels["severity"]) in {
        (each.alert, each.severity) for each in CASES[alert.file]
    }


@each_alert
def test_each_alert_waits_as_long_as_its_case_says(alert: Alert) -> None:
    waits = {"": 0, "5s": 5, "10s": 10, "15s": 15, "30s": 30, "90s": 90} | {
        f"{minutes}m": minutes * 60 for minutes in (1, 2, 3, 5, 10, 15, 20, 30)
    }
    wait = {**waits, "1h": 3600}[alert.wait]

    for case in CASES[alert.file]:
        if (case.alert, case.severity) == (alert.name, alert.labels["severity"]):
            assert case.fires >= wait
