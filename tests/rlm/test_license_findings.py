"""Each kind of finding has its truth table: where it stands, and the near miss where it does not."""

from dataclasses import dataclass

import pytest

from rlm_exporter.rlm.license_findings import find_faults
from rlm_exporter.rlm.license_values import FindingKind, Severity
from tests.rlm.license_files import DATA, GOOD, HOST, ISV, LICENSE, TODAY, faults, kinds, read

K = FindingKind
E, W, N = Severity.ERROR, Severity.WARNING, Severity.NOTE


def text(*lines: str) -> str:
    return "\n".join((*lines, ""))


def with_license(rest: str) -> str:
    return text(HOST, ISV, f"LICENSE siemens STARCCM 2027.1 {rest}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A text, and where findings of the kind stand in it: (line, severity), none for a near miss."""

    kind: FindingKind
    text: str
    at: tuple[tuple[int, Severity], ...] = ()
    balancers: tuple[str, ...] = ()
    says: str = ""


def row(
    kind: FindingKind,
    text: str,
    *at: tuple[int, Severity],
    says: str = "",
    balancers: tuple[str, ...] = (),
) -> Row:
    return Row(kind=kind, text=text, at=at, says=says, balancers=balancers)


ROWS = (
    row(K.MULTIPLE_HOST, GOOD),
    row(K.MULTIPLE_HOST, text(HOST, HOST, HOST, ISV, LICENSE), (2, W), says="3 HOST lines"),
    row(K.HOSTID_ANY, GOOD),
    row(K.HOSTID_ANY, text("HOST a any 5053", ISV, LICENSE), (1, W), says="full count"),
    row(K.HOSTID_ANY, text("HOST any 0123456789ab", ISV, LICENSE)),
    row(K.HOSTID_ANY, with_license("permanent 5 hostid=ANY sig=AB")),
    row(K.ISV_ON_HOST_LINE, GOOD),
    row(K.ISV_ON_HOST_LINE, text(f"{HOST} {ISV}", LICENSE), (1, E), says="a new line"),
    row(K.ISV_ON_HOST_LINE, text("HOST a ANY\ndaemon siemens", LICENSE)),
    row(K.ISV_ON_HOST_LINE, text("HOST a ANY daemon siemens", LICENSE), (1, E)),
    row(K.ISV_ON_HOST_LINE, text("HOST isv ANY", ISV, LICENSE)),
    row(K.MISSING_ISV, GOOD),
    row(K.MISSING_ISV, text(HOST, "ISV SIEMENS", LICENSE)),
    row(K.MISSING_ISV, text(HOST, LICENSE, LICENSE), (2, E), says="siemens"),
    row(K.MISSING_ISV, text(HOST, "ISV other", LICENSE), (3, E)),
    row(K.MISSING_ISV, text(HOST, "LICENSE siemens A 1.0 permanent token sig=AB"), (2, E)),
    row(K.MISSING_ISV, text(HOST, "LICENSE siemens A 1.0 permanent uncounted hostid=ANY sig=AB")),
    row(K.MISSING_ISV, text(HOST, "LICENSE siemens A 1.0 permanent single hostid=ANY sig=AB")),
    row(K.ISV_WITHOUT_PORT, GOOD),
    row(K.ISV_WITHOUT_PORT, text(HOST, "ISV siemens", LICENSE), (2, W), says="no port="),
    row(K.ISV_WITHOUT_PORT, text(HOST, "ISV siemens a b 5055", LICENSE)),
    row(K.ISV_WITHOUT_PORT, text(HOST, "ISV siemens 5055", LICENSE), (2, W), says="port=5055"),
    row(K.ISV_WITHOUT_PORT, text(HOST, "ISV siemens a 5055", LICENSE), (2, W), says="options file"),
    row(K.ISV_WITHOUT_PORT, text(HOST, "ISV siemens port=70000", LICENSE)),
    row(K.PORT_OUT_OF_RANGE, GOOD),
    row(K.PORT_OUT_OF_RANGE, text("HOST a ANY 65535", "ISV siemens port=1", LICENSE)),
    row(
        K.PORT_OUT_OF_RANGE,
        text("HOST a ANY 65536", "ISV siemens port=0", LICENSE),
        (1, E),
        (2, E),
        says="1 to 65535",
    ),
    row(K.PORT_OUT_OF_RANGE, text("HOST a ANY -1", "ISV siemens\nport=x", LICENSE), (1, E), (3, E)),
    row(K.PORT_OUT_OF_RANGE, text(HOST, "ISV siemens a b 123456", LICENSE), (2, E)),
    row(K.PORT_OUT_OF_RANGE, text(GOOD, "CUSTOMER a isv=siemens server=b port=99999"), (5, E)),
    row(K.UNKNOWN_KEYWORD, GOOD),
    row(K.UNKNOWN_KEYWORD, with_license("permanent 5 _redundant=1 meter_x=2 sig=AB")),
    row(K.UNKNOWN_KEYWORD, with_license("permanent 5\nREDUNDANT\nsig=AB"), (4, W), says="rlm_failover"),
    row(K.UNKNOWN_KEYWORD, with_license("permanent 5\nsig=AB\nborrow=24"), (5, W), says="max_roam"),
    row(K.UNKNOWN_KEYWORD, text(HOST, f"{ISV} colour=red", LICENSE), (2, W), says="colour"),
    row(K.UNKNOWN_KEYWORD, text(HOST, "ISV siemens a b 5055 c", LICENSE), (2, W)),
    row(K.UNKNOWN_KEYWORD, text(f"{HOST} # ours", ISV, LICENSE), (1, W), (1, W)),
    row(K.UNKNOWN_KEYWORD, text(HOST, "ISV", ISV, LICENSE), (2, E), says="no name"),
    row(K.UNKNOWN_KEYWORD, text("INCREMENT a", "b", GOOD), (1, W), says="begins no statement"),
    row(K.UNKNOWN_KEYWORD, "\ufeff" + GOOD, (1, E), says="byte order mark"),
    row(K.UNKNOWN_KEYWORD, with_license("permanent many sig=AB"), (3, E), says="no count"),
    row(K.UNKNOWN_KEYWORD, with_license('permanent 5 sig="AB'), (3, W), says="closes"),
    row(
        K.UNKNOWN_KEYWORD,
        with_license("permanent 5 sig=AB" + "\nword" * 9),
        (4, W),
        (5, W),
        (6, W),
        (7, W),
        (8, W),
        (9, W),
        says="4 more",
    ),
    row(K.SIGN_INSTEAD_OF_SIG, GOOD),
    row(K.SIGN_INSTEAD_OF_SIG, with_license("permanent 5\nsign=AB"), (4, W), says="sig="),
    row(K.UNKNOWN_PLATFORM, with_license('permanent 5 platforms="x64_l X86_W4 arm64_m2 ppc64_l" sig=AB')),
    row(
        K.UNKNOWN_PLATFORM,
        with_license('permanent 5 sig=AB\nPlatforms="x64_l linux x64_win64"'),
        (4, W),
        says="'linux', 'x64_win64'",
    ),
    row(K.DUPLICATE_KEYWORD, GOOD),
    row(K.DUPLICATE_KEYWORD, with_license("permanent 5 share=u sig=AB\nSHARE=h"), (4, E), says="once"),
    row(K.DUPLICATE_KEYWORD, with_license("permanent 5 sig=AB\nsig=AC"), (4, E)),
    row(K.DUPLICATE_KEYWORD, text(HOST, f"{ISV} port=5056", LICENSE), (2, W)),
    row(K.DUPLICATE_PRODUCT, GOOD),
    row(K.DUPLICATE_PRODUCT, text(GOOD, LICENSE), (5, W), says="line 3 already"),
    row(
        K.DUPLICATE_PRODUCT,
        text(GOOD, "license SIEMENS starccm 2027.1 1-jan-2028 5 sig=AB"),
        (5, N),
        says="line 3 too",
    ),
    row(K.DUPLICATE_PRODUCT, text(GOOD, LICENSE.replace("2027.1", "2028.1"))),
    row(K.DUPLICATE_PRODUCT, text(GOOD, f"{LICENSE} hostid=0123456789ac")),
    row(K.DUPLICATE_PRODUCT, text(GOOD, *["LICENSE siemens A 1.0 permanent 0 hostid=ANY sig=AB"] * 2)),
    row(K.BAD_DATE, GOOD),
    row(K.BAD_DATE, with_license("1-jan-0 5 start=1-jan-2020 sig=AB")),
    row(K.BAD_DATE, with_license("\n31-jun-2027 5 sig=AB"), (4, E), says="31-jun-2027"),
    row(K.BAD_DATE, with_license("permanent 5 sig=AB\nstart=soon"), (4, E), says="start="),
    row(K.BAD_DATE, with_license("permanent 5 sig=AB\nissued=soon"), (4, W), says="issued="),
    row(K.BAD_DATE, with_license(""), (3, E), says="no expiry"),
    row(K.BAD_DATE, text(GOOD, "LICENSE siemens B"), (5, E), says="2 of the 5 words"),
    row(K.BAD_DATE, text(GOOD, "UPGRADE siemens B 1.0 2.0 x 5 sig=AB"), (5, E)),
    row(K.EXPIRED, with_license("14-jun-2027 5 sig=AB"), (3, E), says="1 day ago"),
    row(K.EXPIRED, with_license("15-jun-2027 5 sig=AB")),
    row(K.EXPIRED, with_license("permanent 5 sig=AB")),
    row(K.EXPIRED, text(GOOD, "UPGRADE siemens B 1.0 2.0 1-jan-2027 5 sig=AB"), (5, E)),
    row(K.EXPIRING, with_license("14-jun-2027 5 sig=AB")),
    row(K.EXPIRING, with_license("15-jun-2027 5 sig=AB"), (3, W), says="ends with this day"),
    row(K.EXPIRING, with_license("16-jun-2027 5 sig=AB"), (3, W), says="1 day more"),
    row(K.EXPIRING, with_license("15-jul-2027 5 sig=AB"), (3, W), says="30 days more"),
    row(K.EXPIRING, with_license("16-jul-2027 5 sig=AB")),
    row(K.NOT_YET_VALID, with_license("permanent 5 start=16-jun-2027 sig=AB"), (3, W), says="starts on"),
    row(K.NOT_YET_VALID, with_license("permanent 5 start=15-jun-2027 sig=AB")),
    row(K.NOT_YET_VALID, with_license("permanent 5 start=1-jan-0 sig=AB")),
    row(K.FAILOVER_UNCOUNTED, text(GOOD, "LICENSE siemens rlm_failover 1.0 permanent 1 sig=AB")),
    row(
        K.FAILOVER_UNCOUNTED,
        text(GOOD, "LICENSE siemens RLM_Failover 1.0 permanent 0 sig=AB"),
        (5, E),
        says="ignores",
    ),
    row(K.FAILOVER_UNCOUNTED, text(GOOD, "LICENSE siemens rlm_roam 1.0 permanent 0 sig=AB")),
    row(
        K.PRIMARY_SERVER_LOCALHOST,
        text(GOOD, "LICENSE siemens rlm_failover 1.0 permanent 1 sig=AB\n_primary_server=5053@LocalHost"),
        (6, W),
        says="this machine",
    ),
    row(
        K.PRIMARY_SERVER_LOCALHOST,
        text(GOOD, "LICENSE siemens rlm_failover 1.0 permanent 1 sig=AB _primary_server=::1"),
        (5, W),
    ),
    row(
        K.PRIMARY_SERVER_LOCALHOST,
        text(GOOD, "LICENSE siemens rlm_failover 1.0 permanent 1 sig=AB _primary_server=RLM1.example.com."),
        (5, W),
        says="own HOST",
    ),
    row(
        K.PRIMARY_SERVER_LOCALHOST,
        text(GOOD, "LICENSE siemens rlm_failover 1.0 permanent 1 sig=AB _primary_server=rlm2.example.com"),
    ),
    row(K.PRIMARY_SERVER_LOCALHOST, with_license("permanent 5 sig=AB _primary_server=localhost")),
    row(K.NOTHING_TO_SERVE, GOOD),
    row(K.NOTHING_TO_SERVE, "", (1, E), says="no license"),
    row(K.NOTHING_TO_SERVE, text(HOST, ISV), (1, E)),
    row(K.NOTHING_TO_SERVE, text(ISV, LICENSE), (2, E), says="need a HOST line"),
    row(K.NOTHING_TO_SERVE, text("HOST a", ISV, LICENSE), (3, E)),
    row(K.NOTHING_TO_SERVE, with_license("permanent single hostid=ANY sig=AB"), (3, W)),
    row(K.NOTHING_TO_SERVE, with_license("permanent 0 hostid=ANY sig=AB"), (3, W)),
    row(K.NOTHING_TO_SERVE, with_license("permanent token token=<a> sig=AB")),
    row(K.NOTHING_TO_SERVE, "CUSTOMER a isv=b server=c port=5053", (1, W), says="RLM Cloud"),
    row(K.CRLF, GOOD),
    row(K.CRLF, GOOD.replace("\n", "\r\n"), (1, N)),
    row(K.CRLF, GOOD + "LICENSE siemens B 1.0 permanent 1 sig=AB\r\n", (4, N)),
    row(K.BACKSLASH, text(HOST, "ISV siemens binary=C:\\rlm\\siemens port=5055", LICENSE)),
    row(
        K.BACKSLASH,
        text(HOST, ISV, "LICENSE siemens A 1.0 permanent 5 \\", " share=u \\ ", " sig=AB"),
        (3, N),
        says="2 lines end",
    ),
    row(K.BACKSLASH, text("# a comment \\", GOOD)),
    row(K.HOST_NOT_BALANCER, GOOD),
    row(K.HOST_NOT_BALANCER, GOOD, balancers=("RLM1.example.com.",)),
    row(K.HOST_NOT_BALANCER, GOOD, balancers=("other", "rlm1.example.com")),
    row(K.HOST_NOT_BALANCER, GOOD, (1, W), says="rlm-lb", balancers=("rlm-lb.example.com",)),
)


@pytest.mark.row(13)
@pytest.mark.parametrize("case", ROWS, ids=lambda each: f"{each.kind}-{'fires' if each.at else 'is-silent'}")
def test_each_finding_stands_where_it_belongs(case: Row) -> None:
    found = [each for each in faults(case.text, balancers=case.balancers) if each.kind is case.kind]
    assert tuple((each.line, each.severity) for each in found) == case.at
    assert not case.at or case.says in found[-1].detail


@pytest.mark.parametrize("kind", FindingKind)
def test_every_kind_has_a_row_that_fires_and_one_that_does_not(kind: FindingKind) -> None:
    assert {bool(each.at) for each in ROWS if each.kind is kind} == {True, False}


def test_nothing_is_wrong_with_a_good_file() -> None:
    assert faults(GOOD) == ()
    assert find_faults(read("plain"), as_of=TODAY) == ()


@pytest.mark.row(13)
def test_a_file_for_three_servers_with_foreign_words_is_told_all_at_once() -> None:
    assert kinds((DATA / "page-claims.lic").read_bytes()) == [
        "hostid-any",
        "hostid-any",
        "multiple-host",
        "hostid-any",
        "isv-without-port",
        "backslash",
        *["unknown-platform", "unknown-keyword", "unknown-keyword", "sign-instead-of-sig"] * 2,
    ]


@pytest.mark.row(13)
def test_strict_makes_errors_of_words_that_rlm_does_not_know() -> None:
    data = (DATA / "page-claims.lic").read_bytes()
    raised = {each.kind for each in faults(data, strict=True) if each.severity is Severity.ERROR}
    assert raised == {K.UNKNOWN_KEYWORD, K.SIGN_INSTEAD_OF_SIG}
    assert not [each for each in faults(data) if each.severity is Severity.ERROR]


def test_the_days_of_warning_are_the_callers() -> None:
    file = read("dates")
    for days, products in ((0, 1), (30, 2), (31, 3)):
        found = find_faults(file, as_of=TODAY, warn_days=days)
        assert len([each for each in found if each.kind is K.EXPIRING]) == products


def test_findings_come_by_line() -> None:
    lines = [each.line for each in faults((DATA / "page-claims.lic").read_bytes())]
    assert lines == sorted(lines)


def test_a_foreign_file_is_no_error_of_the_reader() -> None:
    assert set(kinds((DATA / "html.lic").read_bytes())) == {"nothing-to-serve", "unknown-keyword"}
    assert set(kinds((DATA / "flexlm.lic").read_bytes())) == {"nothing-to-serve", "unknown-keyword"}
