"""The shipped hook that changes DNS, against BIND."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from rlm_exporter.failover.calls import CallEvent
from tests.examples.bind import NameServer, write_key
from tests.examples.hooks import EVENT, HOOKS, away_from, run_hook, to
from tests.probe.programs import shell

# One worker, so that there is one name server.
pytestmark = [pytest.mark.row(35), pytest.mark.xdist_group("bind")]

NAME = "rlm.example.com"


@pytest.fixture(scope="module")
def name_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServer]:
    with NameServer(tmp_path_factory.mktemp("bind")) as running:
        yield running


def update(
    name_server: NameServer, event: CallEvent | str, *more: str, name: str = NAME, key: Path | None = None
) -> CompletedProcess[str]:
    return run_hook(
        "nsupdate",
        *("--name", name, "--zone", "example.com", "--server", name_server.address),
        *("--key-file", str(key or name_server.key), *more),
        event=event,
    )


def records(name_server: NameServer) -> dict[str, list[str]]:
    found = {kind: name_server.ask(NAME, kind) for kind in ("A", "AAAA", "CNAME")}
    return {kind: each for kind, each in found.items() if each}


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        pytest.param("192.0.2.2", {"A": ["30 192.0.2.2"]}, id="an address"),
        pytest.param("2001:db8::3", {"AAAA": ["30 2001:db8::3"]}, id="an IPv6 address"),
        pytest.param("rlm3.example.com", {"CNAME": ["30 rlm3.example.com."]}, id="a name"),
    ],
)
@pytest.mark.parametrize("before", ["192.0.2.1", "2001:db8::1", "rlm1.example.com"])
def test_the_name_leads_where_clients_are_moved(
    before: str, host: str, wanted: dict[str, list[str]], name_server: NameServer
) -> None:
    assert update(name_server, to(before)).returncode == 0
    for _ in ("once", "again, as after a crash"):
        done = update(name_server, to(host))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert records(name_server) == wanted


def test_the_ttl_is_chosen(name_server: NameServer) -> None:
    assert update(name_server, to("192.0.2.2"), "--ttl", "5").returncode == 0
    assert records(name_server) == {"A": ["5 192.0.2.2"]}


def test_a_dry_run_tells_what_it_would_do_and_does_nothing(name_server: NameServer) -> None:
    before = records(name_server)
    done = update(name_server, to("192.0.2.77"), "--dry-run")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"server 127.0.0.1 {name_server.port}",
        "zone example.com.",
        "update delete rlm.example.com. A",
        "update delete rlm.example.com. AAAA",
        "update delete rlm.example.com. CNAME",
        "update add rlm.example.com. 30 IN A 192.0.2.77",
        "send",
    ]
    assert records(name_server) == before


# ---- what goes wrong is told, and nothing is changed


def test_a_wrong_key_is_refused_by_the_name_server(name_server: NameServer, tmp_path: Path) -> None:
    before = records(name_server)
    done = update(name_server, to("192.0.2.77"), key=write_key(tmp_path / "other.key", b"x" * 32))
    assert done.returncode == 1
    assert done.stderr.startswith("rlm.example.com. was not changed: ")
    assert "BADSIG" in done.stderr
    assert records(name_server) == before


def test_a_missing_key_is_named(name_server: NameServer, tmp_path: Path) -> None:
    missing = tmp_path / "none.key"
    done = update(name_server, to("192.0.2.77"), key=missing)
    assert done.returncode == 1
    assert done.stderr == f"the key file {missing} cannot be read: No such file or directory\n"


def test_a_zone_of_somebody_else_is_refused(name_server: NameServer) -> None:
    arguments = ("--name", "rlm.example.net", "--zone", "example.net", "--server", name_server.address)
    done = run_hook("nsupdate", *arguments, "--key-file", str(name_server.key))
    assert done.returncode == 1
    assert "update failed: " in done.stderr


def test_a_cname_that_the_name_server_ignored_is_noticed(name_server: NameServer) -> None:
    """`mail` has an MX record, beside which no CNAME may stand: BIND drops it without an error."""
    done = update(name_server, to("rlm3.example.com"), name="mail.example.com")
    assert done.returncode == 1
    assert done.stderr.startswith("mail.example.com. was changed, but has no CNAME rlm3.example.com. now: ")


def test_a_name_server_that_says_nothing_is_left_in_time(tmp_path: Path) -> None:
    key = write_key(tmp_path / "ddns.key", b"x" * 32)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        done = run_hook(
            "nsupdate",
            *("--name", NAME, "--zone", "example.com", "--key-file", str(key), "--timeout", "2"),
            *("--server", f"127.0.0.1:{silent.getsockname()[1]}"),
        )
    assert done.returncode == 1
    assert done.stderr.startswith("rlm.example.com. was not changed: ")


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("", "standard input holds no event: "),
        ("[]", "standard input holds no event: an object is wanted"),
        ("{}", "the event has no to_host"),
        (to("rlm2"), "to_host 'rlm2' has no domain"),
        (to("192.0.2.2\nupdate delete example.com"), "is neither an address nor a name"),
        (to("a b"), "is neither an address nor a name"),
        (away_from("192.0.2.1"), "this is no fence"),
        (replace(EVENT, event="quarantine", phase="fence", operation=None), "this is no fence"),
    ],
)
def test_what_is_no_move_changes_nothing(event: CallEvent | str, told: str, name_server: NameServer) -> None:
    before = records(name_server)
    done = update(name_server, event)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert records(name_server) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--name", "rlm example", "--zone", "example.com"), "'rlm example' is not a DNS name"),
        (("--name", NAME, "--zone", "example.com\nsend"), "is not a DNS name"),
        (("--name", NAME, "--zone", "example.com", "--ttl", "0"), "is not a number from 1 to 86400"),
        (("--name", NAME, "--zone", "example.com", "--server", "a b"), "'a b' is not HOST or HOST:PORT"),
        (("--name", NAME), "--zone"),
    ],
)
def test_wrong_arguments_are_told(arguments: tuple[str, ...], told: str) -> None:
    done = run_hook("nsupdate", *arguments, "--key-file", "/etc/ddns.key")
    assert done.returncode == 2
    assert told in done.stderr


def test_it_does_not_take_itself_for_nsupdate(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    folder = tmp_path / "bin"
    folder.mkdir()
    shell(folder / "nsupdate", f"cat > '{seen}'")
    path = os.pathsep.join([str(HOOKS), str(folder), "/usr/bin", "/bin"])
    key = write_key(tmp_path / "ddns.key", b"x" * 32)
    arguments = ("--name", NAME, "--zone", "example.com", "--key-file", str(key))
    assert run_hook("nsupdate", *arguments, path=path).returncode == 0
    assert "prereq yxrrset rlm.example.com. IN A 192.0.2.2" in seen.read_text()
