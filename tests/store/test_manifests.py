"""Manifests in the store."""

import asyncio
from datetime import UTC, datetime

import pytest

from rlm_exporter.store.errors import ConflictError
from rlm_exporter.store.journal import Journal
from rlm_exporter.store.manifest_records import DeployedManifest, Deployment
from tests.store.situations import CLUSTER, claimed, founded

NOW = datetime(2026, 3, 2, 2, 14, tzinfo=UTC)


def first(cluster: str = "site", document: str = "one\n") -> Deployment:
    return Deployment(cluster=cluster, document=document, after=None, servers=frozenset({"rlm1"}))


def again(after: int | None) -> Deployment:
    return Deployment(cluster="site", document="new\n", after=after, servers=frozenset({"rlm1"}))


async def test_what_was_deployed_is_there_by_name(journal: Journal) -> None:
    await journal.deploy([first("site"), first("lab", "two\n")], by="alice", now=NOW)

    assert await journal.manifests() == (
        DeployedManifest(cluster="lab", document="two\n", revision=1, deployed_at=NOW, deployed_by="alice"),
        DeployedManifest(cluster="site", document="one\n", revision=1, deployed_at=NOW, deployed_by="alice"),
    )


async def test_each_change_is_a_revision_and_stands_in_the_history(journal: Journal) -> None:
    await journal.deploy([first()], by="alice", now=NOW)
    await journal.deploy([again(1)], by="bob", now=NOW)

    (stored,) = await journal.manifests()
    assert (stored.document, stored.revision, stored.deployed_by) == ("new\n", 2, "bob")
    held = await journal.held("site")
    assert [(each.rule, each.trigger, each.detail) for each in held] == [
        ("deployed", "operator", "bob: the manifest, revision 2"),
        ("deployed", "operator", "alice: the manifest, revision 1"),
    ]


@pytest.mark.parametrize("after", [None, 2, 0])
async def test_who_has_seen_another_revision_changes_nothing(journal: Journal, after: int | None) -> None:
    await journal.deploy([first()], by="alice", now=NOW)

    with pytest.raises(ConflictError, match="somebody was quicker"):
        await journal.deploy([first("other"), again(after)], by="bob", now=NOW)
    assert [(each.cluster, each.document) for each in await journal.manifests()] == [("site", "one\n")]


async def test_nothing_is_changed_while_an_operation_is_open(journal: Journal) -> None:
    await founded(journal)
    operation = await claimed(journal)
    with pytest.raises(ConflictError, match="is under way") as refusal:
        await journal.deploy([first(CLUSTER)], by="alice", now=NOW)
    assert refusal.value.operation_id == operation.id
    assert await journal.manifests() == ()


async def test_a_removal_is_of_what_was_seen_and_leaves_the_history(journal: Journal) -> None:
    await journal.deploy([first()], by="alice", now=NOW)

    with pytest.raises(ConflictError):
        await journal.remove_manifest("site", after=2, by="bob", now=NOW)
    await journal.remove_manifest("site", after=1, by="bob", now=NOW)

    assert await journal.manifests() == ()
    assert [each.rule for each in await journal.held("site")] == ["removed", "deployed"]


async def test_of_two_at_once_one_wins(journal: Journal) -> None:
    results = await asyncio.gather(
        *(journal.deploy([first(document=f"{who}\n")], by=who, now=NOW) for who in ("alice", "bob")),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in results) == ["ConflictError", "NoneType"]
    (stored,) = await journal.manifests()
    assert stored.document == f"{stored.deployed_by}\n"


async def test_clients_must_not_have_been_moved_out_of_it_meanwhile(journal: Journal) -> None:
    await founded(journal)
    elsewhere = Deployment(cluster=CLUSTER, document="x\n", after=None, servers=frozenset({"rlm8", "rlm9"}))
    with pytest.raises(ConflictError, match="clients were moved to rlm1, which is not in the manifest"):
        await journal.deploy([elsewhere], by="alice", now=NOW)
    assert await journal.manifests() == ()
