"""Whether the daemon answers, told by exit codes."""

from tests.cli.command import CommandLine
from tests.cli.daemon import FixedDaemon, said


async def test_a_daemon_that_answers_is_healthy(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", "/-/healthy", said("rlm-ha is healthy\n"))
    ended = await rlm_ha.run("health", RLM_HA_URL=daemon.url)
    assert (ended.code, ended.out, ended.err) == (0, "healthy\n", "")


async def test_one_that_could_not_fail_over_says_why_and_is_1(
    daemon: FixedDaemon, rlm_ha: CommandLine
) -> None:
    daemon.on("GET", "/-/ready", said("not ready\nsite: no standby is healthy\n", status=503))
    ended = await rlm_ha.run("health", "--ready", "-j", RLM_HA_URL=daemon.url)
    assert ended.code == 1
    assert ended.document == {"asked": "ready", "answer": False, "reasons": ["site: no standby is healthy"]}


async def test_nobody_there_is_5(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("health", "--url", "http://127.0.0.1:1")
    assert ended.code == 5
    assert "no answer from the daemon at http://127.0.0.1:1" in ended.err


async def test_a_stranger_on_the_port_is_no_daemon(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("GET", "/-/healthy", said("It works!\n"))
    ended = await rlm_ha.run("health", RLM_HA_URL=daemon.url)
    assert ended.code == 5
    assert "not as an rlm-ha daemon" in ended.err
