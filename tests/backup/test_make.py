"""Backups of machines that are folders here, by the programs that would run there."""

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlm_exporter.backup.contents import INFO, LIST, SUM
from rlm_exporter.backup.make import Known, Wishes
from rlm_exporter.backup.opening import opened
from rlm_exporter.backup.put import BEFORE, differing, put
from rlm_exporter.errors import BackupError
from tests.backup.sites import KEY, LICENSE, courier, machine, member, save
from tests.backup.sites import settings as settings_of
from tests.probe.programs import alive
from tests.simulated import wait_until

ALL = ("/opt/rlm/licenses", "/opt/rlm/rlm.conf", "/opt/rlm/ssl")


@pytest.mark.row(43)
def test_links_are_followed_and_who_was_active_stands_in_it(tmp_path: Path) -> None:
    rlm1 = member(machine(tmp_path / "rlm1"), paths=ALL)

    made = save(settings_of(tmp_path / "b", rlm1))

    assert made.path.name == "rlm-ha-backup_site_20260304T050607Z.tar.gz"
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    with opened(made.path) as (contents, folder):
        assert contents == made.contents
        saved = folder / "servers/rlm1/opt/rlm/licenses/siemens.lic"
        assert (saved.is_symlink(), saved.read_text()) == (False, LICENSE)
        assert (contents.active, contents.epoch, contents.missing) == ("rlm2", 7, ())
        info = (folder / INFO).read_text()
        assert "Primary: rlm2 (rlm2.example.com)" in info
        assert "5. Test failover functionality" in info
        assert (folder / "vantage-ha-config.yaml").read_text() == "kind: LicenseServer\n"


@pytest.mark.row(43)
def test_private_keys_are_left_out_until_asked_for(tmp_path: Path) -> None:
    rlm1 = member(machine(tmp_path / "rlm1"), paths=ALL)

    without = save(settings_of(tmp_path / "b", rlm1), Wishes(folder=True))
    held = b"".join(path.read_bytes() for path in without.path.rglob("*") if path.is_file())
    assert KEY.encode() not in held
    assert without.contents.left_out == ("rlm1:/opt/rlm/ssl/server.pem",)

    having = save(settings_of(tmp_path / "c", rlm1), Wishes(folder=True, keys=True))
    key = having.path / "servers/rlm1/opt/rlm/ssl/server.pem"
    assert (key.read_text(), stat.S_IMODE(key.stat().st_mode)) == (KEY, 0o600)
    assert stat.S_IMODE(having.path.stat().st_mode) == 0o700


def test_logs_come_on_request_alone(tmp_path: Path) -> None:
    rlm1 = member(machine(tmp_path / "rlm1"))

    paths = {entry.path for entry in save(settings_of(tmp_path / "b", rlm1)).contents.entries}
    more = {
        entry.path for entry in save(settings_of(tmp_path / "c", rlm1), Wishes(logs=True)).contents.entries
    }

    assert more - paths == {"/opt/rlm/logs", "/opt/rlm/logs/rlm.log"}


def test_a_link_that_leads_in_a_circle_ends_and_is_told(tmp_path: Path) -> None:
    root = machine(tmp_path / "rlm1")
    (root / "opt/rlm/licenses/again").symlink_to(".")

    contents = save(settings_of(tmp_path / "b", member(root))).contents

    assert sum(entry.path.endswith("siemens.lic") for entry in contents.entries) == 1
    assert "leads in a circle" in contents.notes[0]


