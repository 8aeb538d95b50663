"""Every shape of license file that we know of is read for what it says."""

from datetime import date

import pytest

from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_values import (
    CustomerLine,
    HostLine,
    IsvLine,
    Keyword,
    LicenseKind,
    Severity,
)
from rlm_exporter.rlm.status import Permanent
from tests.rlm.license_files import DATA, FILES, GOOD, read


def test_every_file_says_what_it_shows() -> None:
    told = (DATA / "README.md").read_text()
    assert [file.name for file in FILES if f"`{file.name}`" not in told] == []


def test_reads_a_plain_file() -> None:
    file = read("plain")

    assert file.hosts == (HostLine(line=2, host="rlm1.example.com", hostid="0123456789ab", port=5053),)
    assert file.isvs == (IsvLine(line=3, name="siemens", port=5055),)
    assert [
        (each.line, each.isv, each.product, each.version, each.expires, each.count, each.kind)
        for each in file.licenses
    ] == [
        (5, "siemens", "STARCCM", "2027.1", date(2027, 12, 31), 20, LicenseKind.COUNTED),
        (6, "siemens", "NXCAE", "2027.1", Permanent.PERMANENT, 10, LicenseKind.COUNTED),
        (7, "siemens", "VIEWER", "3.0", Permanent.PERMANENT, None, LicenseKind.UNCOUNTED),
    ]
    assert (file.licenses[0].value("share"), file.licenses[0].value("hostid")) == ("uh", None)
    assert (file.lines, file.faults) == (7, ())


def test_statements_go_on_over_lines_without_a_backslash() -> None:
    file = read("over-lines")

    assert file.isvs == (IsvLine(line=2, name="siemens", port=5055),)
    first, second = file.licenses
    assert (first.line, first.version, first.expires, first.count) == (4, "2027.1", date(2027, 12, 31), 20)
    assert first.keywords == (
        Keyword(line=8, name="customer", value="A company\nof two lines"),
        Keyword(line=9, name="platforms", value="x64_l\n  x64_w"),
        Keyword(line=13, name="_ck", value="f81efcf79a"),
    )
    assert first.signature == "60PG4510KTXVQ0WYBX785XAKTDKUCHB7T683Y2MG22M088S8UAFR0VK"
    assert (second.line, second.product) == (14, "NXCAE")
    assert file.faults == ()


def test_case_does_not_matter_and_words_have_aliases() -> None:
    file = read("aliases")

    assert [(each.host, each.hostid, each.port) for each in file.hosts] == [("rlm1", "DEADBEEF", 5053)]
    assert [(each.name, each.binary, each.port) for each in file.isvs] == [
        ("Siemens", "/opt/rlm/siemens", 5055)
    ]
    assert [(each.product, each.kind, each.value("share")) for each in file.licenses] == [
        ("starccm", LicenseKind.COUNTED, "UH"),
        ("nxcae", LicenseKind.UNCOUNTED, None),
    ]
    assert file.licenses[0].signature == "60PG4510KTXV"
    assert file.faults == ()


def test_knows_every_keyword() -> None:
    file = read("all-keywords")

    assert file.faults == ()
    first, token, old = file.licenses
    assert (first.start, first.value("options"), first.value("customer")) == (
        date(2027, 1, 1),
        "a=b,c",
        "A & B <C>",
    )
    assert {"meter_dec", "user_based", "_anything"} <= {keyword.name for keyword in first.keywords}
    assert (token.kind, token.count, token.keywords) == (
        LicenseKind.TOKEN,
        None,
        (Keyword(line=9, name="replace", value=None),),
    )
    assert (old.signature, old.value("share")) == ("f81efcf79a0123", "u")


def test_secrets_of_the_file_are_not_kept() -> None:
    assert "geheim" not in repr(read("all-keywords"))
    assert "geheim" not in repr(read("upgrade-and-customer"))


def test_words_of_an_isv_line_have_places_and_keywords_win() -> None:
    assert [(each.name, each.binary, each.options, each.port) for each in read("positional-isv").isvs] == [
        ("first", "/opt/rlm/first", "/etc/rlm/first.opt", 5055),
        ("second", "/opt/rlm/second", None, 5056),
        ("third", "/opt/rlm/third", "/etc/rlm/third.opt", 6057),
        ("fourth", "5058", None, None),
        ("fifth", "/opt/rlm/fifth", "5059", None),
    ]


