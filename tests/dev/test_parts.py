"""Which parts are taken from where, and the scripts that start them."""

import subprocess
from pathlib import Path

import pytest

from dev.parts import (
    FIXED_FOLDER,
    LIBRARIES,
    OPEN_FOLDER,
    PROGRAMS,
    find,
    how_to_install,
    lead_through_descriptor,
    link_library,
    mend_links,
    packages_for,
    put_in_place,
    search_path,
    starting_script,
)

BY_NAME = {program.name: program for program in PROGRAMS}


def write_script(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("missing", "packages"),
    [
        ([], ()),
        (["promtool"], ("prometheus",)),
        (["prometheus", "promtool"], ("prometheus",)),
        (["alertmanager", "haproxy", "amtool"], ("prometheus-alertmanager", "haproxy")),
    ],
)
def test_fetches_each_package_once(missing: list[str], packages: tuple[str, ...]) -> None:
    assert packages_for(BY_NAME[name] for name in missing) == packages


def test_a_library_of_the_machine_is_linked_and_an_unpacked_one_moves_with_its_folder(tmp_path: Path) -> None:
    library = LIBRARIES[0]
    fresh, machine = tmp_path / "parts.new", tmp_path / "machine"
    (fresh / "lib").mkdir(parents=True)
    assert not link_library(library, fresh / "root", fresh)
    mine = write_script(machine / "usr/lib64" / library.name)
    assert link_library(library, machine, fresh)
    assert (fresh / "lib" / library.name).readlink() == mine

    (fresh / "lib" / library.name).unlink()
    write_script(fresh / "root/usr/lib/x86_64-linux-gnu" / library.name, "unpacked")
    assert link_library(library, fresh / "root", fresh)
    fresh.rename(tmp_path / "parts")
    assert (tmp_path / "parts/lib" / library.name).read_text() == "unpacked"


def test_names_the_packages_to_install_by_hand() -> None:
    told = how_to_install(packages_for((*PROGRAMS, *LIBRARIES)))
    assert (
        "haproxy prometheus prometheus-alertmanager bind9 bind9-dnsutils systemd shellcheck mandoc dpkg curl "
        "openssh-sftp-server openssh-client openssh-server sshfs postgresql libnss-wrapper\n" in told
    )


def test_finds_alertmanager_under_debians_name(tmp_path: Path) -> None:
    debians = write_script(tmp_path / "prometheus-alertmanager")
    assert find(BY_NAME["alertmanager"], str(tmp_path), tmp_path) == debians


def test_looks_where_an_ordinary_users_path_does_not() -> None:
    assert "/usr/sbin" in search_path("/usr/bin").split(":")


def test_never_takes_a_part_for_the_machines_own() -> None:
    assert "/home/ann/clone/.cache/parts/bin" not in search_path("/home/ann/clone/.cache/parts/bin:/usr/bin")


def test_a_started_part_is_the_process_that_was_started(tmp_path: Path) -> None:
    parts = tmp_path / "a clone" / "parts"
    write_script(
        parts / "root/usr/sbin/thing",
        '#!/bin/sh\necho "$$" "$*" "$LD_LIBRARY_PATH"; cat /proc/self/fd/9/page\n',
    )
    (parts / f"root{FIXED_FOLDER}").mkdir(parents=True)
    (parts / f"root{FIXED_FOLDER}" / "page").write_text("a page")
    text = starting_script("usr/sbin/thing", libraries=["usr/lib", "lib"], reads_fixed_folder=True)
    script = write_script(parts / "bin" / "thing", text)

    with subprocess.Popen(
        [Path("bin/thing"), "--a", "b c"],
        cwd=parts,
        env={"PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        printed, _ = process.communicate(timeout=10)

    root = script.parent.parent / "root"
    assert printed == f"{process.pid} --a b c {root}/usr/lib:{root}/lib\na page"


def test_overwrites_the_fixed_folder_and_nothing_else(tmp_path: Path) -> None:
    binary = tmp_path / "program"
    binary.write_bytes(b"\x7fELF\0" + FIXED_FOLDER.encode() + b"/alertmanager\0rest")
    assert lead_through_descriptor(binary)
    assert binary.read_bytes() == b"\x7fELF\0" + OPEN_FOLDER.encode() + b"/alertmanager\0rest"
    assert len(OPEN_FOLDER) == len(FIXED_FOLDER)
    assert not lead_through_descriptor(binary)


def test_a_link_to_what_the_machine_has_leads_to_the_machine(tmp_path: Path) -> None:
    folder = tmp_path / f"root{FIXED_FOLDER}"
    folder.mkdir(parents=True)
    (folder / "had").symlink_to("../../bin")
    (folder / "lost").symlink_to("../no-such-folder")
    mend_links(tmp_path / "root", FIXED_FOLDER)
    assert (folder / "had").readlink() == Path("/usr/bin")
    assert (folder / "lost").readlink() == Path("../no-such-folder")


def test_new_parts_take_the_place_of_old_ones_and_of_what_a_stop_has_left(tmp_path: Path) -> None:
    fresh, folder, left = (tmp_path / name for name in ("parts.new", "parts", "parts.old"))
    for each in (fresh, folder, left):
        write_script(each / each.name)
    put_in_place(fresh, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["parts"]
    assert [path.name for path in folder.iterdir()] == ["parts.new"]
    write_script(fresh / "first")
    put_in_place(fresh, tmp_path / "none before")
    assert (tmp_path / "none before" / "first").exists()


def test_takes_the_newest_of_versions_that_stand_side_by_side(tmp_path: Path) -> None:
    for version in ("9.6", "15", "17"):
        write_script(tmp_path / "usr" / "lib" / "postgresql" / version / "bin" / "initdb")
    on_path = write_script(tmp_path / "usr" / "bin" / "initdb")
    newest = tmp_path / "usr" / "lib" / "postgresql" / "17" / "bin" / "initdb"
    assert find(BY_NAME["initdb"], str(on_path.parent), tmp_path) == newest
    newest.unlink()
    assert find(BY_NAME["initdb"], str(on_path.parent), tmp_path) == newest.parents[2] / "15/bin/initdb"


def test_takes_from_path_what_has_no_folder_of_its_own(tmp_path: Path) -> None:
    on_path = write_script(tmp_path / "usr" / "bin" / "psql")
    assert find(BY_NAME["psql"], str(on_path.parent), tmp_path) == on_path