@pytest.mark.row(43)
def test_what_cannot_be_had_is_named_and_there_is_no_backup(tmp_path: Path) -> None:
    root = machine(tmp_path / "rlm1")
    rlm1 = member(root, paths=("/opt/rlm/licenses", "/opt/rlm/nowhere"))
    dead = replace(member(root, name="rlm2"), command=(sys.executable, "-c", "raise SystemExit('no route')"))

    with pytest.raises(BackupError, match="nowhere") as raised:
        save(settings_of(tmp_path / "b", rlm1, dead), known=Known(trouble="no answer"))
    assert "rlm2: cannot be read: no route" in str(raised.value)
    assert "who is active: no answer" in str(raised.value)
    assert [path.name for path in (tmp_path / "b").iterdir()] == [".rlm-ha-backup.lock"]

    made = save(settings_of(tmp_path / "b", rlm1, dead), Wishes(allow_missing=True))
    assert len(made.contents.missing) == 2
    assert any("siemens.lic" in entry.path for entry in made.contents.entries)


def test_a_machine_that_hangs_or_sends_too_much_holds_up_nobody(tmp_path: Path) -> None:
    root = machine(tmp_path / "rlm1")
    hangs = replace(member(root), command=(sys.executable, "-c", "import time; time.sleep(60)"))
    floods = replace(member(root), command=(sys.executable, "-c", "while 1: print('x' * 9999)"))

    began = time.monotonic()
    with pytest.raises(BackupError, match=r"no end within 0\.5 s; is a file system there stale"):
        courier(hangs, seconds=0.5).ask(["find"])
    with pytest.raises(BackupError, match="over 1 MB came; name less"):
        courier(floods, largest=1_000_000).ask(["find"])
    assert time.monotonic() - began < 10


def test_ssh_gets_each_word_quoted_for_the_shell_that_waits_there(tmp_path: Path) -> None:
    """An ssh that does what sshd does: it gives the words to a shell."""
    root = machine(tmp_path / "rlm1")
    odd = root / "opt/rlm/licenses/a b; touch $HOME 'c'.lic"
    odd.write_text("odd")
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin/ssh"
    ssh.write_text('#!/bin/sh\nfor last; do :; done\nexec /bin/sh -c "$last"\n')
    ssh.chmod(0o755)
    remote = replace(member(root, paths=(f"/opt/rlm/licenses/{odd.name}",)), ssh="root@rlm1")

    before = os.environ["PATH"]
    os.environ["PATH"] = f"{tmp_path / 'bin'}:{before}"
    try:
        contents = save(settings_of(tmp_path / "b", remote)).contents
    finally:
        os.environ["PATH"] = before

    assert [entry.path for entry in contents.entries] == [f"/opt/rlm/licenses/{odd.name}"]


@pytest.mark.row(43)
@pytest.mark.parametrize("folder", [False, True])
def test_a_backup_that_was_cut_or_changed_is_never_taken_for_a_good_one(tmp_path: Path, folder: bool) -> None:
    made = save(settings_of(tmp_path / "b", member(machine(tmp_path / "rlm1"))), Wishes(folder=folder))
    spoilt = tmp_path / "spoilt"

    if folder:
        files = [path for path in made.path.rglob("*") if path.is_file()]
        for path in files:
            for change in ("flip", "cut", "gone"):
                shutil.rmtree(spoilt, ignore_errors=True)
                shutil.copytree(made.path, spoilt)
                _spoil(spoilt / path.relative_to(made.path), change)
                with pytest.raises(BackupError), opened(spoilt):
                    pass
    else:
        whole = made.path.read_bytes()
        for length in range(0, len(whole), 97):
            spoilt.write_bytes(whole[:length])
            with pytest.raises(BackupError), opened(spoilt):
                pass
        for place in range(10, len(whole), 53):  # behind gzip's own heading
            spoilt.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            # Where gzip can write the same thing in two ways nothing is changed, and nothing is found.
            assert _unpacked(spoilt) in {None, _unpacked(made.path)}


def _unpacked(path: Path) -> bytes | None:
    """All that a backup holds; None where it is refused."""
    try:
        with opened(path) as (_, folder):
            files = sorted(each for each in folder.rglob("*") if each.is_file())
            return b"".join(bytes(each.relative_to(folder)) + each.read_bytes() for each in files)
    except BackupError:
        return None


def _spoil(path: Path, change: str) -> None:
    content = path.read_bytes()
    match change:
        case "flip":
            path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        case "cut":
            path.write_bytes(content[:-1])
        case "gone":
            path.unlink()


