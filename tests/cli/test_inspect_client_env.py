"""`rlm-ha inspect client-env` as its users run it."""

import pytest

from tests.cli.command import CommandLine

LIST = """\
export RLM_LICENSE="5053@rlm-lb.example.com"
export SIEMENS_LICENSE_FILE="5053@rlm-lb.example.com"
export RLM_LICENSE="5053@rlm1.example.com:5053@rlm2.example.com:/opt/a.lic"
RLM_CONNECT_TIMEOUT=8
"""


@pytest.mark.row(24)
async def test_a_file_is_told_in_order_with_what_dead_servers_cost(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "rlm.sh").write_text(LIST)

    ended = await rlm_ha.run("inspect", "client-env", "-j", "rlm.sh")

    assert (ended.code, ended.err) == (0, "")
    document = ended.document
    assert document["lists"] == [
        {
            "name": "RLM_LICENSE",
            "line": 3,
            "isv": None,
            "items": [
                {
                    "kind": "server",
                    "text": "5053@rlm1.example.com",
                    "host": "rlm1.example.com",
                    "port": 5053,
                    "seconds_if_those_before_are_dead": 0,
                },
                {
                    "kind": "server",
                    "text": "5053@rlm2.example.com",
                    "host": "rlm2.example.com",
                    "port": 5053,
                    "seconds_if_those_before_are_dead": 5,
                },
                {
                    "kind": "file",
                    "text": "/opt/a.lic",
                    "host": None,
                    "port": None,
                    "seconds_if_those_before_are_dead": 10,
                },
            ],
        }
    ]
    assert [each["name"] for each in document["foreign"]] == ["SIEMENS_LICENSE_FILE"]
    assert document["connect_timeout"] == {"value": "8", "seconds": 5, "retries": True}
    assert document["random_order"] is False
    assert [
        (each["kind"], each["setting"], each["line"], each["severity"]) for each in document["findings"]
    ] == [
        ("set-twice", "RLM_LICENSE", 1, "note"),
        ("several-servers", "RLM_LICENSE", 3, "warning"),
        ("flexlm-name", "SIEMENS_LICENSE_FILE", 2, "warning"),
        ("timeout-rounded", "RLM_CONNECT_TIMEOUT", 4, "note"),
    ]


@pytest.mark.row(24)
async def test_people_get_a_table_of_80_columns(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "rlm.sh").write_text(LIST + "siemens_LICENSE=5053@a:x@b\nRLM_PATH_RANDOMIZE=1\n")

    ended = await rlm_ha.run("inspect", "client-env", "rlm.sh")

    assert ended.code == 1
    assert max(len(line) for line in ended.out.splitlines()) <= 80
    assert "all programs but those of siemens" in ended.out
    assert "not read by RLM" in ended.out
    assert "5 s each, at every checkout (RLM_CONNECT_TIMEOUT=8)" in ended.out
    assert "from a random place of the list on" in ended.out


@pytest.mark.row(24)
async def test_the_environment_of_the_command_is_read_when_asked_for(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run(
        "inspect", "client-env", "--env", "-j", RLM_LICENSE="5053@[2001:db8::1]", OTHER="x"
    )

    [found] = ended.document["lists"]
    assert (found["line"], found["items"][0]["host"]) == (None, "2001:db8::1")
    assert ended.document["connect_timeout"] == {"value": None, "seconds": 10, "retries": True}


async def test_an_empty_environment_is_told_and_no_error(rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("inspect", "client-env", "--env")
    assert ended.code == 0
    assert "neither RLM_LICENSE" in ended.out


@pytest.mark.parametrize("arguments", [[], ["--env", "."], ["."], ["not-there"]])
async def test_a_mistake_of_usage_ends_with_2(arguments: list[str], rlm_ha: CommandLine) -> None:
    ended = await rlm_ha.run("inspect", "client-env", *arguments)
    assert (ended.code, ended.out) == (2, "")


async def test_several_files_are_read_one_after_the_other(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "a").write_text("RLM_LICENSE=5053@a\n")
    (rlm_ha.home / "b").write_bytes(b"HOME=/root\0RLM_LICENSE=5053@b\0")
    ended = await rlm_ha.run("inspect", "client-env", "-j", "a", "b")
    assert [item["text"] for item in ended.document["lists"][0]["items"]] == ["5053@b"]


async def test_letters_of_a_setting_cannot_steer_the_terminal(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "a").write_text("RLM_LICENSE=\x1b[2J5053@a:\x1b]0;x\n")
    assert "\x1b" not in (await rlm_ha.run("inspect", "client-env", "a")).out
