"""Two simulated servers without a balancer, the real daemon, and somebody at the command line."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from rlm_exporter.simulator.launch import write_rlmutil
from tests.cli.command import LIMIT, CommandLine, Ended, end_of
from tests.ports import free_port
from tests.simulated import SimulatedServer

READY_LIMIT = 60.0

MANIFEST = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {{name: {name}}}
spec:
  type: rlm
  highAvailability:
    enabled: true
    mode: active-passive
    primary: {{name: rlm1, host: 127.0.0.1, port: {0.port}, isvPorts: {{siemens: {0.isv_port}}}}}
    secondary: {{name: rlm2, host: 127.0.0.2, port: {1.port}, isvPorts: {{siemens: {1.isv_port}}}}}
  monitoring:
    healthCheck: {{interval: 2s, timeout: 1900ms, retries: 1, checkWeb: false}}
    failover:
      automatic: false
      threshold: 2
      cooldown: 5s
      {hooks}
  features: [{{name: STARCCM, vendor: siemens}}]
"""


class Site:
    """Two servers, the daemon, and somebody at the command line."""

    def __init__(
        self, folder: Path, user: CommandLine, *, name: str = "site", port: int | None = None
    ) -> None:
        """`port` is both servers' license port; without it each has a free one of its own."""
        self.rlm1 = SimulatedServer(folder, name="rlm1", host="127.0.0.1", port=port)
        self.rlm2 = SimulatedServer(folder, name="rlm2", host="127.0.0.2", port=port)
        self.name = name
        self._user = user
        self._listen = f"127.0.0.1:{free_port()}"
        self._manifest = folder / "site.yaml"
        self.write_manifest()
        self.rlmutil = folder / "rlmutil"
        write_rlmutil(self.rlmutil)
        self.url = f"http://{self._listen}"
        self._state = folder / "state"
        self._daemon: asyncio.Task[Ended] | None = None

    def write_manifest(self, *, hooks: str = "hooks: {}") -> None:
        """What the daemon is started with."""
        self._manifest.write_text(MANIFEST.format(self.rlm1, self.rlm2, name=self.name, hooks=hooks))

    def add_settings(self, spec: str) -> None:
        """Settings of the daemon, as the text of an ExporterConfig's spec."""
        with self._manifest.open("a", encoding="utf-8") as file:
            file.write(f"---\napiVersion: rlm-ha/v1\nkind: ExporterConfig\nspec: {{{spec}}}\n")

    @contextlib.asynccontextmanager
    async def daemon(self, **variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run it; it must not say anything worse than a warning."""
        process = await self._user.start(
            *("serve", "--config", str(self._manifest), "--listen", self._listen),
            *("--state-dir", str(self._state), "--rlmutil", str(self.rlmutil)),
            **variables,
        )
        waiting = asyncio.create_task(end_of(process, within=None))
        self._daemon = waiting
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            async with asyncio.timeout(LIMIT):
                ended = await waiting
            assert "level=error" not in ended.err, ended.err

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        """One command of the user, not waited for."""
        return await self._user.start(*words, RLM_HA_URL=self.url)

    async def run(self, *words: str) -> Ended:
        """One command of the user."""
        return await end_of(await self.start(*words))

    async def until(self, claim: Callable[[Ended], bool]) -> Ended:
        """The first status of which that is true."""
        async with asyncio.timeout(READY_LIMIT):
            while True:
                assert self._daemon is None or not self._daemon.done(), self._daemon.result().err
                ended = await self.run("license-servers", "status", self.name, "-j")
                if ended.code in {0, 1} and claim(ended):
                    return ended

    async def until_ready(self) -> None:
        """Wait until a move would be possible."""
        await self.until(lambda ended: bool(ended.document["ready"]))
