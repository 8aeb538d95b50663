"""The page as it is for each state of a cluster; what it says is read without its markup."""

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from rlm_exporter.manifest.model import FailoverPolicy
from rlm_exporter.server.documents import ClusterState, cluster_document
from rlm_exporter.server.status_page import render
from tests.metrics.situations import NOW
from tests.server import states
from tests.server.daemon import Daemon

VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Notes tags and text, and fails where a tag is closed that is not open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text.append(data)


def read(*given: ClusterState) -> Reader:
    reader = Reader()
    reader.feed(render([cluster_document(each) for each in given], now=NOW))
    reader.close()
    assert reader.open == []
    return reader


def said(*given: ClusterState) -> str:
    """What a person reads, with single spaces."""
    return re.sub(r"\s+", " ", " ".join(read(*given).text))


def test_a_daemon_that_has_just_begun_says_that_it_does_not_know() -> None:
    text = said(states.nothing_known())
    for expected in (
        "nobody known yet",
        "Who is active is not known yet.",
        "not ready for a failover",
        "balancer lb1: it has not been read yet",
        "not yet",
        "None yet.",
        "None known.",
    ):
        assert expected in text
    assert "serving" not in text
    assert " 0 of 0" not in text


def test_a_healthy_cluster_says_so_on_its_first_line() -> None:
    text = said(states.state())
    for expected in (
        "rlm-ha-cluster serving ready for a failover",
        "rlm1 is the active server (rlm1.example.com) since 2025-11-03 09:00:00 UTC, for 3 h; epoch 7",
        "8 of 54",
        "lb1: sends clients to rlm1",
        "active healthy : rlm1 answers",
        "committed failback from rlm2 to rlm1 , asked for by ada: rlm1 has its new disks",
    ):
        assert expected in text
    for alarm in (
        "down",
        "MAINT",
        "degraded",
        "paused",
        "cooldown",
        "under way",
        "fires",
        "acknowledged",
        "differs",
    ):
        assert alarm not in text


def test_what_is_wrong_stands_above_the_servers() -> None:
    text = said(states.degraded())
    above, below = text.split("License servers")
    for expected in (
        "not ready for a failover paused cooldown 3 min",
        "balancer lb2: connection refused",
        "Nothing moves by itself until 2025-11-03 14:00:00 UTC",
        "1 automatic move has not been acknowledged.",
    ):
        assert expected in above
    for expected in (
        "degraded no pool of solver (ACME)",
        "503 Service Unavailable",
        "held for failover",
        "4 times in a row",
        "lb2: not readable connection refused",
        "rule 12",
    ):
        assert expected in below


def test_an_open_operation_stands_above_the_servers_step_by_step() -> None:
    above, below = said(states.moving()).split("License servers")
    for expected in (
        "active server down",
        "Operation 12 is under way: failover from rlm1 to rlm2 , asked for by controller: rlm1 is confirmed",
        "apply rlm2: done lb1 send to rlm2",
        "verify rlm2: running",
        "Alert RLMFailoverWanted about rlm1 fires",
        "delivered 1 time",
    ):
        assert expected in above
    assert "Last operation" not in below


def test_a_balancer_that_sends_elsewhere_is_pointed_out() -> None:
    known = states.state()
    view = known.readings[0].view
    assert view is not None
    elsewhere = replace(known.readings[0], view=replace(view, active="rlm3", epoch=None))
    assert "lb1: differs sends clients to rlm3 epoch empty" in said(replace(known, readings=(elsewhere,)))


def test_a_cluster_that_moves_by_hand_only_says_so() -> None:
    known = states.state()
    by_hand = replace(known.cluster, failover=FailoverPolicy(automatic=False))
    assert "moves by hand only" in said(replace(known, cluster=by_hand))


def test_clusters_stand_one_below_the_other_and_none_is_said_too() -> None:
    text = said(states.state(), states.degraded())
    assert text.count("is the active server") == 2
    assert "No cluster is configured." in said()


def test_whatever_others_write_is_shown_as_text() -> None:
    page = render([cluster_document(states.hostile())], now=NOW)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 8
    reader = read(states.hostile())
    assert "script" not in reader.tags
    assert not [name for name in reader.attributes if name.startswith("on")]
    assert "<script>alert('x')</script>\"&" in "".join(reader.text)


def test_the_title_of_a_page_with_a_fault_is_seen_in_a_row_of_tabs() -> None:
    assert "<title>RLM high availability</title>" in render([cluster_document(states.state())], now=NOW)
    assert "<title>! RLM high availability</title>" in render([cluster_document(states.moving())], now=NOW)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(seconds=-5), "0 s ago"),
        (timedelta(), "0 s ago"),
        (timedelta(seconds=59.9), "59 s ago"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=61, seconds=3), "1 h 1 min ago"),
        (timedelta(days=2, hours=1, minutes=1), "2 d 1 h ago"),
    ],
)
def test_ages_are_said_as_a_person_says_them(age: timedelta, expected: str) -> None:
    known = states.state()
    first = replace(known.snapshot.servers[0], checked_at=NOW - age)
    seen = replace(known.snapshot, servers=(first, *known.snapshot.servers[1:]))
    assert expected in said(replace(known, snapshot=seen))


async def test_the_page_is_served_with_nothing_from_elsewhere(local: Daemon) -> None:
    answer = await local.get("/")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert answer.headers["Refresh"] == "5"
    page = answer.body.decode()
    assert "<b>rlm1</b> is the active server" in page
    assert page.count("<section>") == 2
    assert "http://" not in page
    assert "https://" not in page


async def test_a_daemon_that_knows_nothing_yet_serves_the_page_too(fresh: Daemon) -> None:
    answer = await fresh.get("/")
    assert answer.status == 200
    assert b"Who is active is not known yet." in answer.body


@pytest.mark.row(32)
def test_what_another_monitor_reports_stands_beside_our_own_check() -> None:
    reports = (states.report(), states.report("rlm2", healthy=False, at=NOW - timedelta(minutes=3)))
    text = said(states.state(reports=reports))
    assert "mon1 reported server healthy 12 s ago" in text
    assert "mon1 reported server failed 3 min ago , too old to count" in text.replace("ago,", "ago ,")
