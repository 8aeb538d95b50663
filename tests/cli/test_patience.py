from rlm_exporter.cli.patience import Patience


class Hands:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def patience(hands: Hands, **limits: float) -> Patience:
    return Patience(monotonic=lambda: hands.now, sleep=hands.sleep, **limits)


def test_the_first_questions_come_soon_and_then_four_a_second() -> None:
    hands = Hands()
    asking = patience(hands)
    assert all(asking.wait() for _ in range(5))
    assert hands.slept == [0.05, 0.1, 0.2, 0.25, 0.25]


def test_after_news_more_is_expected_soon() -> None:
    hands = Hands()
    asking = patience(hands)
    for _ in range(4):
        asking.wait()
    asking.renew()
    asking.wait()
    assert hands.slept[-1] == 0.05


def test_it_ends_when_there_was_no_news_for_too_long() -> None:
    hands = Hands()
    asking = patience(hands, limit=1.0)
    while asking.wait():
        pass
    assert 1.0 <= hands.now < 1.25
    assert not asking.wait()
