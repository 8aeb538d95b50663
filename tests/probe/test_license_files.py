"""License files are read from where they lie or by a program; what cannot be read is told and forgotten."""

import asyncio
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from rlm_exporter.manifest.model import LicenseFetch, LicensePaths
from rlm_exporter.probe.clock import SystemClock
from rlm_exporter.probe.license_files import Bounds, LicenseFileReader, Parse
from rlm_exporter.probe.license_reading import LicenseReading
from rlm_exporter.rlm.license_file import parse_license_file
from rlm_exporter.rlm.license_values import LicenseFile
from tests.probe.programs import shell

pytestmark = pytest.mark.row(13)

TEXT = "HOST rlm1 0123456789ab 5053\nISV siemens\nLICENSE siemens {0} 1.0 31-jan-2027 5 sig=1\n"


def write(path: Path, product: str = "STARCCM") -> Path:
    path.write_text(TEXT.format(product), encoding="ascii")
    return path


def of_paths(
    *paths: Path, bounds: Bounds | None = None, parse: Parse = parse_license_file
) -> LicenseFileReader:
    source = LicensePaths(paths=tuple(map(str, paths)))
    return LicenseFileReader(source=source, clock=SystemClock(), bounds=bounds, parse=parse)


def of_program(
    program: Path, *arguments: str, timeout: float = 30, bounds: Bounds | None = None
) -> LicenseFileReader:
    fetch = LicenseFetch(command=(str(program), *arguments), timeout=timedelta(seconds=timeout))
    return LicenseFileReader(source=fetch, clock=SystemClock(), bounds=bounds)


def told(reading: LicenseReading) -> list[tuple[str, str]]:
    return [(each.product, each.place) for each in reading.licenses]


async def test_a_folder_stands_for_its_lic_files_and_a_file_for_itself(tmp_path: Path) -> None:
    folder = tmp_path / "licenses"
    folder.mkdir()
    write(folder / "b.lic", "B")
    write(folder / "a.lic", "A")
    write(folder / "a.lic.old", "OLD")
    write(folder / "C.LIC", "C")  # on Unix rlm does not load it
    other = write(tmp_path / "license.dat", "C")

    reading = await of_paths(folder, other).read()

    assert told(reading) == [("A", "a.lic:3"), ("B", "b.lic:3"), ("C", "license.dat:3")]
    assert reading.ok
    assert reading.whole_at == reading.read_at


async def test_a_change_is_seen_at_the_next_reading(tmp_path: Path) -> None:
    file = write(tmp_path / "a.lic", "A")
    reader = of_paths(file)
    await reader.read()
    stamp = file.stat().st_mtime_ns
    write(file, "Z")
    os.utime(file, ns=(stamp, stamp))

    assert told(await reader.read()) == [("Z", "a.lic:3")]


async def test_only_what_changed_is_parsed_again(tmp_path: Path) -> None:
    parsed: list[bytes] = []

    def parse(data: bytes) -> LicenseFile:
        parsed.append(data)
        return parse_license_file(data)

    write(tmp_path / "a.lic", "A")
    file = write(tmp_path / "b.lic", "B")
    reader = of_paths(tmp_path, parse=parse)
    await reader.read()
    write(file, "C")

    assert told(await reader.read()) == [("A", "a.lic:3"), ("C", "b.lic:3")]
    assert parsed == [TEXT.format(product).encode() for product in "ABC"]


async def test_what_can_no_longer_be_read_is_forgotten(tmp_path: Path) -> None:
    write(tmp_path / "a.lic", "A")
    file = write(tmp_path / "b.lic", "B")
    reader = of_paths(tmp_path / "a.lic", file)
    before = await reader.read()
    file.unlink()
    reading = await reader.read()

    assert told(reading) == [("A", "a.lic:3")]
    assert reading.failures == (f"{file}: No such file or directory",)
    assert reading.whole_at == before.read_at
    write(file, "B")
    assert (await reader.read()).ok