def test_killed_in_the_middle_it_leaves_nothing_that_looks_like_a_backup(tmp_path: Path) -> None:
    """A machine that hangs, and a SIGKILL, which ends what was run there: another backup clears the rest."""
    root = machine(tmp_path / "rlm1")
    program = (
        "from pathlib import Path; import sys, tests.backup.sites as s; from dataclasses import replace\n"
        "root, into = map(Path, sys.argv[1:3])\n"
        "says = 'import os, sys, time; open(sys.argv[1], \"w\").write(str(os.getpid())); time.sleep(60)'\n"
        "hang = (sys.executable, '-c', says, sys.argv[3])\n"
        "hangs = replace(s.member(root, name='rlm2'), command=hang)\n"
        "s.save(s.settings(into, s.member(root), hangs))\n"
    )
    into, begun = tmp_path / "b", tmp_path / "begun"
    # Before the second machine's program runs on its own, it holds what its parent has open.
    with subprocess.Popen([sys.executable, "-c", program, str(root), str(into), str(begun)]) as process:
        until = time.monotonic() + 20
        while not (begun.exists() and begun.read_text()) and time.monotonic() < until:
            time.sleep(0.02)
        process.kill()
    wait_until(lambda: not alive(int(begun.read_text())), what="the end of the program on the machine")

    assert list(into.glob(".part-*/servers/rlm1"))
    left = [path for path in into.iterdir() if path.name.startswith(".part-")]
    assert len(left) == 1
    with pytest.raises(BackupError, match="was not finished"), opened(left[0]):
        pass
    made = save(settings_of(into, member(root)))
    assert {path.name for path in into.iterdir()} == {".rlm-ha-backup.lock", made.path.name}


def test_two_at_once_are_not_made(tmp_path: Path) -> None:
    root = machine(tmp_path / "rlm1")
    begun, go = tmp_path / "begun", tmp_path / "go"
    waits = f'touch {begun}; until [ -e {go} ]; do sleep 0.02; done; exec "$@"'
    slow = replace(member(root), command=("sh", "-c", waits, "sh"))
    first = threading.Thread(target=save, args=(settings_of(tmp_path / "b", slow),))
    first.start()
    try:
        until = time.monotonic() + 20
        while not begun.exists() and time.monotonic() < until:
            time.sleep(0.01)
        with pytest.raises(BackupError, match="another backup is being made there"):
            save(settings_of(tmp_path / "b", member(root)))
    finally:
        go.touch()
        first.join()


@pytest.mark.row(43)
def test_the_journal_is_copied_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as live:
        live.execute("PRAGMA journal_mode=WAL")
        live.execute("CREATE TABLE pair (a INTEGER, b INTEGER)")
        live.execute("INSERT INTO pair VALUES (1, 1)")
        live.commit()
        live.execute("UPDATE pair SET a = 2")  # half of a change that is not committed yet
        made = save(
            settings_of(tmp_path / "b", member(machine(tmp_path / "rlm1")), store=f"sqlite:///{path}"),
            Wishes(folder=True),
        )
        live.rollback()

    with closing(sqlite3.connect(made.path / "store/journal.sqlite")) as copy:
        assert copy.execute("SELECT a, b FROM pair").fetchall() == [(1, 1)]


@pytest.mark.row(45)
def test_what_was_there_stays_beside_and_links_go_on_leading_where_they_lead(tmp_path: Path) -> None:
    root = machine(tmp_path / "rlm1")
    rlm1 = member(root)
    made = save(settings_of(tmp_path / "b", rlm1), Wishes(folder=True))
    (root / "opt/rlm/licenses/siemens.opt").write_text("spoilt")
    (root / "opt/rlm/licenses/other.opt").write_text("a stranger's")

    wrong = differing(rlm1, courier(rlm1), made.contents.entries)
    put(rlm1, courier(rlm1), wrong, made.path)

    assert [entry.path for entry in wrong] == ["/opt/rlm/licenses/siemens.opt"]
    assert differing(rlm1, courier(rlm1), made.contents.entries) == ()
    assert (root / f"opt/rlm/licenses/siemens.opt{BEFORE}").read_text() == "spoilt"
    assert (root / "opt/rlm/licenses/siemens.lic").is_symlink()
    assert (root / "opt/rlm/licenses/other.opt").read_text() == "a stranger's"


