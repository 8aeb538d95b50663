"""Looks at a cluster again and again, over restarts of the daemon."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from rlm_exporter.cli.answers import ClusterStatus
from rlm_exporter.cli.client import Answer
from rlm_exporter.cli.move import may_pass
from rlm_exporter.cli.pace import Pace
from rlm_exporter.errors import ApiError


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the cluster."""

    at: datetime
    """When the answer was there, by this machine's clock."""
    answer: Answer[ClusterStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """One look that found no daemon, or one that is not ready to answer."""

    at: datetime
    since: datetime
    """When the first of them in a row was."""
    why: str


def look_again(ask: Callable[[], Answer[ClusterStatus]], *, pace: Pace) -> Iterator[Look | NoAnswer]:
    """What each look finds, without an end.

    Raises ApiError: at once when the first look finds nobody, and later when the daemon refuses, as it does
    when the cluster is gone.
    """
    yield Look(answer=ask(), at=pace.now())
    since: datetime | None = None
    while True:
        pace.wait()
        try:
            answer = ask()
        except ApiError as error:
            if not may_pass(error):
                raise
            at = pace.now()
            since = since or at
            yield NoAnswer(at=at, since=since, why=str(error))
            continue
        since = None
        yield Look(answer=answer, at=pace.now())
