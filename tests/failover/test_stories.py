"""Whole incidents as transcripts in `stories/`, told to the pure rules and compared line by line.

    # what the story is about
    given threshold=3 cooldown=600 automatic=no triggers=alerts pools_missing=move     the policy
    given takeover=native failback=automatic failback_after=600 failback_window=22:00-06:00@Europe/Berlin
    given active=rlm2 balancers=2 begins=2026-10-24T23:00:00+00:00
    0   all good                  a check of each server ended well, at so many seconds (or 90m, 2h)
    12  rlm1 timeout              a check of rlm1 failed, by one of the words of `FailureReason`
    12  rlm1 web timeout          a check of rlm1 found only the web interface so
    12  rlm1 refuses a move       from now on it takes no connection when it is to take over; or `accepts`
    13  lb1 rlm2 -rlm1            the balancer has rlm2 active, and finds rlm1 down; or: `lb1 away`
    14  lb1 is steered by somebody    else, under a higher epoch
    14  lb1 saw 3 connections and 0 bytes    of the active server, during its failed check and since
    15  alert fires               or `resolved`
    16  mon1 reports rlm1 healthy for 60     or `failed`; without a time it counts for two minutes
    17  operations fail           each step from now on; or `hang` before their first; or `work` again
    18  journal away              or `back`
    18  lease lost                another daemon acts; or `ours`
    19  daemon restarts           what only its memory held is gone; an open operation is taken up
    20  unpinned rlm1             its pin has been lifted
    21  nothing                   time has passed
    22  acknowledged              an operator has seen what was done
    22  operator failover rlm2 force expect=rlm1    or `switchover rlm2`, `failback`, `pause 2h`, `resume`
    22  operator maintenance rlm2 on switchover     or `off`
    => rlm2: failed_over          what was decided after the event above: a move, by which rule
    => hold: active_healthy       or that nobody moves, where the rule differs from the one before
    => aborted                    how an operation ended that was not committed: rolled_back, failed_safe
    => committed: rlm3            or that another server has taken over in it
    => refused: expectation_failed    what an operator was answered: a word of `RefusalKind`, or
    => rlm2: operator, switchover     what his wish became

A move that is decided is done at once: the record follows, with its pins and its cooldown, and the balancer
has the new server active. Two good checks of everybody come before each story.
"""

import re
from pathlib import Path

import pytest

from rlm_exporter.failover.reasons import RULES, Reason
from tests.failover.telling import Teller

STORIES = sorted((Path(__file__).parent / "stories").glob("*.txt"))


@pytest.mark.row(6)
@pytest.mark.row(33)
@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_story_goes_as_it_is_written(path: Path) -> None:
    written = path.read_text(encoding="utf-8").splitlines()
    assert told([line for line in written if not line.startswith("=>")]) == written


def test_every_rule_decides_in_some_story() -> None:
    words = {
        word
        for path in STORIES
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("=>")
        for word in re.findall(r"\w+", line)
    }
    assert {rule.reason.value for rule in RULES} - words == set()
    assert Reason.OPERATOR.value in words


def told(lines: list[str]) -> list[str]:
    """The story with the decisions in it."""
    teller = Teller()
    whole: list[str] = []
    for line in lines:
        words = line.partition("#")[0].split()
        teller.said.clear()
        if words[:1] == ["given"]:
            teller.given(words[1:])
        elif words:
            teller.happens(words[0], words[1:])
        whole += [line, *teller.said]
    return whole


def test_there_are_stories() -> None:
    assert len(STORIES) >= 20


def test_a_wrong_line_in_a_story_is_no_silent_comment() -> None:
    with pytest.raises(ValueError, match="no such event"):
        told(["0 rlm1 is a little tired"])
    with pytest.raises(ValueError, match="is not a valid FailureReason"):
        told(["0 rlm1 tired"])
    with pytest.raises(ValueError, match="no such event"):
        told(["0 operator sleeps"])
    with pytest.raises(ValueError, match="no such event"):
        told(["0 lb1"])
    with pytest.raises(ValueError, match="no such setting"):
        told(["given patience=3"])
