"""Reads the statements that a vendor signs: LICENSE and UPGRADE."""

from collections.abc import Sequence
from datetime import date

from rlm_exporter.rlm.expiry import parse_expiry
from rlm_exporter.rlm.license_faults import Faults
from rlm_exporter.rlm.license_terms import (
    Word,
    is_license_keyword,
    read_count,
    shown,
    unknown_platforms,
    unquoted,
)
from rlm_exporter.rlm.license_values import FindingKind, Keyword, License, LicenseKind, Upgrade
from rlm_exporter.rlm.license_words import Statement
from rlm_exporter.rlm.status import Permanent

_KEYS = ("sig=", "sign=")


def read_license(statement: Statement, faults: Faults) -> License | None:
    """`LICENSE isv product version expiry count [sig=]key …`; None for one that names no product."""
    return _read(statement, 2, faults)


def read_upgrade(statement: Statement, faults: Faults) -> Upgrade | None:
    """`UPGRADE isv product from-version to-version expiry count [sig=]key …`."""
    license_ = _read(statement, 3, faults)
    if license_ is None:
        return None
    return Upgrade(from_version=unquoted(statement.words[2].text), license=license_)


def _read(statement: Statement, version_at: int, faults: Faults) -> License | None:
    """`version_at`: which word is the version; the expiry and the count follow it."""
    words = statement.words
    fixed = _fixed(words[: version_at + 3])
    if fixed <= version_at:
        faults.add_error(
            FindingKind.BAD_DATE,
            statement.line,
            f"{statement.word} has {fixed} of the {version_at + 3} words that it begins with, and no expiry",
        )
        return None
    expires = _expiry(statement, words[version_at + 1 : fixed], faults)
    kind, count = _count(statement, words[version_at + 2 : fixed], faults)
    keywords, signature = _keywords(words[fixed:], faults, place=statement.word)
    return License(
        line=statement.line,
        isv=unquoted(words[0].text),
        product=unquoted(words[1].text),
        version=unquoted(words[version_at].text),
        expires=expires,
        count=count,
        kind=kind,
        start=_start(keywords, faults),
        keywords=keywords,
        signature=signature,
    )


def _fixed(words: Sequence[Word]) -> int:
    """How many of these come before the first keyword."""
    return next((index for index, word in enumerate(words) if "=" in word.text), len(words))


def _expiry(statement: Statement, words: Sequence[Word], faults: Faults) -> date | Permanent | None:
    if not words:
        faults.add_error(FindingKind.BAD_DATE, statement.line, f"this {statement.word} has no expiry")
        return None
    expires = parse_expiry(unquoted(words[0].text))
    if expires is None:
        faults.add_error(FindingKind.BAD_DATE, words[0].line, _no_date(words[0].text))
    return expires


def _no_date(text: str) -> str:
    return f"{shown(text)} is no date; RLM writes 31-jan-2027 or permanent"


def _count(
    statement: Statement, words: Sequence[Word], faults: Faults
) -> tuple[LicenseKind | None, int | None]:
    kind, count = read_count(unquoted(words[0].text)) if words else (None, None)
    if kind is None:
        what = f"{shown(words[0].text)} is no count" if words else f"this {statement.word} has no count"
        line = words[0].line if words else statement.line
        text = f"{what}: write a number, uncounted, single or token"
        faults.add_error(FindingKind.UNKNOWN_KEYWORD, line, text)
    return kind, count


def _keywords(words: Sequence[Word], faults: Faults, *, place: str) -> tuple[tuple[Keyword, ...], str | None]:
    """The keywords in their order, and the signature, whose name may be left out where it stands first."""
    keywords: list[Keyword] = []
    signature: str | None = None
    unknown: list[Word] = []
    seen: set[str] = set()
    if words and "=" not in words[0].text and not any(word.text.lower().startswith(_KEYS) for word in words):
        signature, words = _joined(words[0].text), words[1:]
    for word in words:
        name, equals, value = word.text.partition("=")
        key = name.lower()
        if key in seen:
            text = f"{shown(key)} is here twice; RLM allows each keyword once in a license"
            faults.add_error(FindingKind.DUPLICATE_KEYWORD, word.line, text)
        seen.add(key)
        if equals and key in {"sig", "sign"}:
            signature = signature or _joined(value)
            if key == "sign":
                faults.add(FindingKind.SIGN_INSTEAD_OF_SIG, word.line, "RLM's word for the signature is sig=")
        elif is_license_keyword(key):
            keyword = Keyword(line=word.line, name=key, value=unquoted(value) if equals else None)
            keywords.append(keyword)
            if key == "platforms":
                _check_platforms(keyword, faults)
        else:
            unknown.append(word)
    faults.add_unknown(unknown, place=place)
    return tuple(keywords), signature


def _joined(text: str) -> str:
    """A signature without its quotes, and the blanks and line breaks that may be in it."""
    return "".join(unquoted(text).split())


def _check_platforms(keyword: Keyword, faults: Faults) -> None:
    unknown = unknown_platforms(keyword.value or "")
    if unknown:
        names = ", ".join(shown(name) for name in unknown[:5])
        text = f"{names}: no platform of RLM's; its names are like x64_l (Linux), x64_w (Windows)"
        faults.add(FindingKind.UNKNOWN_PLATFORM, keyword.line, text)


def _start(keywords: Sequence[Keyword], faults: Faults) -> date | None:
    start: date | None = None
    for keyword in keywords:
        if keyword.name not in {"start", "issued"}:
            continue
        day = parse_expiry(keyword.value or "")
        if day is None:
            text = f"{keyword.name}=: {_no_date(keyword.value or '')}"
            if keyword.name == "start":
                faults.add_error(FindingKind.BAD_DATE, keyword.line, text)
            else:
                faults.add(FindingKind.BAD_DATE, keyword.line, text)
        elif keyword.name == "start" and isinstance(day, date):
            start = day
    return start
