"""Files with client settings on a real file system."""

import asyncio
import os
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from rlm_exporter.errors import JournalError
from rlm_exporter.failover.calls import Called, SettingsEvent
from rlm_exporter.manifest.model import (
    ClientFile,
    ClientSettingsSpec,
    Cluster,
    ExecCall,
    Hook,
    SettingsFormat,
)
from rlm_exporter.render import publisher as publishing
from rlm_exporter.render.client_servers import NOTHING_SET
from rlm_exporter.render.client_settings import render_file
from rlm_exporter.render.publisher import Publisher
from rlm_exporter.store.records import ClientConfig
from tests.failover.acting import Notes
from tests.render.test_client_settings import CLUSTER

HOOK = Hook(call=ExecCall(command=("/usr/local/sbin/push",)), required=False)


@dataclass(kw_only=True)
class Box:
    """A journal that can be away, and hooks that keep what they are told."""

    config: ClientConfig = NOTHING_SET
    away: bool = False
    failing: int = 0
    """How many calls fail from now on."""
    told: list[dict[str, object]] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def client_config(self, cluster: str) -> ClientConfig:
        if self.away:
            raise JournalError("the disk is full")
        return self.config

    async def set_client_config(
        self, cluster: str, config: ClientConfig, *, told: str, now: datetime
    ) -> ClientConfig:
        raise AssertionError("publishing sets nothing")

    async def run(self, hook: Hook, event: SettingsEvent) -> Called:
        self.told.append(event.document())
        self.heard.set()
        self.failing -= 1
        return Called(went_well=self.failing < 0, detail="no such node")

    async def hears(self, number: int) -> dict[str, object]:
        """What the hooks were told, that many times by now."""
        async with asyncio.timeout(10):
            while len(self.told) < number:
                self.heard.clear()
                await self.heard.wait()
        return self.told[-1]


def publishing_to(
    *paths: Path, box: Box | None = None, form: SettingsFormat = SettingsFormat.SH
) -> tuple[Publisher, Cluster]:
    files = tuple(ClientFile(path=str(path), format=form) for path in paths)
    cluster = replace(CLUSTER, client_settings=ClientSettingsSpec(files=files, hooks=(HOOK,)))
    box = box or Box()
    return Publisher(cluster=cluster, store=box, hooks=box, observer=Notes()), cluster


@asynccontextmanager
async def telling(made: Publisher) -> AsyncIterator[None]:
    """Hooks are called meanwhile."""
    task = asyncio.create_task(made.tell())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_every_file_names_the_active_server_and_is_readable_by_all(tmp_path: Path) -> None:
    one, two = tmp_path / "one.sh", tmp_path / "two.sh"
    made, cluster = publishing_to(one, two)
    assert await made.publish("rlm1") == ()
    assert await made.publish("rlm3") == ()
    for path in (one, two):
        assert path.read_text() == render_file(cluster.client_settings.files[0], cluster, "rlm3")
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert {one, two} == set(tmp_path.iterdir()), "nothing else is left"  # noqa: ASYNC240 - a folder of the test


async def test_a_mode_a_link_and_a_file_that_is_right_already_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.sh", tmp_path / "link.sh"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    made, _ = publishing_to(link)
    await made.publish("rlm1")
    assert link.is_symlink()
    assert "rlm1" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    written = real.stat().st_ino
    await made.publish("rlm1")
    assert real.stat().st_ino == written, "it was not written again"


async def test_what_cannot_be_written_is_told_and_the_others_are_written(tmp_path: Path) -> None:
    good, gone = tmp_path / "good.sh", tmp_path / "nowhere" / "gone.sh"
    made, _ = publishing_to(gone, good)
    (told,) = await made.publish("rlm1")
    assert told.startswith(str(gone))
    assert "No such file" in told
    assert "rlm1" in good.read_text()
    gone.parent.mkdir()
    assert await made.publish("rlm1") == ()
    assert made.troubles == ()


async def test_a_file_that_somebody_changed_is_put_right(tmp_path: Path) -> None:
    path = tmp_path / "rlm.sh"
    made, _ = publishing_to(path)
    await made.publish("rlm1")
    path.write_text("export RLM_LICENSE=5053@elsewhere\n")
    await made.publish("rlm1")
    assert "elsewhere" not in path.read_text()


