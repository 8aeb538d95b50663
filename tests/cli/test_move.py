from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from rlm_exporter.cli.answers import MoveAnswer, OperationView
from rlm_exporter.cli.client import Answer, UnreachableError
from rlm_exporter.cli.decode import decode
from rlm_exporter.cli.move import ask_for_move, follow, verdict
from rlm_exporter.cli.patience import Patience
from rlm_exporter.errors import ApiError
from tests.cli.documents import STEPS, Document, open_operation, operation, step

T = TypeVar("T")

LOST = UnreachableError("no answer: reset.", maybe_done=True)
NEVER_ASKED = UnreachableError("no answer: refused.", maybe_done=False)
STARTING = ApiError("who is active is not known yet", status=503, exit_code=5)
REFUSED = ApiError("rlm2 does not look healthy", status=409, exit_code=4)


@dataclass
class FakeTime:
    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class FakeApi:
    """Gives the prepared results in turn, the last one again; an exception is raised."""

    moves: list[Document | Exception] = field(default_factory=list)
    operations: list[Document | Exception] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    asked: int = 0

    def fail_over(
        self, name: str, wish: Mapping[str, Any], *, key: str, verb: str = "failover"
    ) -> Answer[MoveAnswer]:
        self.keys.append(key)
        return _next(MoveAnswer, self.moves)

    def operation(self, name: str, number: int) -> Answer[OperationView]:
        self.asked += 1
        return _next(OperationView, self.operations)


def _next(kind: type[T], results: list[Document | Exception]) -> Answer[T]:
    result = results.pop(0) if len(results) > 1 else results[0]
    if isinstance(result, Exception):
        raise result
    return Answer(value=decode(kind, result), document=result)


def patience(time: FakeTime | None = None) -> Patience:
    time = time or FakeTime()
    return Patience(monotonic=time.monotonic, sleep=time.sleep)


STARTED: Document = {"result": "started", "operation": open_operation()}


def asked(*moves: Document | Exception) -> tuple[FakeApi, list[str], Answer[MoveAnswer]]:
    api, told = FakeApi(moves=list(moves)), list[str]()
    answer = ask_for_move(api, "c", {"to": "rlm2"}, key="k1", patience=patience(), tell=told.append)
    return api, told, answer


def followed(
    *operations: Document | Exception, time: FakeTime | None = None
) -> tuple[list[OperationView], list[str], Answer[OperationView]]:
    shown, told = list[OperationView](), list[str]()
    first = open_operation()
    answer = follow(
        FakeApi(operations=list(operations)),
        "c",
        Answer(value=decode(OperationView, first), document=first),
        patience=patience(time),
        show=shown.append,
        tell=told.append,
    )
    return shown, told, answer


def test_the_last_steps_outcome_is_waited_for_a_moment() -> None:
    """The journal has the commit first, and that the step is done just after."""
    last = {**STEPS[2], "outcome": None, "done_at": None}
    unsaid = operation(steps=[*STEPS[:2], last])
    shown, _, answer = followed(open_operation(*STEPS[:2]), unsaid, unsaid, operation())
    assert answer.document == operation()
    assert [view.steps[-1].outcome for view in shown[1:]] == ["done", None, None, "done"]


def test_what_a_daemon_that_died_never_wrote_is_not_waited_for_long() -> None:
    last = {**STEPS[2], "outcome": None, "done_at": None}
    time = FakeTime()
    _, _, answer = followed(operation(steps=[*STEPS[:2], last]), time=time)
    assert answer.value.state == "committed"
    assert time.now < 2


@pytest.mark.row(11)
def test_a_lost_answer_is_asked_for_again_with_the_same_key() -> None:
    api, told, answer = asked(LOST, NEVER_ASKED, STARTING, STARTED)
    assert api.keys == ["k1"] * 4
    assert answer.value.result == "started"
    assert len(told) == 3


@pytest.mark.parametrize("error", [NEVER_ASKED, STARTING, REFUSED])
def test_what_was_not_lost_is_not_repeated(error: ApiError) -> None:
    api = FakeApi(moves=[error])
    with pytest.raises(ApiError) as raised:
        ask_for_move(api, "c", {}, key="k1", patience=patience(), tell=lambda _: None)
    assert raised.value is error
    assert len(api.keys) == 1


