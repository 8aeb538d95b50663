"""The stats page's client against a real HAProxy."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rlm_exporter.errors import LoadBalancerError, StaleEpochError
from rlm_exporter.haproxy.client import StatsPageClient
from rlm_exporter.haproxy.stats_page import Action, command_body
from rlm_exporter.haproxy.view import AdminState, BalancerNames
from rlm_exporter.manifest.model import HaproxyEndpoint
from tests.haproxy.lab import TLS, Lab, ShiftedClock, lab


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(tmp_path) as made:
        yield made


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab(tmp_path, tls=True) as made:
        yield made


async def test_a_fresh_worker_is_read_whole(local: Lab) -> None:
    view = await local.view()
    assert (view.balancer, view.epoch, view.active) == ("lb1", None, None)
    assert view.pid is not None
    assert view.pid > 1
    assert view.unknown_servers == frozenset()
    assert [(line.backend, line.server, line.server_id, line.backup) for line in view.lines] == [
        ("rlm_license_servers", "rlm1", 1, False),
        ("rlm_license_servers", "rlm2", 2, True),
        ("rlm_license_servers", "rlm3", 3, True),
        ("rlm_isv_siemens", "rlm1", 1, False),
        ("rlm_isv_siemens", "rlm2", 2, True),
        ("rlm_isv_siemens", "rlm3", 3, True),
    ]
    assert all(line.is_up and line.admin is AdminState.READY for line in view.lines)


@pytest.mark.row(34)
async def test_a_command_moves_the_license_backend_and_what_tracks_it(local: Lab) -> None:
    client = local.client()
    await client.command(Action.MAINT, ("rlm1", "rlm3"), epoch=7)
    view = await client.observe()
    assert view.epoch == 7
    assert view.pinned == {"rlm1", "rlm3"}
    tracking = {line.server: line for line in view.lines if line.backend == "rlm_isv_siemens"}
    assert tracking["rlm1"].status == "MAINT (via rlm_license_servers/rlm1)"
    assert [tracking[server].admin for server in ("rlm1", "rlm2", "rlm3")] == [
        AdminState.MAINT,
        AdminState.READY,
        AdminState.MAINT,
    ]
    assert tracking["rlm2"].is_up
    await client.command(Action.READY, ("rlm1", "rlm3"), epoch=7)
    assert (await client.observe()).pinned == frozenset()


async def test_a_command_to_nobody_asks_nothing(local: Lab) -> None:
    await local.client().command(Action.MAINT, (), epoch=7)
    assert (await local.view()).epoch is None


async def test_a_server_that_haproxy_does_not_know_is_reported(local: Lab) -> None:
    names = BalancerNames(license_backend="rlm_license_servers", servers=("rlm1", "rlm1.example.com"))
    client = local.client(names=names)
    assert (await client.observe()).unknown_servers == {"rlm1.example.com"}
    with pytest.raises(LoadBalancerError) as only:
        await client.command(Action.MAINT, ("rlm1.example.com",), epoch=1)
    assert str(only.value) == (
        "lb1: maint rlm1.example.com: HAProxy answered ERRP: no such backend, server or action"
    )
    with pytest.raises(LoadBalancerError) as one_of_two:
        await client.command(Action.MAINT, ("rlm1", "rlm1.example.com"), epoch=1)
    assert "HAProxy answered PART: only some of the servers are known there" in str(one_of_two.value)


async def test_a_backend_that_haproxy_does_not_know_is_reported(local: Lab) -> None:
    client = local.client(names=BalancerNames(license_backend="nosuch", servers=("rlm1",)))
    assert (await client.observe()).unknown_servers == {"rlm1"}
    with pytest.raises(LoadBalancerError, match="ERRP"):
        await client.command(Action.MAINT, ("rlm1",), epoch=1)


async def test_a_lower_epoch_is_refused_and_told_what_was_seen(local: Lab) -> None:
    client = local.client()
    await client.command(Action.READY, ("rlm1",), epoch=9)
    with pytest.raises(StaleEpochError) as refused:
        await client.command(Action.MAINT, ("rlm1",), epoch=8)
    assert refused.value.seen == 9
    assert str(refused.value) == "lb1: refuses epoch 8 (409): it has seen 9"
    view = await client.observe()
    assert (view.epoch, view.pinned) == (9, frozenset())


async def test_the_same_epoch_and_a_higher_one_are_taken(local: Lab) -> None:
    client = local.client()
    for epoch in (9, 9, 10):
        await client.command(Action.MAINT, ("rlm3",), epoch=epoch)
        assert (await client.observe()).epoch == epoch


@pytest.mark.parametrize("epoch", [0, -1, 10**15], ids=["zero", "negative", "16 digits"])
async def test_an_epoch_that_is_none_is_refused(local: Lab, epoch: int) -> None:
    client = local.client()
    with pytest.raises(LoadBalancerError, match=r"HAProxy refuses the epoch \(400\)"):
        await client.command(Action.MAINT, ("rlm1",), epoch=epoch)
    view = await client.observe()
    assert (view.epoch, view.pinned) == (None, frozenset())


@pytest.mark.row(23)
async def test_a_command_without_an_epoch_is_refused_whoever_sends_it(local: Lab) -> None:
    reader, writer = await asyncio.open_unix_connection(local.endpoint.url.removeprefix("unix:"))
    body = command_body("rlm_license_servers", Action.MAINT, ("rlm1",))
    request = (
        "POST /stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    writer.write(request.encode())
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert (await local.view()).pinned == frozenset()


async def test_statistics_that_fill_many_packets_are_read_whole(tmp_path: Path) -> None:
    """A balancer that carries more than licenses: its statistics are far above one read."""
    others = "backend others\n" + "".join(f"    server other{n} 127.0.0.1:9 disabled\n" for n in range(1500))
    async with lab(
        tmp_path,
        change=lambda text: text.replace("frontend rlm_license", f"{others}\nfrontend rlm_license", 1),
    ) as made:
        for _ in range(3):
            view = await made.view()
            assert view.unknown_servers == frozenset()
            assert len(view.lines) == 6


async def test_the_right_certificate_steers_over_tls(remote: Lab) -> None:
    client = remote.client()
    await client.command(Action.MAINT, ("rlm2",), epoch=3)
    view = await client.observe()
    assert (view.epoch, view.pinned) == (3, frozenset({"rlm2"}))


@pytest.mark.row(23)
async def test_another_name_of_the_same_authority_reads_and_steers_nothing(remote: Lab) -> None:
    client = remote.client(client_cert=str(TLS / "steer" / "somebody.pem"))
    assert (await client.observe()).unknown_servers == frozenset()
    with pytest.raises(LoadBalancerError, match="it does not take us for its controller"):
        await client.command(Action.MAINT, ("rlm1",), epoch=1)
    view = await remote.view()
    assert (view.epoch, view.pinned) == (None, frozenset())


@pytest.mark.parametrize("certificate", [None, "stranger.pem"], ids=["none", "another authority's"])
async def test_without_a_certificate_of_the_authority_tls_lets_nobody_in(
    remote: Lab, certificate: str | None
) -> None:
    client = remote.client(client_cert=str(TLS / "steer" / certificate) if certificate else None)
    with pytest.raises(LoadBalancerError, match="lb1: cannot be reached"):
        await client.observe()
    with pytest.raises(LoadBalancerError, match="lb1: cannot be reached"):
        await client.command(Action.MAINT, ("rlm1",), epoch=1)


async def test_a_balancer_that_another_authority_signed_is_not_believed(remote: Lab) -> None:
    client = remote.client(ca_cert=str(TLS / "rlm-cert.pem"))
    with pytest.raises(LoadBalancerError, match="certificate verify failed"):
        await client.observe()


async def test_certificates_that_appear_later_are_used_then(remote: Lab, tmp_path: Path) -> None:
    path = tmp_path / "client.pem"
    client = remote.client(client_cert=str(path))
    with pytest.raises(LoadBalancerError, match=r"the certificates cannot be used \(.*client\.pem"):
        await client.observe()
    path.write_bytes((TLS / "steer" / "controller.pem").read_bytes())
    assert (await client.observe()).balancer == "lb1"


async def test_certificates_that_are_renewed_are_used_without_a_restart(remote: Lab, tmp_path: Path) -> None:
    path = tmp_path / "client.pem"
    path.write_bytes((TLS / "steer" / "stranger.pem").read_bytes())
    client = remote.client(client_cert=str(path))
    with pytest.raises(LoadBalancerError):
        await client.observe()
    path.write_bytes((TLS / "steer" / "controller.pem").read_bytes())
    assert (await client.observe()).balancer == "lb1"


async def test_a_balancer_that_is_gone_cannot_be_reached(local: Lab) -> None:
    client = local.client()
    await client.observe()
    await local.haproxy.kill()
    with pytest.raises(LoadBalancerError, match="lb1: cannot be reached"):
        await client.observe()


async def test_a_socket_that_nobody_made_is_named(tmp_path: Path) -> None:
    endpoint = HaproxyEndpoint(name="lb1", url=f"unix:{tmp_path / 'none.sock'}")
    client = StatsPageClient(
        endpoint=endpoint, names=BalancerNames(license_backend="b"), clock=ShiftedClock()
    )
    with pytest.raises(LoadBalancerError, match=r"none\.sock"):
        await client.observe()
    await client.close()


async def test_a_page_that_is_not_haproxys_is_named(local: Lab) -> None:
    async def not_found(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n")
        await writer.drain()
        writer.close()

    path = local.folder / "other.sock"
    server = await asyncio.start_unix_server(not_found, path)
    async with server:
        client = local.client(url=f"unix:{path}")
        with pytest.raises(LoadBalancerError, match="not HAProxy's statistics"):
            await client.observe()


async def test_a_balancer_that_accepts_and_says_nothing_is_given_up(
    local: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlm_exporter.haproxy.client.LIMIT", 0.2)

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    path = local.folder / "silent.sock"
    server = await asyncio.start_unix_server(silence, path)
    async with server:
        client = local.client(url=f"unix:{path}")
        with pytest.raises(LoadBalancerError, match=r"lb1: no answer within 0\.2 s"):
            await client.observe()
        await client.close()
