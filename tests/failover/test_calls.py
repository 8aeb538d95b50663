"""What is told of attempts."""

import pytest

from rlm_exporter.failover.calls import Called, sum_up

GOOD, TALKATIVE = Called(went_well=True), Called(went_well=True, detail="stopped")
NO_ROUTE, NO_DOOR = Called(went_well=False, detail="no route"), Called(went_well=False, detail="no door")

pytestmark = pytest.mark.row(35)


@pytest.mark.parametrize("call", [GOOD, TALKATIVE, NO_ROUTE])
def test_one_attempt_of_one_speaks_for_itself(call: Called) -> None:
    assert sum_up([call], allowed=1) == call


@pytest.mark.parametrize(
    ("attempts", "went_well", "detail"),
    [
        ([GOOD], True, ""),
        ([TALKATIVE], True, "attempt 1 of 3: stopped"),
        ([NO_ROUTE, GOOD], True, "attempt 1 of 3: no route; attempt 2 of 3: went well"),
        ([NO_ROUTE, NO_ROUTE, GOOD], True, "attempts 1 to 2 of 3: no route; attempt 3 of 3: went well"),
        ([NO_ROUTE, NO_ROUTE, NO_ROUTE], False, "attempts 1 to 3 of 3: no route"),
        (
            [NO_ROUTE, NO_DOOR, NO_ROUTE],
            False,
            "attempt 1 of 3: no route; attempt 2 of 3: no door; attempt 3 of 3: no route",
        ),
    ],
)
def test_several_are_told_each(attempts: list[Called], went_well: bool, detail: str) -> None:
    assert sum_up(attempts, allowed=3) == Called(went_well=went_well, detail=detail)
