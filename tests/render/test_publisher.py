"""Files with client settings on a real file system."""

import asyncio
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_exporter.manifest.model import ClientFile, ClientSettingsSpec, Cluster, SettingsFormat
from rlm_exporter.render import publisher as publishing
from rlm_exporter.render.client_settings import render_file
from rlm_exporter.render.publisher import Publisher
from tests.render.test_client_settings import CLUSTER


def publishing_to(*paths: Path) -> tuple[Publisher, Cluster]:
    files = tuple(ClientFile(path=str(path), format=SettingsFormat.SH) for path in paths)
    cluster = replace(CLUSTER, client_settings=ClientSettingsSpec(files=files))
    return Publisher(cluster), cluster


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
