"""rlmstat's bytes as text, whatever has happened to them on their way here (pure)."""

import codecs
import re

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""PowerShell's `>` writes UTF-16."""
_ODD_BLANKS = re.compile("[\xa0\u2007\u202f\ufeff\udca0]")
"""No-break spaces, as mail programs put them; the last is Latin-1's, which is not UTF-8."""
_STRAY_BYTES = re.compile("[\ud800-\udfff]")


def read_text(data: bytes | str) -> str:
    """UTF-8 text with plain blanks and line feeds; a stray byte costs only itself."""
    text = _decode(data) if isinstance(data, bytes) else data
    if not text.isascii():
        text = _STRAY_BYTES.sub("\ufffd", _ODD_BLANKS.sub(" ", text.removeprefix("\ufeff")))
    return text.replace("\r\n", "\n") if "\r" in text else text


def _decode(data: bytes) -> str:
    if data.startswith(_UTF_16):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "surrogateescape")
