"""What packages bring beside the program: settings, a user, a unit, scripts, all of one mind."""

import re
from pathlib import Path

import pytest

from dev.man_page import VARIABLES
from dev.staging import COMPLETIONS, CONFIG, HOME, refuse_another_python, refuse_traces
from dev.steps import SetupError
from rlm_exporter.configuration import read_configuration
from rlm_exporter.render.systemd import OurService, render_our_unit
from tests.render.judges import run

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
SPEC = (PACKAGING / "rpm" / "rlm-ha-exporter.spec").read_text()
USER = (PACKAGING / "rlm-ha-exporter.sysusers").read_text()
CONFFILES = ("rlm-ha.env", "settings.yaml")


def test_the_settings_let_a_daemon_start_and_tell_it_nothing_unusual() -> None:
    found = read_configuration((PACKAGING / "settings.yaml",), ())
    assert found.config.listen == "127.0.0.1:10053"
    assert (found.config.store, found.config.state_dir, found.config.name) == (None, None, None)


def test_the_settings_that_are_comments_may_be_taken_in(tmp_path: Path) -> None:
    text = (PACKAGING / "settings.yaml").read_text()
    path = tmp_path / "settings.yaml"
    path.write_text(re.sub(r"^  # (?=[a-z]+:|  )", "  ", text, flags=re.MULTILINE))
    found = read_configuration((path,), ())
    assert found.config.name == "ha1"
    assert found.config.usage.keep is not None


def test_the_variables_that_are_comments_are_ours() -> None:
    names = re.findall(r"^#?([A-Z_]+)=", (PACKAGING / "rlm-ha.env").read_text(), re.MULTILINE)
    assert names
    assert set(names) <= set(VARIABLES)


def test_the_unit_finds_what_packages_bring() -> None:
    unit = render_our_unit(OurService())
    kind, user, _, *rest = USER.split()
    assert (kind, rest[-1]) == ("u", "/var/lib/rlm-ha")
    assert f"\nUser={user}\nGroup={user}\n" in unit
    assert f"EnvironmentFile=-/{CONFIG}/rlm-ha.env" in unit
    assert f"ExecStart=/usr/bin/rlm-ha serve --config /{CONFIG} " in unit


@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])
def test_shellcheck_has_nothing_against_the_scripts_of_the_deb(name: str) -> None:
    done = run("shellcheck", PACKAGING / "deb" / name)
    assert (done.returncode, done.stdout) == (0, "")


def test_shellcheck_has_nothing_against_the_scripts_of_the_rpm(tmp_path: Path) -> None:
    found = dict(re.findall(r"^%(pre|post|preun|postun)\n(.*?)(?=^%)", SPEC, re.MULTILINE | re.DOTALL))
    assert set(found) == {"pre", "post", "preun", "postun"}
    for name, text in found.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}")
        done = run("shellcheck", tmp_path / name)
        assert (done.returncode, done.stdout) == (0, ""), name


def test_both_packages_give_the_settings_to_the_daemons_group() -> None:
    postinst = (PACKAGING / "deb" / "postinst").read_text()
    for name in CONFFILES:
        assert f"/{CONFIG}/{name}" in postinst
        assert f"%attr(0640, root, rlm-ha) %config(noreplace) /{CONFIG}/{name}\n" in SPEC


def test_the_rpm_makes_the_same_user_and_holds_what_is_laid_out() -> None:
    assert f"systemd-sysusers - <<'USERS'\n{USER}USERS\n" in SPEC
    listed = SPEC.partition("%files\n")[2]
    laid = [HOME, *(path for shell, path in COMPLETIONS.items() if shell != "zsh")]
    assert [str(path) for path in laid if f"/{path}\n" not in listed] == []


def test_a_tree_that_names_its_own_place_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "good").write_text("/usr/lib/rlm-ha-exporter")
    refuse_traces(tmp_path)
    (tmp_path / "bad").write_text(f"#!{tmp_path}/bin/python")
    with pytest.raises(SetupError, match="bad"):
        refuse_traces(tmp_path)


def test_a_package_depends_on_the_distributions_python_alone() -> None:
    refuse_another_python(Path("/usr/bin/python3.11"))
    with pytest.raises(SetupError, match="PYTHON=/usr/bin/python3"):
        refuse_another_python(Path("/home/me/.pyenv/versions/3.13/bin/python3.13"))
