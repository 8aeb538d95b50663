"""`rlm-ha render prometheus` and `alertmanager`, judged by promtool and amtool."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from rlm_exporter.cli import build_program
from rlm_exporter.render.shipped import example, rule_files
from tests.render.judges import run

SETTINGS = """\
apiVersion: rlm-ha/v1
kind: ExporterConfig
spec:
"""
DAEMONS = ("--daemon", "https://ha1.example.com:10053", "--daemon", "https://ha2.example.com:10053/")


def render(*arguments: str) -> Result:
    return CliRunner().invoke(build_program(), ["render", *arguments])


def document(*arguments: str) -> Any:
    result = render(*arguments)
    assert result.exit_code == 0, result.stderr
    return yaml.safe_load(result.stdout)


def secret(folder: Path) -> str:
    path = folder / "token"
    path.write_text("a token\n")
    return str(path)


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_without_a_word_it_is_the_shipped_example(name: str) -> None:
    assert document(name) == example(name)


def test_prometheus_takes_the_folder_that_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    result = render("prometheus", *DAEMONS, "--credentials-file", secret(tmp_path), "--output", str(folder))
    assert (result.exit_code, result.stdout) == (0, "")
    names = {path.name for path in folder.iterdir()}
    assert names == {"prometheus.yml", *(path.name for path in rule_files())}
    done = run("promtool", "check", "config", folder / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_daemon_is_scraped_with_its_own_labels_and_a_token(tmp_path: Path) -> None:
    token = secret(tmp_path)
    made = document(
        *("prometheus", *DAEMONS, "--credentials-file", token, "--ca-file", "/etc/ca.pem"),
        *("--rules", "/etc/rules", "--alertmanager", "am1:9093", "--alertmanager", "[fd00::1]:9093"),
    )
    [job] = made["scrape_configs"]
    assert job["honor_labels"] is True
    assert job["scheme"] == "https"
    assert job["authorization"] == {"credentials_file": token}
    assert job["tls_config"] == {"ca_file": "/etc/ca.pem"}
    assert job["static_configs"] == [{"targets": ["ha1.example.com:10053", "ha2.example.com:10053"]}]
    assert made["rule_files"] == [f"/etc/rules/{name}" for name in example("prometheus")["rule_files"]]
    [managers] = made["alerting"]["alertmanagers"]
    assert managers == {"static_configs": [{"targets": ["am1:9093", "[fd00::1]:9093"]}]}


def test_alertmanager_takes_what_is_written_and_calls_every_daemon(tmp_path: Path) -> None:
    token = secret(tmp_path)
    result = render("alertmanager", *DAEMONS, "--credentials-file", token, "--output", str(tmp_path))
    assert (result.exit_code, result.stdout) == (0, "")
    path = tmp_path / "alertmanager.yml"
    done = run("amtool", "check-config", path)
    assert done.returncode == 0, done.stdout + done.stderr
    made = yaml.safe_load(path.read_text())
    hooks = [hook for receiver in made["receivers"] for hook in receiver.get("webhook_configs", ())]
    assert [hook["url"] for hook in hooks] == [
        f"https://ha{number}.example.com:10053/webhooks/alertmanager" for number in (1, 2)
    ]
    assert all(hook["http_config"] == {"authorization": {"credentials_file": token}} for hook in hooks)
    assert all(hook["send_resolved"] for hook in hooks)


def test_what_asks_for_a_failover_is_routed_to_the_controller(tmp_path: Path) -> None:
    render("alertmanager", "--output", str(tmp_path))
    done = run(
        *("amtool", "config", "routes", "test", f"--config.file={tmp_path / 'alertmanager.yml'}"),
        *("alertname=RLMFailoverWanted", "rlm_action=failover", "cluster=a"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "rlm-ha,people"


@pytest.mark.parametrize(
    ("settings", "target"),
    [
        ("  listen: 10.0.0.5:10054\n", "10.0.0.5:10054"),
        ("  listen: '[fd00::5]:10054'\n", "[fd00::5]:10054"),
        ("  listen: 0.0.0.0:10053\n  advertise: http://ha1.example.com:10053\n", "ha1.example.com:10053"),
    ],
)
def test_the_manifest_says_where_the_daemon_is(settings: str, target: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(SETTINGS + settings)
    made = document("prometheus", str(path))
    assert made["scrape_configs"][0]["static_configs"] == [{"targets": [target]}]
    made = document("alertmanager", str(path))
    assert made["receivers"][-1]["webhook_configs"][0]["url"] == f"http://{target}/webhooks/alertmanager"


def test_a_daemon_on_every_address_has_to_be_named(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(SETTINGS + "  listen: 0.0.0.0:10053\n")
    result = render("prometheus", str(path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{path}: the daemon listens on every address" in result.stderr
    assert "name it by --daemon" in result.stderr


def test_a_daemon_elsewhere_without_a_token_is_warned_of() -> None:
    assert "asks for a token" in render("prometheus", *DAEMONS).stderr
    assert "asks for a token" not in render("prometheus").stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--daemon", "ha1:10053"), "http://HOST/PATH or https://HOST/PATH"),
        (("--daemon", "http://a:1", "--daemon", "https://b:1"), "all daemons go by http, or all by https"),
        (("--credentials-file", "token"), "'token' is no absolute path"),
        (("--alertmanager", "am1"), "is not an address with a port"),
    ],
)
def test_what_could_not_be_meant_is_refused(arguments: tuple[str, ...], text: str) -> None:
    result = render("prometheus", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
