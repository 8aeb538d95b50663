"""Makes lines of a log's bytes, which come in pieces that end anywhere (pure)."""

LONGEST_LINE = 64 * 1024
"""Characters; a longer one is no record."""
OVERLONG = " " * (LONGEST_LINE + 1)
"""Stands for a line whose beginning was thrown away."""
_LONGEST_BYTES = 4 * LONGEST_LINE


class LineSplitter:
    """Holds the beginning of the line that is not whole yet, and no more of it than a line may have."""

    __slots__ = ("_at_start", "_rest", "_skips")

    def __init__(self) -> None:
        self._at_start = True
        self._rest = b""
        self._skips = False
        """Whether that line is too long, and its end is waited for."""

    def feed(self, data: bytes) -> list[str]:
        """The lines that these bytes end, without their ends."""
        data = self._rest + data.replace(b"\0", b"")  # holes that a log cut under its writer has
        end = data.rfind(b"\n") + 1
        lines = self._lines(data[:end]) if end else []
        rest = data[end:] if end else data
        if len(rest) > _LONGEST_BYTES:
            rest, self._skips = b"", True
        self._rest = rest
        return lines

    def end(self) -> str | None:
        """The last line, if nothing ended it; the next one is the first of another file."""
        rest, skips = self._rest, self._skips
        at_start, self._at_start = self._at_start, True
        self._rest, self._skips = b"", False
        if skips:
            return OVERLONG
        if not rest:
            return None
        line = rest.decode("utf-8", "replace").removesuffix("\r")
        return line.removeprefix("\ufeff") if at_start else line

    def _lines(self, data: bytes) -> list[str]:
        text = data.decode("utf-8", "replace")
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        lines = text.split("\n")
        lines.pop()
        if self._skips:
            lines[0], self._skips = OVERLONG, False
        elif self._at_start:
            lines[0] = lines[0].removeprefix("\ufeff")
        self._at_start = False
        return lines
