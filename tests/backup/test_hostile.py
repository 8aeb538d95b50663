"""What a tired hand, a full disk, a wrong clock, a kill or a stranger can do to backups, and does not."""

import gzip
import hashlib
import io
import json
import os
import random
import resource
import sqlite3
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlm_exporter.backup.archive import PART
from rlm_exporter.backup.contents import EXPORT, INFO, LIST, SUM, made_at
from rlm_exporter.backup.make import Wishes, make_backup
from rlm_exporter.backup.opening import opened, verified
from rlm_exporter.backup.put import BEFORE, differing, put
from rlm_exporter.backup.scratch import PREFIX, scratch_folder
from rlm_exporter.backup.state import StateFile
from rlm_exporter.errors import BackupError
from tests.backup.sites import KEY, KNOWN, NOW, courier, machine, member, save
from tests.backup.sites import settings as settings_of


def held(backup: Path) -> dict[str, bytes] | None:
    """All that a backup holds, by place; None where it is refused."""
    try:
        with opened(backup) as (contents, folder):
            places = [entry.place for entry in contents.entries] + [part.place for part in contents.parts]
            return {place: (folder / place).read_bytes() for place in places if (folder / place).is_file()}
    except BackupError:
        return None


# ---- bytes and archives


@pytest.mark.row(43)
def test_each_byte_that_is_flipped_is_found_or_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "rlm1"
    (root / "l").mkdir(parents=True)
    (root / "l/a.lic").write_text("LICENSE siemens STARCCM 1.0 permanent 20 sig=abc\n")
    path = save(settings_of(tmp_path / "b", member(root, paths=("/l",)))).path
    whole, good = path.read_bytes(), held(path)
    spoilt, found = tmp_path / "spoilt", 0
    for place, byte in enumerate(whole):
        flipped = bytes([byte ^ (1 << place % 8)])
        spoilt.write_bytes(whole[:place] + flipped + whole[place + 1 :])
        try:
            verified(spoilt)
        except BackupError:
            found += 1
        else:
            # gzip's heading has a time that nobody reads, and some things it can write in two ways.
            assert gzip.decompress(spoilt.read_bytes()) == gzip.decompress(whole)
            assert held(spoilt) == good
    assert found > len(whole) * 0.95


def tar_of(path: Path, info: tarfile.TarInfo, content: bytes = b"") -> Path:
    info.size = len(content)
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(info, io.BytesIO(content))
    return path


def link(name: str, to: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


@pytest.mark.parametrize(
    "info",
    [
        tarfile.TarInfo("x/../../outside"),
        tarfile.TarInfo("/outside"),
        tarfile.TarInfo("../outside"),
        tarfile.TarInfo("x"),
        link("x/a", "/etc/passwd", tarfile.SYMTYPE),
        link("x/a", "b", tarfile.SYMTYPE),
        link("x/a", "x/b", tarfile.LNKTYPE),
        link("x/a", "", tarfile.FIFOTYPE),
        link("x/a", "", tarfile.CHRTYPE),
    ],
    ids=lambda info: f"{info.name} {info.type.decode()}",
)
def test_a_tar_by_a_stranger_puts_nothing_anywhere(tmp_path: Path, info: tarfile.TarInfo) -> None:
    path = tar_of(tmp_path / "x.tar.gz", info, b"" if info.type != tarfile.REGTYPE else b"x")
    before = sorted(tmp_path.parent.iterdir())
    with pytest.raises(BackupError, match="is nothing that is in a backup of ours"), opened(path):
        pass
    assert sorted(tmp_path.parent.iterdir()) == before
    assert not Path("/outside").exists()


def test_a_link_in_a_backup_that_is_a_folder_is_not_followed(tmp_path: Path) -> None:
    path = save(settings_of(tmp_path / "b", member(machine(tmp_path / "rlm1"))), Wishes(folder=True)).path
    file = path / "servers/rlm1/opt/rlm/licenses/siemens.lic"
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BackupError, match=r"siemens\.lic: differs"), opened(path):
        pass


def gone(entries: list[dict[str, Any]], sum_: str | None) -> None:
    """One file more, which is not there."""
    file = next(each for each in entries if each["kind"] == "file")
    entries.append({**file, "path": "/opt/gone.lic", "sha256": sum_})


