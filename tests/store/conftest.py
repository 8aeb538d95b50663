"""A journal in a file of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rlm_exporter.store.journal import Journal
from tests.store.situations import url_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal's file is, or will be."""
    return tmp_path / "journal.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    """An empty journal."""
    async with await Journal.open(url=url_of(path)) as opened:
        yield opened
