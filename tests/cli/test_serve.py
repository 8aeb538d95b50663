"""Where `rlm-ha serve` listens, as its users write it."""

import asyncio

import pytest

from rlm_exporter import bootstrap
from rlm_exporter.bootstrap import Settings
from rlm_exporter.cli import serve
from rlm_exporter.cli.serve import advertised, parse_listen
from rlm_exporter.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:10053", "127.0.0.1", 10053),
        ("0.0.0.0:80", "0.0.0.0", 80),
        ("[::1]:10053", "::1", 10053),
        ("localhost:10053", "localhost", 10053),
    ],
)
def test_reads_an_address_to_listen_on(text: str, host: str, port: int) -> None:
    assert parse_listen(text) == (host, port)


@pytest.mark.parametrize(
    "text", ["", "10053", ":10053", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:10053", "[::1]"]
)
def test_refuses_anything_else_as_a_manifest_does(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^--listen: .*; for example 127.0.0.1:10053"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("said", "host", "told"),
    [
        ("http://ha1.example.com:10053/", "0.0.0.0", "http://ha1.example.com:10053"),
        ("https://ha1.example.com/rlm", "127.0.0.1", "https://ha1.example.com/rlm"),
        (None, "10.0.0.7", "http://10.0.0.7:10053"),
        (None, "fd00::7", "http://[fd00::7]:10053"),
        (None, "0.0.0.0", None),
        (None, "127.0.0.1", None),
    ],
)
def test_tells_other_daemons_only_an_address_that_leads_here(
    said: str | None, host: str, told: str | None
) -> None:
    assert advertised(said, host, 10053) == told


@pytest.mark.parametrize("said", ["ha1:10053", "ftp://ha1", ""])
def test_refuses_to_advertise_what_is_no_url(said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^--advertise: "):
        advertised(said, "127.0.0.1", 10053)


async def test_what_a_daemon_dies_of_is_in_its_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody runs it again at night to see the traceback."""

    async def dies(*_: object, **__: object) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(stumbles())

    async def stumbles() -> None:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(bootstrap, "run_daemon", dies)
    with pytest.raises(ExceptionGroup):
        await serve.run(Settings(paths=(), host="127.0.0.1", port=1, store="sqlite:///x.db", rlmutil=None))
    assert "in stumbles" in caplog.text
    assert "OverflowError: date value out of range" in caplog.text
