"""Reads the statements that an administrator may edit: HOST, ISV and CUSTOMER."""

import re
from collections.abc import Sequence

from rlm_exporter.rlm.license_faults import Faults
from rlm_exporter.rlm.license_terms import CUSTOMER_KEYWORDS, ISV_KEYWORDS, Word, shown, unquoted
from rlm_exporter.rlm.license_values import CustomerLine, FindingKind, HostLine, IsvLine
from rlm_exporter.rlm.license_words import ALIASES, Statement

_NUMBER = re.compile(r"[+-]?[0-9]++")


def read_host(statement: Statement, faults: Faults) -> tuple[HostLine, IsvLine | None]:
    """`HOST name hostid [port]`, and the ISV that somebody wrote on the same line."""
    words, isv_at = _up_to_isv(statement.words)
    port, rest = None, words[2:]
    if rest and _NUMBER.fullmatch(rest[0].text):
        port, rest = faults.read_port(rest[0]), rest[1:]
    faults.add_unknown(rest, place="HOST")
    host = HostLine(
        line=statement.line,
        host=unquoted(words[0].text) if words else None,
        hostid=unquoted(words[1].text) if len(words) > 1 else None,
        port=port,
    )
    if isv_at is None:
        return host, None
    line = statement.words[isv_at].line
    faults.add_error(
        FindingKind.ISV_ON_HOST_LINE,
        line,
        "ISV stands on the HOST line, where RLM does not look for it; begin a new line with it",
    )
    return host, read_isv(line, statement.words[isv_at + 1 :], faults)


def _up_to_isv(words: tuple[Word, ...]) -> tuple[tuple[Word, ...], int | None]:
    for index, word in enumerate(words):
        upper = word.text.upper()
        if index and ALIASES.get(upper, upper) == "ISV":
            return words[:index], index
    return words, None


def read_isv(line: int, words: Sequence[Word], faults: Faults) -> IsvLine | None:
    """`ISV name [binary [options [port]]]` with `binary= options= port= password=`; the latter win."""
    if not words:
        faults.add_error(FindingKind.UNKNOWN_KEYWORD, line, "this ISV line has no name")
        return None
    named, plain = _named(words[1:], ISV_KEYWORDS, faults, place="ISV")
    faults.add_unknown(plain[3:], place="ISV")
    places = dict(zip(("binary", "options", "port"), plain, strict=False))
    places |= named
    port = places.get("port")
    if port is None:
        faults.add(FindingKind.ISV_WITHOUT_PORT, line, _without_port(words[0], plain))
    return IsvLine(
        line=line,
        name=unquoted(words[0].text),
        port=None if port is None else faults.read_port(port),
        binary=_text(places.get("binary")),
        options=_text(places.get("options")),
    )


def _without_port(name: Word, plain: Sequence[Word]) -> str:
    """What to say; a number in the place of a path was meant as the port, most likely."""
    for place, word in zip(("binary", "options file"), plain, strict=False):
        if _NUMBER.fullmatch(word.text):
            return f"{word.text} stands in the place of the {place}; write port={word.text} if it is the port"
    return (
        f"ISV {unquoted(name.text)} has no port=, so RLM chooses another one at each start, and no firewall "
        "or balancer can know it"
    )


def read_customer(statement: Statement, faults: Faults) -> CustomerLine:
    """`CUSTOMER name isv= server= port= password=`."""
    named, plain = _named(statement.words, CUSTOMER_KEYWORDS, faults, place="CUSTOMER")
    faults.add_unknown(plain[1:], place="CUSTOMER")
    port = named.get("port")
    return CustomerLine(
        line=statement.line,
        name=unquoted(plain[0].text) if plain else "",
        isv=_text(named.get("isv")),
        server=_text(named.get("server")),
        port=None if port is None else faults.read_port(port),
    )


def _named(
    words: Sequence[Word], known: frozenset[str], faults: Faults, *, place: str
) -> tuple[dict[str, Word], list[Word]]:
    """The values of `name=value` words by their names, and the words that are not so."""
    named: dict[str, Word] = {}
    plain: list[Word] = []
    unknown: list[Word] = []
    for word in words:
        name, equals, value = word.text.partition("=")
        key = name.lower()
        if not equals:
            plain.append(word)
        elif key not in known:
            unknown.append(word)
        elif key in named:
            faults.add(FindingKind.DUPLICATE_KEYWORD, word.line, f"{shown(key)} is here twice; one is enough")
        else:
            named[key] = Word(unquoted(value), word.line)
    faults.add_unknown(unknown, place=place)
    return named, plain


def _text(word: Word | None) -> str | None:
    return None if word is None else unquoted(word.text)
