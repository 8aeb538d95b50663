"""Hosts that held seats of a product twice over, beside looking at each minute."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.rlm.holders import double_holders
from rlm_exporter.rlm.status import Checkout
from rlm_exporter.store.report_records import Held, Window
from rlm_exporter.usage.double_use import double_use

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WINDOW = Window(start=START + 10 * MINUTE, end=START + 40 * MINUTE)


def held(out: int | None, ended: int | None, **changes: object) -> Held:
    """Minutes after the start."""
    fields: dict[str, object] = {
        "server": "rlm1", "isv": "siemens", "feature": "solver", "version": "1.0", "user": "alice",
        "host": "ws1", "seats": 1,
        "out": None if out is None else START + out * MINUTE,
        "ended": None if ended is None else START + ended * MINUTE,
    }  # fmt: skip
    return Held(**fields | changes)  # type: ignore[arg-type]  # the fields of a Held


SESSIONS = st.lists(
    st.builds(
        lambda out, lasted, version, host, server, feature: held(
            out,
            None if lasted is None else out + lasted,
            version=version,
            host=host,
            server=server,
            feature=feature,
        ),
        st.integers(0, 50),
        st.one_of(st.none(), st.integers(0, 30)),
        st.sampled_from(["1.0", "2.0", "3.0"]),
        st.sampled_from(["ws1", "WS1", "ws2"]),
        st.sampled_from(["rlm1", "rlm2"]),
        st.sampled_from(["solver", "Solver"]),
    ),
    max_size=12,
)


def minutes_by_hand(sessions: list[Held]) -> dict[tuple[str, str], int]:
    """By server and host: in each minute of the window, what one answer would have shown."""
    found: dict[tuple[str, str], int] = {}
    for number in range(10, 40):
        moment = START + number * MINUTE
        for server in ("rlm1", "rlm2"):
            answer = [
                Checkout(
                    isv=each.isv, product=each.feature, version=each.version or "", user=each.user or "",
                    host=each.host or "", count=1, reserved=0, handle="1", at="",
                )
                for each in sessions
                if each.server == server
                and each.out is not None
                and each.out <= moment
                and (each.ended is None or each.ended > moment)
            ]  # fmt: skip
            for holder in double_holders(answer):
                key = server, holder.host.casefold()
                found[key] = found.get(key, 0) + 1
    return found


@given(SESSIONS)
def test_it_is_what_each_answer_would_have_shown(sessions: list[Held]) -> None:
    uses = double_use(sessions, WINDOW)
    assert {(use.server, use.host.casefold()): use.lasted // MINUTE for use in uses} == minutes_by_hand(
        sessions
    )
    assert [use.lasted for use in uses] == sorted((use.lasted for use in uses), reverse=True)
    assert all(WINDOW.start < use.last <= WINDOW.end and len(use.versions) > 1 for use in uses)


def test_only_what_was_held_beside_another_is_named() -> None:
    sessions = [
        held(10, 20),
        held(15, 25, version="2.0", user="bob"),
        held(30, 35, version="3.0", user="eve"),
    ]
    (use,) = double_use(sessions, WINDOW)
    assert (use.versions, use.users, use.lasted, use.last) == (
        ("1.0", "2.0"),
        ("alice", "bob"),
        5 * MINUTE,
        START + 20 * MINUTE,
    )


def test_a_seat_that_goes_to_another_version_at_once_is_not_two() -> None:
    assert double_use([held(10, 20), held(20, 30, version="2.0")], WINDOW) == ()


def test_what_is_not_known_is_left_out() -> None:
    unknown = [held(None, 30), held(10, 30, version=None), held(10, 30, host=None, version="2.0")]
    assert double_use([held(10, 30), *unknown], WINDOW) == ()


def test_what_lasted_for_less_than_a_minute_may_never_have_been() -> None:
    """Checks told of the second one by the minute in which it began, a log of the first by the second."""
    log, checks = held(10, 20), held(20, 30, version="2.0")
    assert checks.out is not None
    earlier = replace(checks, out=checks.out - timedelta(seconds=59))
    assert double_use([log, earlier], WINDOW) == ()
    assert len(double_use([log, replace(checks, out=checks.out - MINUTE)], WINDOW)) == 1
