"""A real HAProxy with our configuration, in front of servers that name themselves."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp

from rlm_exporter.errors import LoadBalancerError
from rlm_exporter.haproxy.balancer import Balancer
from rlm_exporter.haproxy.client import StatsPageClient
from rlm_exporter.haproxy.config import (
    LONE_PEER_ADDRESS,
    Peer,
    RenderOptions,
    balancer_names,
    render_config,
)
from rlm_exporter.haproxy.reach import reach
from rlm_exporter.haproxy.view import BalancerNames, BalancerView, Desired
from rlm_exporter.manifest.model import (
    Cluster,
    Detection,
    FailoverPolicy,
    HaproxyEndpoint,
    LoadBalancerSpec,
    Resolvers,
    Server,
    Tuning,
)
from rlm_exporter.probe.clock import SystemClock
from tests.haproxy.servers import NamedServer
from tests.ports import free_port

NO_TUNING = Tuning()
NETWORK = "127.0.61"
BALANCER_HOST = f"{NETWORK}.10"
SERVER_HOSTS = (f"{NETWORK}.1", f"{NETWORK}.2", f"{NETWORK}.3")
TLS = Path(__file__).parent.parent / "data" / "tls"
STEER_CERTIFICATE = TLS / "steer" / "balancer.pem"
STEER_CA = TLS / "steer" / "ca.pem"
_PLACES = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))


def haproxy_program() -> str:
    """HAProxy; a missing one fails the test."""
    program = shutil.which("haproxy", path=_PLACES)
    assert program is not None, "haproxy is neither on PATH nor in /usr/sbin: `make test` fetches it"
    return program


def complaints(*configs: Path) -> str:
    """What `haproxy -c -dW` has to say about files together: "" when it is satisfied without a warning."""
    done = subprocess.run(
        [haproxy_program(), "-c", "-dW", *(word for config in configs for word in ("-f", str(config)))],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    said = (done.stdout + done.stderr).removesuffix("Configuration file is valid\n")
    return said + ("" if done.returncode == 0 else f"exit {done.returncode}")


async def until(
    claim: Callable[[], Awaitable[bool]], *, within: float = 10.0, what: str = "the condition"
) -> None:
    """Return as soon as `claim` holds; AssertionError if it does not within so many seconds."""
    try:
        async with asyncio.timeout(within):
            while not await claim():  # noqa: ASYNC110 - other processes set no event
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not come about within {within:g} s") from None


class ShiftedClock(SystemClock):
    """The system's clock, which a test can set ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()

    def pass_time(self, seconds: float) -> None:
        """Let that much time have passed; nobody wakes of it."""
        self.ahead += timedelta(seconds=seconds)


@dataclass
class Notes:
    """An observer that keeps what it is told."""

    repairs: list[str] = field(default_factory=list)

    def steered(self, balancer: str, repair: str) -> None:
        self.repairs.append(repair)


@dataclass(kw_only=True)
class Haproxy:
    """The process: a master and its workers, in a group of their own."""

    configs: tuple[Path, ...]
    log: Path
    _process: asyncio.subprocess.Process | None = None
    _loadings: int = 0
    """How many configurations it was made to load."""

    async def start(self) -> None:
        assert self._process is None, "it runs already"
        self._loadings += 1
        files = [word for config in self.configs for word in ("-f", str(config))]
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(haproxy_program(), "-W", "-db", *files),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def reload(self) -> None:
        """What `systemctl reload haproxy` sends; again, where 3.0 has lost it just after its last loading."""
        assert self._process is not None
        await until(self._has_loaded, what="the end of HAProxy's last loading")
        before = self._said("Reloading HAProxy")
        self._loadings += 1
        for _ in range(10):
            self._process.send_signal(signal.SIGUSR2)
            with contextlib.suppress(AssertionError):
                await until(self._said_more(before), within=0.5)
                return
        raise AssertionError("HAProxy takes no reload")

    def _said(self, words: str) -> int:
        return self.log.read_text(errors="replace").count(words)

    async def _has_loaded(self) -> bool:
        return self._said("Loading success.") >= self._loadings

    def _said_more(self, before: int) -> Callable[[], Awaitable[bool]]:
        async def reloading() -> bool:
            return self._said("Reloading HAProxy") > before

        return reloading

    async def kill(self) -> None:
        """kill -9 of the master and every worker."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self._process = None


@dataclass(kw_only=True)
class Lab:
    """Three servers and a balancer; every part can be taken away and given back."""

    folder: Path
    cluster: Cluster
    endpoint: HaproxyEndpoint
    servers: dict[str, NamedServer]
    port: int
    isv_port: int
    haproxy: Haproxy
    clock: ShiftedClock = field(default_factory=ShiftedClock)
    notes: Notes = field(default_factory=Notes)
    _clients: list[StatsPageClient] = field(default_factory=list)

    @property
    def names(self) -> BalancerNames:
        return balancer_names(self.cluster, self.endpoint)

    def client(self, *, names: BalancerNames | None = None, **changes: str | None) -> StatsPageClient:
        """A client of the stats page, with other settings of the endpoint where named."""
        endpoint = replace(self.endpoint, **changes)  # type: ignore[arg-type]  # its text fields alone
        client = StatsPageClient(endpoint=endpoint, names=names or self.names, clock=self.clock)
        self._clients.append(client)
        return client

    def balancer(self, *, names: BalancerNames | None = None) -> Balancer:
        """A balancer as the product puts it together."""
        return Balancer(
            page=self.client(names=names),
            servers=(names or self.names).servers,
            host=BALANCER_HOST,
            ports=(self.port, self.isv_port),
            reach=reach,
            direct=self.direct,
            clock=self.clock,
            observer=self.notes,
        )

    async def page(self, path: str) -> str:
        """What the stats page says past the product's reading of it."""
        socket = self.endpoint.url.removeprefix("unix:")
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=socket)) as session,
            session.get(f"http://lb{path}") as answer,
        ):
            return await answer.text()

    async def direct(self, server: str) -> str | None:
        host = self.cluster.server(server).host
        for port in (self.port, self.isv_port):
            async with reach(host, port) as why:
                if why is not None:
                    return why
        return None

    async def view(self) -> BalancerView:
        """A reading past the balancer under test."""
        return await self.client().observe()

    async def up(self) -> None:
        """Start HAProxy and wait until its worker answers."""
        await self.haproxy.start()
        await until(self._answers, what=f"an answer of HAProxy (see {self.haproxy.log})")

    async def _answers(self) -> bool:
        try:
            await self.view()
        except LoadBalancerError:
            return False
        return True

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        await self.haproxy.kill()
        for server in self.servers.values():
            await server.die()


