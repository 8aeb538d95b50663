"""What the Debian package says of itself."""

import email
import re
from pathlib import Path

import pytest

from dev.deb import LIBRARIES, add_control, copyright_of, license_of, package_version
from dev.package_life import NEEDED
from dev.rpm import SPEC
from dev.staging import CONFIG, HOME, write
from tests.render.judges import run


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ({"ID": "debian", "VERSION_ID": "12"}, {"ID": "debian", "VERSION_ID": "13"}),
        ({"ID": "ubuntu", "VERSION_ID": "24.04"}, {"ID": "ubuntu", "VERSION_ID": "26.04"}),
        ({"ID": "debian", "VERSION_ID": "13"}, {"ID": "debian"}),
    ],
)
def test_a_newer_releases_package_is_an_upgrade(lower: dict[str, str], higher: dict[str, str]) -> None:
    versions = package_version(lower), package_version(higher)
    assert run("dpkg", "--compare-versions", versions[0], "lt", versions[1]).returncode == 0, versions


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ("License-Expression: MIT\nLicense: something longer\n", "MIT"),
        ("License: BSD-3-Clause\n", "BSD-3-Clause"),
        ("Classifier: License :: OSI Approved :: MIT License\n", "MIT License"),
        ("Name: x\n", "see its folder"),
    ],
)
def test_licenses_of_others_are_told_as_their_metadata_have_them(metadata: str, told: str) -> None:
    assert license_of(email.message_from_string(metadata)) == told


def test_the_copyright_names_every_package_but_ours(tmp_path: Path) -> None:
    folder = tmp_path / HOME / "lib/python3.11/site-packages"
    write(folder / "click-1.dist-info/METADATA", "Name: click\nVersion: 1\nLicense: BSD\n")
    write(folder / "rlm_ha_exporter-1.dist-info/METADATA", "Name: rlm-ha-exporter\nVersion: 1\n")
    text = copyright_of(tmp_path)
    assert "\n  click 1: BSD\n" in text
    assert "  rlm-ha-exporter 1" not in text


def test_dpkg_is_told_of_every_file_and_of_the_sites_own(tmp_path: Path) -> None:
    write(tmp_path / CONFIG / "settings.yaml", "spec: {}\n")
    write(tmp_path / "usr/bin/tool", "#!/bin/sh\n")
    add_control(tmp_path, "1.0-1+deb12", "amd64")
    control = tmp_path / "DEBIAN"
    assert (control / "conffiles").read_text() == "/etc/rlm-ha/settings.yaml\n"
    assert re.findall(r"  (.*)", (control / "md5sums").read_text()) == [
        "etc/rlm-ha/settings.yaml",
        "usr/bin/tool",
    ]
    fields = email.message_from_string((control / "control").read_text())
    assert fields["Version"] == "1.0-1+deb12"
    assert set(LIBRARIES) <= {each.strip() for each in fields["Depends"].split(",")}


def test_the_trials_system_has_what_both_packages_depend_on_and_nothing_else() -> None:
    required = set(re.findall(r"^Requires: (.*)$", SPEC.read_text(), re.MULTILINE))
    assert required == {"python3.11", "systemd", "util-linux", "libgcc", "libstdc++", "zlib"}
    # A Debian always has libc6, libgcc-s1 and util-linux.
    assert set(NEEDED) == {"python3", "systemd", "procps"} | set(LIBRARIES) - {"libc6", "libgcc-s1"}
