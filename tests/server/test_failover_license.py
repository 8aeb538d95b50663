"""Which failover RLM has of its own is told from the license files, or not at all."""

from dataclasses import replace
from typing import Any

import pytest

from rlm_exporter.server.documents import cluster_document
from rlm_exporter.server.failover_license import NONE
from tests.metrics.situations import LICENSES, reading
from tests.server import states

PROCESS = LICENSES + b"LICENSE acme rlm_failover_server 1.0 permanent 1 sig=4 _primary_server=rlm1\n"
SENTENCE = "does not act while the primary's rlm runs, so not on a dead ISV server"


def told(*texts: bytes | None) -> dict[str, Any] | None:
    """What the document says where the servers' files are these; None = never read, empty = unreadable."""
    state = states.state()
    parts = (
        replace(
            part,
            license_files=None if text is None else reading(text, failures=() if text else ("gone",)),
        )
        for part, text in zip(state.snapshot.servers, texts, strict=True)
    )
    state = replace(state, snapshot=replace(state.snapshot, servers=tuple(parts)))
    found: dict[str, Any] | None = cluster_document(state)["failover"]["license"]
    return found


def test_a_grant_is_told_with_its_primary_and_what_it_does_not_cover() -> None:
    assert told(LICENSES, PROCESS, LICENSES) == {
        "kind": "rlm_failover_server",
        "server": "rlm2",
        "isvs": ["ACME"],
        "primary": "rlm1",
        "does_not_cover": SENTENCE,
    }


def test_a_grant_is_known_although_other_files_are_not() -> None:
    found = told(None, PROCESS, b"")
    assert found is not None
    assert found["server"] == "rlm2"


def test_several_isvs_with_one_kind_and_primary_are_told_together() -> None:
    both = PROCESS + PROCESS.replace(b"acme", b"siemens").partition(b"sig=3\n")[2]
    found = told(LICENSES, both, LICENSES)
    assert found is not None
    assert found["isvs"] == ["ACME", "siemens"]


def test_that_there_is_none_is_told_where_all_files_are_known() -> None:
    none = told(LICENSES, LICENSES, LICENSES)
    assert none == {"kind": None, "server": None, "isvs": [], "primary": None, "does_not_cover": NONE}


@pytest.mark.parametrize("third", [None, b""])
def test_nothing_is_said_where_some_files_are_not_known(third: bytes | None) -> None:
    assert told(LICENSES, LICENSES, third) is None


def test_an_expired_grant_is_none() -> None:
    expired = PROCESS.replace(b"rlm_failover_server 1.0 permanent", b"rlm_failover_server 1.0 1-nov-2025")
    found = told(LICENSES, expired, LICENSES)
    assert found is not None
    assert found["kind"] is None
