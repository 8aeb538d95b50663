"""A real Prometheus on loopback with a configuration of the test's, and what it has found out."""

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import yaml

from tests.ports import free_port
from tests.server.daemon import until

Labels = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Prometheus:
    """One that answers."""

    url: str
    session: aiohttp.ClientSession

    async def series(self, query: str) -> list[tuple[Labels, float]]:
        """What it has now."""
        found = await self.ask("/api/v1/query", query=query)
        return [(each["metric"], float(each["value"][1])) for each in found["result"]]

    async def targets(self) -> list[dict[str, Any]]:
        """What it scrapes."""
        found = await self.ask("/api/v1/targets", state="active")
        return list(found["activeTargets"])

    async def ask(self, path: str, **query: str) -> Any:
        """Its answer, which may be no error."""
        async with self.session.get(f"{self.url}{path}", params=query) as answer:
            document = orjson.loads(await answer.read())
        assert document["status"] == "success", document
        return document["data"]


@contextlib.asynccontextmanager
async def prometheus(folder: Path, configuration: dict[str, Any]) -> AsyncIterator[Prometheus]:
    """Runs until the end of the block; what it wrote to its log is in the folder."""
    port = free_port()
    process = _start(folder, configuration, port)
    try:
        async with aiohttp.ClientSession() as session:
            made = Prometheus(url=f"http://127.0.0.1:{port}", session=session)

            async def answers() -> bool:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{made.url}/-/ready") as answer:
                        return answer.status == 200
                return False

            await until(answers, within=30, what=f"Prometheus ({folder / 'log'})")
            yield made
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 20)


def _start(folder: Path, configuration: dict[str, Any], port: int) -> subprocess.Popen[bytes]:
    program = shutil.which("prometheus")
    assert program is not None, "prometheus is not on PATH: `make test` fetches it"
    folder.mkdir(exist_ok=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
