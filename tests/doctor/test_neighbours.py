"""A real Prometheus, a real Alertmanager, a journal, served certificates, names with two addresses."""

import asyncio
import contextlib
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from rlm_exporter.doctor.certificate import parse_certificate
from rlm_exporter.doctor.checks import (
    alertmanager,
    certificates,
    haproxy,
    haproxy_file,
    journal,
    names,
    prometheus,
)
from rlm_exporter.doctor.finding import Finding, Outcome, Skipped, Weight
from rlm_exporter.doctor.looking import look
from rlm_exporter.doctor.site import Asked, Site, key_paths
from rlm_exporter.manifest.model import HaproxyEndpoint
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.tcp import ConnectProbe
from rlm_exporter.render.shipped import rule_files
from rlm_exporter.store.database import database_at
from rlm_exporter.store.leases import Claimant, take_leases
from rlm_exporter.store.upgrade import upgrade_at
from tests.doctor.keys import TLS, der
from tests.doctor.sites import CLUSTER, resolver, site, with_balancer
from tests.ports import free_port
from tests.postgresql import PostgresqlServer, ask
from tests.server.daemon import until
from tests.server.prometheus import prometheus as a_prometheus

pytestmark = pytest.mark.row(48)

RULES = Path(__file__).parents[2] / "rules"


def told(outcome: Outcome) -> list[Finding]:
    assert not isinstance(outcome, Skipped)
    return list(outcome)


def whats(outcome: Outcome) -> list[str]:
    return [each.what for each in told(outcome)]


async def test_a_prometheus_without_rules_series_and_alertmanager(tmp_path: Path) -> None:
    async with a_prometheus(tmp_path / "bare", {"rule_files": [str(RULES / "cluster.yml")]}) as running:
        found = await prometheus.examine(site(asked=Asked(prometheus=f"{running.url}/")))

    *unloaded, series, managers = told(found)
    shipped = {path.name for path in RULES.glob("*.yml") if "example" not in path.name}
    assert [(each.what.split(" are ")[0], each.weight is Weight.ERROR) for each in unloaded] == [
        (f"{len(names)} alerts of {file}", file in {"exporter.yml", "failover.yml"})
        for file, names in prometheus.shipped_alerts().items()
        if file != "cluster.yml"
    ]
    assert set(prometheus.shipped_alerts()) == shipped
    assert [series.what, managers.what] == ["it has no series of site", "it sends alerts to no Alertmanager"]


