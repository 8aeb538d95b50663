"""Changes of what a daemon looks after, on a real journal, with parts that do nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rlm_exporter.assembly import ClusterParts
from rlm_exporter.configuration import NOTHING
from rlm_exporter.deploying import Deploying
from rlm_exporter.errors import JournalError, ManifestError
from rlm_exporter.manifest.deployment import Change, NotDeployedError
from rlm_exporter.manifest.model import Cluster
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.roster import Roster
from rlm_exporter.store.journal import Journal
from tests.store.situations import claimed, founded

NAME = "rlm-ha"
"""What the situations of the journal are about; rlm1 is active there."""


def manifest(name: str = NAME, *, host: str = "rlm1.example.com", more: str = "") -> str:
    return (
        "apiVersion: licensing.vantage.com/v1\nkind: LicenseServer\n"
        f"metadata: {{name: {name}}}\nspec:\n  type: rlm\n  highAvailability:\n"
        f"    primary: {{host: {host}, name: rlm1}}\n    secondary: {{host: rlm2.example.com}}\n{more}"
    )


SLOWER = "  monitoring: {failover: {cooldown: 77s}}\n"
WRITES = "  clientSettings: {files: [{path: /tmp/rlm.sh}]}\n"


def settings(*, files: bool) -> str:
    told = "true" if files else "false"
    return f"apiVersion: rlm-ha/v1\nkind: ExporterConfig\nspec: {{deploy: {{files: {told}}}}}\n"


class Idle:
    """Builds parts that do nothing."""

    def build(self, cluster: Cluster) -> ClusterParts:
        nobody = SimpleNamespace(reports=(), take_over=lambda _: None)
        controller = cast("Any", SimpleNamespace(cluster=cluster, reporters=nobody))
        nothing = cast("Any", None)
        return ClusterParts(
            controller=controller, releaser=nothing, client_desk=nothing, drift=nothing, lives=(), clients=()
        )


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with await Journal.open(url=f"sqlite:///{tmp_path / 'journal.db'}") as opened:
        yield opened


async def begun(journal: Journal, *paths: Path) -> tuple[Roster, Deploying]:
    clock = SystemClock()
    roster = Roster(NOTHING, builder=Idle(), keeper=None, instruments=Instruments(), clock=clock)
    deploying = Deploying(roster, paths=paths, journal=journal, clock=clock)
    await deploying.begin()
    return roster, deploying


async def deploy(deploying: Deploying, text: str) -> Change:
    (told,) = await deploying.deploy(text, source="x.yaml", by="ada", dry_run=False)
    return told.change


async def test_nothing_is_reloaded_over_an_operation_that_is_under_way(
    journal: Journal, tmp_path: Path
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(manifest())
    roster, deploying = await begun(journal, path)
    await founded(journal)
    operation = await claimed(journal)

    before = roster.configuration.kept[NAME].document
    path.write_text(manifest(more=SLOWER))
    with pytest.raises(NotDeployedError, match=f"operation {operation.id} is under way"):
        await deploying.reload()
    assert roster.configuration.kept[NAME].document == before
    assert not roster.is_current


async def test_a_failed_reload_is_not_forgotten_by_a_deployment(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(manifest("a"))
    roster, deploying = await begun(journal, path)
    path.write_text("kind: LicenseServer\n")
    with pytest.raises(ManifestError):
        await deploying.reload()
    loaded = roster.loaded_at

    assert await deploy(deploying, manifest("b")) is Change.CREATED
    assert (roster.is_current, roster.loaded_at) == (False, loaded)

    path.write_text(manifest("a"))
    await deploying.reload()
    assert roster.is_current


async def test_a_manifest_that_cannot_be_used_any_more_is_replaced_or_removed(
    journal: Journal, tmp_path: Path
) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(settings(files=True))
    roster, deploying = await begun(journal, path)
    assert await deploy(deploying, manifest("b", more=WRITES)) is Change.CREATED
    assert await deploy(deploying, manifest("c", more=WRITES)) is Change.CREATED

    path.write_text(settings(files=False))
    await deploying.reload()
    assert sorted(roster.configuration.spoilt) == ["b", "c"]
    assert (dict(roster.controllers), roster.is_current) == ({}, False)

    assert await deploy(deploying, manifest("b")) is Change.CREATED
    assert (await deploying.remove("c", by="ada")).change is Change.REMOVED
    assert (sorted(roster.controllers), roster.configuration.spoilt) == (["b"], {})


async def test_clients_that_were_moved_meanwhile_are_not_lost_by_what_another_daemon_deployed(
    journal: Journal,
) -> None:
    _, here = await begun(journal)
    await deploy(here, manifest())
    there, follower = await begun(journal)
    await deploy(here, manifest().replace("rlm2.example.com", "rlm9.example.com"))
    await founded(journal, active="rlm2")

    await follower.follow()

    running = there.as_it_runs(NAME)
    assert running is not None
    assert [server.name for server in running.servers] == ["rlm1", "rlm2"]
    assert list(there.configuration.spoilt) == [NAME]


async def test_what_is_contradicted_in_the_store_does_not_keep_files_from_being_read(
    journal: Journal, tmp_path: Path
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(manifest("a"))
    _, here = await begun(journal)
    await deploy(here, manifest().replace("rlm2.example.com", "rlm9.example.com"))
    await founded(journal, active="rlm2")
    roster, deploying = await begun(journal, path)
    assert (sorted(roster.controllers), list(roster.configuration.spoilt)) == (["a"], [NAME])

    path.write_text(manifest("a", more=SLOWER))
    assert {each.cluster: each.change for each in await deploying.reload()} == {"a": Change.CHANGED}
    assert list(roster.configuration.spoilt) == [NAME]

    assert await deploy(deploying, manifest()) is Change.CHANGED
    assert sorted(roster.controllers) == ["a", NAME]


async def another(journal: Journal) -> Deploying:
    """A second daemon on the same store, which follows what the first one deploys."""
    _, deploying = await begun(journal)
    return deploying


async def test_what_another_daemon_deployed_is_taken_also_after_a_question_here(journal: Journal) -> None:
    """A dry run looks at the store, and takes nothing of it."""
    roster, deploying = await begun(journal)
    assert await deploy(await another(journal), manifest("a")) is Change.CREATED
    await deploying.deploy(manifest("b"), source="b.yaml", by="ada", dry_run=True)
    with pytest.raises(NotDeployedError):
        await deploying.remove("nobody", by="ada")

    await deploying.follow()
    assert (list(roster.controllers), roster.is_current) == (["a"], True)


async def test_what_another_daemon_deployed_is_tried_again_after_the_journal_was_away(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    roster, deploying = await begun(journal)
    assert await deploy(await another(journal), manifest("a")) is Change.CREATED
    with monkeypatch.context() as patch:
        patch.setattr(journal, "open_operation", away)
        with pytest.raises(JournalError):
            await deploying.follow()
    assert (list(roster.controllers), roster.is_current) == ([], False)

    await deploying.follow()
    assert (list(roster.controllers), roster.is_current) == (["a"], True)


async def away(cluster: str) -> None:
    raise JournalError("away for a moment")