def test_a_refusal_after_a_lost_answer_is_final() -> None:
    api = FakeApi(moves=[LOST, REFUSED])
    with pytest.raises(ApiError) as raised:
        ask_for_move(api, "c", {}, key="k1", patience=patience(), tell=lambda _: None)
    assert raised.value is REFUSED


def test_a_daemon_that_stays_away_may_still_have_done_it() -> None:
    time = FakeTime()
    with pytest.raises(ApiError, match="may still be done: rlm-ha licenses events c") as raised:
        ask_for_move(FakeApi(moves=[LOST]), "c", {}, key="k1", patience=patience(time), tell=lambda _: None)
    assert raised.value.exit_code == 5
    assert 120 <= time.now < 121


def test_an_operation_is_followed_to_its_end() -> None:
    shown, told, answer = followed(open_operation(STEPS[0]), open_operation(*STEPS[:2]), operation())
    assert answer.document == operation()
    assert [len(view.steps) for view in shown] == [0, 1, 2, 3]
    assert told == []


@pytest.mark.row(11)
def test_a_restart_of_the_daemon_is_waited_for_and_told_once() -> None:
    _, told, answer = followed(
        open_operation(STEPS[0]), LOST, NEVER_ASKED, NEVER_ASKED, STARTING, operation()
    )
    assert answer.value.state == "committed"
    assert told == ["Asking again until there is an answer: no answer: reset."]


def test_a_daemon_that_stays_away_ends_the_waiting_after_two_minutes() -> None:
    time = FakeTime()
    with pytest.raises(UnreachableError) as raised:
        followed(NEVER_ASKED, time=time)
    assert raised.value.exit_code == 5
    assert 120 <= time.now < 121


def test_each_news_renews_the_patience() -> None:
    time = FakeTime()
    apart = [open_operation(step(1, "apply", done_at=None, outcome=None))] * 400
    later = [open_operation(STEPS[0])] * 400
    _, _, answer = followed(*apart, *later, operation(), time=time)
    assert answer.value.state == "committed"
    assert time.now > 120


def test_an_operation_without_news_is_given_up_as_open() -> None:
    time = FakeTime()
    _, _, answer = followed(open_operation(), time=time)
    assert answer.value.is_open
    assert 120 <= time.now < 121


def test_an_operation_that_the_daemon_does_not_know_is_an_error() -> None:
    gone = ApiError("no such operation", status=404, exit_code=3)
    with pytest.raises(ApiError) as raised:
        followed(gone)
    assert raised.value is gone


@pytest.mark.parametrize(
    ("document", "code", "sentence"),
    [
        (operation(), 0, "rlm2 is active (operation 12, epoch 7, 1.2 s)"),
        (
            operation(
                state="aborted",
                outcome="aborted",
                steps=[step(1, "before_hooks", outcome="failed", detail="exit status 3")],
            ),
            1,
            "operation 12 was aborted before anything was changed: before_hooks on rlm2: exit status 3",
        ),
        (
            operation(
                state="failed",
                outcome="rolled_back",
                to="rlm1",
                steps=[
                    step(1, "apply"),
                    step(2, "verify", outcome="failed", detail="lb1: timeout"),
                    step(3, "apply"),
                ],
            ),
            1,
            "operation 12 failed, clients are back on rlm1: verify on rlm2: lb1: timeout",
        ),
        (
            operation(state="failed", outcome="failed_safe", steps=[]),
            1,
            "operation 12 failed, no server is held back any more and the balancers choose by themselves",
        ),
        (operation(state="failed", outcome="odd", steps=[]), 1, "operation 12 failed, outcome odd"),
        (open_operation(), 1, "operation 12 is still open, and nothing new was heard of it for long"),
    ],
)
def test_the_end_of_an_operation_has_a_code_and_a_sentence(
    document: Document, code: int, sentence: str
) -> None:
    assert verdict(decode(OperationView, document)) == (code, sentence)