async def failure(*paths: Path) -> str:
    reading = await of_paths(*paths).read()
    assert reading.licenses == ()
    [text] = reading.failures
    return text


async def test_each_trouble_with_a_file_is_told(tmp_path: Path) -> None:
    empty, binary, pipe = tmp_path / "empty.lic", tmp_path / "binary.lic", tmp_path / "pipe.lic"
    empty.touch()
    binary.write_bytes(b"\x7fELF\0\0")
    os.mkfifo(pipe)
    folder = tmp_path / "folder"
    folder.mkdir()

    assert await failure(empty) == f"{empty}: holds no statement of a license file"
    assert await failure(binary) == f"{binary}: this is no license file: it holds binary data"
    assert await failure(pipe) == f"{pipe}: is no file"
    assert await failure(folder) == f"{folder}: the folder holds no *.lic"
    assert await failure(Path("/\0")) == "/\0: embedded null byte"


async def test_size_and_number_are_bounded(tmp_path: Path) -> None:
    a, b, c = (write(tmp_path / f"{name}.lic", name) for name in "abc")
    small = await of_paths(a, b, bounds=Bounds(bytes=a.stat().st_size + 5)).read()
    few = await of_paths(tmp_path, bounds=Bounds(files=2)).read()

    assert told(small) == [("a", "a.lic:3")]
    assert small.failures == (f"{b}: too large; 5 bytes are left of what may be read",)
    assert told(few) == [("a", "a.lic:3"), ("b", "b.lic:3")]
    assert few.failures == (f"{c} and what follows: there are more than 2 license files",)


async def test_what_a_program_writes_is_a_file(tmp_path: Path) -> None:
    program = shell(tmp_path / "fetch", f'cat "$1"; touch {tmp_path}/ran')
    file = write(tmp_path / "a.lic", "A")

    assert told(await of_program(program, str(file)).read()) == [("A", "fetched:3")]
    assert (tmp_path / "ran").exists()


PROGRAMS = {
    "fails": ("echo no such host >&2; exit 255", "ended with 255: no such host"),
    "fails with half of it": ("echo LICENSE a b 1.0 permanent 1; exit 1", "ended with 1"),
    "hangs": ("sleep 60", "did not end within 0.3 s and was killed"),
    "never stops": ("yes", "wrote more than 100000 bytes and was killed"),
}


@pytest.mark.parametrize(("script", "said"), PROGRAMS.values(), ids=PROGRAMS)
async def test_each_trouble_with_a_program_is_told(script: str, said: str, tmp_path: Path) -> None:
    program = shell(tmp_path / "fetch", script)
    timeout = 0.3 if script.startswith("sleep") else 30
    reading = await of_program(program, timeout=timeout, bounds=Bounds(bytes=100_000)).read()

    assert reading.licenses == ()
    assert reading.failures == (f"{program} {said}",)


async def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    reading = await of_program(tmp_path / "nope").read()
    assert reading.failures == (f"{tmp_path}/nope cannot be started: No such file or directory",)


async def test_text_that_is_no_license_file_is_told(tmp_path: Path) -> None:
    program = shell(tmp_path / "fetch", "echo '<html>Log in</html>'")
    reading = await of_program(program).read()
    assert reading.failures == ("fetched: holds no statement of a license file",)


async def test_a_file_that_hangs_is_a_failure_of_that_reading_alone(tmp_path: Path) -> None:
    release = threading.Event()

    def hang(data: bytes) -> LicenseFile:
        release.wait(60)
        return parse_license_file(data)

    file = write(tmp_path / "a.lic", "A")
    reader = of_paths(file, bounds=Bounds(time=timedelta(milliseconds=50)), parse=hang)
    reading = await reader.read()
    release.set()

    assert reading.failures == (f"{file}: not read within 0.05 s; is it on a dead NFS?",)
    async with asyncio.timeout(10):
        while not reading.ok:
            reading = await reader.read()
    assert told(reading) == [("A", "a.lic:3")]