def test_a_path_in_quotes_is_one_word() -> None:
    [isv] = parse_license_file('ISV a "C:\\Program Files\\a.exe" options="D:\\my a.opt" port="5055"').isvs
    assert (isv.binary, isv.options, isv.port) == ("C:\\Program Files\\a.exe", "D:\\my a.opt", 5055)


def test_an_isv_on_the_host_line_is_read_all_the_same() -> None:
    file = read("isv-on-host-line")
    assert [(each.host, each.port) for each in file.hosts] == [("rlm1", 5053)]
    assert file.isvs == (IsvLine(line=1, name="siemens", port=5055),)


def test_reads_upgrades_and_customers() -> None:
    file = read("upgrade-and-customer")

    assert file.customers == (
        CustomerLine(line=1, name="bigco", isv="siemens", server="rlm.example.com", port=5053),
    )
    [upgrade] = file.upgrades
    assert (upgrade.from_version, upgrade.license.version, upgrade.license.line) == ("2026.1", "2027.1", 5)
    assert (upgrade.license.expires, upgrade.license.count) == (date(2027, 12, 31), 5)
    assert [each.version for each in file.licenses] == ["2026.1"]


def test_reads_what_windows_and_old_editors_leave() -> None:
    assert [each.signature for each in read("windows").licenses] == ["60PG"]
    file = read("latin-1")
    assert [each.host for each in file.hosts] == ["rlm1"]
    assert [each.value("customer") for each in file.licenses] == ["Müller"]
    assert file.lines == 4


def test_an_open_quote_hides_no_license() -> None:
    file = read("open-quote")

    assert [each.product for each in file.licenses] == ["STARCCM", "NXCAE", "VIEWER"]
    assert file.licenses[1].value("_notes") == "\nLICENSE as we know it\nISV? our word for vendor"


def test_what_is_cut_off_is_unknown_and_not_nought() -> None:
    file = read("cut")

    assert [(each.host, each.hostid, each.port) for each in file.hosts] == [("rlm1", None, None)]
    assert [(each.product, each.expires, each.kind, each.count) for each in file.licenses] == [
        ("STARCCM", None, None, None),
        ("NXCAE", Permanent.PERMANENT, None, None),
        ("VIEWER", Permanent.PERMANENT, None, None),
    ]
    assert [fault.severity for fault in file.faults] == [Severity.ERROR] * len(file.faults)


@pytest.mark.parametrize(
    ("count", "kind", "number"),
    [
        ("20", "counted", 20),
        ("0", "uncounted", None),
        ("00", "uncounted", None),
        ("Uncounted", "uncounted", None),
        ("SINGLE", "single", None),
        ("token", "token", None),
        ("token_bounded", "token", None),
        ("-1", None, None),
        ("1.5", None, None),
        ("\u0662\u0660", None, None),
        ("9" * 5000, None, None),
    ],
)
def test_counts(count: str, kind: str | None, number: int | None) -> None:
    [license_] = parse_license_file(f"LICENSE a b 1.0 permanent {count} sig=AB").licenses
    assert (license_.kind, license_.count) == (kind, number)


@pytest.mark.parametrize(
    ("rest", "signature"),
    [
        ("60PG", "60PG"),
        ("sig=60PG share=u", "60PG"),
        ("share=u sig=60PG", "60PG"),
        ('share=u SIG="60 \n PG"', "60PG"),
        ('"60\nPG" share=u', "60PG"),
        ("SIGN=60PG", "60PG"),
        ("REDUNDANT sig=60PG", "60PG"),
        ("share=u", None),
        ("", None),
    ],
)
def test_the_signature_is_found_wherever_it_stands(rest: str, signature: str | None) -> None:
    [license_] = parse_license_file(f"LICENSE a b 1.0 permanent 5 {rest}").licenses
    assert license_.signature == signature


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_line_ends_do_not_change_what_is_read(name: str) -> None:
    data = (DATA / f"{name}.lic").read_bytes().replace(b"\r\n", b"\n")
    plain, windows = parse_license_file(data), parse_license_file(data.replace(b"\n", b"\r\n"))
    assert (plain.hosts, plain.isvs, plain.licenses) == (windows.hosts, windows.isvs, windows.licenses)


def test_text_is_read_like_bytes() -> None:
    assert parse_license_file(GOOD) == parse_license_file(GOOD.encode())
