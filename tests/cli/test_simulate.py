import pytest

from tests.cli.command import CommandLine
from tests.ports import free_port


async def test_rlmutil_gets_its_arguments_as_they_are(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("simulate", "rlmutil", "rlmstat", "-a", "-c", f"{free_port()}@127.0.0.1")
    assert ended.code == 1
    assert "rlmutil" in ended.out


@pytest.mark.parametrize("program", ["server", "clients"])
async def test_help_is_the_programs_own(program: str, rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("simulate", program, "--help")
    assert ended.code == 0
    assert "--host" in ended.out or "--record" in ended.out


async def test_wrong_options_are_usage(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("simulate", "server", "--no-such-option")
    assert ended.code == 2