NAME = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in {".", ".."} and len(name.encode()) < 200 and not name.endswith(".key"))
TREE = st.dictionaries(
    st.lists(NAME, min_size=1, max_size=3).map(tuple),
    st.tuples(st.binary(max_size=3000), st.sampled_from([0o600, 0o640, 0o644, 0o755])),
    max_size=6,
)


@pytest.mark.row(45)
@given(tree=TREE)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_put_into_an_empty_place_it_is_byte_for_byte_what_was_saved(
    tmp_path: Path, tree: dict[tuple[str, ...], tuple[bytes, int]]
) -> None:
    for name in ("from", "to", "b"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
    (tmp_path / "from/data").mkdir(parents=True)
    for path, (content, mode) in tree.items():
        place = (tmp_path / "from/data").joinpath(*path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        except OSError:  # a file stands where this one wants a folder
            continue
        place.chmod(mode)
    made = save(settings_of(tmp_path / "b", member(tmp_path / "from", paths=("/data",))), Wishes(keys=True))

    (tmp_path / "to").mkdir()
    empty = member(tmp_path / "to")
    with opened(made.path) as (contents, folder):
        put(empty, courier(empty), contents.entries, folder)

    assert _tree(tmp_path / "to") == _tree(tmp_path / "from")


def _tree(root: Path) -> dict[str, tuple[int, bytes | None]]:
    return {
        str(path.relative_to(root)): (
            stat.S_IMODE(path.stat().st_mode),
            path.read_bytes() if path.is_file() else None,
        )
        for path in root.rglob("*")
    }


def test_a_list_by_a_stranger_leads_nowhere_else(tmp_path: Path) -> None:
    made = save(settings_of(tmp_path / "b", member(machine(tmp_path / "rlm1"))), Wishes(folder=True))
    document = json.loads((made.path / LIST).read_bytes())
    document["entries"][0]["path"] = "/opt/../../etc/passwd"
    raw = json.dumps(document).encode()
    (made.path / LIST).write_bytes(raw)
    (made.path / SUM).write_text(f"{hashlib.sha256(raw).hexdigest()}  {LIST}\n")

    with pytest.raises(BackupError, match="is no absolute path"), opened(made.path):
        pass


def test_a_tar_that_is_no_backup_of_ours_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "other.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(machine(tmp_path / "rlm1") / "opt/rlm/ssl", arcname="x")

    with pytest.raises(BackupError, match=r"MANIFEST\.json or MANIFEST\.sha256 is missing"), opened(path):
        pass


def test_of_two_in_one_second_both_stay(tmp_path: Path) -> None:
    of = settings_of(tmp_path / "b", member(machine(tmp_path / "rlm1")))
    names = [save(of, wishes).path.name for wishes in (Wishes(), Wishes(folder=True), Wishes())]
    assert [name.partition("Z")[0][-2:] for name in names] == ["07", "08", "09"]


def test_a_byte_of_a_file_that_is_flipped_before_it_is_packed_again_is_found(tmp_path: Path) -> None:
    made = save(settings_of(tmp_path / "b", member(machine(tmp_path / "rlm1"))))
    with opened(made.path) as (contents, folder):
        _spoil(folder / "servers/rlm1/opt/rlm/licenses/siemens.opt", "flip")
        with tarfile.open(tmp_path / "again.tar.gz", "w:gz") as archive:
            archive.add(folder, arcname=contents.name)

    with pytest.raises(BackupError, match=r"siemens\.opt: differs"), opened(tmp_path / "again.tar.gz"):
        pass
