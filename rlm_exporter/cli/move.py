"""Asks for a move and follows it to its end, over lost connections and restarts of the daemon."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from rlm_exporter.cli.answers import MoveAnswer, OperationView
from rlm_exporter.cli.client import Answer, UnreachableError
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.patience import Patience
from rlm_exporter.cli.phrases import between
from rlm_exporter.errors import ApiError

LAST_LOOKS = 4
"""Questions for the outcome of the last step of a move that has ended."""


class MoveApi(Protocol):
    """The two calls that a move needs."""

    def fail_over(
        self, name: str, wish: Mapping[str, Any], *, key: str, verb: str = "failover"
    ) -> Answer[MoveAnswer]:
        """Ask for the move; repeatable with the same key."""
        ...

    def operation(self, name: str, number: int) -> Answer[OperationView]:
        """The operation as it is now."""
        ...


def ask_for_move(
    api: MoveApi,
    name: str,
    wish: Mapping[str, Any],
    *,
    key: str,
    patience: Patience,
    tell: Callable[[str], None],
    verb: str = "failover",
) -> Answer[MoveAnswer]:
    """The daemon's answer; asked again with the same key when it may have been lost on its way.

    Raises ApiError: at once when the daemon was not there in the first place, or refuses.
    """
    lost = False
    while True:
        try:
            return api.fail_over(name, wish, key=key, verb=verb)
        except ApiError as error:
            lost = lost or (isinstance(error, UnreachableError) and error.maybe_done)
            if not lost or not may_pass(error):
                raise
            tell(f"The answer was lost, asking again: {error}")
            if not patience.wait():
                raise ApiError(
                    f"{error} The move may still be done: rlm-ha licenses events {name}",
                    status=error.status,
                    exit_code=error.exit_code,
                ) from error


def follow(
    api: MoveApi,
    name: str,
    started: Answer[OperationView],
    *,
    patience: Patience,
    show: Callable[[OperationView], None],
    tell: Callable[[str], None],
) -> Answer[OperationView]:
    """The operation as it ended, or as it was when there was no news of it for too long.

    Raises ApiError when the daemon stays away, or does not know the operation any more.
    """
    answer = started
    away: ApiError | None = None
    show(answer.value)
    while answer.value.is_open:
        if not patience.wait():
            if away is not None:
                raise away
            break
        try:
            newer = api.operation(name, answer.value.id)
        except ApiError as error:
            if not may_pass(error):
                raise
            if away is None:
                tell(f"Asking again until there is an answer: {error}")
            away = error
            continue
        if away is not None or newer.value != answer.value:
            patience.renew()
        away, answer = None, newer
        show(answer.value)
    return _told_to_its_end(api, name, answer, patience=patience, show=show)


def _told_to_its_end(
    api: MoveApi,
    name: str,
    ended: Answer[OperationView],
    *,
    patience: Patience,
    show: Callable[[OperationView], None],
) -> Answer[OperationView]:
    """With the outcome of its last step, which the journal has a moment after the end itself.

    A daemon that died in that moment never writes it, so nobody waits for it for long.
    """
    answer = ended
    for _ in range(LAST_LOOKS):
        if answer.value.is_open or all(step.outcome is not None for step in answer.value.steps):
            break
        patience.renew()
        if not patience.wait():
            break
        try:
            answer = api.operation(name, answer.value.id)
        except ApiError:
            break
        show(answer.value)
    return answer


def may_pass(error: ApiError) -> bool:
    """Whether it is what a restart of the daemon looks like from here."""
    return isinstance(error, UnreachableError) or error.status == 503


def verdict(operation: OperationView) -> tuple[ExitCode, str]:
    """The exit code and the sentence for how it ended."""
    number = f"operation {operation.id}"
    failed = next((step for step in reversed(operation.steps) if step.outcome == "failed"), None)
    why = (
        "" if failed is None else f": {failed.step} on {failed.target}: {failed.detail or 'no detail given'}"
    )
    match operation.state:
        case "committed":
            ended = operation.ended_at or operation.committed_at
            took = "" if ended is None else f", {between(operation.started_at, ended)}"
            return (
                ExitCode.DONE,
                f"{operation.target} is active ({number}, epoch {operation.epoch}{took})",
            )
        case "aborted":
            return ExitCode.FAILED, f"{number} was aborted before anything was changed{why}"
        case "open":
            return ExitCode.FAILED, f"{number} is still open, and nothing new was heard of it for long"
        case _:
            return ExitCode.FAILED, f"{number} failed, {_afterwards(operation)}{why}"


def _afterwards(operation: OperationView) -> str:
    match operation.outcome:
        case "rolled_back":
            return f"clients are back on {operation.target}"
        case "failed_safe":
            return "no server is held back any more and the balancers choose by themselves"
        case "not_verified":
            return "clients stay where the balancers had sent them"
        case _:
            return f"outcome {operation.outcome or 'unknown'}"
