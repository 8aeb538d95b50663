"""The script that installs RLM: linted, and run for real in a folder of its own."""

import os
import subprocess
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rlm_exporter.manifest.model import (
    Cluster,
    Feature,
    HaproxyEndpoint,
    HealthCheckPolicy,
    LoadBalancerSpec,
    Server,
)
from rlm_exporter.render.install import (
    Installation,
    installation_for,
    isvs_without_port,
    render_install,
)
from tests.render.judges import run

pytestmark = pytest.mark.row(14)

USUAL = Installation(isv_ports=(5055,), family="debian")
SERVER = Server(
    name="rlm1", role="primary", host="rlm1.example.com", port=6053, isv_ports=(("siemens", 6055),)
)


def cluster(*, check_web: bool = True, balancer: bool = True) -> Cluster:
    endpoint = HaproxyEndpoint(name="lb1", url="https://lb1.example.com:8404/stats")
    spec = LoadBalancerSpec(host="lb.example.com", port=5053, web_port=5054, haproxy=(endpoint,))
    return Cluster(
        name="a",
        source="a.yaml",
        servers=(SERVER, replace(SERVER, name="rlm2", role="secondary", host="rlm2.example.com")),
        health_check=HealthCheckPolicy(check_web=check_web),
        features=(Feature(name="NXCAE", isv="siemens"), Feature(name="DYNA", isv="lstc")),
        load_balancer=spec if balancer else None,
    )


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder in which the script is run, with what an administrator has from vendors."""

    folder: Path
    installation: Installation = USUAL

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def home(self) -> Path:
        return self.root / self.installation.home.lstrip("/")

    def prepare(self) -> None:
        self.root.mkdir()
        (self.folder / "install-rlm.sh").write_text(render_install(self.installation))
        (self.folder / "siemens.lic").write_text("HOST lb ANY 5053\nISV siemens port=5055\n")
        self.pack("rlm", "rlmutil", "siemens")

    def pack(self, *names: str, content: str = "one") -> None:
        """Write the archive as vendors do: everything in a folder with a version in its name."""
        kit = self.folder / "kit" / "x64_l1.v16"
        kit.mkdir(parents=True, exist_ok=True)
        (kit / "shadow").unlink(missing_ok=True)
        (kit / "shadow").symlink_to("/etc/hostname")
        for name in names:
            (kit / name).write_text(f"#!/bin/sh\n# {name} {content}\n")
        with tarfile.open(self.folder / "rlm-package.tar.gz", "w:gz") as archive:
            archive.add(kit, arcname=kit.name)

    def install(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As an ordinary run, below the root alone."""
        command = ["sh", "install-rlm.sh", "--root", str(self.root), *arguments]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )

    def tree(self) -> dict[str, tuple[str, int, float]]:
        """Every file and folder with its kind, mode and time of change."""
        return {
            str(path.relative_to(self.root)): (
                "dir" if path.is_dir() else "file",
                path.stat().st_mode & 0o7777,
                0.0 if path.is_dir() else path.stat().st_mtime,
            )
            for path in self.root.rglob("*")
        }


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(folder=tmp_path)
    made.prepare()
    return made


USER = "useradd --system --user-group --no-create-home --home-dir /opt/rlm --shell /usr/sbin/nologin rlm"
RICH_RULE = "--add-rich-rule=rule family=ipv6 source address=fd00::/8 port port=5054 protocol=tcp accept"
WHOLE = ("--archive", "rlm-package.tar.gz", "siemens.lic")


@pytest.mark.parametrize("family", [None, "debian", "rhel"])
@pytest.mark.parametrize("home", ["/opt/rlm", "/opt/my rlm; reboot"])
def test_shellcheck_has_nothing_to_say(tmp_path: Path, family: str | None, home: str) -> None:
    path = tmp_path / "install-rlm.sh"
    path.write_text(render_install(replace(USUAL, family=family, home=home)))
    done = run("shellcheck", path)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_shellcheck_does_say_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "install-rlm.sh"
    path.write_text(render_install(USUAL).replace('"$root$1"', "$root$1"))
    assert "SC2086" in run("shellcheck", path).stdout


def test_folders_programs_and_licenses_are_put_where_rlm_looks(place: Place) -> None:
    done = place.install(*WHOLE)
    assert (done.returncode, done.stderr) == (0, "")
    modes = {name: mode for name, (_, mode, _) in place.tree().items()}
    assert modes == {
        "opt": modes["opt"],
        "opt/rlm": 0o755,
        "opt/rlm/bin": 0o1775,
        "opt/rlm/bin/rlm": 0o755,
        "opt/rlm/bin/rlmutil": 0o755,
        "opt/rlm/bin/siemens": 0o755,
        "opt/rlm/licenses": 0o750,
        "opt/rlm/licenses/siemens.lic": 0o640,
        "opt/rlm/logs": 0o750,
        "opt/rlm/ssl": 0o750,
        "opt/rlm/web": 0o755,
    }
    installed = place.home / "licenses" / "siemens.lic"
    assert installed.read_bytes() == (place.folder / "siemens.lic").read_bytes()


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    made = Place(folder=tmp_path, installation=replace(USUAL, home="/opt/my $HOME; `rlm` 'a' \"b\""))
    made.prepare()
    assert made.install(*WHOLE).returncode == 0
    assert (made.home / "bin" / "rlm").is_file()