async def test_a_file_system_that_hangs_holds_up_nobody_for_ever_and_gets_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a pipe that nobody writes to hangs as a lost network file system does."""
    monkeypatch.setattr(publishing, "LIMIT", 0.2)
    pipe = tmp_path / "hangs.sh"
    os.mkfifo(pipe)
    made, _ = publishing_to(pipe)
    assert await made.publish("rlm1") == (f"{pipe}: not written within 0.2 s",)
    assert await made.publish("rlm1") == (f"{pipe}: an earlier writing has not come to its end",)
    # The thread ends once somebody has opened and closed the other end.
    await asyncio.to_thread(lambda: pipe.open("wb").close())
    async with asyncio.timeout(10):
        while any("earlier" in each or "within" in each for each in await made.publish("rlm1")):  # noqa: ASYNC110 - a thread sets no event
            await asyncio.sleep(0.05)


async def test_what_an_operator_set_is_written_and_the_last_known_while_the_journal_is_away(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rlm.sh"
    box = Box(config=ClientConfig(servers=("5053@rlm1.example.com", "5053@rlm3.example.com")))
    made, _ = publishing_to(path, box=box)
    await made.publish("rlm1")
    box.away = True
    assert await made.publish("rlm3") == ()
    assert "export RLM_LICENSE=5053@rlm3.example.com:5053@rlm1.example.com\n" in path.read_text()


async def test_nothing_is_written_before_it_is_known_what_was_set(tmp_path: Path) -> None:
    path = tmp_path / "rlm.sh"
    made, _ = publishing_to(path, box=Box(away=True))
    assert await made.publish("rlm1") == (f"{path}: what was set cannot be read from the journal",)
    assert not path.exists()


async def test_a_new_prolog_may_be_run_by_everybody(tmp_path: Path) -> None:
    path = tmp_path / "prolog"
    made, _ = publishing_to(path, form=SettingsFormat.TASK_PROLOG)
    await made.publish("rlm1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


async def test_hooks_hear_of_the_first_look_and_of_each_writing(tmp_path: Path) -> None:
    """The first look counts although nothing was written: an earlier life may have ended before its hook."""
    path, box = tmp_path / "rlm.sh", Box()
    await publishing_to(path)[0].publish("rlm1")
    made, _ = publishing_to(path, box=box)
    async with telling(made):
        await made.publish("rlm1")
        assert await box.hears(1) == {
            "event": "client-settings",
            "phase": "after",
            "cluster": "prod",
            "active": "rlm1",
            "active_host": "rlm1.example.com",
            "active_port": 5053,
            "servers": ["5053@rlm1.example.com"],
            "files": [{"path": str(path), "format": "sh"}],
        }
        await made.publish("rlm1")
        await made.publish("rlm3")
        assert (await box.hears(2))["active"] == "rlm3"


async def test_a_hook_that_failed_is_called_again_with_what_is_so_by_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "HOOK_AGAIN", 0.02)
    box = Box(failing=2)
    made, _ = publishing_to(tmp_path / "rlm.sh", box=box)
    async with telling(made):
        await made.publish("rlm1")
        assert (await box.hears(2))["active"] == "rlm1"
        await made.publish("rlm3")
        # The third call may have been on its way with what was so before.
        while box.told[-1]["active"] != "rlm3":
            await box.hears(len(box.told) + 1)


async def test_an_older_writing_never_comes_over_a_newer_one(tmp_path: Path) -> None:
    path = tmp_path / "rlm.sh"
    made, _ = publishing_to(path)
    servers = ["rlm1", "rlm2", "rlm3"] * 20
    assert await asyncio.gather(*(made.publish(server) for server in servers)) == [()] * 60
    assert "rlm3" in path.read_text()


async def test_a_reader_finds_a_whole_file_however_often_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "rlm.sh"
    made, cluster = publishing_to(path)
    await made.publish("rlm1")
    whole = {render_file(cluster.client_settings.files[0], cluster, f"rlm{n}") for n in (1, 2, 3)}
    stop, found = threading.Event(), set[str]()

    def read() -> None:
        while not stop.is_set():
            found.add(path.read_text())

    reading = asyncio.create_task(asyncio.to_thread(read))
    for number in range(150):
        await made.publish(f"rlm{number % 3 + 1}")
    stop.set()
    await reading
    assert found == whole
