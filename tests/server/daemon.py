"""The daemon's HTTP over real controllers and a real journal; only the license servers are scripted."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from rlm_exporter.failover.calls import Called
from rlm_exporter.failover.controller import ClusterController
from rlm_exporter.failover.hooks import Hooks
from rlm_exporter.failover.leadership import Alone
from rlm_exporter.failover.ports import DirectProbe, Outside
from rlm_exporter.failover.releaser import Releaser
from rlm_exporter.manifest.model import Cluster, FailoverPolicy, HealthCheckPolicy, Privacy, Server
from rlm_exporter.metrics.instruments import Instruments
from rlm_exporter.metrics.observers import ControllerObserver, DenialObserver, DriftObserver
from rlm_exporter.metrics.page import MetricsPage
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.prober import Prober
from rlm_exporter.probe.rlmutil_program import RlmutilProgram
from rlm_exporter.probe.through import AtServer
from rlm_exporter.render.client_desk import ClientDesk
from rlm_exporter.render.publisher import Publisher
from rlm_exporter.server.app import build_runner
from rlm_exporter.server.auth import Token
from rlm_exporter.server.facts import cluster_facts
from rlm_exporter.server.services import Services
from rlm_exporter.store.journal import Journal
from rlm_exporter.sync.drift_watch import DriftWatch
from rlm_exporter.usage.privacy import Veil
from rlm_exporter.usage.report_log_intake import ReportLogIntake
from tests.ports import free_port
from tests.probe.parts import Notes, ScriptedLicense, ScriptedTcp, ScriptedWeb
from tests.server.contract import check_answer

Document = dict[str, Any]


def cluster(name: str, *, automatic: bool = False, **server: Any) -> Cluster:
    """Three servers without a balancer; nothing moves unless an operator wants it."""
    return Cluster(
        name=name,
        source=f"{name}.yaml",
        servers=tuple(
            Server(name=f"rlm{number}", role=role, host=f"rlm{number}.{name}.example.com", **server)
            for number, role in ((1, "primary"), (2, "secondary"), (3, "backup"))
        ),
        health_check=HealthCheckPolicy(check_web=False),
        failover=FailoverPolicy(automatic=automatic),
    )


class Door:
    """A seam that can be closed: an operation then stands still before its commit."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def __call__(self, moment: str, step: str) -> None:
        if (moment, step) == ("before", "commit"):
            await self._open.wait()


