import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.cli.licenses import login_name
from rlm_exporter.cli.update_health import COMPONENTS, read_claims
from tests.cli.command import CommandLine
from tests.cli.daemon import FixedDaemon, fixed, problem
from tests.cli.documents import CLUSTER

PATH = f"/api/v1/clusters/{CLUSTER}/health"
DONE = {"result": "done", "detail": "heard mon1 about rlm1", "differences": []}


@pytest.mark.row(32)
@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("", ()),
        ("  \n ", ()),
        ("a", (("a", "server"),)),
        ("a b", (("a", "server"), ("b", "server"))),
        ("a (web) b (license)", (("a", "web"), ("b", "license"))),
        ("a b (isv)\nc", (("a", "server"), ("b", "isv"), ("c", "server"))),
        ("a(web)", (("a", "web"),)),
        ("a ( web ) b", (("a", "web"), ("b", "server"))),
        (
            "rlm1.example.com:5053 [::1]:5053 (web)",
            (("rlm1.example.com:5053", "server"), ("[::1]:5053", "web")),
        ),
    ],
)
def test_a_list_has_servers_and_the_parts_that_are_meant(
    text: str, claims: tuple[tuple[str, str], ...]
) -> None:
    assert read_claims(text) == claims


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("(web)", "expected servers"),
        ("a (web", "expected servers"),
        ("a (web) (isv)", "expected servers"),
        ("a web)", "expected servers"),
        ("a (web)b", "expected servers"),
        ("a (disk)", "not one of license, isv, web"),
        ("a ()", "not one of"),
    ],
)
def test_what_is_no_list_is_refused(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read_claims(text)


NAMES = st.from_regex(r"[a-z0-9.:\-]{1,12}", fullmatch=True)


@given(st.lists(st.tuples(NAMES, st.sampled_from(("server", *COMPONENTS)))))
def test_what_a_script_joins_is_read_back(claims: list[tuple[str, str]]) -> None:
    words = [name if component == "server" else f"{name} ({component})" for name, component in claims]
    assert read_claims(" ".join(words)) == tuple(claims)


@given(st.text(max_size=40))
def test_whatever_stands_there_is_read_or_refused(text: str) -> None:
    try:
        claims = read_claims(text)
    except ValueError:
        return
    assert all(server and component in {"server", *COMPONENTS} for server, component in claims)


@pytest.mark.row(32)
async def test_a_report_is_sent_as_the_lists_say(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("POST", PATH, fixed(DONE))
    ended = await rlm_ha.run(
        *("licenses", "update-health", CLUSTER, "--healthy-servers", "rlm1 rlm2"),
        *("--failed-servers", "rlm3 (web)", "--ttl", "5m", "--reporter", "mon1"),
        RLM_HA_URL=daemon.url,
    )
    assert (ended.code, ended.out, ended.err) == (0, f"{CLUSTER}: heard mon1 about rlm1\n", "")
    assert daemon.bodies == [
        {
            "reporter": "mon1",
            "ttl": "5m",
            "reports": [
                {"server": "rlm1", "component": "server", "healthy": True},
                {"server": "rlm2", "component": "server", "healthy": True},
                {"server": "rlm3", "component": "web", "healthy": False},
            ],
        }
    ]


@pytest.mark.row(32)
@pytest.mark.parametrize("noun", ["licenses", "license-servers"])
async def test_one_list_may_be_empty_and_the_reporter_is_whoever_asks(
    daemon: FixedDaemon, rlm_ha: CommandLine, noun: str
) -> None:
    daemon.on("POST", PATH, fixed(DONE))
    ended = await rlm_ha.run(
        *(noun, "update-health", CLUSTER, "--healthy-servers", "rlm1", "--failed-servers", "", "-j"),
        RLM_HA_URL=daemon.url,
    )
    assert (ended.code, ended.document) == (0, DONE)
    (asked,) = daemon.bodies
    assert asked.pop("reporter").startswith(f"{login_name({})}@")
    assert asked == {"reports": [{"server": "rlm1", "component": "server", "healthy": True}]}


async def test_what_the_daemon_sees_otherwise_is_told(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    words = "mon1 reports rlm1 healthy; our own check says failed"
    daemon.on("POST", PATH, fixed(DONE | {"differences": [words]}))
    ended = await rlm_ha.run(
        "licenses", "update-health", CLUSTER, "--healthy-servers", "rlm1", RLM_HA_URL=daemon.url
    )
    assert (ended.code, ended.err) == (0, f"Note: {words}\n")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((), "nothing is reported"),
        (("--healthy-servers", "", "--failed-servers", " "), "nothing is reported"),
        (("--failed-servers", "rlm1 (disk)"), "not one of license, isv, web"),
    ],
)
async def test_a_report_of_nothing_or_of_no_known_part_is_a_usage_error(
    daemon: FixedDaemon, rlm_ha: CommandLine, words: tuple[str, ...], what: str
) -> None:
    ended = await rlm_ha.run("licenses", "update-health", CLUSTER, *words, RLM_HA_URL=daemon.url)
    assert ended.code == 2
    assert what in ended.err
    assert daemon.bodies == []


async def test_a_server_that_nobody_knows_is_3(daemon: FixedDaemon, rlm_ha: CommandLine) -> None:
    daemon.on("POST", PATH, problem(422, "unknown_server", "reports[0].server: no server 'rlm9'"))
    ended = await rlm_ha.run(
        "licenses", "update-health", CLUSTER, "--healthy-servers", "rlm9", RLM_HA_URL=daemon.url
    )
    assert (ended.code, ended.out) == (3, "")
    assert "rlm9" in ended.err
