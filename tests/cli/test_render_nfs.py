"""`rlm-ha render nfs`: what the NFS server exports, and what license servers mount."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rlm_exporter.cli import build_program
from tests.render.judges import run

pytestmark = pytest.mark.row(26)

MANIFEST = str(Path(__file__).parents[2] / "examples" / "rlm-ha-cluster.yaml")
NFS = ("--nfs-server", "nfs.example.com")


def render(*arguments: str) -> Result:
    return CliRunner().invoke(build_program(), ["render", "nfs", MANIFEST, *arguments])


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_each_server_of_the_cluster_may_read_and_nobody_may_write_or_be_root() -> None:
    result = render(*NFS)
    assert (result.exit_code, result.stderr) == (0, "")
    export, mount = lines(result.stdout)
    path, *clients = export.split()
    assert path == "/nfs/rlm/licenses"
    assert [client.partition("(")[0] for client in clients] == [
        f"rlm{number}.example.com" for number in (1, 2, 3)
    ]
    for client in clients:
        allowed = client.partition("(")[2].removesuffix(")").split(",")
        assert {"ro", "root_squash"} <= set(allowed)
        assert not {"rw", "no_root_squash", "async"} & set(allowed)
    source, where, kind, options, *rest = mount.split()
    assert (source, where, kind, rest) == (
        "nfs.example.com:/nfs/rlm/licenses",
        "/opt/rlm/shared",
        "nfs",
        ["0", "0"],
    )
    assert {"ro", "soft", "nofail", "_netdev", "noexec"} <= set(options.split(","))


def test_the_files_say_why_a_push_is_better() -> None:
    assert "A push is better" in render(*NFS).stdout


def test_findmnt_reads_the_line_as_it_is_meant(tmp_path: Path) -> None:
    result = render("--nfs-server", "fd00::1", "--mount", "/mnt/my rlm", "--output", str(tmp_path))
    assert (result.exit_code, result.stdout) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rlm.exports", "rlm.fstab"]
    done = run(
        "findmnt", "--tab-file", tmp_path / "rlm.fstab", "--noheadings", "--output", "SOURCE,TARGET,FSTYPE"
    )
    assert done.returncode == 0, done.stderr
    assert re.split(r"  +", done.stdout.strip().replace(" nfs", "  nfs")) == [
        "[fd00::1]:/nfs/rlm/licenses /mnt/my rlm",
        "nfs",
    ]


def test_networks_may_be_said_in_place_of_the_servers() -> None:
    export = lines(render(*NFS, "--client", "10.0.0.0/24", "--client", "rlm9").stdout)[0]
    assert [word.partition("(")[0] for word in export.split()[1:]] == ["10.0.0.0/24", "rlm9"]


def test_a_license_server_that_serves_the_others_files_is_warned_of() -> None:
    result = render("--nfs-server", "rlm1.example.com")
    assert result.exit_code == 0
    assert "warning: rlm1.example.com is a license server" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "Missing option '--nfs-server'"),
        (("--nfs-server", "a b"), "is neither a host name nor an IP address"),
        ((*NFS, "--client", "*(rw)"), "write a host, an address, or a network"),
        ((*NFS, "--client", "10.0.0.1/24"), "write a host, an address, or a network"),
        ((*NFS, "--path", "rlm"), "'rlm' is no absolute path"),
        ((*NFS, "--mount", "/a\n/b"), "is no absolute path"),
    ],
)
def test_what_could_not_be_meant_is_refused(arguments: tuple[str, ...], text: str) -> None:
    result = render(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
