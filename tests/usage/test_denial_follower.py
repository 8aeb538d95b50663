"""Denials are found once each from now on, whatever becomes of the file that they are written to."""

import os
from pathlib import Path

import pytest

from rlm_exporter.usage.denial_follower import DenialFollower
from rlm_exporter.usage.ports import Followed

HEAD = (
    "RLM Report Log Format 0, version 15.2\nISV: acme, RLM version 15.2 BL3\n\nSTART rlm1 03/0{}/2026 08:00\n"
)
OUT = 'OUT solver 1.0 1 alice ws1 "" 1 1 0 1 1 7 "" "solver" "1.0" 03/02 08:00:01\n'


def deny(product: str, *, why: int = -22, last_attempt: int = 1) -> str:
    return f'DENY {product} 1.0 alice ws1 "" 1 {why} {last_attempt} 7 03/02 08:01\n'


def append(path: Path, *texts: str) -> None:
    with path.open("a", encoding="ascii") as file:
        file.write("".join(texts))


def drained(follower: DenialFollower) -> Followed:
    """All that there is to read now, the file's next one included."""
    found = [follower.read() for _ in range(3)]
    while found[-1].more:
        found.append(follower.read())
    denials = tuple(denial for each in found for denial in each.denials)
    return Followed(denials=denials, lost=any(each.lost for each in found))


def products(follower: DenialFollower) -> list[str]:
    found = drained(follower)
    assert not found.lost
    return [denial.product for denial in found.denials]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "acme.rl"
    append(path, HEAD.format(2), OUT, deny("yesterday"))
    return path


@pytest.fixture
def follower(log: Path) -> DenialFollower:
    """One that has seen what is there."""
    made = DenialFollower(log)
    assert products(made) == []
    return made


def test_what_stood_there_before_is_history_and_what_comes_is_found_once(
    log: Path, follower: DenialFollower
) -> None:
    append(log, deny("a"), OUT, deny("b", why=-3, last_attempt=0))
    found = drained(follower)

    assert [(each.product, each.why, each.last_attempt) for each in found.denials] == [
        ("a", -22, 1),
        ("b", -3, 0),
    ]
    assert products(follower) == []


def test_nothing_waits_for_a_line_that_tells_the_year(tmp_path: Path) -> None:
    log = tmp_path / "acme.rl"
    append(log, OUT)
    follower = DenialFollower(log)
    assert products(follower) == []
    append(log, deny("a"))
    assert products(follower) == ["a"]


def test_a_long_history_is_passed_over(log: Path) -> None:
    append(log, *(deny("old") for _ in range(300_000)))
    follower = DenialFollower(log)
    assert products(follower) == []
    append(log, deny("new"))
    assert products(follower) == ["new"]


def test_a_line_that_is_half_written_is_found_when_it_is_whole(log: Path) -> None:
    whole = deny("half")
    append(log, whole[:9])
    follower = DenialFollower(log)
    assert products(follower) == []
    append(log, whole[9:], deny("next")[:7])
    assert products(follower) == ["half"]
    append(log, deny("next")[7:])
    assert products(follower) == ["next"]


def test_a_rename_loses_and_doubles_nothing(log: Path, follower: DenialFollower) -> None:
    append(log, deny("a"))
    log.rename(log.with_name("acme.rl.1"))
    append(log.with_name("acme.rl.1"), deny("b"))
    append(log, HEAD.format(3), deny("c"))

    assert products(follower) == ["a", "b", "c"]
    append(log, deny("d"))
    assert products(follower) == ["d"]


def test_a_switch_to_another_file_is_followed(log: Path, follower: DenialFollower) -> None:
    later = log.with_name("later.rl")
    append(log, deny("a"), f"SWITCH to {later}\n", "END 03/03/2026 08:00\n")
    append(later, f"SWITCH from {log}\n", HEAD.format(3), deny("b"))

    assert products(follower) == ["a", "b"]


def test_a_log_that_is_cut_is_told_and_followed_on(log: Path, follower: DenialFollower) -> None:
    log.write_text(deny("c"), encoding="ascii")
    found = drained(follower)

    assert found.lost
    assert [denial.product for denial in found.denials] == ["c"]


def test_a_log_that_is_not_there_cannot_be_read_and_what_appears_later_is_history(tmp_path: Path) -> None:
    log = tmp_path / "acme.rl"
    follower = DenialFollower(log)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            follower.read()
    append(log, HEAD.format(2), deny("old"))
    assert products(follower) == []
    append(log, deny("new"))
    assert products(follower) == ["new"]


def test_a_log_that_is_gone_for_a_moment_is_being_rotated_and_else_it_is_missed(
    log: Path, follower: DenialFollower
) -> None:
    log.unlink()
    for _ in range(9):
        follower.read()
    with pytest.raises(FileNotFoundError, match=r"acme\.rl"):
        follower.read()
    append(log, HEAD.format(3), deny("a"))
    assert [denial.product for denial in drained(follower).denials] == ["a"]


def test_a_pipe_is_no_log(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "acme.rl")
    with pytest.raises(OSError, match="no regular file"):
        DenialFollower(tmp_path / "acme.rl").read()


def test_it_goes_on_after_it_was_closed(log: Path, follower: DenialFollower) -> None:
    follower.close()
    append(log, deny("a"))
    assert products(follower) == ["a"]
