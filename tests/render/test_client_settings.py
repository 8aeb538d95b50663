"""What clients are told, and that each kind of program that reads it gets the same out of it."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_exporter.manifest.model import (
    ClientFile,
    ClientServers,
    ClientSettingsSpec,
    Cluster,
    Feature,
    LoadBalancerSpec,
    Server,
    SettingsFormat,
    Takeover,
)
from rlm_exporter.render.client_settings import file_mode, render_file, render_settings, settings_for
from rlm_exporter.rlm.license_list import read_license_path

CLUSTER = Cluster(
    name="prod",
    source="prod.yaml",
    servers=(
        Server(name="rlm1", role="primary", host="rlm1.example.com"),
        Server(name="rlm2", role="secondary", host="2001:db8::2", port=5063),
        Server(name="rlm3", role="backup", host="rlm3.example.com"),
    ),
    features=(Feature(name="STARCCM", isv="siemens"),),
)
ALL = replace(CLUSTER, client_settings=ClientSettingsSpec(servers=ClientServers.ALL))
ORDER = "5063@[2001:db8::2]:5053@rlm1.example.com:5053@rlm3.example.com"


def environment_of(program: list[str], folder: Path) -> dict[str, str]:
    """What a program leaves in an empty environment, as `env` shows it."""
    done = subprocess.run(
        program, capture_output=True, text=True, check=True, cwd=folder, env={"PATH": "/usr/bin:/bin"}
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


@pytest.mark.row(24)
def test_a_balancer_takes_the_place_of_the_servers() -> None:
    behind = replace(CLUSTER, load_balancer=LoadBalancerSpec(host="lb.example.com", port=5153))
    assert settings_for(behind, "rlm2").servers == ("5153@lb.example.com",)


@pytest.mark.row(24)
def test_the_active_server_stands_alone_where_the_others_hold_copies_of_the_license() -> None:
    assert settings_for(CLUSTER, "rlm2").servers == ("5063@[2001:db8::2]",)


def test_where_rlm_moves_the_licenses_all_are_listed_the_active_one_first() -> None:
    native = replace(CLUSTER, takeover=Takeover.NATIVE)
    assert ":".join(settings_for(native, "rlm2").servers) == ORDER
    assert settings_for(native, "rlm2") == settings_for(ALL, "rlm2")
    alone = replace(native, client_settings=ClientSettingsSpec(servers=ClientServers.ACTIVE))
    assert settings_for(alone, "rlm3").servers == ("5053@rlm3.example.com",)


@pytest.mark.row(25)
def test_a_shell_that_reads_it_has_the_list_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "rlm.sh").write_text(render_settings(settings_for(ALL, "rlm2"), SettingsFormat.SH))
    found = environment_of(["sh", "-c", ". ./rlm.sh && env"], tmp_path)
    assert (found["RLM_LICENSE"], found["siemens_LICENSE"], found["RLM_CONNECT_TIMEOUT"]) == (
        ORDER,
        ORDER,
        "5",
    )
    assert [
        item.endpoint.host for item in read_license_path(found["RLM_LICENSE"]).items if item.endpoint
    ] == [
        "2001:db8::2",
        "rlm1.example.com",
        "rlm3.example.com",
    ]


@pytest.mark.row(25)
def test_a_task_gets_what_its_prolog_prints(tmp_path: Path) -> None:
    """As Slurm reads it: each `export NAME=value` of its standard output goes into the task's environment."""
    program = tmp_path / "prolog"
    program.write_text(render_settings(settings_for(ALL, "rlm2"), SettingsFormat.TASK_PROLOG))
    program.chmod(0o755)
    printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    exports = dict(line.removeprefix("export ").split("=", 1) for line in printed.splitlines())
    assert exports == {"RLM_LICENSE": ORDER, "siemens_LICENSE": ORDER, "RLM_CONNECT_TIMEOUT": "5"}


def test_powershell_has_semicolons_and_windows_line_ends() -> None:
    text = render_settings(settings_for(ALL, "rlm2"), SettingsFormat.POWERSHELL)
    assert (
        "$env:siemens_LICENSE = '5063@[2001:db8::2];5053@rlm1.example.com;5053@rlm3.example.com'\r\n" in text
    )
    assert "\n" not in text.replace("\r\n", "")


def test_a_modulefile_is_one_that_tcl_reads(tmp_path: Path) -> None:
    text = render_settings(settings_for(ALL, "rlm2"), SettingsFormat.MODULEFILE)
    assert text.startswith("#%Module1.0\n")
    lines = [line.split(" ", 2) for line in text.splitlines() if not line.startswith("#")]
    assert [line[:2] for line in lines] == [
        ["setenv", "RLM_LICENSE"],
        ["setenv", "siemens_LICENSE"],
        ["setenv", "RLM_CONNECT_TIMEOUT"],
    ]
    assert lines[0][2] == f"{{{ORDER}}}", "Tcl takes brackets for a command unless the value is in braces"
    tclsh = shutil.which("tclsh")
    if tclsh is not None:
        script = tmp_path / "read.tcl"
        script.write_text(f"proc setenv {{name value}} {{ puts $name=$value }}\n{text}")
        assert environment_of([tclsh, str(script)], tmp_path)["RLM_LICENSE"] == ORDER


def test_lmod_gets_lua() -> None:
    text = render_settings(settings_for(ALL, "rlm2"), SettingsFormat.LUA)
    assert text.splitlines()[0].startswith("-- ")
    assert f'setenv("RLM_LICENSE", "{ORDER}")\n' in text
    assert 'setenv("RLM_CONNECT_TIMEOUT", "5")\n' in text


def test_a_vendor_whose_name_no_shell_can_set_breaks_no_login(tmp_path: Path) -> None:
    odd = replace(ALL, features=(Feature(name="mesher", isv="3d-tools"),))
    settings = settings_for(odd, "rlm2")
    (tmp_path / "rlm.sh").write_text(render_settings(settings, SettingsFormat.SH))
    found = environment_of(["sh", "-ec", ". ./rlm.sh && env"], tmp_path)
    assert found["RLM_LICENSE"] == ORDER
    for form in (SettingsFormat.SH, SettingsFormat.MODULEFILE, SettingsFormat.LUA):
        lines = [line for line in render_settings(settings, form).splitlines() if "3d-tools" in line]
        assert [line.lstrip("#- ").split()[1:3] for line in lines] == [["is", "no"]], form
    assert "${env:3d-tools_LICENSE} = '" in render_settings(settings, SettingsFormat.POWERSHELL)
    assert "export 3d-tools_LICENSE=" in render_settings(settings, SettingsFormat.TASK_PROLOG)


def test_a_prolog_may_be_run() -> None:
    assert {form: file_mode(form) for form in SettingsFormat if file_mode(form) != 0o644} == {
        SettingsFormat.TASK_PROLOG: 0o755
    }


def test_a_file_has_its_own_form() -> None:
    text = render_file(ClientFile(path="/x", format=SettingsFormat.SH), CLUSTER, "rlm1")
    assert "export RLM_LICENSE=5053@rlm1.example.com\n" in text
    assert "prod" in text.splitlines()[0]
