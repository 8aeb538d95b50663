"""`rlm-ha render rlm-args` on the guide's own file, where RLM_HA_PAGE says where the guide is."""

import os
import re
from pathlib import Path

import pytest

from tests.cli.command import CommandLine

pytestmark = pytest.mark.row(15)

OURS = """\
# our own file with the same keys
LICENSE_PATH /opt/rlm/licenses
LOG_FILE /opt/rlm/logs/rlm.log
LOG_LEVEL 3
WEB_INTERFACE_ENABLE 1
WEB_INTERFACE_PORT 5054
WEB_INTERFACE_HTTPS 1
WEB_INTERFACE_CERT /opt/rlm/ssl/server.crt
WEB_INTERFACE_KEY /opt/rlm/ssl/server.key
REDUNDANT_SERVER_ENABLE 1
REDUNDANT_HEARTBEAT_INTERVAL 30
REDUNDANT_FAILOVER_TIMEOUT 90
REDUNDANT_SYNC_INTERVAL 60
CONNECTION_TIMEOUT 300
MAX_CONNECTIONS 500
THREAD_POOL_SIZE 20
"""
COMMAND = (
    "/opt/rlm/bin/rlm -c /opt/rlm/licenses -dlog +/opt/rlm/logs/rlm.log -ws 5054 "
    "-sslcert /opt/rlm/ssl/server.crt -sslpriv /opt/rlm/ssl/server.key"
)


def printed() -> str:
    path = os.environ.get("RLM_HA_PAGE")
    if path is None:
        return OURS
    text = Path(path).read_text("utf-8")
    found = re.search(r"rlm\.conf > /dev/null <<EOF\n(.*?)^EOF$", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


async def test_the_command_goes_to_stdout_and_what_became_of_each_key_to_stderr(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "rlm.conf").write_text(printed())

    ended = await rlm_ha.run("render", "rlm-args", "rlm.conf")

    assert (ended.code, ended.out) == (0, COMMAND + "\n")
    told = ended.err.splitlines()
    assert len(told) == 15
    assert all(re.match(r"rlm\.conf:\d+: [A-Z_]+: .+ \(.+\)$", line) for line in told)
    assert [line.split(": ")[1] for line in told if "no effect in RLM" in line] == [
        "LOG_LEVEL",
        "THREAD_POOL_SIZE",
    ]


async def test_json_has_the_words_of_the_command_and_every_setting(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "rlm.conf").write_text(printed())

    ended = await rlm_ha.run("render", "rlm-args", "-j", "rlm.conf")

    assert (ended.code, ended.err) == (0, "")
    assert ended.document["command"] == COMMAND.split()
    assert len(ended.document["settings"]) == 15
    assert ended.document["settings"][0]["effect"] == "rlm"
    assert ended.document["warnings"] == []


async def test_an_unknown_key_warns_with_its_line_and_stops_nothing(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "rlm.conf").write_text("license_path=/opt/rlm/licenses\nREDUNDANT_QUORUM 2\n")

    ended = await rlm_ha.run("render", "rlm-args", "rlm.conf", "--program", "/usr/local/my rlm")

    assert (ended.code, ended.out) == (0, "'/usr/local/my rlm' -c /opt/rlm/licenses\n")
    assert "rlm.conf:2: warning: REDUNDANT_QUORUM is not known" in ended.err


async def test_wrong_values_are_told_with_file_and_line_and_no_command(rlm_ha: CommandLine) -> None:
    (rlm_ha.home / "rlm.conf").write_text("WEB_INTERFACE_PORT x\n\nLOG_FILE rlm.log\n")

    ended = await rlm_ha.run("render", "rlm-args", "rlm.conf")

    assert (ended.code, ended.out) == (1, "")
    assert "rlm.conf:1: WEB_INTERFACE_PORT: 'x' is no port" in ended.err
    assert "rlm.conf:3: LOG_FILE: 'rlm.log' is no absolute path" in ended.err
