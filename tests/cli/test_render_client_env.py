"""`rlm-ha render client-env` as its users run it."""

import asyncio
from pathlib import Path

import pytest

from tests.cli.command import CommandLine

MANIFEST = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {name: prod}
spec:
  type: rlm
  highAvailability:
    enabled: true
    mode: active-passive
    primary: {host: rlm1.example.com}
    secondary: {host: rlm2.example.com}
  features: [{name: STARCCM, vendor: siemens}]
"""


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    path = tmp_path / "prod.yaml"
    path.write_text(MANIFEST)
    return str(path)


@pytest.mark.row(24)
async def test_the_active_server_is_named_for_every_vendor(rlm_ha: CommandLine, manifest: str) -> None:
    ended = await rlm_ha.run("render", "client-env", manifest, "--active", "rlm2.example.com")
    assert ended.code == 0
    assert "export RLM_LICENSE=5053@rlm2.example.com\n" in ended.out
    assert "export siemens_LICENSE=5053@rlm2.example.com\n" in ended.out
    assert "the active server alone is named" in ended.err


async def test_windows_gets_its_own_form_and_a_file_where_asked(
    rlm_ha: CommandLine, manifest: str, tmp_path: Path
) -> None:
    ended = await rlm_ha.run(
        "render", "client-env", manifest, "--format", "powershell", "--output", str(tmp_path)
    )
    assert (ended.code, ended.out) == (0, "")
    written = (tmp_path / "rlm.ps1").read_bytes()
    assert b"$env:RLM_LICENSE = '5053@rlm1.example.com'\r\n" in written


async def test_a_server_that_is_not_there_is_not_found(rlm_ha: CommandLine, manifest: str) -> None:
    ended = await rlm_ha.run("render", "client-env", manifest, "--active", "rlm9")
    assert ended.code == 3
    assert "there are: " in ended.err


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("sh", "export RLM_LICENSE=5053@rlm1.example.com"),
        ("ps1", "$env:RLM_LICENSE = '5053@rlm1.example.com'"),
        ("modulefile", "setenv RLM_LICENSE {5053@rlm1.example.com}"),
        ("lua", 'setenv("RLM_LICENSE", "5053@rlm1.example.com")'),
        ("slurm", "echo 'export RLM_LICENSE=5053@rlm1.example.com'"),
    ],
)
@pytest.mark.row(24)
async def test_each_form_has_a_short_name(rlm_ha: CommandLine, manifest: str, word: str, line: str) -> None:
    ended = await rlm_ha.run("render", "client-env", manifest, "--format", word)
    assert line in ended.out.splitlines()


@pytest.mark.row(25)
async def test_slurm_gets_a_prolog_that_it_can_run(
    rlm_ha: CommandLine, manifest: str, tmp_path: Path
) -> None:
    printed = await rlm_ha.run("render", "slurm", manifest, "--active", "rlm2")
    ended = await rlm_ha.run("render", "slurm", manifest, "--active", "rlm2", "--output", str(tmp_path))
    path = tmp_path / "rlm-task-prolog"
    assert ended.code == 0
    assert path.read_text() == printed.out
    prolog = await asyncio.create_subprocess_exec(path, stdout=asyncio.subprocess.PIPE)
    out, _ = await prolog.communicate()
    assert b"export RLM_LICENSE=5053@rlm2.example.com\n" in out
