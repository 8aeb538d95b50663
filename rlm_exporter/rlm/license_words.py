"""Cuts a license file into statements, and these into words with their lines.

A statement begins where a line begins with its word, and runs to the next one over as many lines as it
likes. A quoted value may hold blanks, line breaks and even such a word at the start of a line, so the cut
looks at the quotes too: where one is open, a new statement begins only if the line has the shape of one
(then the quote was never closed). No expression here can backtrack, so time is linear.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from dataclasses import dataclass

from rlm_exporter.errors import FormatError
from rlm_exporter.rlm.license_terms import Word

ALIASES = {"SERVER": "HOST", "DAEMON": "ISV", "FEATURE": "LICENSE"}

_UTF_16 = (BOM_UTF16_LE, BOM_UTF16_BE)
_COMMENT = re.compile(r"^[ \t]*+#[^\n]*+", re.MULTILINE)
_BACKSLASH = re.compile(r"\\[ \t]*+$", re.MULTILINE)
_START = re.compile(
    r"^[ \t]*+(HOST|SERVER|ISV|DAEMON|LICENSE|FEATURE|UPGRADE|CUSTOMER)(?!\S)", re.MULTILINE | re.IGNORECASE
)
_SHAPED = re.compile(
    r"""[ \t]*+(?:
      (?:LICENSE|FEATURE)(?:[ \t]++[^\s"=]++){3}[ \t]++(?:permanent|[0-9]{1,2}-[a-z]{3}-[0-9]++)(?!\S)
    | UPGRADE(?:[ \t]++[^\s"=]++){4}[ \t]++(?:permanent|[0-9]{1,2}-[a-z]{3}-[0-9]++)(?!\S)
    | (?:HOST|SERVER)[ \t]++[^\s"]++[ \t]++(?:any|[0-9a-f]{8,}+|[a-z]++=[^\s"]++)(?:[ \t]++[0-9]++)?[ \t]*+$
    | (?:ISV|DAEMON)[ \t]++[^\s"=]++(?:[ \t]++[^\s"]++){0,3}[ \t]*+$
    | CUSTOMER[ \t]++[^\s"=]++[ \t]++isv=
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_WORD = re.compile(r'[^\s"]++(?:"[^"]*+"|"[^\n"]*+)?|"[^"]*+"|"[^\n"]*+')


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file's text with line feeds alone, without comments and backslashes at the ends of lines."""

    text: str
    bom: bool
    """RLM does not recognise a file that begins with a byte order mark."""
    carriage_return: int | None
    """The first line that ends with one."""
    backslash: int | None
    """The first line that ends with one."""
    backslashes: int
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement. What stands before the first one has an empty word."""

    word: str
    """HOST, ISV, LICENSE, UPGRADE or CUSTOMER, whichever alias was written."""
    line: int
    words: tuple[Word, ...]
    """What follows the word; quotes are still there."""
    open_quote: int | None
    """The line of a quote that nothing closes."""


def read_source(data: bytes | str) -> Source:
    """Make it text: UTF-8, else Latin-1. Raises FormatError for what is not text at all."""
    text = _decode(data)
    if "\0" in text:
        raise FormatError("this is no license file: it holds binary data")
    bom = text.startswith("\ufeff")
    text = text.removeprefix("\ufeff").replace("\xa0", " ")
    carriage_return = _line_of(text, text.find("\r"))
    if carriage_return is not None:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.count("\n") + (not text.endswith("\n") and text != "")
    if "#" in text:
        text = _COMMENT.sub("", text)
    backslash, backslashes = None, 0
    if "\\" in text and (first := _BACKSLASH.search(text)):
        backslash = _line_of(text, first.start())
        text, backslashes = _BACKSLASH.subn("", text)
    return Source(
        text=text,
        bom=bom,
        carriage_return=carriage_return,
        backslash=backslash,
        backslashes=backslashes,
        lines=lines,
    )


def split_statements(text: str) -> Iterator[Statement]:
    """The statements of a source's text, in their order."""
    begin, line, word, odd, seen = 0, 1, "", False, 0
    for start in _START.finditer(text):
        here = start.start()
        odd ^= bool(text.count('"', seen, here) & 1)
        seen = here
        if odd and not _SHAPED.match(text[here : _end_of_line(text, here)]):
            continue
        yield from _statement(word, line, text[begin:here], odd=odd)
        line += text.count("\n", begin, here)
        # the word itself is no part of what follows it
        begin, odd, word = start.end(), False, start[1].upper()
        seen = begin
    odd ^= bool(text.count('"', seen) & 1)
    yield from _statement(word, line, text[begin:], odd=odd)


def _statement(word: str, line: int, text: str, *, odd: bool) -> Iterator[Statement]:
    if "\n" in text.rstrip():
        words = _words_over_lines(text, line)
    else:
        words = [Word(found, line) for found in _WORD.findall(text)]
    if word or words:
        yield Statement(
            word=ALIASES.get(word, word),
            line=line if word else words[0].line,
            words=tuple(words),
            open_quote=line + text.count("\n", 0, text.rfind('"')) if odd else None,
        )


def _words_over_lines(text: str, line: int) -> list[Word]:
    words: list[Word] = []
    seen = 0
    for found in _WORD.finditer(text):
        line += text.count("\n", seen, found.start())
        seen = found.start()
        words.append(Word(found[0], line))
    return words


def _decode(data: bytes | str) -> str:
    if isinstance(data, str):
        return data
    if data.startswith(_UTF_16):
        return "\ufeff" + data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        mark = "\ufeff" if data.startswith(BOM_UTF8) else ""
        return mark + data.removeprefix(BOM_UTF8).decode("latin-1")


def _line_of(text: str, offset: int) -> int | None:
    """The line of an offset; a carriage return alone counts as none. None for the offset -1."""
    return None if offset < 0 else text.count("\n", 0, offset) + 1


def _end_of_line(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end
