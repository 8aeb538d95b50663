"""A real journal in a file of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.failover.acting import FalteringJournal


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[FalteringJournal]:
    """An empty journal, which can be told to be away."""
    async with await FalteringJournal.open(url=f"sqlite:///{tmp_path / 'journal.db'}") as opened:
        yield opened
