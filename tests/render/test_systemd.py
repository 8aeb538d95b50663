"""Units, judged by systemd itself, and the stop command at a simulated server."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from rlm_exporter.render.rlm_command import RlmOptions
from rlm_exporter.render.systemd import OurService, RlmService, render_our_unit, render_rlm_unit
from rlm_exporter.render.templates import unit_item, unit_path, unit_word
from rlm_exporter.simulator.launch import write_rlmutil
from tests.render.judges import complaints_of_systemd, run
from tests.simulated import SimulatedServer

INSTALL_PAGE = Path(__file__).parents[2] / "docs" / "install.md"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where programs are, under a name that has to be quoted in a unit."""
    folder = tmp_path / "r l%m"
    (folder / "bin").mkdir(parents=True)
    for name in ("rlm", "rlm-ha"):
        (folder / "bin" / name).write_text("#!/bin/sh\n")
        (folder / "bin" / name).chmod(0o755)
    write_rlmutil(folder / "bin" / "rlmutil")
    return folder


def rlm_service(home: Path, *, port: int = 5053) -> RlmService:
    options = RlmOptions(
        licenses=f"{home}/licenses",
        debug_log=f"{home}/logs/rlm.log",
        web_port=5054,
        certificate=f"{home}/ssl/server.crt",
        key=f"{home}/ssl/server.key",
    )
    return RlmService(home=str(home), options=options, port=port)


def our_service(home: Path) -> OurService:
    return OurService(program=f"{home}/bin/rlm-ha", groups=("haproxy",), writable=("/etc/profile.d",))


def setting(unit: str, name: str) -> str:
    [value] = re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)
    return str(value)


@pytest.mark.row(16)
def test_systemd_has_nothing_to_complain_of(tmp_path: Path, home: Path) -> None:
    theirs, ours = tmp_path / "rlm.service", tmp_path / "rlm-ha.service"
    theirs.write_text(render_rlm_unit(rlm_service(home)))
    ours.write_text(render_our_unit(our_service(home)))
    assert complaints_of_systemd(tmp_path, theirs, ours) == ""


def test_systemd_does_complain_of_what_is_wrong(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "rlm-ha.service"
    path.write_text(render_our_unit(our_service(home)).replace("ProtectHome=yes", "ProtectHome=maybe"))
    assert "protect home" in complaints_of_systemd(tmp_path, path)
    path = tmp_path / "rlm.service"
    path.write_text(render_rlm_unit(rlm_service(home)).replace("/bin/rlm", "/bin/lmgrd"))
    assert "not executable" in complaints_of_systemd(tmp_path, path)


@pytest.mark.row(16)
def test_rlm_gets_options_that_it_has_and_stays_in_the_foreground(home: Path) -> None:
    unit = render_rlm_unit(rlm_service(Path("/opt/rlm")))
    assert setting(unit, "ExecStart") == (
        "/opt/rlm/bin/rlm -c /opt/rlm/licenses -dlog +/opt/rlm/logs/rlm.log -ws 5054 "
        "-sslcert /opt/rlm/ssl/server.crt -sslpriv /opt/rlm/ssl/server.key"
    )
    assert setting(unit, "Type") == "simple"
    assert (setting(unit, "User"), setting(unit, "Group")) == ("rlm", "rlm")
    assert setting(unit, "After") == "network-online.target"
    assert "/opt/rlm/licenses" in setting(unit, "RequiresMountsFor").split()
    assert "PIDFile" not in unit


@pytest.mark.row(16)
def test_rlm_runs_where_it_may_write_its_passwords_and_its_certificate() -> None:
    """It looks for them beside itself (rlm.pw) or where it was started (rlm-cert.pem): here one folder."""
    assert setting(render_rlm_unit(rlm_service(Path("/opt/rlm"))), "WorkingDirectory") == "/opt/rlm/bin"
    assert "ReadWritePaths" not in render_rlm_unit(rlm_service(Path("/opt/rlm")))
    protected = render_rlm_unit(rlm_service(Path("/usr/local/rlm")))
    assert setting(protected, "ReadWritePaths") == "-/usr/local/rlm/bin -/usr/local/rlm/logs"


@pytest.mark.row(16)
def test_the_stop_command_leaves_no_rlm(tmp_path: Path, home: Path) -> None:
    with SimulatedServer(tmp_path) as server:
        unit = render_rlm_unit(rlm_service(home, port=server.port))
        command = shlex.split(setting(unit, "ExecStop").removeprefix("-").replace("%%", "%"))
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout
        assert server.wait() == 0


@pytest.mark.row(17)
def test_a_unit_can_be_enabled(home: Path) -> None:
    for unit in (render_rlm_unit(rlm_service(home)), render_our_unit(our_service(home))):
        assert setting(unit, "WantedBy") == "multi-user.target"


def test_a_reload_of_the_daemon_is_its_signal(home: Path) -> None:
    unit = render_our_unit(our_service(home))
    assert setting(unit, "ExecReload") == "/bin/kill -HUP $MAINPID"
    assert setting(unit, "SupplementaryGroups") == "haproxy"
    assert setting(unit, "ReadWritePaths") == "/etc/profile.d"
    assert "ReadWritePaths" not in render_our_unit(OurService())


def test_the_daemons_unit_exposes_no_more_than_the_page_says(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "rlm-ha.service"
    path.write_text(render_our_unit(OurService(program=f"{home}/bin/rlm-ha")))
    told = re.search(r"exposure of ([0-9]+[.][0-9])", INSTALL_PAGE.read_text(encoding="utf-8"))
    assert told is not None
    threshold = round(float(told[1]) * 10)
    done = run("systemd-analyze", "security", "--offline=yes", f"--threshold={threshold}", path)
    assert done.returncode == 0, done.stdout
    done = run("systemd-analyze", "security", "--offline=yes", "--threshold=5", path)
    assert done.returncode != 0, "the threshold is not what decides"


@pytest.mark.parametrize(
    ("text", "path", "item", "word"),
    [
        ("/opt/rlm", "/opt/rlm", "/opt/rlm", "/opt/rlm"),
        ("/opt/my rlm", "/opt/my rlm", '"/opt/my rlm"', '"/opt/my rlm"'),
        ("100%", "100%%", '"100%%"', '"100%%"'),
        ("$HOME", "$HOME", '"$HOME"', '"$$HOME"'),
        ('a"b\\', 'a"b\\', '"a\\"b\\\\"', '"a\\"b\\\\"'),
        ("", "", '""', '""'),
    ],
)
def test_words_mean_themselves_wherever_they_stand_in_a_unit(
    text: str, path: str, item: str, word: str
) -> None:
    assert (unit_path(text), unit_item(text), unit_word(text)) == (path, item, word)