def desired(active: str, *pinned: str, epoch: int = 1) -> Desired:
    return Desired(epoch=epoch, active=active, pinned=frozenset(pinned))


def make_cluster(
    *,
    endpoint: HaproxyEndpoint,
    port: int = 5053,
    isv_port: int = 49152,
    web_port: int | None = None,
    web_follows: bool = False,
    hosts: tuple[str, ...] = SERVER_HOSTS,
    detection: Detection = Detection.FAST,
    tuning: Tuning = NO_TUNING,
    resolvers: Resolvers | None = None,
) -> Cluster:
    roles = ("primary", "secondary", "backup")
    return Cluster(
        name="prod",
        source="prod.yaml",
        servers=tuple(
            Server(
                name=f"rlm{number}",
                role=roles[number - 1],
                host=host,
                port=port,
                web_port=web_port or 5054,
                isv_ports=(("siemens", isv_port),),
            )
            for number, host in enumerate(hosts, start=1)
        ),
        failover=FailoverPolicy(detection=detection),
        load_balancer=LoadBalancerSpec(
            host=BALANCER_HOST,
            port=port,
            web_port=web_port,
            web_follows=web_follows,
            resolvers=resolvers,
            haproxy=(endpoint,),
        ),
        tuning=tuning,
    )


@contextlib.asynccontextmanager
async def lab(
    folder: Path,
    *,
    tls: bool = False,
    change: Callable[[str], str] = lambda text: text,
    with_servers: bool = True,
    beside: Path | None = None,
    web_port: int | None = None,
    web_follows: bool = False,
    tuning: Tuning = NO_TUNING,
    syslog: tuple[str, ...] = (),
    names: tuple[str, ...] = SERVER_HOSTS,
    resolvers: Resolvers | None = None,
) -> AsyncIterator[Lab]:
    """A running lab; `change` is what somebody does to the configuration by hand.

    With a file of somebody else's to stand `beside`, ours is a snippet. `names` are the servers' hosts as
    HAProxy has them; they listen on the usual addresses all the same.
    """
    hosts = (*SERVER_HOSTS, BALANCER_HOST)
    port, isv_port = free_port(hosts), free_port(hosts)
    if tls:
        endpoint = HaproxyEndpoint(
            name="lb1",
            url=f"https://127.0.0.1:{free_port(('0.0.0.0',))}/stats",
            client_cert=str(TLS / "steer" / "controller.pem"),
            ca_cert=str(STEER_CA),
        )
    else:
        endpoint = HaproxyEndpoint(name="lb1", url=f"unix:{folder / 'steer.sock'}")
    cluster = make_cluster(
        endpoint=endpoint,
        port=port,
        isv_port=isv_port,
        web_port=web_port,
        web_follows=web_follows,
        tuning=tuning,
        hosts=names,
        resolvers=resolvers,
    )
    peer = f"{BALANCER_HOST}:{free_port((BALANCER_HOST,))}"
    options = RenderOptions(
        bind=BALANCER_HOST,
        peers=(Peer(name="lb1", address=peer),) if beside is None else (),
        stats_certificate=str(STEER_CERTIFICATE),
        stats_ca=str(STEER_CA),
        snippet=beside is not None,
        syslog=syslog,
    )
    other = () if beside is None else (beside,)
    config = folder / "rlm-ha.cfg"
    # The loopback port of a lone balancer may be another test's.
    text = render_config(cluster, endpoint, options).replace(LONE_PEER_ADDRESS, peer)
    config.write_text(change(text), encoding="utf-8")
    made = Lab(
        folder=folder,
        cluster=cluster,
        endpoint=endpoint,
        servers={
            server.name: NamedServer(name=server.name, host=host, ports=(port, isv_port))
            for server, host in zip(cluster.servers, SERVER_HOSTS, strict=True)
        },
        port=port,
        isv_port=isv_port,
        haproxy=Haproxy(configs=(*other, config), log=folder / "haproxy.log"),
    )
    try:
        if with_servers:
            for server in made.servers.values():
                await server.start()
        await made.up()
        yield made
    finally:
        await made.close()
