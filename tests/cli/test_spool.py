"""Lines on disk, in order."""

import random

import pytest

from rlm_exporter.cli import spool as module
from rlm_exporter.cli.spool import Spool


@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 100, 1234])
def test_gives_back_in_order_whatever_the_order_was(number: int) -> None:
    numbers = list(range(number))
    random.Random(number).shuffle(numbers)
    with Spool(in_memory=10) as spool:
        for each in numbers:
            spool.add(each, f"line {each} ü\u2028 ")
        for _ in range(2):
            assert list(spool.lines()) == [f"line {each} ü\u2028 " for each in range(number)]


def test_holds_few_files_however_many_lines_there_are() -> None:
    with Spool(in_memory=2) as spool:
        for each in range(1000, 0, -1):
            spool.add(each, "x")
            assert len(spool._files) <= module._FILES
        assert len(list(spool.lines())) == 1000


def test_leaves_no_file_open() -> None:
    with Spool(in_memory=1) as spool:
        spool.add(1, "x")
        [file] = spool._files
        assert not file.closed
    assert file.closed
