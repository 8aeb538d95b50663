"""A daemon for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.daemon import Daemon, daemon


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Daemon]:
    """One that listens on loopback without tokens, and knows its clusters."""
    async with daemon(tmp_path) as made:
        yield made


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[Daemon]:
    """The same, whose controllers do not run: it knows nothing, and nobody but the handlers writes."""
    async with daemon(tmp_path, ready=False) as made:
        yield made