def test_a_tar_of_headers_upon_headers_is_told_in_words(tmp_path: Path) -> None:
    """Python's own reader goes one call deeper for each."""
    header = tarfile.TarInfo("p")
    header.type, header.size = tarfile.XHDTYPE, 11
    block = header.tobuf(tarfile.USTAR_FORMAT) + b"11 a=hello\n".ljust(512, b"\0")
    path = tmp_path / "x.tar.gz"
    path.write_bytes(gzip.compress(block * 3000 + tarfile.TarInfo("t/x").tobuf() + b"\0" * 1024))
    with pytest.raises(BackupError, match="is no whole backup"):
        verified(path)


def resealed(path: Path, document: object) -> None:
    """As a stranger does, who can write sums too."""
    raw = json.dumps(document).encode()
    (path / LIST).write_bytes(raw)
    (path / SUM).write_text(f"{hashlib.sha256(raw).hexdigest()}  {LIST}\n")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sealed")
    return save(settings_of(folder / "b", member(machine(folder / "rlm1"))), Wishes(folder=True)).path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it.update(format=2), "has format 2, which this version does not know"),
        (lambda it: it.update(cluster="../../x"), "is no name of a cluster"),
        (lambda it: it.update(members=["servers/../../etc"]), "is no file or folder of one of its machines"),
        (lambda it: it.update(entries=[], members=["servers/.."]), "is neither a server nor a balancer"),
        (lambda it: it.update(entries=[], members=["/etc"]), "is neither a server nor a balancer"),
        (lambda it: it["entries"][0].update(path="/opt/../../etc"), "is no absolute path"),
        (lambda it: it["entries"][0].update(member="/etc"), "is no file or folder of one of its machines"),
        (lambda it: it["entries"][0].update(mode="0777"), "has something else where a number belongs"),
        (lambda it: it["entries"][0].update(kind="device"), "is no file or folder of one of its machines"),
        (lambda it: it["parts"][0].update(place="../../etc/passwd"), "is no part of a backup"),
        (lambda it: it.update(epoch=float("inf")), "is damaged"),
        (lambda it: it.update(made_at="0001-01-01T00:00:00+14:00"), "is damaged"),
        (lambda it: it.update(made_at="9999-12-31T23:59:59-14:00"), "is damaged"),
        (lambda it: gone(it["entries"], None), "gone.lic': has something else where its SHA-256 belongs"),
        (lambda it: gone(it["entries"], "x"), "gone.lic': has something else where its SHA-256 belongs"),
        (lambda it: it["parts"][0].update(sha256=None), "has something else where its SHA-256 belongs"),
        (
            lambda it: it.update(journal={"place": "/etc/passwd", "revision": None, "tables": []}),
            "is no journal of this backup",
        ),
    ],
)
def test_a_list_by_a_stranger_is_judged(sealed: Path, change: Callable[[Any], None], said: str) -> None:
    raw = (sealed / LIST).read_bytes()
    try:
        document = json.loads(raw)
        change(document)
        resealed(sealed, document)
        with pytest.raises(BackupError, match=said):
            verified(sealed)
    finally:
        resealed(sealed, json.loads(raw))


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=9), st.just([]), st.just({}), st.just([[]])
)


