import asyncio

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


async def test_a_scenario_is_tried_as_the_help_of_the_server_tells(rlm_ha: CommandLine) -> None:
    """Every line of its example, from one YAML file: run it, ask it, make it ill, ask again."""
    port = free_port()
    (rlm_ha.home / "rlm1.yaml").write_text(
        f"name: rlm1\nport: {port}\ncontrol: rlm1.control\n"
        "isvs: [{name: acme, pools: [{product: solver, version: 3.0, count: 40}]}]\n"
    )
    server = await rlm_ha.start("simulate", "server", "--scenario", "rlm1.yaml")
    try:
        assert server.stdout is not None
        async with asyncio.timeout(20):
            assert (await server.stdout.readline()).startswith(b"ready rlm1")
        ask = ("simulate", "rlmutil", "rlmstat", "-a", "-c", f"{port}@127.0.0.1")
        well = await rlm_ha.run(*ask)
        made_ill = await rlm_ha.run("simulate", "control", "rlm1.control", "no-pools")
        ill = await rlm_ha.run(*ask)
        assert "count: 40" in well.out
        assert made_ill.code == 0
        assert "count: 40" not in ill.out
        assert "acme ISV server status" in ill.out
    finally:
        server.terminate()
        async with asyncio.timeout(20):
            await server.communicate()


async def test_control_says_where_no_server_answers(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("simulate", "control", "nobody.control", "hang")
    assert ended.code == 1
    assert "nobody.control: no simulated server answers there" in ended.err
