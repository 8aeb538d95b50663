from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import click
import pytest

from rlm_exporter.cli.answers import ClusterStatus
from rlm_exporter.cli.client import Answer, UnreachableError
from rlm_exporter.cli.decode import decode
from rlm_exporter.cli.looking import Look, NoAnswer, look_again
from rlm_exporter.cli.pace import Pace, interval_option
from rlm_exporter.errors import ApiError
from tests.cli.documents import Document, status

START = datetime(2025, 11, 25, 9, 0, tzinfo=UTC)
AWAY = UnreachableError("no answer: refused.", maybe_done=False)
STARTING = ApiError("not ready yet", status=503, exit_code=5)
GONE = ApiError("no such cluster; known: none", status=404, exit_code=3)


@dataclass
class Clock:
    """Time that passes only while somebody sleeps."""

    now: datetime = START
    waits: list[float] = field(default_factory=list)

    def pace(self, interval: timedelta = timedelta(seconds=2)) -> Pace:
        return Pace(interval=interval, now=lambda: self.now, monotonic=self.monotonic, sleep=self.sleep)

    def monotonic(self) -> float:
        return (self.now - START).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)


def giving(*results: Document | ApiError) -> Callable[[], Answer[ClusterStatus]]:
    left = list(results)

    def ask() -> Answer[ClusterStatus]:
        result = left.pop(0)
        if isinstance(result, ApiError):
            raise result
        return Answer(value=decode(ClusterStatus, result), document=result)

    return ask


def test_it_looks_at_once_and_then_in_its_interval() -> None:
    clock = Clock()
    looks = look_again(giving(status(), status()), pace=clock.pace())
    assert isinstance(next(looks), Look)
    assert clock.waits == []
    assert isinstance(next(looks), Look)
    assert clock.waits == [2.0]


def test_a_daemon_that_is_not_there_at_first_is_an_error() -> None:
    with pytest.raises(UnreachableError):
        next(look_again(giving(AWAY), pace=Clock().pace()))


def test_a_daemon_that_goes_away_is_asked_until_it_is_back() -> None:
    looks = look_again(giving(status(), AWAY, STARTING, status(), AWAY), pace=Clock().pace())
    found = [next(looks) for _ in range(5)]
    assert [type(each) for each in found] == [Look, NoAnswer, NoAnswer, Look, NoAnswer]
    absent = [each for each in found if isinstance(each, NoAnswer)]
    assert [(each.at - START).total_seconds() for each in absent] == [2, 4, 8]
    assert [(each.since - START).total_seconds() for each in absent] == [2, 2, 8]
    assert absent[0].why == "no answer: refused."


def test_a_cluster_that_is_gone_ends_it() -> None:
    looks = look_again(giving(status(), AWAY, GONE), pace=Clock().pace())
    next(looks)
    next(looks)
    with pytest.raises(ApiError, match="no such cluster"):
        next(looks)


@pytest.mark.parametrize(
    ("text", "why"),
    [("0s", "from 100ms to 1h"), ("99ms", "from 100ms to 1h"), ("2h", "from 100ms to 1h"), ("2", "write 2s")],
)
def test_an_interval_that_cannot_be_meant_is_refused(text: str, why: str) -> None:
    @click.command()
    @interval_option
    def act(*, interval: timedelta | None) -> None:
        click.echo(str(interval))

    with pytest.raises(click.BadParameter, match=why):
        act.main(["--interval", text], standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "read"), [([], None), (["--interval", "100ms"], 0.1), (["--interval", "1h"], 3600)]
)
def test_an_interval_is_a_duration_as_manifests_have_them(words: list[str], read: float | None) -> None:
    found: list[timedelta | None] = []

    @click.command()
    @interval_option
    def act(*, interval: timedelta | None) -> None:
        found.append(interval)

    act.main(words, standalone_mode=False)
    assert found == [None if read is None else timedelta(seconds=read)]