@contextlib.asynccontextmanager
async def a_daemon() -> AsyncIterator[str]:
    """Something to scrape that knows the cluster."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text='rlm_cluster_healthy_servers{cluster="site"} 2\n')

    application = web.Application()
    application.router.add_get("/metrics", page)
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_a_prometheus_that_has_all_of_it(tmp_path: Path) -> None:
    async with a_daemon() as target:
        configuration = {
            "global": {"scrape_interval": "200ms"},
            "rule_files": [str(path) for path in rule_files()],
            "scrape_configs": [{"job_name": "rlm-ha", "static_configs": [{"targets": [target]}]}],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:1"]}]}]},
        }
        async with a_prometheus(tmp_path / "whole", configuration) as running:
            given = site(asked=Asked(prometheus=running.url))

            async def healthy() -> bool:
                return whats(await prometheus.examine(given)) == []

            await until(healthy, within=20, what="a Prometheus with our rules and series")


async def test_a_prometheus_that_is_not_there(tmp_path: Path) -> None:
    (found,) = told(await prometheus.examine(site(asked=Asked(prometheus=f"http://127.0.0.1:{free_port()}"))))

    assert "Prometheus cannot be asked" in found.what


@contextlib.asynccontextmanager
async def an_alertmanager(folder: Path, receiver: dict[str, Any]) -> AsyncIterator[str]:
    program = shutil.which("alertmanager")
    assert program is not None, "alertmanager is not on PATH: `make test` fetches it"
    configuration = {"route": {"receiver": "people", "group_wait": "30s"}, "receivers": [receiver]}
    (folder / "am.yml").write_text(yaml.safe_dump(configuration))
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        program, f"--config.file={folder / 'am.yml'}", f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as session:

            async def ready() -> bool:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{url}/-/ready") as answer:
                        return answer.status == 200
                return False

            await until(ready, within=30, what="Alertmanager")
        yield url
    finally:
        process.terminate()
        await process.wait()


async def test_an_alert_comes_to_a_receiver_and_nobody_is_told(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def webhook(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.close()

    port = free_port()
    async with await asyncio.start_server(webhook, "127.0.0.1", port):
        url = f"http://127.0.0.1:{port}/webhooks/alertmanager"
        receiver = {"name": "people", "webhook_configs": [{"url": url}]}
        async with an_alertmanager(tmp_path, receiver) as there:
            given = site(asked=Asked(alertmanager=there))
            assert whats(await alertmanager.examine(given)) == []
            async with aiohttp.ClientSession() as session, session.get(f"{there}/api/v2/alerts") as answer:
                assert await answer.json() == []
    assert heard == []


async def test_a_way_to_the_daemon_that_is_missing_is_warned_of(tmp_path: Path) -> None:
    async with an_alertmanager(tmp_path, {"name": "people"}) as there:
        (found,) = told(await alertmanager.examine(site(asked=Asked(alertmanager=there))))

    assert (found.weight, found.what) == (Weight.WARNING, "no receiver leads to the daemon's webhook")


async def test_an_alertmanager_that_is_not_there() -> None:
    url = f"http://127.0.0.1:{free_port()}"

    (found,) = told(await alertmanager.examine(site(asked=Asked(alertmanager=url))))

    assert "Alertmanager cannot be asked" in found.what


async def test_a_journal_of_this_version_and_one_that_is_not(tmp_path: Path) -> None:
    good, empty = f"sqlite:///{tmp_path / 'good.db'}", f"sqlite:///{tmp_path / 'empty.db'}"
    await asyncio.to_thread(upgrade_at, good)

    assert told(await journal.examine(site(asked=Asked(store=good)))) == []
    (missing,) = told(await journal.examine(site(asked=Asked(store=empty))))
    assert "there is no such file" in missing.what
    assert not (tmp_path / "empty.db").exists()
    (tmp_path / "empty.db").touch()
    (old,) = told(await journal.examine(site(asked=Asked(store=empty))))
    assert "the database is empty" in old.what


def let_hold(url: str, *clusters: str) -> None:
    """Have somebody take the leases of these."""
    database = database_at(url)
    with database.engine.execution_options(rlm_ha_writes=True).begin() as connection:
        take_leases(
            connection,
            claimant=Claimant(name="ha1"),
            clusters=clusters,
            held={},
            resumed=(),
            lasting=timedelta(minutes=5),
        )
    database.engine.dispose()


async def test_a_cluster_whose_lease_nobody_holds(postgresql: PostgresqlServer) -> None:
    url = postgresql.new_database()
    await asyncio.to_thread(upgrade_at, url)
    given = site(asked=Asked(store=url))

    assert whats(await journal.examine(given)) == ["no daemon holds its lease"]
    await asyncio.to_thread(let_hold, url, "site")
    assert whats(await journal.examine(given)) == []
    ask(url, "UPDATE lease SET expires_at = clock_timestamp()")
    assert whats(await journal.examine(given)) == ["no daemon holds its lease"]
    postgresql.drop_database(url)


def serving_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "rlm-cert.pem", TLS / "rlm-key.pem")
    return context


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def served(*, host: str, now: datetime) -> list[str]:
    """What is said of the certificate that a web interface serves."""
    port = free_port()
    async with await asyncio.start_server(nothing, host, port, ssl=serving_tls()):
        server = replace(CLUSTER.servers[0], host=host, web_port=port)
        check = replace(CLUSTER.health_check, web_tls=True)
        cluster = replace(CLUSTER, servers=(server,), load_balancer=None, health_check=check)
        return whats(await certificates.examine(replace(site(cluster=cluster), now=now)))


async def test_the_certificate_that_is_served_is_looked_at() -> None:
    certificate = parse_certificate(der("rlm-cert.pem"))
    day = timedelta(days=1)

    late = await served(host="127.0.0.1", now=certificate.ends + 3 * day)
    soon = await served(host="127.0.0.1", now=certificate.ends - 3 * day)
    good = await served(host="127.0.0.1", now=certificate.begins + day)

    ended = certificate.ends.date().isoformat()
    assert any(f"certificate ended on {ended}, 3 days ago" in what for what in late)
    assert any("certificate ends in 3 days" in what for what in soon)
    assert not any("days" in what for what in good)
    names_other = not certificate.covers("127.0.0.1")
    assert any(what.endswith("not 127.0.0.1") for what in good) is names_other


async def test_the_files_that_we_steer_with_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    endpoint = HaproxyEndpoint(
        name="lb1",
        url=f"https://127.0.0.1:{free_port()}/stats",
        client_cert=str(TLS / "steer" / "controller.pem"),
        ca_cert=str(tmp_path / "nowhere.pem"),
    )
    ends = parse_certificate(der("steer/controller.pem")).ends
    second = replace(endpoint, name="lb2", ca_cert=str(tmp_path / "empty.pem"))
    given = site(cluster=with_balancer(haproxy=(endpoint, second)))

    files = [path for each in (endpoint, second) for path in key_paths(each)]
    keys = {path: await look(path, limit=10) for path in files}
    found = await certificates.examine(replace(given, keys=keys, now=ends + timedelta(days=1)))

    steer = TLS / "steer" / "controller.pem"
    ended = f"the certificate in {steer} ended on {ends.date().isoformat()}, 1 days ago"
    assert whats(found) == [
        ended,
        f"{tmp_path / 'nowhere.pem'} cannot be read: No such file or directory",
        ended,
        f"{tmp_path / 'empty.pem'} holds no certificate",
    ]
    assert {each.weight for each in told(found)} == {Weight.ERROR}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "nonsense/api/v1/rules is no address that works here; write http://HOST:PORT"),
        ("ftp://h", "ftp://h/api/v1/rules is no address that works here; write http://HOST:PORT"),
    ],
)
async def test_what_is_no_address_is_said_to_be_none(url: str, said: str) -> None:
    found = whats(await prometheus.examine(site(asked=Asked(prometheus=url))))
    assert found == [f"Prometheus cannot be asked: {said}"]


@pytest.mark.parametrize("text", ["{}", '{"data": {"groups": [{}]}}', '{"data": []}', "[]", "7", "<html>"])
async def test_what_is_another_program_is_said_to_be_one(text: str) -> None:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="application/json")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", page)
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        asked = Asked(prometheus=f"http://127.0.0.1:{port}", alertmanager=f"http://127.0.0.1:{port}")
        for check in (prometheus, alertmanager):
            (finding,) = told(await check.examine(site(asked=asked)))
            assert "cannot be asked: " in finding.what
    finally:
        await runner.cleanup()


async def test_a_password_in_an_address_stands_in_no_report() -> None:
    at = f"127.0.0.1:{free_port()}"
    asked = Asked(prometheus=f"http://me:secret@{at}", alertmanager=f"http://me:secret@{at}")
    for check in (prometheus, alertmanager):
        (finding,) = told(await check.examine(site(asked=asked)))
        assert finding.subject == f"http://{at}"
        assert "secret" not in finding.what


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("me:secret@prom.example.com:9090", "prom.example.com:9090"),
        ("http://me:secret@localhost:99999", "http://localhost:99999"),
        ("http://me:secret@[::1:9", "http://[::1:9"),
        ("http://me:se@secret@localhost:1", "http://localhost:1"),
        # Whose the text before the @ is nobody can tell.
        ("http://me:secret/more@localhost:1", "http://..."),
        ("http://me:1/secret@localhost:1", "http://..."),
        ("http://me:secret#more@localhost:1", "http://..."),
        ("me:secret/more@localhost:1", "..."),
        ("http://localhost:1/?token=secret", "http://localhost:1/"),
    ],
)
async def test_an_address_that_is_none_is_told_without_its_password(address: str, subject: str) -> None:
    asked = Asked(prometheus=address, alertmanager=address)
    for check in (prometheus, alertmanager):
        (finding,) = told(await check.examine(site(asked=asked)))
        assert (finding.subject, "secret" in finding.what) == (subject, False)


@pytest.mark.parametrize("name", ["password", "sslpassword"])
async def test_a_password_in_the_query_of_the_journals_address_stands_in_no_report(name: str) -> None:
    asked = Asked(store=f"postgresql://me@127.0.0.1:{free_port()}/site?{name}=secret")
    (finding,) = told(await journal.examine(site(asked=asked)))
    assert "it cannot be reached" in finding.what
    assert "secret" not in finding.what


async def test_files_that_hold_their_reader_up_hold_nothing_up_here(tmp_path: Path) -> None:
    """A pipe that nobody writes into keeps its reader waiting, as a file on a dead mount does."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    endpoint = HaproxyEndpoint(
        name="lb1", url=f"https://127.0.0.1:{free_port()}/stats", client_cert=str(pipe)
    )
    given = site(cluster=with_balancer(haproxy=(endpoint,)), asked=Asked(haproxy=pipe))
    given = replace(given, keys={str(pipe): await look(str(pipe), limit=10)})

    assert whats(await certificates.examine(given)) == [f"{pipe} cannot be read: it is no regular file"]
    assert whats(await haproxy.examine(given)) == [f"it was not asked, because {pipe} cannot be read"]
    assert whats(await haproxy_file.examine(given)) == ["cannot be read: it is no regular file"]


async def test_a_journal_that_hangs_is_given_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/journal"
        found = await journal.examine(site(asked=Asked(store=store)), limit=timedelta(seconds=0.2))
    assert whats(found) == ["the journal gave no answer within 0.2 s"]


async def test_an_address_of_a_name_that_does_not_answer_is_found() -> None:
    """Of two addresses one takes connections; which one a client tries first is its own affair."""
    port = free_port(("127.0.0.5", "127.0.0.6"))
    async with await asyncio.start_server(nothing, "127.0.0.5", port):
        server = replace(CLUSTER.servers[0], port=port)
        given = named(replace(CLUSTER, servers=(server,)))
        found = told(await names.examine(given))

    assert [each.what for each in found if "which its name stands for too" in each.what] == [
        f"port {port} takes no connection at 127.0.0.6, which its name stands for too"
    ]


def named(cluster: Any) -> Site:
    made = site(cluster=cluster, addresses=resolver(rlm1=("127.0.0.5", "127.0.0.6")))
    clock = SystemClock()
    return replace(
        made, means=replace(made.means, tcp=ConnectProbe(clock=clock, resolver=made.means.resolver))
    )
