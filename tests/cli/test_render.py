import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rlm_exporter.cli import build_program
from rlm_exporter.cli.written import write_for_somebody
from rlm_exporter.errors import ConfigurationError

MANIFEST = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {{name: {name}}}
spec:
  type: rlm
  highAvailability:
    enabled: true
    mode: active-passive
    primary: {{host: 127.0.0.1, name: rlm1, isvPorts: {{siemens: 5055}}}}
    secondary: {{host: 127.0.0.2, name: rlm2, isvPorts: {{siemens: 5055}}}}
  features: [{{name: STARCCM, vendor: siemens}}]
{balancer}
"""
BALANCER = "  loadBalancer: {host: 127.0.0.9, haproxy: ["
LB1 = "{name: lb1, url: 'unix:/run/rlm/steer.sock'}"
LB2 = "{name: lb2, url: 'https://127.0.0.1:8404/stats', clientCert: /etc/c.pem, caCert: /etc/ca.pem}"


def manifest(folder: Path, *, balancers: tuple[str, ...] = (LB1,), names: tuple[str, ...] = ("a",)) -> str:
    line = f"{BALANCER}{', '.join(balancers)}]}}" if balancers else ""
    path = folder / "manifest.yaml"
    lines = [line if name == names[0] else line.replace("steer", name) for name in names]
    texts = [MANIFEST.format(name=name, balancer=own) for name, own in zip(names, lines, strict=True)]
    path.write_text("---\n".join(texts))
    return str(path)


def render(*arguments: str) -> Result:
    return CliRunner().invoke(build_program(), ["render", "haproxy", *arguments])


def test_the_file_goes_to_stdout_and_nothing_else_does(tmp_path: Path) -> None:
    result = render(manifest(tmp_path), "--bind", "127.0.0.9", "--socket-group", "rlm")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "bind 127.0.0.9:5053" in result.stdout
    assert "unix@/run/rlm/steer.sock mode 660 group rlm name local" in result.stdout
    assert "server rlm2 127.0.0.2:5053 check backup" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.yaml"]


def test_peers_and_the_stats_pages_files_are_the_users(tmp_path: Path) -> None:
    result = render(
        manifest(tmp_path, balancers=(LB1, LB2)),
        *("--balancer", "lb2"),
        *("--peer", "lb1=10.0.0.1:10055"),
        *("--peer", "lb2=10.0.0.2:10055"),
        *("--stats-cert", "/etc/s.pem"),
        *("--stats-ca", "/etc/c.pem"),
    )
    assert result.exit_code == 0
    assert "peer lb1 10.0.0.1:10055" in result.stdout
    assert "localpeer lb2" in result.stdout
    assert "bind :8404 ssl crt /etc/s.pem ca-file /etc/c.pem verify required" in result.stdout


@pytest.mark.row(19)
@pytest.mark.parametrize(
    ("arguments", "targets"),
    [
        ((), ["/dev/log"]),
        (("--syslog", "none"), []),
        (("--syslog", "127.0.0.1:514", "--syslog", "journal"), ["127.0.0.1:514", "/dev/log"]),
        (("--syslog", "::1", "--syslog", "[::1]:5514"), ["[::1]:514", "[::1]:5514"]),
        (("--syslog", "/run/log.sock"), ["/run/log.sock"]),
        (("--snippet",), []),
        (("--snippet", "--syslog", "10.0.0.5"), ["10.0.0.5:514"]),
    ],
)
def test_connections_are_told_to_a_syslog_by_default_that_of_this_host(
    arguments: tuple[str, ...], targets: list[str], tmp_path: Path
) -> None:
    result = render(manifest(tmp_path), *arguments)
    assert result.exit_code == 0
    told = [line.split()[1] for line in result.stdout.splitlines() if line.strip().endswith("local0")]
    assert told == targets


def test_output_writes_that_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    result = render(manifest(tmp_path), "--output", str(folder))
    assert (result.exit_code, result.stdout) == (0, "")
    assert [path.name for path in folder.iterdir()] == ["haproxy.cfg"]
    assert (folder / "haproxy.cfg").read_text() == render(manifest(tmp_path)).stdout
    assert (folder / "haproxy.cfg").stat().st_mode & 0o777 == 0o644


def test_a_snippet_stands_beside_the_file_that_it_is_for(tmp_path: Path) -> None:
    folder = tmp_path / "haproxy"
    folder.mkdir()
    (folder / "haproxy.cfg").write_text("theirs")
    result = render(manifest(tmp_path), "--snippet", "--output", str(folder))
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"haproxy -c -f YOURS -f {folder}/rlm-ha.cfg" in result.stderr
    assert (folder / "haproxy.cfg").read_text() == "theirs"
    assert (folder / "rlm-ha.cfg").read_text() == render(manifest(tmp_path), "--snippet").stdout


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    result = render(manifest(tmp_path), "--output", str(tmp_path / "missing"))
    assert result.exit_code == 2
    assert not (tmp_path / "missing").exists()


def test_several_clusters_need_a_choice(tmp_path: Path) -> None:
    path = manifest(tmp_path, names=("a", "b"))
    result = render(path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the manifest has 2 clusters (a, b): say which by --cluster" in result.stderr
    assert render(path, "--cluster", "b").stdout.startswith("# b: rendered by")


@pytest.mark.parametrize(
    ("balancers", "arguments", "code", "text"),
    [
        ((LB1, LB2), (), 2, "a has 2 balancers (lb1, lb2): say which by --balancer"),
        ((LB1,), ("--balancer", "lb9"), 3, "no balancer lb9 in a; there is: lb1"),
        ((LB1,), ("--cluster", "z"), 3, "no cluster z in the manifest; there is: a"),
        ((), (), 1, "a has no spec.loadBalancer.haproxy"),
        ((LB1,), ("--peer", "lb2=10.0.0.2:10055"), 1, "peers: lb1 is not among them"),
        ((LB1,), ("--peer", "lb1"), 2, "'lb1': write it like lb1=10.0.0.1:10055"),
        ((LB1,), ("--peer", "lb1=h:99999"), 2, "write it like"),
        ((LB1,), ("--peer", "lb 1=10.0.0.1:10055"), 2, "write it like"),
        ((LB1,), ("--peer", "lb1=10.0.0.1 maxconn 1:10055"), 2, "write it like"),
        ((LB1,), ("--bind", "10.0.0.1 ssl"), 2, "write * or one address of this host"),
        ((LB1,), ("--stats-cert", "a\nb"), 2, "is no path"),
        ((LB1,), ("--socket-group", "a b"), 2, "is no name of a user or group"),
        ((LB1,), ("--syslog", "log.example.com"), 2, "write the address of a syslog server"),
        ((LB1,), ("--syslog", "10.0.0.5:0"), 2, "write the address of a syslog server"),
        ((LB1,), ("--syslog", "none", "--syslog", "journal"), 2, "none stands alone"),
    ],
)
def test_what_is_not_clear_is_refused_with_what_to_do(
    balancers: tuple[str, ...], arguments: tuple[str, ...], code: int, text: str, tmp_path: Path
) -> None:
    result = render(manifest(tmp_path, balancers=balancers), *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert text in result.stderr


@pytest.mark.parametrize(
    ("url", "strange"),
    [
        ("unix:/run/rlm/a b.sock", "' '"),
        ("unix:/run/rlm/a,b.sock", "','"),
        ("unix:/run/$HOME.sock", "'$'"),
        ("https://127.0.0.1:8404/it's", '"\'"'),
    ],
)
def test_what_haproxy_would_read_as_something_else_is_named(tmp_path: Path, url: str, strange: str) -> None:
    result = render(manifest(tmp_path, balancers=(f"{{name: lb1, url: {json.dumps(url)}}}",)))
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"holds {strange}, which HAProxy may read as something else" in result.stderr


def test_a_broken_manifest_is_told_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(
        "apiVersion: licensing.vantage.com/v1\nkind: LicenseServer\nmetadata: {name: a}\nspec: {}\n"
    )
    result = render(str(path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{path}:" in result.stderr


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "haproxy.cfg"
    path.write_text("old")
    path.chmod(0o640)
    write_for_somebody(path, "new\n")
    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["haproxy.cfg"]


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "haproxy.cfg"
    (path / "in-the-way").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_for_somebody(path, "new\n")
    assert [file.name for file in tmp_path.iterdir()] == ["haproxy.cfg"]
    with pytest.raises(ConfigurationError, match="missing"):
        write_for_somebody(tmp_path / "missing" / "haproxy.cfg", "new\n")
