"""Files of a cluster are alike when they grant the same; each server has its own name, port and `_` words."""

import pytest

from rlm_exporter.rlm.license_compare import Difference, DifferenceKind, compare
from rlm_exporter.rlm.license_file import parse_license_file
from tests.rlm.license_files import GOOD, HOST, ISV, LICENSE, read

ONE = f"{HOST}\n{ISV}\n{LICENSE}\nLICENSE siemens NXCAE 2027.1 31-dec-2027 10 share=uh sig=60PH\n"


def differences(*texts: str) -> tuple[Difference, ...]:
    return compare([(f"rlm{number}.lic", parse_license_file(text)) for number, text in enumerate(texts, 1)])


def details(*texts: str) -> list[tuple[str, str]]:
    return [(each.subject, each.detail) for each in differences(*texts)]


@pytest.mark.row(13)
@pytest.mark.parametrize(
    "other",
    [
        ONE,
        ONE.replace("rlm1.example.com", "rlm2.example.com").replace("5053", "5063"),
        ONE.replace("\n", "\r\n"),
        ONE.replace("share=uh", "\n  SHARE=UH _ck=00").replace("sig=60PH", 'SIG="60\nPH"'),
        ONE.replace("HOST", "server").replace("LICENSE", "feature").replace("STARCCM", "starccm"),
        "\n".join([*ONE.splitlines()[:2], *reversed(ONE.splitlines()[2:])]),
        "# of ours\n" + ONE + "\n\n",
    ],
    ids=["same", "host-and-port", "line-ends", "own-words-and-layout", "aliases", "order", "comments"],
)
def test_files_that_grant_the_same_do_not_differ(other: str) -> None:
    assert differences(ONE, other) == ()
    assert differences(other, ONE, ONE) == ()


@pytest.mark.row(13)
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            ("permanent 20", "permanent 25"),
            ("siemens STARCCM v2027.1", "count is 20 in rlm1.lic and rlm2.lic; 25 in rlm3.lic"),
        ),
        (
            ("31-dec-2027", "31-dec-2026"),
            (
                "siemens NXCAE v2027.1",
                "expiry is 2027-12-31 in rlm1.lic and rlm2.lic; 2026-12-31 in rlm3.lic",
            ),
        ),
        (
            (" 10 ", " uncounted "),
            ("siemens NXCAE v2027.1", "count is 10 in rlm1.lic and rlm2.lic; uncounted in rlm3.lic"),
        ),
        (
            (" share=uh", ""),
            ("siemens NXCAE v2027.1", "share is uh in rlm1.lic and rlm2.lic; none in rlm3.lic"),
        ),
        (
            ("share=uh", "share=uh soft_limit=4"),
            ("siemens NXCAE v2027.1", "soft_limit is none in rlm1.lic and rlm2.lic; 4 in rlm3.lic"),
        ),
        (
            ("60PH", "60PX"),
            ("siemens NXCAE v2027.1", "signature 1 in rlm1.lic and rlm2.lic; signature 2 in rlm3.lic"),
        ),
        (("5055", "5056"), ("ISV siemens", "port is 5055 in rlm1.lic and rlm2.lic; 5056 in rlm3.lic")),
    ],
)
def test_says_in_words_what_differs(changed: tuple[str, str], expected: tuple[str, str]) -> None:
    assert details(ONE, ONE, ONE.replace(*changed)) == [expected]


def test_says_what_is_missing_where() -> None:
    assert details(ONE, GOOD, ONE) == [
        ("siemens NXCAE v2027.1", "stands in rlm1.lic and rlm3.lic, not in rlm2.lic"),
    ]
    assert details(ONE, ONE.replace("2027.1 31", "2028.1 31")) == [
        ("siemens NXCAE v2027.1", "stands in rlm1.lic, not in rlm2.lic"),
        ("siemens NXCAE v2028.1", "stands in rlm2.lic, not in rlm1.lic"),
    ]
    assert details(GOOD, GOOD.replace(ISV, "")) == [("ISV siemens", "stands in rlm1.lic, not in rlm2.lic")]


def test_a_license_that_stands_twice_in_one_file_is_missing_once_in_the_other() -> None:
    more = "LICENSE siemens STARCCM 2027.1 permanent 5 sig=60PX\n"
    assert details(GOOD + more, GOOD) == [("siemens STARCCM v2027.1", "stands in rlm1.lic, not in rlm2.lic")]
    assert details(GOOD + more, more + GOOD) == []


def test_files_signed_for_machines_of_their_own_are_compared_without_signatures() -> None:
    [hostid] = differences(ONE, ONE.replace("0123456789ab", "0123456789ac").replace("sig=60", "sig=61"))
    assert (hostid.kind, hostid.subject, hostid.field) == (DifferenceKind.HOSTID, "HOST", "hostid")
    assert hostid.values == (("rlm1.lic", "0123456789ab"), ("rlm2.lic", "0123456789ac"))
    assert hostid.detail.endswith("so signatures are not compared")


def test_upgrades_and_customers_count_as_well() -> None:
    data = "CUSTOMER bigco isv=siemens server=a port=5053\nUPGRADE siemens B 1.0 2.0 permanent 5 sig=AB\n"
    assert details(data, data.replace("5053", "5054").replace(" 5 ", " 6 ")) == [
        ("siemens B v1.0 to v2.0", "count is 5 in rlm1.lic; 6 in rlm2.lic"),
        ("CUSTOMER bigco", "port is 5053 in rlm1.lic; 5054 in rlm2.lic"),
    ]


def test_no_signature_is_told() -> None:
    told = repr(differences(ONE, ONE.replace("60PH", "60PX"), GOOD))
    assert "60P" not in told


def test_one_file_and_equal_names_are_no_trouble() -> None:
    file = read("plain")
    assert compare([("a.lic", file)]) == ()
    assert compare([("a.lic", file), ("a.lic", file)]) == ()
    assert compare([]) == ()
