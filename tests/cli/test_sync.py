"""`rlm-ha sync licenses` as its users run it, against simulated servers."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rlm_exporter.simulator.launch import write_rlmutil
from tests.cli.command import CommandLine, end_of
from tests.ports import free_port
from tests.probe.programs import until
from tests.simulated import ScenarioServer
from tests.sync.folders import license_file

pytestmark = pytest.mark.row(13)

SERVER = """\
    {role}:
      name: {name}
      host: 127.0.0.1
      port: {port}
      webPort: {web_port}
      licenseSync: {{folder: {folder}}}
"""


class Site:
    """Three servers, their manifest and the masters."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.manifest, self.masters = folder / "site.yaml", folder / "masters"
        self.folders = {name: folder / name for name in ("rlm1", "rlm2", "rlm3")}
        self.masters.mkdir()
        write_rlmutil(folder / "rlmutil")
        self.rlmutil = str(folder / "rlmutil")
        text = "apiVersion: licensing.vantage.com/v1\nkind: LicenseServer\nmetadata: {name: site}\n"
        text += f"spec:\n  type: rlm\n  licenseMasters: {self.masters}\n  highAvailability:\n"
        for role, (name, place) in zip(("primary", "secondary", "backup"), self.folders.items(), strict=True):
            place.mkdir()
            isv = {"name": "acme", "port": 0, "licenses": str(place)}
            server = stack.enter_context(ScenarioServer(folder, {"isvs": [isv]}, name=name))
            text += SERVER.format(role=role, name=name, port=server.port, web_port=free_port(), folder=place)
        self.manifest.write_text(text)

    def write(self, *lines: str) -> None:
        (self.masters / "acme.lic").write_bytes(license_file(*lines, host="rlm.example.com"))

    def files(self) -> list[bytes | None]:
        found = [folder / "acme.lic" for folder in self.folders.values()]
        return [path.read_bytes() if path.exists() else None for path in found]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


@pytest.fixture
def rlm_ha(tmp_path: Path) -> CommandLine:
    return CommandLine(home=tmp_path)


async def test_an_operators_day_with_a_new_license(site: Site, rlm_ha: CommandLine) -> None:
    command = ("sync", "licenses", str(site.manifest), "--rlmutil", site.rlmutil)
    site.write("solver 3.0 permanent 20 sig=1")

    planned = await rlm_ha.run(*command, "--dry-run")
    assert (planned.code, site.files()) == (1, [None] * 3)
    assert planned.out.count("create") == 3

    unasked = await rlm_ha.run(*command)
    assert (unasked.code, site.files()) == (2, [None] * 3)
    assert "say --yes, or --dry-run" in unasked.err

    done = await rlm_ha.run(*command, "--yes", "-j")
    assert done.code == 0
    assert [(each["server"], each["outcome"]) for each in done.document["outcomes"]] == [
        ("rlm3", "pushed"),
        ("rlm2", "pushed"),
        ("rlm1", "pushed"),
    ]
    assert None not in site.files()

    again = await rlm_ha.run(*command, "--dry-run", "-j")
    assert again.code == 0
    assert [each["in_step"] for each in again.document["servers"]] == [True] * 3

    first = next(iter(site.folders.values())) / "acme.lic"
    first.write_bytes(first.read_bytes().replace(b" 20 ", b" 90 "))
    drifted = await rlm_ha.run(*command, "--dry-run", "-j")
    assert drifted.code == 1
    assert [each["in_step"] for each in drifted.document["servers"]] == [False, True, True]
    assert drifted.document["servers"][0]["files"][0]["differences"] == [
        "acme solver v3.0: count is 90 in the server; 20 in the master"
    ]

    site.write("mesher 1.0 permanent 20 sig=bad")
    before = site.files()
    failed = await rlm_ha.run(*command, "--yes", "--server", "rlm2", "--server", "rlm3")
    assert (failed.code, site.files()) == (1, before)
    assert "will be gone: acme solver v3.0" in failed.err
    assert "rlm3: ROLLED BACK" in failed.err
    assert "rlm2: left alone" in failed.err


