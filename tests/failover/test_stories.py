"""Whole incidents as transcripts in `stories/`, told to the pure rules and compared line by line.

    # what the story is about
    given threshold=3 cooldown=600 automatic=no triggers=alerts
    0   all good                  a check of each server ended well, at so many seconds
    12  rlm1 timeout              a check of rlm1 failed, by one of the words of `FailureReason`
    13  lb1 rlm2 -rlm1            the balancer has rlm2 active, and finds rlm1 down; or: `lb1 away`
    14  lb1 saw 3 connections and 0 bytes    of the active server, during its failed check and since
    15  alert fires               or `resolved`
    16  operations fail           from now on every operation does; or `work` again
    17  unpinned rlm1             its pin has been lifted
    18  acknowledged              an operator has seen what was done
    19  nothing                   time has passed
    => rlm2: failed_over          what was decided after the event above: a move, by which rule
    => hold: active_healthy       or that nobody moves, where the rule differs from the one before

A move that is decided is done at once: the record follows, with its pins and its cooldown, and the balancer
has the new server active. Two good checks of everybody come before each story.
"""

from pathlib import Path

import pytest

from tests.failover.telling import Teller

STORIES = sorted((Path(__file__).parent / "stories").glob("*.txt"))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_story_goes_as_it_is_written(path: Path) -> None:
    written = path.read_text(encoding="utf-8").splitlines()
    assert told([line for line in written if not line.startswith("=>")]) == written


def told(lines: list[str]) -> list[str]:
    """The story with the decisions in it."""
    teller = Teller()
    teller.begin()
    whole: list[str] = []
    for line in lines:
        words = line.partition("#")[0].split()
        teller.said.clear()
        if words[:1] == ["given"]:
            teller.given(words[1:])
        elif words:
            teller.happens(float(words[0]), words[1:])
        whole += [line, *teller.said]
    return whole


def test_there_are_stories() -> None:
    assert len(STORIES) >= 8


def test_a_wrong_line_in_a_story_is_no_silent_comment() -> None:
    with pytest.raises(ValueError, match="no such event"):
        told(["0 rlm1 is a little tired"])
    with pytest.raises(ValueError, match="no such setting"):
        told(["given patience=3"])
