"""What scripts rely on: of each command its exit codes, what is on stdout, and the shape of its JSON."""

import asyncio
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from rlm_exporter.cli import build_program
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.store.upgrade import upgrade_at
from tests.cli.daemon import FixedDaemon, fixed, problem
from tests.cli.documents import operation, status
from tests.cli.every_command import ASKED, ENDLESS, SENT, WITH_A_SITE, Asked, write_files
from tests.cli.test_program import LEAVES
from tests.cli.test_seats import answer as seats
from tests.ports import free_port
from tests.server.contract import faults_of

SHAPES = Path(__file__).with_name("shapes.json")
"""Of the documents that are the command's own."""

OWN = sorted(
    name for name, asked in ASKED.items() if not asked.schema and not asked.plain and not asked.silent
)
WITH_DAEMON = sorted(name for name, asked in ASKED.items() if asked.answers)
PATIENT = {"ship-log"}
"""It goes on until the daemon is there."""


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty journal, made once."""
    path = tmp_path_factory.mktemp("journal") / "journal.db"
    upgrade_at(f"sqlite:///{path}")
    return path


@pytest.fixture
def folder(tmp_path: Path, journal: Path) -> Path:
    write_files(tmp_path)
    shutil.copy(journal, tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def _our_log() -> Iterator[None]:
    """`serve` sets the log of its whole process up, which here is that of other tests too."""
    root, library = logging.getLogger(), logging.getLogger("alembic")
    before = (root.handlers[:], root.level, library.level)
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    library.setLevel(before[2])


async def run(asked: Asked, folder: Path, *more: str, url: str = "http://127.0.0.1:1") -> Result:
    """In this process, on a thread of its own: the daemon of the test answers meanwhile."""
    words = [word.format(folder=folder) for word in asked.words]
    variables = {"RLM_HA_URL": url, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "COLUMNS": "80"}
    program = build_program()
    return await asyncio.to_thread(
        CliRunner().invoke, program, [*words, *more], env=variables, prog_name="rlm-ha"
    )


async def answered(name: str, daemon: FixedDaemon, folder: Path, *more: str) -> Result:
    """The command, with the answers that it stands in the table with."""
    asked = ASKED[name]
    for request, handlers in asked.answers.items():
        daemon.answers[request] = list(handlers)
    return await run(asked, folder, *more, url=daemon.url)


def test_every_command_stands_in_the_table() -> None:
    assert {name for name, _ in LEAVES} == set(ASKED) | ENDLESS | WITH_A_SITE


@pytest.mark.parametrize("name", ASKED)
async def test_a_command_that_did_its_work_ends_with_0_in_each_format(
    name: str, daemon: FixedDaemon, folder: Path
) -> None:
    table, as_json = await answered(name, daemon, folder), await answered(name, daemon, folder, "-j")
    assert (table.exit_code, as_json.exit_code) == (0, 0), as_json.output
    assert "\x1b" not in table.output
    if ASKED[name].plain:
        assert table.stdout == as_json.stdout != ""
        return
    if ASKED[name].silent:
        assert table.stdout == as_json.stdout == ""
        assert table.stderr
        return
    as_yaml = await answered(name, daemon, folder, "-o", "yaml")
    assert as_yaml.exit_code == 0, as_yaml.output
    document = json.loads(as_json.stdout)
    if not ASKED[name].own_yaml:
        assert shape(yaml.safe_load(as_yaml.stdout)) == shape(document)
    assert not table.stdout.startswith(("{", "["))
    if not name.startswith(("db upgrade", "check", "backup")):  # they tell paths, which are never cut
        assert [line for line in table.stdout.splitlines() if len(line) > 80] == []
    if (schema := ASKED[name].schema) is not None:
        assert faults_of(document, "components", "schemas", schema) == []


async def test_the_shapes_of_their_own_documents_are_those_that_scripts_know(
    daemon: FixedDaemon, folder: Path
) -> None:
    found = {name: shape(json.loads((await answered(name, daemon, folder, "-j")).stdout)) for name in OWN}
    known = json.loads(SHAPES.read_text()) if SHAPES.exists() else None
    if found != known:
        fresh = folder / "shapes.json"
        fresh.write_text(json.dumps(found, indent=1) + "\n")
        pytest.fail(f"if that is meant, with a line in CHANGELOG.md: cp {fresh} {SHAPES}")


@pytest.mark.parametrize("name", WITH_DAEMON)
@pytest.mark.parametrize(
    ("told", "code"),
    [
        ((400, "invalid"), ExitCode.USAGE),
        ((401, "unauthenticated"), ExitCode.FAILED),
        ((403, "forbidden"), ExitCode.FAILED),
        ((404, "unknown_cluster"), ExitCode.NOT_FOUND),
        ((409, "operation_open"), ExitCode.REFUSED),
        ((412, "expectation_failed"), ExitCode.REFUSED),
        ((422, "unknown_server"), ExitCode.NOT_FOUND),
        ((422, "invalid"), ExitCode.USAGE),
        ((503, "store_unavailable"), ExitCode.UNREACHABLE),
    ],
)
async def test_what_the_daemon_refuses_has_its_exit_code_and_a_sentence_on_stderr(
    name: str, told: tuple[int, str], code: ExitCode, daemon: FixedDaemon, folder: Path
) -> None:
    if name in PATIENT and code is ExitCode.UNREACHABLE:
        return
    for request in ASKED[name].answers:
        daemon.answers[request] = [problem(*told, "the reason, in words")]
    ended = await run(ASKED[name], folder, "-j", url=daemon.url)
    assert (ended.exit_code, ended.stdout) == (code, "")
    assert "the reason, in words" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", [each for each in WITH_DAEMON if each not in PATIENT])
async def test_without_a_daemon_it_ends_with_5_and_says_where_it_looked(name: str, folder: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ended = await run(ASKED[name], folder, url=url)
    assert (ended.exit_code, ended.stdout) == (ExitCode.UNREACHABLE, "")
    assert url in ended.stderr


@pytest.mark.parametrize("name", [name for name, _ in LEAVES if name != "simulate rlmutil"])
async def test_a_word_that_it_does_not_know_is_usage(name: str, folder: Path) -> None:
    ended = await run(Asked(words=tuple(name.split())), folder, "--no-such-option")
    assert (ended.exit_code, ended.stdout) == (ExitCode.USAGE, "")
    assert ended.stderr


ILL = status(healthy=False, ready=False, active=None, active_host=None)
FAILED = operation(state="failed", outcome="not_verified", committed_at=None)
WAITING = {**SENT, "result": "waiting", "detail": "no sink has taken it yet"}
UNKNOWN = seats(known=False, reason="moving", detail="operation 12 leads clients to rlm2")

BAD_NEWS: dict[str, tuple[dict[str, Any], ExitCode]] = {
    "license-servers list": ({"clusters": [status(), ILL]}, ExitCode.FAILED),
    "license-servers status": (ILL, ExitCode.FAILED),
    "licenses status": (ILL, ExitCode.FAILED),
    "licenses primary": (ILL, ExitCode.FAILED),
    "licenses monitor": (ILL, ExitCode.FAILED),
    "watch": (ILL, ExitCode.FAILED),
    "licenses failover": ({"result": "started", "operation": FAILED}, ExitCode.FAILED),
    "licenses switchover": ({"result": "started", "operation": FAILED}, ExitCode.FAILED),
    "licenses failback": ({"result": "started", "operation": FAILED}, ExitCode.FAILED),
    "licenses seats": (UNKNOWN, ExitCode.FAILED),
    "alerts send": (WAITING, ExitCode.UNREACHABLE),
}
"""What the daemon answers in good order, and is no good news."""


@pytest.mark.parametrize("name", BAD_NEWS)
@pytest.mark.parametrize("form", ["table", "json"])
async def test_bad_news_are_told_and_have_an_exit_code(
    name: str, form: str, daemon: FixedDaemon, folder: Path
) -> None:
    document, code = BAD_NEWS[name]
    for request in ASKED[name].answers:
        daemon.answers[request] = [fixed(document)]
    ended = await run(ASKED[name], folder, "-o", form, url=daemon.url)
    assert ended.exit_code == code
    if form == "json" and ended.stdout:
        assert isinstance(json.loads(ended.stdout), dict)
    assert "Traceback" not in ended.stderr


OTHERWISE: dict[str, tuple[tuple[str, ...], ExitCode]] = {
    "a manifest that is wrong": (("check", "{folder}/wrong.yaml"), ExitCode.FAILED),
    "a manifest that is not there": (("check", "{folder}/none.yaml"), ExitCode.FAILED),
    "no answer of rlmutil": (("inspect", "rlmstat", "{folder}/wrong.yaml"), ExitCode.FAILED),
    "no answer at all": (("inspect", "rlmstat", "{folder}/none.txt"), ExitCode.USAGE),
    "a license file with an error": (("inspect", "license", "{folder}/wrong.lic"), ExitCode.FAILED),
    "an environment with an error": (("inspect", "client-env", "{folder}/wrong.sh"), ExitCode.FAILED),
    "no report log": (("inspect", "report-log", "{folder}/none.rl"), ExitCode.USAGE),
    "no delivery": (("inspect", "webhook", "{folder}/wrong.yaml"), ExitCode.FAILED),
    "a balancer that is not in the manifest": (
        ("render", "haproxy", "{folder}/cluster.yaml", "--balancer", "lb9"),
        ExitCode.NOT_FOUND,
    ),
    "a wrong manifest to render": (("render", "client-env", "{folder}/wrong.yaml"), ExitCode.FAILED),
    "a database of another kind": (("db", "upgrade", "--store", "mysql://x"), ExitCode.FAILED),
    "a database that is away": (
        ("db", "prune", "--older-than", "400d", "--dry-run", "--store", "postgresql://x@127.0.0.1:1/x"),
        ExitCode.UNREACHABLE,
    ),
    "nobody to ask": (("db", "prune", "--older-than", "400d", "--store", "sqlite:///x.db"), ExitCode.USAGE),
    "a daemon for everybody": (
        ("serve", "--config", "{folder}/cluster.yaml", "--listen", "0.0.0.0:10053"),
        ExitCode.FAILED,
    ),
    "a daemon with a wrong one": (("serve", "--config", "{folder}/wrong.yaml"), ExitCode.FAILED),
    "a backup that is not there": (("restore", "{folder}/none", "--verify"), ExitCode.FAILED),
    "a backup for nobody": (("restore", "{folder}/saved", "--plan"), ExitCode.USAGE),
    "settings of a backup that are wrong": (("backup", "{folder}/wrong.yaml"), ExitCode.FAILED),
    "a backup without the daemon": (("backup", "{folder}/backup.yaml"), ExitCode.UNREACHABLE),
    "a client with nobody to ask": (("client-test", "--rlmutil", "{folder}/rlmutil"), ExitCode.USAGE),
    "a client with one server alone": (
        ("client-test", "5053@127.0.0.1", "--rlmutil", "{folder}/rlmutil"),
        ExitCode.FAILED,
    ),
    "a drill that moves at no time": (("drill", "site", "--failover"), ExitCode.USAGE),
    "a shell that there is not": (("completion", "csh"), ExitCode.USAGE),
    "a demonstration at no address": (("demo", "--network", "127.99.999"), ExitCode.USAGE),
    "a demonstration in other people's network": (("demo", "--network", "10.0.0"), ExitCode.USAGE),
    "a demonstration at half an address": (("demo", "--network", "127.0"), ExitCode.USAGE),
    "a demonstration that there is not": (("demo", "--scenario", "none"), ExitCode.USAGE),
}
"""How commands end that speak with no daemon, where it is not with 0."""


@pytest.mark.parametrize("case", OTHERWISE)
async def test_a_command_without_a_daemon_ends_so(case: str, folder: Path) -> None:
    words, code = OTHERWISE[case]
    (folder / "wrong.yaml").write_text("apiVersion: licensing.vantage.com/v1\nkind: Nothing\n")
    (folder / "wrong.lic").write_text('LICENSE acme "open\n')
    (folder / "wrong.sh").write_text("RLM_LICENSE=99999@\n")
    ended = await run(Asked(words=words), folder)
    assert ended.exit_code == code, ended.output
    assert "Traceback" not in ended.stderr
    if code is not ExitCode.FAILED:
        assert ended.stdout == ""


def shape(document: Any) -> Any:
    """Keys and kinds of values; of a list that of all its members together."""
    match document:
        case dict():
            return {key: shape(value) for key, value in document.items()}
        case list():
            return [merged(shape(each) for each in document)] if document else []
        case bool():
            return "true or false"
        case int() | float():
            return "number"
        case None:
            return "null"
        case _:
            return "text"


def merged(shapes: Iterator[Any]) -> Any:
    found: Any = None
    for each in shapes:
        if found is None or found == "null":
            found = each
        elif isinstance(found, dict) and isinstance(each, dict):
            keys = dict.fromkeys((*found, *each))
            found = {key: merged(iter([found.get(key), each.get(key)])) for key in keys}
        elif isinstance(found, list) and isinstance(each, list):
            found = found or each
    return found
