"""docs/install.md says what the code does: the table of rlm.conf, and commands that work as printed."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from rlm_exporter.cli import build_program
from rlm_exporter.render.rlm_command import judge
from rlm_exporter.rlm.rlm_conf import RlmConfKey, parse_rlm_conf
from tests.render.test_rlm_command import WHOLE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (rlm-ha render .*)$", PAGE, re.MULTILINE)


@pytest.mark.row(15)
def test_the_page_has_every_key_with_its_effect() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\w+) \|", PAGE, re.MULTILINE)
    told = [(verdict.key.value, verdict.effect.value) for verdict in judge(parse_rlm_conf(WHOLE.encode()))]
    assert rows == told
    assert len(rows) == len(RlmConfKey)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_works_as_it_is_printed(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example = ROOT / "examples" / "rlm-ha-cluster-haproxy.yaml"
    Path("cluster.yaml").write_text(example.read_text(encoding="utf-8"))
    Path("rlm.conf").write_text(WHOLE)
    words = shlex.split(line.partition(" > ")[0])
    result = CliRunner().invoke(build_program(), words[1:])
    assert (result.exit_code, result.stderr.count("warning:")) == (0, 0), result.stderr
    assert result.stdout


def test_the_page_has_every_file_that_an_installation_needs() -> None:
    told = {shlex.split(line)[2] for line in COMMANDS}
    assert {"install", "systemd", "rlm-args", "haproxy", "prometheus", "alertmanager", "nfs"} <= told
