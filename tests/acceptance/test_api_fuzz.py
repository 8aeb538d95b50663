"""A real daemon is asked whatever its OpenAPI document allows and forbids, and answers as the document says.

Half a minute here; `make fuzz-api` takes ten.
"""

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import requests

from tests.cli.command import CommandLine, end_of
from tests.cli.daemon import FixedDaemon, fixed
from tests.cli.site import MANIFEST, Site
from tests.server.contract import strict

SECONDS = int(os.environ.get("RLM_HA_FUZZ_SECONDS", "60"))
SEED = int(os.environ.get("RLM_HA_FUZZ_SEED", "1"))
BESIDE = 120.0
"""Seconds for everything that is not the fuzzing itself."""

OPERATOR, WEBHOOK = "an-operator", "a-webhook"

CONFIG = f"""\
[dictionaries]
clusters = {{ values = ["site", "lab"] }}
servers = {{ values = ["rlm1", "rlm2"] }}

[parameters]
name = {{ dictionary = "clusters", probability = 0.9 }}
server = {{ dictionary = "servers", probability = 0.8 }}

[checks]
# 503 is an answer where it is told as one: no seat could be read, no sink took it.
not_a_server_error = {{ expected-statuses = ["2xx", "3xx", "4xx", 503] }}

[[operations]]
include-path = "/webhooks/alertmanager"
headers = {{ Authorization = "Bearer {WEBHOOK}" }}
"""


@pytest.fixture
async def pager() -> AsyncIterator[FixedDaemon]:
    """A sink of alerts that takes all."""
    server = FixedDaemon()
    server.on("POST", "/in", fixed({}))
    await server.start()
    yield server
    await server.stop()


async def test_no_question_breaks_the_daemon_or_is_answered_otherwise_than_told(
    tmp_path: Path, pager: FixedDaemon
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    site = Site(tmp_path, CommandLine(home=home))
    site.add_settings(f"alerts: {{sinks: {{pager: {{webhook: {{url: '{pager.url}/in'}}}}}}}}")
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ada operator {hashlib.sha256(OPERATOR.encode()).hexdigest()}\n")
    with site.rlm1, site.rlm2:
        async with site.daemon(RLM_HA_TOKENS_FILE=str(tokens), RLM_HA_WEBHOOK_TOKEN=WEBHOOK):
            await _ready(site.url)
            await _deploy(site)
            ended, told = await _fuzz(site.url, tmp_path)
            assert ended == 0, told
            answer = await asyncio.to_thread(requests.get, f"{site.url}/-/healthy", timeout=5)
            assert answer.status_code == 200


async def _ready(url: str) -> None:
    async with asyncio.timeout(BESIDE):
        while True:
            try:
                answer = await asyncio.to_thread(requests.get, f"{url}/-/ready", timeout=5)
                if answer.status_code == 200:
                    return
            except (requests.ConnectionError, requests.Timeout):
                pass
            await asyncio.sleep(0.1)


async def _deploy(site: Site) -> None:
    """A second cluster, which may be changed and removed: the first one stands in a file."""
    manifest = MANIFEST.format(site.rlm1, site.rlm2, name="lab", hooks="hooks: {}")
    answer = await _post(site, orjson.dumps({"manifest": manifest}), "text/plain")
    assert (answer.status_code, answer.json()["detail"]) == (422, "the body must be application/json")
    answer = await _post(site, orjson.dumps({"manifest": manifest}), "application/json")
    assert answer.status_code == 200, answer.text


async def _post(site: Site, body: bytes, kind: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {OPERATOR}", "Content-Type": kind}
    return await asyncio.to_thread(
        requests.post, f"{site.url}/api/v1/manifests", data=body, headers=headers, timeout=30
    )


async def _fuzz(url: str, folder: Path) -> tuple[int, str]:
    document = folder / "openapi.json"
    document.write_bytes(orjson.dumps(strict()))
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("st")), "--config-file", str(config), "run", str(document)),
        *("--url", url, "--header", f"Authorization: Bearer {OPERATOR}", "--no-color"),
        *(
            "--exclude-checks",
            "positive_data_acceptance",
            "--seed",
            str(SEED),
            "--max-time",
            str(SECONDS),
            "--no-shrink",
        ),
        # How quickly this machine answers, and makes up questions, is not what is asked here.
        *("--request-timeout", "60", "--suppress-health-check", "too_slow"),
        *("--generation-database", "none", "--max-failures", "20"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
    )
    ended = await end_of(process, within=SECONDS + BESIDE)
    return ended.code, ended.out
