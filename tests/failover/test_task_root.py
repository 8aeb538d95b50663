"""A defect of ours costs one turn of one task."""

import asyncio
import logging
from dataclasses import dataclass, field

import pytest

from rlm_exporter.failover.task_root import surviving
from rlm_exporter.store.records import Operation


@dataclass(kw_only=True)
class Stumbles:
    """An observer that keeps the defects."""

    errors: list[tuple[str, Exception]] = field(default_factory=list)

    def decided(self, cluster: str, rule: str) -> None:
        raise AssertionError("nothing is decided")

    def stepped(self, cluster: str, step: str, seconds: float) -> None:
        raise AssertionError("there is no step")

    def ended(self, operation: Operation) -> None:
        raise AssertionError("there is no operation")

    def stumbled(self, cluster: str, error: Exception) -> None:
        self.errors.append((cluster, error))


def fail(error: Exception) -> None:
    raise error


def test_it_is_logged_with_its_traceback_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    notes, defect = Stumbles(), KeyError("rlm9")
    with surviving("prod", "looking", observer=notes):
        fail(defect)
    assert notes.errors == [("prod", defect)]
    (told,) = caplog.records
    assert (told.levelno, told.getMessage()) == (logging.ERROR, "cluster=prod looking failed")
    assert told.exc_info is not None


def test_what_goes_well_is_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    notes = Stumbles()
    with surviving("prod", "looking", observer=notes):
        pass
    assert (notes.errors, caplog.records) == ([], [])


@pytest.mark.parametrize("ending", [asyncio.CancelledError, KeyboardInterrupt])
def test_an_end_that_is_asked_for_passes(ending: type[BaseException]) -> None:
    notes = Stumbles()
    with pytest.raises(ending), surviving("prod", "looking", observer=notes):
        raise ending
    assert notes.errors == []
