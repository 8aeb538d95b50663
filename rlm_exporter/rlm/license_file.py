"""Reads an RLM license file: HOST, ISV, LICENSE, UPGRADE and CUSTOMER statements, and faults of grammar.

What RLM itself would reject (several HOST lines, `SIGN=`, unknown keywords, a byte order mark) is read as
it was meant, and said. What the statements mean together is judged in license_findings.
"""

from rlm_exporter.rlm.license_faults import Faults
from rlm_exporter.rlm.license_grants import read_license, read_upgrade
from rlm_exporter.rlm.license_lines import read_customer, read_host, read_isv
from rlm_exporter.rlm.license_terms import shown
from rlm_exporter.rlm.license_values import (
    CustomerLine,
    FindingKind,
    HostLine,
    IsvLine,
    License,
    LicenseFile,
    Severity,
    Upgrade,
)
from rlm_exporter.rlm.license_words import Source, Statement, read_source, split_statements


def parse_license_file(data: bytes | str) -> LicenseFile:
    """One file. Raises FormatError where it is no text."""
    source = read_source(data)
    reader = _Reader()
    _judge_source(source, reader.faults)
    for statement in split_statements(source.text):
        reader.read(statement)
    return reader.file(lines=source.lines)


class _Reader:
    """Collects statements and faults in the order of the file."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._hosts: list[HostLine] = []
        self._isvs: list[IsvLine | None] = []
        self._licenses: list[License | None] = []
        self._upgrades: list[Upgrade | None] = []
        self._customers: list[CustomerLine] = []

    def read(self, statement: Statement) -> None:
        """Take one statement."""
        faults = self.faults
        if statement.open_quote is not None:
            text = "nothing closes this quote; what follows it may be misread"
            faults.add(FindingKind.UNKNOWN_KEYWORD, statement.open_quote, text)
        match statement.word:
            case "LICENSE":
                self._licenses.append(read_license(statement, faults))
            case "HOST":
                host, isv = read_host(statement, faults)
                self._hosts.append(host)
                self._isvs.append(isv)
            case "ISV":
                self._isvs.append(read_isv(statement.line, statement.words, faults))
            case "UPGRADE":
                self._upgrades.append(read_upgrade(statement, faults))
            case "CUSTOMER":
                self._customers.append(read_customer(statement, faults))
            case _:
                word = shown(statement.words[0].text)
                text = f"{word} begins no statement; HOST, ISV, LICENSE, UPGRADE and CUSTOMER do"
                faults.add(FindingKind.UNKNOWN_KEYWORD, statement.line, text)

    def file(self, *, lines: int) -> LicenseFile:
        """What has been read."""
        return LicenseFile(
            hosts=tuple(self._hosts),
            isvs=tuple(isv for isv in self._isvs if isv is not None),
            licenses=tuple(each for each in self._licenses if each is not None),
            upgrades=tuple(each for each in self._upgrades if each is not None),
            customers=tuple(self._customers),
            lines=lines,
            faults=self.faults.all(),
        )


def _judge_source(source: Source, faults: Faults) -> None:
    if source.bom:
        faults.add_error(
            FindingKind.UNKNOWN_KEYWORD,
            1,
            "a byte order mark stands before the first word, and RLM does not recognise such a file; "
            "save it as ASCII, or as UTF-8 without one",
        )
    if source.carriage_return is not None:
        faults.add(
            FindingKind.CRLF,
            source.carriage_return,
            "lines end as on Windows; a comparison byte by byte takes that for a difference",
            severity=Severity.NOTE,
        )
    if source.backslash is not None:
        lines = "1 line ends" if source.backslashes == 1 else f"{source.backslashes} lines end"
        faults.add(
            FindingKind.BACKSLASH,
            source.backslash,
            f"{lines} with a backslash, which RLM has no use for: a statement goes on until the next begins",
            severity=Severity.NOTE,
        )
