"""What is judged here is what the prober does."""

from rlm_exporter.manifest.check_policy import SPACING
from rlm_exporter.probe import schedule


def test_attempts_are_apart_as_the_prober_keeps_them() -> None:
    assert SPACING == schedule.SPACING
