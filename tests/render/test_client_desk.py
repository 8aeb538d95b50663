"""One cluster's desk: wishes one after the other, each answered also where a file system hangs."""

import asyncio
import os
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from rlm_exporter.manifest.model import ClientFile, ClientSettingsSpec
from rlm_exporter.render import client_desk
from rlm_exporter.render.client_desk import ClientDesk, Updated
from rlm_exporter.render.client_servers import NOTHING_SET
from rlm_exporter.render.client_wish import ConfigWish
from rlm_exporter.render.publisher import Publisher
from rlm_exporter.store.records import ClientConfig
from tests.clock import FakeClock
from tests.failover.acting import Notes
from tests.render.test_client_settings import CLUSTER
from tests.render.test_publisher import Box


@dataclass(kw_only=True)
class Store(Box):
    """A journal that keeps what is set, after a moment in which others may come between."""

    written: list[str] = field(default_factory=list)

    async def set_client_config(
        self, cluster: str, config: ClientConfig, *, told: str, now: datetime
    ) -> ClientConfig:
        await asyncio.sleep(0)
        self.written.append(told)
        self.config = replace(config, set_at=now)
        return self.config


@dataclass(kw_only=True)
class Office:
    """A desk with its surroundings."""

    path: Path
    store: Store = field(default_factory=Store)

    def __post_init__(self) -> None:
        files = (ClientFile(path=str(self.path)),)
        cluster = replace(CLUSTER, client_settings=ClientSettingsSpec(files=files))
        self.publisher = Publisher(cluster=cluster, store=self.store, hooks=self.store, observer=Notes())
        self.desk = ClientDesk(
            cluster=cluster,
            store=self.store,
            publisher=self.publisher,
            active=lambda: "rlm1",
            publish=self.publish,
            clock=FakeClock(),
        )

    async def publish(self) -> None:
        await self.publisher.publish("rlm1")

    async def update(self, wish: ConfigWish) -> Updated:
        updated = await self.desk.update(wish, dry_run=False, requested_by="ada", reason="")
        assert isinstance(updated, Updated)
        return updated


async def test_two_wishes_at_once_are_both_granted(tmp_path: Path) -> None:
    office = Office(path=tmp_path / "rlm.sh")
    await asyncio.gather(
        office.update(ConfigWish(servers="rlm1 rlm3")), office.update(ConfigWish(follows=False))
    )
    found = office.store.config
    assert (len(found.servers), found.follows, len(office.store.written)) == (2, False, 2)
    assert "5053@rlm3.example.com" in (tmp_path / "rlm.sh").read_text()


async def test_what_is_so_already_is_not_stored_again(tmp_path: Path) -> None:
    office = Office(path=tmp_path / "rlm.sh")
    assert (await office.update(ConfigWish(follows=True))).changes == ()
    assert (office.store.config, office.store.written) == (NOTHING_SET, [])


async def test_a_file_system_that_hangs_is_told_and_holds_up_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a pipe that nobody writes to hangs as a lost network file system does."""
    monkeypatch.setattr(client_desk, "WRITING_LIMIT", 0.1)
    pipe = tmp_path / "hangs.sh"
    os.mkfifo(pipe)
    office = Office(path=pipe)
    updated = await office.update(ConfigWish(servers="rlm1 rlm3"))
    (file,) = updated.told.files
    assert file.trouble == f"{pipe}: it is still being written"
    # The thread ends once somebody has opened and closed the other end.
    await asyncio.to_thread(lambda: pipe.open("wb").close())
    async with asyncio.timeout(10):
        while (await office.desk.show()).files[0].trouble is not None:  # noqa: ASYNC110 - a thread sets no event
            await asyncio.sleep(0.02)
    assert "5053@rlm3.example.com" in pipe.read_text()
