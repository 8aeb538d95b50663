"""Seconds that something takes at the worst by its configuration, and what a busy machine may add."""

MACHINE = 5.0
"""For programs that start and answer late, where every core has other tests to run too."""

HANG = 5.5 + 2 * 3.5 + MACHINE
"""Until a hang of the active server is over, with `detection: fast`: to the next check, and two attempts."""
