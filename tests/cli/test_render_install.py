"""`rlm-ha render install`: whose ports, and what is said where they are not known."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rlm_exporter.cli import build_program

pytestmark = pytest.mark.row(14)

EXAMPLES = Path(__file__).parents[2] / "examples"
WITH_BALANCER = str(EXAMPLES / "rlm-ha-cluster-haproxy.yaml")
WITHOUT_PORTS = str(EXAMPLES / "rlm-ha-cluster.yaml")


def render(*arguments: str) -> Result:
    return CliRunner().invoke(build_program(), ["render", "install", *arguments])


def ports(text: str) -> str:
    [line] = re.findall(r"^LICENSE_PORTS=(.*)$", text, re.MULTILINE)
    return str(line)


def test_a_manifest_brings_the_ports() -> None:
    result = render(WITH_BALANCER, "--server", "rlm2")
    assert (result.exit_code, result.stderr) == (0, "")
    assert ports(result.stdout) == "'5053/tcp 5055/tcp 5056/tcp 5053/udp'"


def test_ports_may_be_said_without_a_manifest() -> None:
    result = render("--port", "6053", "--isv-port", "6055", "--web-port", "6054")
    assert (result.exit_code, result.stderr) == (0, "")
    assert ports(result.stdout) == "'6053/tcp 6055/tcp 6053/udp'"
    assert "\nWEB_PORT=6054\n" in result.stdout


def test_isv_ports_that_nobody_knows_are_warned_of() -> None:
    result = render(WITHOUT_PORTS)
    assert result.exit_code == 0
    assert "warning: the port of lstc is not known" in result.stderr
    assert "isvPorts of rlm1 in the manifest" in result.stderr
    assert "warning: the port of every ISV is not known" in render().stderr


def test_output_writes_one_program(tmp_path: Path) -> None:
    result = render(WITH_BALANCER, "--output", str(tmp_path))
    assert (result.exit_code, result.stdout) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["install-rlm.sh"]
    assert (tmp_path / "install-rlm.sh").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ((WITH_BALANCER, "--port", "5053"), 2, "the manifest has the ports"),
        (("--server", "rlm1"), 2, "--server and --cluster are names of a manifest"),
        ((WITH_BALANCER, "--server", "rlm9"), 3, "no server rlm9 in rlm-ha-lb"),
        ((WITH_BALANCER, "--cluster", "x"), 3, "no cluster x in the manifest"),
        (("--home", "rlm"), 2, "'rlm' is no absolute path"),
    ],
)
def test_what_is_not_clear_is_refused(arguments: tuple[str, ...], code: int, text: str) -> None:
    result = render(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert text in result.stderr
