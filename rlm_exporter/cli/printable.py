"""Text from elsewhere, made safe for a terminal."""

_KEPT = frozenset("\n\t")


def printable(text: str) -> str:
    """The text without control characters: an answer must not be able to steer the reader's terminal."""
    return "".join(letter if letter in _KEPT or letter.isprintable() else "?" for letter in text)