@dataclass(kw_only=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Document:
        """The JSON of it."""
        assert self.headers["Content-Type"].startswith("application/"), self.headers
        read = orjson.loads(self.body)
        assert isinstance(read, dict)
        return read

    @property
    def problem(self) -> tuple[int, str, str]:
        """Status, kind and detail of a problem document; anything else fails the test."""
        assert self.headers["Content-Type"].split(";")[0] == "application/problem+json", self.body
        document = self.document
        assert document["status"] == self.status
        assert document["type"] == f"urn:rlm-ha:{document['kind']}"
        assert document["title"] == document["kind"].replace("_", " ")
        assert set(document) == {"type", "title", "status", "detail", "kind"}
        return self.status, document["kind"], document["detail"]


@dataclass(kw_only=True)
class Daemon:
    """One daemon on loopback."""

    folder: Path
    journal: Journal
    services: Services
    license: ScriptedLicense
    doors: dict[str, Door]
    url: str
    session: aiohttp.ClientSession
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.send("GET", path, **more)

    async def post(self, path: str, document: Any = None, **more: Any) -> Answer:
        """A POST of JSON."""
        return await self._with_body("POST", path, document, **more)

    async def put(self, path: str, document: Any = None, **more: Any) -> Answer:
        """A PUT of JSON."""
        return await self._with_body("PUT", path, document, **more)

    async def _with_body(self, method: str, path: str, document: Any, **more: Any) -> Answer:
        headers = {"Content-Type": "application/json"} | more.pop("headers", {})
        raw = io.BytesIO(orjson.dumps({} if document is None else document))
        return await self.send(method, path, data=raw, headers=headers, **more)

    async def wish(self, document: Document, *, verb: str = "failover", **more: Any) -> Answer:
        """An operator's wish for prod."""
        return await self.post(f"/api/v1/clusters/prod/{verb}", document, **more)

    async def send(self, method: str, path: str, **more: Any) -> Answer:
        """Any request; an answer that the OpenAPI document does not have fails the test."""
        async with self.session.request(method, f"{self.url}{path}", allow_redirects=False, **more) as answer:
            found = Answer(status=answer.status, headers=dict(answer.headers), body=await answer.read())
        if method != "HEAD" and "Content-Encoding" not in found.headers:
            check_answer(
                method=method,
                path=path,
                status=found.status,
                content=found.headers.get("Content-Type", ""),
                body=found.body,
            )
        return found

    async def settled(self, operation: int) -> Document:
        """The operation, once it has ended and the writer is free again."""
        path = f"/api/v1/clusters/prod/operations/{operation}"

        async def ended() -> bool:
            standing = (await self.get("/api/v1/clusters/prod")).document["failover"]["operation"]
            return standing is None and bool((await self.get(path)).document["state"] != "open")

        await until(ended, what=f"the end of operation {operation}")
        return (await self.get(path)).document

    async def stop_controllers(self) -> None:
        """From here on nobody writes but the HTTP handlers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def tell(made: Daemon) -> None:
    """Have the page of metrics say what the controllers know now."""
    services = made.services
    facts = [
        cluster_facts(
            cluster=controller.cluster,
            snapshot=controller.prober.snapshot,
            readings=(),
            standing=controller.standing,
            failovers=0,
            unacknowledged=0,
            last_move=None,
            now=services.clock.now(),
        )
        for controller in services.controllers.values()
    ]
    services.page.update(tuple(facts))
    await services.page.refresh()


async def until(
    claim: Callable[[], Awaitable[bool]], *, within: float = 10.0, what: str = "the condition"
) -> None:
    """Return as soon as `claim` holds; AssertionError if it does not within so many seconds."""
    try:
        async with asyncio.timeout(within):
            while not await claim():  # noqa: ASYNC110 - what is asked for sets no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what} did not come about within {within:g} s") from None


@contextlib.asynccontextmanager
async def daemon(
    folder: Path,
    *,
    tokens: tuple[Token, ...] = (),
    clusters: tuple[Cluster, ...] = (cluster("prod"), cluster("lab")),
    ready: bool = True,
) -> AsyncIterator[Daemon]:
    """A daemon that answers; `ready`: it also knows who is active and that the others could be."""
    clock = SystemClock()
    license_probe = ScriptedLicense(clock=clock)
    doors = {each.name: Door() for each in clusters}
    instruments = Instruments(webhook_results=("new",))
    async with contextlib.AsyncExitStack() as stack:
        journal = await stack.enter_async_context(
            await Journal.open(url=f"sqlite:///{folder / 'journal.db'}")
        )
        publishers = {each.name: _publisher(each, journal, instruments) for each in clusters}
        controllers = {
            each.name: _controller(
                each,
                journal=journal,
                license_probe=license_probe,
                instruments=instruments,
                door=doors[each.name],
                publisher=publishers[each.name],
            )
            for each in clusters
        }
        for each in clusters:
            instruments.watch(each)
        no_rlmutil = stack.enter_context(RlmutilProgram(None))
        services = Services(
            controllers=controllers,
            releasers={
                each.name: Releaser(
                    cluster=each.name,
                    journal=journal,
                    rlmutil=no_rlmutil,
                    license_probe=license_probe,
                    clock=clock,
                    names=True,
                )
                for each in clusters
            },
            client_desks={
                each.name: ClientDesk(
                    cluster=each,
                    store=journal,
                    publisher=publishers[each.name],
                    active=partial(_active, controllers[each.name]),
                    publish=controllers[each.name].publish,
                    clock=clock,
                )
                for each in clusters
            },
            drifts={
                each.name: DriftWatch(
                    cluster=each,
                    acts=lambda: True,
                    turn=asyncio.Semaphore(1),
                    clock=clock,
                    observer=DriftObserver(instruments),
                )
                for each in clusters
            },
            journal=journal,
            page=MetricsPage(instruments=instruments),
            instruments=instruments,
            clock=clock,
            reports=journal,
            report_logs=ReportLogIntake(
                store=journal,
                veil=Veil(Privacy.NONE),
                clock=clock,
                observer=DenialObserver(instruments),
            ),
            tokens=tokens,
        )
        runner = build_runner(services, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
        made = Daemon(
            folder=folder,
            journal=journal,
            services=services,
            license=license_probe,
            doors=doors,
            url=f"http://127.0.0.1:{port}",
            session=session,
        )
        stack.push_async_callback(made.stop_controllers)
        if ready:
            made._tasks.extend(_run(controllers))
            await until(lambda: _knows(controllers), what="a daemon that knows its clusters")
        yield made


def _publisher(described: Cluster, journal: Journal, instruments: Instruments) -> Publisher:
    return Publisher(
        cluster=described,
        store=journal,
        hooks=Hooks(clock=SystemClock(), stop_server=_nobody_stops),
        observer=ControllerObserver(instruments),
    )


def _active(controller: ClusterController) -> str | None:
    record = controller.standing.record
    return record.active if record else None


def _controller(
    described: Cluster,
    *,
    journal: Journal,
    license_probe: ScriptedLicense,
    instruments: Instruments,
    door: Door,
    publisher: Publisher,
) -> ClusterController:
    clock = SystemClock()
    prober = Prober(
        cluster=described,
        license_probe=license_probe,
        tcp_probe=ScriptedTcp(clock=clock, failures=license_probe.failures),
        web_probe=ScriptedWeb(clock=clock),
        clock=clock,
        observer=Notes(),
        jitter=lambda: 0.0,
    )
    return ClusterController(
        Outside(
            cluster=described,
            prober=prober,
            balancers=(),
            journal=journal,
            direct=_direct(prober),
            through=AtServer(cluster=described, license_probe=license_probe),
            hooks=Hooks(clock=clock, stop_server=_nobody_stops),
            publish=publisher.publish,
            clock=clock,
            observer=ControllerObserver(instruments),
            seam=door,
            leadership=Alone(),
        )
    )


async def _nobody_stops(server: Server, *, limit: timedelta) -> Called:
    raise AssertionError(f"{server.name}: no manifest here asks for rlmdown")


def _direct(prober: Prober) -> DirectProbe:
    async def direct(server: str) -> str | None:
        failure = await prober.direct(server)
        return None if failure is None else failure.detail

    return direct


def _run(controllers: dict[str, ClusterController]) -> list[asyncio.Task[None]]:
    tasks: list[asyncio.Task[None]] = []
    for each in controllers.values():
        assert isinstance(each.prober, Prober)
        tasks += [asyncio.create_task(each.prober.run()), asyncio.create_task(each.run())]
    return tasks


async def _knows(controllers: dict[str, ClusterController]) -> bool:
    return all(
        each.standing.record is not None
        and all(part.health.successes > 1 for part in each.prober.snapshot.servers)
        for each in controllers.values()
    )
