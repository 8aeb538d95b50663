"""`rlm-ha render systemd`: which unit, of which options, and where it goes."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rlm_exporter.cli import build_program

pytestmark = pytest.mark.row(16)

MANIFEST = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {name: a}
spec:
  type: rlm
  highAvailability:
    enabled: true
    mode: active-passive
    primary: {host: rlm1.example.com}
    secondary: {host: rlm2.example.com}
  clientSettings:
    files: [{path: /etc/profile.d/rlm.sh}, {path: /srv/modules/rlm, format: modulefile}]
  features: [{name: STARCCM, vendor: siemens}]
"""


def render(*arguments: str) -> Result:
    return CliRunner().invoke(build_program(), ["render", "systemd", *arguments])


def start_line(text: str) -> str:
    [line] = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    return str(line)


def test_one_unit_is_printed_as_it_is_and_two_with_their_names() -> None:
    assert start_line(render("rlm").stdout).startswith("/opt/rlm/bin/rlm -c /opt/rlm/licenses -dlog ")
    assert start_line(render("rlm-ha").stdout) == (
        "/usr/bin/rlm-ha serve --config /etc/rlm-ha --state-dir /var/lib/rlm-ha"
    )
    both = render()
    assert both.exit_code == 0
    assert re.findall(r"^# (.*\.service)$", both.stdout, re.MULTILINE) == ["rlm.service", "rlm-ha.service"]


def test_output_writes_both_units_and_nothing_else(tmp_path: Path) -> None:
    result = render("--output", str(tmp_path))
    assert (result.exit_code, result.stdout) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rlm-ha.service", "rlm.service"]
    assert (tmp_path / "rlm.service").read_text() == render("rlm").stdout


def test_options_come_of_an_rlm_conf_and_a_flag_wins_over_it(tmp_path: Path) -> None:
    conf = tmp_path / "rlm.conf"
    conf.write_text("log_file /var/log/rlm.log\nweb_interface_port 6054\nFOO 1\n")
    result = render("rlm", "--rlm-conf", str(conf))
    assert start_line(result.stdout) == (
        "/opt/rlm/bin/rlm -c /opt/rlm/licenses -dlog +/var/log/rlm.log -ws 6054"
    )
    assert f"{conf}:3: warning: FOO is not known" in result.stderr
    result = render("rlm", "--rlm-conf", str(conf), "--web-port", "7054", "--licenses", "/a.lic")
    assert start_line(result.stdout) == "/opt/rlm/bin/rlm -c /a.lic -dlog +/var/log/rlm.log -ws 7054"
    result = render("rlm", "--rlm-conf", str(conf), "--no-web")
    assert start_line(result.stdout).endswith("-dlog +/var/log/rlm.log -nows")


def test_tls_of_the_web_interface_needs_both_files() -> None:
    both = ("--certificate", "/a.pem", "--key", "/a.key")
    assert start_line(render("rlm", *both).stdout).endswith("-sslcert /a.pem -sslpriv /a.key")
    result = render("rlm", *both[:2])
    assert result.exit_code == 2
    assert "--certificate and --key go together" in result.stderr


def test_the_daemon_may_write_where_the_manifest_has_client_settings(tmp_path: Path) -> None:
    manifest = tmp_path / "a.yaml"
    manifest.write_text(MANIFEST)
    text = render("rlm-ha", "--manifest", str(manifest), "--group", "haproxy").stdout
    assert "\nReadWritePaths=/etc/profile.d /srv/modules\n" in text
    assert "\nSupplementaryGroups=haproxy\n" in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--home", "opt"), "'opt' is no absolute path"),
        (("--home", "/opt\nUser=root"), "is no absolute path"),
        (("--user", "root\nExecStartPre=/bin/sh"), "is no name of a user or group"),
        (("--group", "a b"), "is no name of a user or group"),
        (("--web-port", "0"), "0 is not in the range"),
        (("apache",), "is not one of"),
    ],
)
def test_what_could_not_be_meant_is_refused(arguments: tuple[str, ...], text: str) -> None:
    result = render(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