async def test_files_that_rlm_was_never_told_to_read_are_told_and_read(
    site: Site, rlm_ha: CommandLine
) -> None:
    """As when a sync was killed after it had written: the files are equal, and nothing is in order."""
    command = ("sync", "licenses", str(site.manifest), "--server", "rlm2", "--rlmutil", site.rlmutil)
    site.write("solver 3.0 permanent 20 sig=1")
    assert (await rlm_ha.run(*command, "--yes", "--no-reread")).code == 0
    assert (await rlm_ha.run(*command, "--dry-run", "--no-reread")).code == 0

    planned = await rlm_ha.run(*command, "--dry-run")
    assert planned.code == 1
    assert "acme solver: there is no pool, and the files grant 20 seats" in planned.out
    documented = await rlm_ha.run(*command, "--dry-run", "-j")
    assert documented.document["servers"][0]["unserved"] == [
        "acme solver: there is no pool, and the files grant 20 seats"
    ]

    unasked = await rlm_ha.run(*command)
    assert (unasked.code, "say --yes, or --dry-run" in unasked.err) == (2, True)
    done = await rlm_ha.run(*command, "--yes", "-j")
    assert (done.code, done.document["outcomes"][0]["outcome"]) == (0, "reread")
    again = await rlm_ha.run(*command, "--dry-run", "-j")
    assert (again.code, again.document["servers"][0]["unserved"]) == (0, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_who_is_ended_by_a_signal_in_the_middle_takes_back_what_he_wrote(
    site: Site, rlm_ha: CommandLine, number: signal.Signals
) -> None:
    command = ("sync", "licenses", str(site.manifest), "--server", "rlm2", "--rlmutil", site.rlmutil)
    site.write("solver 3.0 permanent 20 sig=1")
    assert (await rlm_ha.run(*command, "--yes")).code == 0
    before = site.files()

    site.write("solver 3.0 permanent 30 sig=bad")
    process = await rlm_ha.start(*command, "--yes")
    await until(lambda: site.files() != before)
    process.send_signal(number)
    process.send_signal(number)  # who is impatient must not leave half of it there
    ended = await end_of(process)

    assert (ended.code, site.files()) == (128 + number, before)
    assert f"ended by {number.name}\nrlm2: what was written there was taken back" in ended.err
    site.write("solver 3.0 permanent 20 sig=1")
    assert (await rlm_ha.run(*command, "--dry-run")).code == 0, "and rlm has read it again"


async def test_a_server_that_does_not_answer_is_in_step_and_nobody_says_that_it_serves(
    site: Site, rlm_ha: CommandLine
) -> None:
    command = ("sync", "licenses", str(site.manifest), "--server", "rlm1", "--dry-run")
    site.write("solver 3.0 permanent 20 sig=1")
    text = site.manifest.read_text()
    site.manifest.write_text(text.replace(text.split("port: ")[1].split("\n")[0], str(free_port())))
    written = await rlm_ha.run(*command[:-1], "--yes", "--no-reread")
    assert written.code == 0

    silent = await rlm_ha.run(*command, "--rlmutil", site.rlmutil)
    assert (silent.code, "nobody could ask whether rlm has read these files" in silent.out) == (0, True)
    without = await rlm_ha.run(*command, PATH="/nowhere")
    assert (without.code, "there is no rlmutil here" in " ".join(without.out.split())) == (0, True)


async def test_what_is_missing_is_told_with_what_to_do(tmp_path: Path, rlm_ha: CommandLine) -> None:
    manifest = tmp_path / "site.yaml"
    text = "apiVersion: licensing.vantage.com/v1\nkind: LicenseServer\nmetadata: {name: site}\n"
    text += "spec:\n  type: rlm\n  highAvailability:\n    primary: {host: rlm1.example.com}\n"
    manifest.write_text(text)

    without = await rlm_ha.run("sync", "licenses", str(manifest))
    assert without.code != 0
    assert "rlm1: licenseSync is missing: name the folder" in without.err
    manifest.write_text(text.replace("com}", "com, licenseSync: {folder: /opt/rlm}}"))
    nowhere = await rlm_ha.run("sync", "licenses", str(manifest))
    assert (nowhere.code, "--masters, or spec.licenseMasters" in nowhere.err) == (2, True)
    unknown = await rlm_ha.run("sync", "licenses", str(manifest), "--server", "rlm9")
    assert (unknown.code, "no server rlm9 in site; there are: rlm1" in unknown.err) == (3, True)