@given(data=st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_list_with_anything_in_it_is_refused_in_words_or_leads_nowhere_else(
    sealed: Path, data: st.DataObject
) -> None:
    raw = (sealed / LIST).read_bytes()
    try:
        document = json.loads(raw)
        target = data.draw(st.sampled_from([document, *document["entries"], *document["parts"]]))
        target[data.draw(st.sampled_from(sorted(target)))] = data.draw(JUNK)
        resealed(sealed, document)
        try:
            contents = verified(sealed)
        except BackupError:
            return
        places = [entry.place for entry in contents.entries] + [part.place for part in contents.parts]
        for place in places:
            assert (sealed / place).resolve().is_relative_to(sealed.resolve())
    finally:
        resealed(sealed, json.loads(raw))


# ---- kills and full disks


PROGRAM = """
import sys
from pathlib import Path
import tests.backup.sites as s
from rlm_exporter.backup.make import Wishes
from rlm_exporter.errors import BackupError
root, into, folder = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "folder"
print("begins", flush=True)
try:
    for _ in range(int(sys.argv[4])):
        two = [s.member(root, name=name, paths=("/opt",)) for name in ("rlm1", "rlm2")]
        s.save(s.settings(into, *two), Wishes(folder=folder, keys=True))
except BackupError as error:
    sys.exit(str(error))
"""


def backing_up(root: Path, into: Path, how: str, times: int = 1, **more: Any) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", PROGRAM, str(root), str(into), how, str(times)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


@pytest.mark.row(43)
@pytest.mark.parametrize("how", ["folder", "tar"])
def test_killed_whenever_it_leaves_whole_backups_alone(tmp_path: Path, how: str) -> None:
    root, into = machine(tmp_path / "rlm1"), tmp_path / "b"
    (root / "opt/rlm/licenses/big.lic").write_bytes(random.Random(1).randbytes(3_000_000))
    moments = random.Random(how)
    for _ in range(3):
        with backing_up(root, into, how, 99) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(moments.uniform(0.05, 0.9))
            process.kill()
    named = [path for path in into.iterdir() if not path.name.startswith(".")]
    for path in named:
        verified(path)
    assert [path for path in into.glob(f"{PART}*") if made_at(path.name, cluster="site")] == []

    whole = save(settings_of(into, member(root)))
    assert list(into.glob(f"{PART}*")) == []
    assert {path.name for path in named} < {path.name for path in into.iterdir()}
    verified(whole.path)


@pytest.mark.row(43)
@pytest.mark.parametrize(
    ("limit", "said"),
    [(100_000, "tar failed there: it ended with -25"), (200_000, "File too large; the backup was not made")],
)
def test_where_no_more_can_be_written_there_is_no_backup_and_nothing_is_left(
    tmp_path: Path, limit: int, said: str
) -> None:
    """First while it comes from a machine, then while it is packed."""
    root, into = machine(tmp_path / "rlm1"), tmp_path / "b"
    (root / "opt/rlm/licenses/a.lic").write_bytes(random.Random(1).randbytes(150_000))

    with backing_up(root, into, "tar", preexec_fn=lambda: capped(limit)) as process:
        _, told = process.communicate(timeout=60)

    assert (process.returncode, said in told, "Traceback" in told) == (1, True, False), told
    assert [path.name for path in into.iterdir()] == [".rlm-ha-backup.lock"]


def capped(limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


@pytest.mark.row(45)
def test_a_backup_that_cannot_be_unpacked_for_want_of_room_is_not_called_damaged(tmp_path: Path) -> None:
    root = machine(tmp_path / "rlm1")
    (root / "opt/rlm/licenses/a.lic").write_bytes(random.Random(1).randbytes(150_000))
    path = save(settings_of(tmp_path / "b", member(root))).path
    program = (
        "import sys; from pathlib import Path; from rlm_exporter.backup.opening import opened\n"
        "from rlm_exporter.errors import BackupError\n"
        "try:\n    opened(Path(sys.argv[1])).__enter__()\nexcept BackupError as error: sys.exit(str(error))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        preexec_fn=lambda: capped(50_000),
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "File too large; set TMPDIR to a folder with room" in ended.stderr
    assert "use another" not in ended.stderr
    assert list(tmp_path.glob("rlm-ha-restore-*")) == []


def test_what_a_killed_restore_has_unpacked_goes_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not what another one is at work with, or what somebody has put there under such a name."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / "key.pem").write_text(KEY)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "elsewhere")

    with scratch_folder(), scratch_folder():
        assert left.exists()  # it may be somebody's who has just begun
    with scratch_folder() as first, scratch_folder(left_seconds=0) as second:
        assert first != second
        assert first.is_dir()
        assert not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", f"{PREFIX}link"]


@pytest.mark.row(45)
def test_what_was_there_before_outlives_a_put_that_was_cut_off(tmp_path: Path) -> None:
    root = machine(tmp_path / "rlm1")
    rlm1, options = member(root), root / "opt/rlm/licenses/siemens.opt"
    made = save(settings_of(tmp_path / "b", rlm1), Wishes(folder=True))
    saved = options.read_bytes()
    # As tar leaves it: the old one is aside, the new one is half there.
    Path(f"{options}{BEFORE}").write_text("an operator's")
    options.write_bytes(saved[:5])

    put(rlm1, courier(rlm1), differing(rlm1, courier(rlm1), made.contents.entries), made.path)

    assert options.read_bytes() == saved
    assert Path(f"{options}{BEFORE}").read_text() == "an operator's"
    assert not [
        path for path in options.parent.iterdir() if path.suffix in {".lic", ".opt"} and "~" in path.name
    ]


@pytest.mark.row(45)
def test_a_put_that_is_killed_whenever_ends_whole_in_the_next_run(tmp_path: Path) -> None:
    root = machine(tmp_path / "rlm1")
    for number in range(40):
        (root / f"opt/rlm/licenses/{number}.opt").write_bytes(random.Random(number).randbytes(90_000))
    rlm1 = member(root)
    made = save(settings_of(tmp_path / "b", rlm1), Wishes(folder=True))
    for path in (root / "opt/rlm/licenses").glob("*.opt"):
        path.write_text(f"mine {path.name}")
    program = (
        "import sys; from pathlib import Path; import tests.backup.sites as s\n"
        "from rlm_exporter.backup.opening import opened; from rlm_exporter.backup.put import differing, put\n"
        "at = s.member(Path(sys.argv[1])); by = s.courier(at)\n"
        "with opened(Path(sys.argv[2])) as (contents, folder):\n"
        "    print('begins', flush=True); put(at, by, differing(at, by, contents.entries), folder)"
    )
    # What tar had begun goes on or not; both are in order.
    for delay in (0.03, 0.06, 0.1):
        words = [sys.executable, "-c", program, str(root), str(made.path)]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.kill()

    put(rlm1, courier(rlm1), differing(rlm1, courier(rlm1), made.contents.entries), made.path)

    assert differing(rlm1, courier(rlm1), made.contents.entries) == ()
    for number in range(40):
        name = f"{number}.opt"
        assert (root / f"opt/rlm/licenses/{name}{BEFORE}").read_text() == f"mine {name}"


# ---- what is on the machines


@pytest.mark.row(43)
@pytest.mark.row(45)
def test_names_of_any_bytes_modes_and_owners_come_back(tmp_path: Path) -> None:
    root, to = tmp_path / "rlm1", tmp_path / "to"
    (root / "l").mkdir(parents=True)
    to.mkdir()
    names = [
        b"new\nline.lic",
        b"\xff\xfe.lic",
        b"-rf",
        b"--",
        b" ",
        b"a\\b",
        b"'\"$(x)",
        "ü".encode(),
        b"\x01",
    ]
    for number, name in enumerate(names):
        path = Path(os.fsdecode(os.fsencode(root / "l") + b"/" + name))
        path.write_bytes(name)
        path.chmod((0o400, 0o640, 0o755, 0o4755)[number % 4])
        if os.geteuid() == 0:
            os.chown(path, 54321, 54322)
            path.chmod((0o400, 0o640, 0o755, 0o4755)[number % 4])
    made = save(settings_of(tmp_path / "b", member(root, paths=("/l",))))

    empty = member(to)
    with opened(made.path) as (contents, folder):
        put(empty, courier(empty), contents.entries, folder)
        assert differing(empty, courier(empty), contents.entries) == ()

    def seen(folder: Path) -> dict[str, tuple[bytes, int, int, int]]:
        found = {}
        for path in (folder / "l").iterdir():
            status = path.stat()
            found[path.name] = (path.read_bytes(), status.st_mode, status.st_uid, status.st_gid)
        return found

    assert seen(to) == seen(root)
    assert len(seen(to)) == len(names)


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody else may give files away")
def test_a_user_that_is_not_there_keeps_his_number(tmp_path: Path) -> None:
    root = machine(tmp_path / "rlm1")
    rlm1 = member(root)
    made = save(settings_of(tmp_path / "b", rlm1), Wishes(folder=True))
    entry = next(each for each in made.contents.entries if each.path.endswith(".opt"))
    (root / entry.path.lstrip("/")).unlink()

    put(rlm1, courier(rlm1), [replace(entry, owner="rlm-not-here", uid=54321)], made.path)

    assert (root / entry.path.lstrip("/")).stat().st_uid == 54321


def test_what_is_neither_file_nor_folder_is_told_if_it_was_asked_for(tmp_path: Path) -> None:
    root = machine(tmp_path / "rlm1")
    os.mkfifo(root / "opt/rlm/licenses/fifo")
    of = settings_of(tmp_path / "b", member(root, paths=("/opt/rlm/licenses", "/opt/rlm/licenses/fifo")))
    with pytest.raises(BackupError, match="licenses/fifo is neither a file nor a folder"):
        save(of)
    assert save(settings_of(tmp_path / "b", member(root))).contents.missing == ()


def test_a_file_of_holes_is_stopped_at_what_one_machine_may_send(tmp_path: Path) -> None:
    root = machine(tmp_path / "rlm1")
    with (root / "opt/rlm/licenses/holes").open("wb") as file:
        file.truncate(10**12)
    of = replace(settings_of(tmp_path / "b", member(root)), largest=30_000_000)
    with pytest.raises(BackupError, match="over 30 MB came; name less"):
        save(of)
    assert [path.name for path in (tmp_path / "b").iterdir()] == [".rlm-ha-backup.lock"]


def test_a_log_among_the_files_that_grows_meanwhile_does_not_spoil_the_backup(tmp_path: Path) -> None:
    """It is named by `paths` and by `logs`, and is brought once."""
    root = machine(tmp_path / "rlm1")
    grows = f'"$@"; ended=$?; echo more >> {root}/opt/rlm/logs/rlm.log; exit $ended'
    at = replace(member(root, paths=("/opt/rlm",)), command=("sh", "-c", grows, "sh"))

    made = save(settings_of(tmp_path / "b", at), Wishes(logs=True))

    assert [entry.path for entry in made.contents.entries].count("/opt/rlm/logs/rlm.log") == 1
    verified(made.path)


def test_a_tar_that_is_killed_is_no_tar(tmp_path: Path) -> None:
    root = machine(tmp_path / "rlm1")
    dies = 'case $* in *--create*) kill -9 $$;; esac; exec "$@"'
    at = replace(member(root), command=("sh", "-c", dies, "sh"))
    with pytest.raises(BackupError, match="tar failed there: it ended with -9"):
        save(settings_of(tmp_path / "b", at))


@pytest.mark.row(45)
def test_a_key_that_others_can_read_by_now_is_put_back_as_it_was(tmp_path: Path) -> None:
    root = machine(tmp_path / "rlm1")
    key = root / "opt/rlm/ssl/server.pem"
    key.chmod(0o600)
    rlm1 = member(root, paths=("/opt/rlm/ssl",))
    made = save(settings_of(tmp_path / "b", rlm1), Wishes(folder=True, keys=True))
    key.chmod(0o644)

    wrong = differing(rlm1, courier(rlm1), made.contents.entries)
    assert [entry.path for entry in wrong] == ["/opt/rlm/ssl/server.pem"]
    put(rlm1, courier(rlm1), wrong, made.path)
    assert (key.read_text(), stat.S_IMODE(key.stat().st_mode)) == (KEY, 0o600)


@pytest.mark.row(43)
def test_half_of_a_journal_is_in_no_backup(tmp_path: Path) -> None:
    """Not even in one that may lack something: a restore would put it back."""
    journal = tmp_path / "journal.db"
    with closing(sqlite3.connect(journal)) as made:
        made.execute(
            "CREATE TABLE cluster AS SELECT randomblob(900) AS name FROM (VALUES (1), (2), (3), (4))"
        )
        made.execute("INSERT INTO cluster SELECT a.name FROM cluster a, cluster b, cluster c, cluster d")
        made.commit()
    raw = bytearray(journal.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 9000] = bytes(9000)
    journal.write_bytes(raw)
    of = settings_of(tmp_path / "b", member(machine(tmp_path / "rlm1")), store=f"sqlite:///{journal}")

    contents = save(of, Wishes(folder=True, allow_missing=True)).contents

    assert "the journal" in contents.missing[0]
    assert (contents.journal, [part.place for part in contents.parts]) == (None, [INFO, EXPORT])


# ---- where backups are


@pytest.mark.row(43)
def test_what_was_written_wrong_is_no_backup_and_no_older_one_goes_for_it(tmp_path: Path) -> None:
    """The disk gives back something else than was written."""
    root, into = machine(tmp_path / "rlm1"), tmp_path / "b"
    of = replace(settings_of(into, member(root)), keep_count=1)
    good = save(of)

    def spoil(what: str, _size: int) -> None:
        if what == "writing":
            (file,) = into.glob(f"{PART}*/servers/rlm1/opt/rlm/licenses/siemens.opt")
            file.write_text("something else")

    with pytest.raises(BackupError, match=r"what was written is not what was to be: .*siemens\.opt: differs"):
        make_backup(of, Wishes(), KNOWN, now=NOW, progress=spoil)
    assert [path for path in into.iterdir() if path.name[0] != "."] == [good.path]
    verified(good.path)


@pytest.mark.parametrize("into", ["/proc/rlm-ha", "/dev/null/rlm-ha"])
def test_where_nothing_can_be_written_it_says_so(tmp_path: Path, into: str) -> None:
    with pytest.raises(BackupError, match=rf"{into}.*: .*; the backup was not made"):
        save(settings_of(Path(into), member(machine(tmp_path / "rlm1"))))


@pytest.mark.row(45)
def test_of_two_restores_at_once_one_waits_for_nobody(tmp_path: Path) -> None:
    first, second = (StateFile(tmp_path / "state/r.json", backup="x") for _ in range(2))
    with first.alone():
        with pytest.raises(BackupError, match="this restore is under way; wait for its end"), second.alone():
            pass
        first.state.journal_put = True
        first.save()
    with second.alone():
        assert second.state.journal_put
