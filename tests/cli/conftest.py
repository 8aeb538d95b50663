from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.command import CommandLine
from tests.cli.daemon import FixedDaemon


@pytest.fixture
async def daemon() -> AsyncIterator[FixedDaemon]:
    server = FixedDaemon()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
def rlm_ha(tmp_path: Path) -> CommandLine:
    home = tmp_path / "home"
    home.mkdir()
    return CommandLine(home=home)
