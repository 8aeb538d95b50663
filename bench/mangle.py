"""Mangled copies of a text, for the fuzzers: pieces cut, doubled, moved and replaced."""

import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SECONDS_PER_BYTE = 2e-5
"""Ten times what the slowest shape of any reader takes; beyond it something is not linear."""

FINDING = Path("fuzz-finding.bin")
"""Where the text that broke a promise is left, in the current folder."""

Check = Callable[[bytes], None]


def mangle(seed: bytes, tokens: Sequence[bytes], chance: random.Random, *, most: int = 20_000) -> bytes:
    """A copy of `seed` with up to 32 changes, at most `most` bytes long."""
    data = bytearray(seed)
    for _ in range(chance.choice((1, 2, 4, 8, 32))):
        at = chance.randrange(len(data) + 1)
        until = min(len(data), at + chance.choice((0, 1, 2, 8, 64)))
        match chance.randrange(5):
            case 0:
                data[at:until] = chance.choice(tokens)
            case 1:
                data[at:until] = chance.choice(tokens) * chance.choice((1, 3, 200))
            case 2:
                data[at:at] = data[at:until] * chance.choice((1, 2, 50))
            case 3:
                del data[at:until]
            case _:
                data[at:at] = chance.randbytes(chance.choice((1, 4)))
        del data[most:]
    return bytes(data)


def fuzz(
    makers: Sequence[tuple[Check, Callable[[random.Random], bytes]]],
    *,
    seconds: float,
    number: int | None,
    per_byte: float = SECONDS_PER_BYTE,
) -> int:
    """Run the checks in turn on what their makers give, until the time is over or one breaks a promise.

    Returns the exit code. The text that broke it is left in a file; the number that is printed gives the same
    run again.
    """
    number = random.randrange(2**32) if number is None else number
    chance = random.Random(number)
    end, tries = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        check, make = makers[tries % len(makers)]
        tries += 1
        data = make(chance)
        began = time.process_time()
        complaint = _complaint(check, data)
        took = time.process_time() - began
        if complaint is None and took > 0.05 + len(data) * per_byte:
            complaint = f"{took:.3f} s for {len(data)} bytes"
        if complaint is not None:
            FINDING.write_bytes(data)
            sys.stdout.write(f"{complaint}\nseed {number}, try {tries}, {check.__name__}: see {FINDING}\n")
            return 1
    sys.stdout.write(f"{tries} texts, seed {number}: every promise was kept\n")
    return 0


def _complaint(check: Check, data: bytes) -> str | None:
    try:
        check(data)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
        return f"{type(error).__name__}: {error}"
    return None