def test_a_second_run_changes_nothing(place: Place) -> None:
    place.install(*WHOLE)
    before = place.tree()
    done = place.install(*WHOLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert place.tree() == before
    assert f"{place.home}/licenses/siemens.lic: unchanged" in done.stdout


def test_nothing_outside_the_root_is_written(place: Place) -> None:
    before = {
        path: path.stat().st_mtime for path in place.folder.rglob("*") if place.root not in path.parents
    }
    place.install(*WHOLE)
    after = {path: path.stat().st_mtime for path in place.folder.rglob("*") if place.root not in path.parents}
    del before[place.root], after[place.root]
    assert after == before


def test_a_file_that_differs_stays_until_its_replacement_is_asked_for(place: Place) -> None:
    place.install(*WHOLE)
    (place.folder / "siemens.lic").write_text("HOST lb ANY 5053\nISV siemens port=5056\n")
    place.pack("rlm", content="two")
    installed = place.home / "licenses" / "siemens.lic"
    before = installed.read_text()

    refused = place.install(*WHOLE)
    assert refused.returncode == 1
    assert "siemens.lic: differs and stays" in refused.stderr
    assert "bin/rlm: differs and stays" in refused.stderr
    assert installed.read_text() == before

    done = place.install("--replace", *WHOLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert installed.read_text() == (place.folder / "siemens.lic").read_text()
    assert "two" in (place.home / "bin" / "rlm").read_text()
    assert [path.name for path in (place.home / "licenses").iterdir()] == ["siemens.lic"]


def test_a_link_in_the_archive_brings_no_file_of_this_host(place: Place) -> None:
    place.install(*WHOLE)
    assert not os.path.lexists(place.home / "bin" / "shadow")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--archive", "missing.tar"), 1, "missing.tar cannot be read"),
        (("--archive", "siemens.lic"), 1, "siemens.lic cannot be unpacked"),
        (("missing.lic",), 1, "missing.lic cannot be read"),
        (("install-rlm.sh",), 1, "rlm reads license files by the ending .lic alone"),
        (("--family", "suse"), 1, "--family is debian or rhel, not suse"),
        (("--web-from", "10.0.0.0/8; reboot"), 1, "--web-from is an address or a network"),
        (("--frob",), 1, "--frob is not known"),
        (("--archive",), 1, "--archive needs a value"),
    ],
)
def test_what_cannot_be_done_is_told_before_any_file_is_put_in_place(
    place: Place, arguments: tuple[str, ...], code: int, text: str
) -> None:
    done = place.install(*arguments)
    assert done.returncode == code
    assert text in done.stderr
    assert not (place.home / "licenses" / "siemens.lic").exists()
    assert not (place.home / "bin" / "rlm").exists()


def test_an_archive_without_rlm_is_refused(place: Place) -> None:
    (place.folder / "kit" / "x64_l1.v16" / "rlm").unlink()
    place.pack("rlmutil")
    done = place.install(*WHOLE)
    assert done.returncode == 1
    assert "holds no program that is called rlm" in done.stderr


def test_debian_is_told_its_firewalls_commands(place: Place) -> None:
    done = place.install("--web-from", "10.0.0.0/8")
    assert [line for line in done.stdout.splitlines() if line.startswith("would run:")] == [
        f"would run: {USER}",
        "would run: ufw allow 5053/tcp",
        "would run: ufw allow 5055/tcp",
        "would run: ufw allow 5053/udp",
        "would run: ufw allow proto tcp from 10.0.0.0/8 to any port 5054",
    ]


def test_rhel_is_told_its_firewalls_and_selinuxs_commands(place: Place) -> None:
    done = place.install("--family", "rhel", "--haproxy", "--web-from", "fd00::/8")
    assert [line for line in done.stdout.splitlines() if line.startswith("would run:")][1:] == [
        "would run: restorecon -R /opt/rlm",
        *(f"would run: semanage port -a -t http_port_t -p tcp {port}" for port in (5053, 5054, 5055)),
        *(
            f"would run: firewall-cmd --quiet --permanent --add-port={port}"
            for port in ("5053/tcp", "5055/tcp", "5053/udp")
        ),
        f"would run: firewall-cmd --quiet --permanent '{RICH_RULE}'",
        "would run: firewall-cmd --quiet --reload",
    ]


def test_the_web_interface_is_opened_for_nobody_by_itself(place: Place) -> None:
    done = place.install()
    assert "the web interface (5054) is opened for nobody" in done.stdout
    assert "5054" not in "".join(line for line in done.stdout.splitlines() if "would run" in line)


def test_rlm_is_no_part_of_the_script() -> None:
    text = render_install(USUAL)
    assert "http://" not in text
    assert "https://" not in text
    assert "curl" not in text
    assert "wget" not in text


def test_ports_come_of_the_manifest() -> None:
    made = installation_for(cluster(), SERVER, USUAL)
    assert (made.port, made.isv_ports, made.web_port) == (6053, (6055,), 5054)
    assert made.balancer_ports == (5053, 5054, 6053, 6055, 8404, 10055)
    assert installation_for(cluster(check_web=False), SERVER, USUAL).web_port is None
    assert installation_for(cluster(balancer=False), SERVER, USUAL).balancer_ports == ()
    assert isvs_without_port(cluster(), SERVER) == ("lstc",)
