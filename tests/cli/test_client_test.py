"""`rlm-ha client-test` with simulated servers, and ports that behave as dead ones."""

from pathlib import Path

import pytest

from rlm_exporter.drill.first_answer import Asked, Death, cases
from rlm_exporter.simulator.launch import write_rlmutil
from tests.cli.command import CommandLine
from tests.simulated import SimulatedServer

COST = {Death.MACHINE: 10.0, Death.PROGRAM: 0.1}


def asked(server: str, *, answered: bool = True, seconds: float = 0.5) -> Asked:
    return Asked(server=server, answered=answered, seconds=seconds, detail="")


@pytest.mark.row(47)
def test_a_dead_server_costs_those_alone_who_ask_it_before_another() -> None:
    found = cases([asked("a"), asked("b")], cost=COST)
    assert [(case.dead, case.death, case.seconds, case.answered_by) for case in found] == [
        (None, None, 0.5, "a"),
        ("a", Death.MACHINE, 10.5, "b"),
        ("a", Death.PROGRAM, 0.6, "b"),
        ("b", Death.MACHINE, 0.5, "a"),
        ("b", Death.PROGRAM, 0.5, "a"),
    ]


@pytest.mark.row(47)
def test_with_a_machine_all_its_servers_are_gone() -> None:
    found = cases([asked("1@a"), asked("2@A"), asked("1@b"), asked("1@a")], cost=COST)
    told = {(case.dead, case.death): (case.seconds, case.answered_by) for case in found}
    assert told == {
        (None, None): (0.5, "1@a"),
        ("1@a", Death.MACHINE): (20.5, "1@b"),
        ("1@a", Death.PROGRAM): (0.6, "2@A"),
        ("2@A", Death.MACHINE): (20.5, "1@b"),
        ("2@A", Death.PROGRAM): (0.5, "1@a"),
        ("1@b", Death.MACHINE): (0.5, "1@a"),
        ("1@b", Death.PROGRAM): (0.5, "1@a"),
    }


def test_one_that_is_dead_already_costs_what_it_took() -> None:
    found = cases([asked("a", answered=False, seconds=7), asked("b")], cost=COST)
    assert [(case.dead, case.seconds, case.answered_by) for case in found[:4:3]] == [
        (None, 7.5, "b"),
        ("b", 17, None),
    ]


@pytest.mark.row(47)
async def test_the_wait_is_measured_by_rlmutil_with_the_clients_own_timeout(
    rlm_ha: CommandLine, tmp_path: Path
) -> None:
    rlmutil = tmp_path / "rlmutil"
    write_rlmutil(rlmutil)
    with (
        SimulatedServer(tmp_path, name="rlm1") as rlm1,
        SimulatedServer(tmp_path, name="rlm2", host="127.0.0.2") as rlm2,
    ):
        ended = await rlm_ha.run(
            *("client-test", f"{rlm1.endpoint}:{rlm2.endpoint}", "--connect-timeout", "5"),
            *("--rlmutil", str(rlmutil), "--json"),
        )
        alone = await rlm_ha.run(
            *("client-test", "--rlmutil", str(rlmutil), "--json"),
            RLM_LICENSE=rlm1.endpoint,
            RLM_CONNECT_TIMEOUT="5",
        )

    assert ended.code == 0, ended.err
    told = {(case["dead"], case["death"]): case for case in ended.document["cases"]}
    switched_off, stopped = told[rlm1.endpoint, "machine"], told[rlm1.endpoint, "program"]
    assert (switched_off["answered_by"], stopped["answered_by"]) == (rlm2.endpoint, rlm2.endpoint)
    assert switched_off["seconds"] >= 5
    assert stopped["seconds"] < switched_off["seconds"]
    assert told[rlm2.endpoint, "machine"] == {**told[rlm2.endpoint, "program"], "death": "machine"}
    assert told[None, None]["answered_by"] == rlm1.endpoint

    # A list of one has nobody else.
    assert (alone.code, alone.document["cases"][1]["answered_by"]) == (1, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "there is no server to ask; give a LIST"),
        (("/opt/rlm/a.lic",), "not asked, for it is no port@host: /opt/rlm/a.lic"),
        (("5053@a", "--connect-timeout", "soon"), "write whole seconds"),
    ],
)
async def test_what_cannot_be_asked_is_told(rlm_ha: CommandLine, words: tuple[str, ...], said: str) -> None:
    ended = await rlm_ha.run("client-test", *words)
    assert (ended.code, said in ended.err) == (2, True), ended.err
