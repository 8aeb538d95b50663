"""What must hold among the files of servers: license files that are read and written, and report logs."""

from collections.abc import Iterator
from datetime import timedelta

from rlm_exporter.manifest.check_policy import check_range, check_repeats
from rlm_exporter.manifest.document import Part, Problem
from rlm_exporter.manifest.reading import server_parts

_FETCH_RANGE = (timedelta(milliseconds=100), timedelta(minutes=2))
_SYNC_RANGE = (timedelta(seconds=1), timedelta(minutes=5))
_DRIFT_RANGE = (timedelta(seconds=1), timedelta(days=1))


def check_files(manifest: Part) -> Iterator[Problem]:
    """Every problem of licenseFiles, licenseSync, licenseDrift and reportLogs."""
    writers: dict[str, Part] = {}
    yield from _check_sync(manifest)
    yield from check_range(manifest.at("spec", "licenseDrift", "every"), *_DRIFT_RANGE)
    for server in server_parts(manifest):
        files = server.part.at("licenseFiles")
        if not files.at("exec").is_given:
            yield from check_repeats(files)
        yield from check_range(files.at("timeout"), *_FETCH_RANGE)
        yield from _check_report_logs(server.part.at("reportLogs"), writers)


def _check_sync(manifest: Part) -> Iterator[Problem]:
    places: dict[tuple[str, str], Part] = {}
    for server in server_parts(manifest):
        sync = server.part.at("licenseSync")
        if sync.at("sftp").is_given and sync.at("exec").is_given:
            yield sync.at("exec").problem("stands in place of sftp, which is there too; keep one")
        yield from check_range(sync.at("timeout"), *_SYNC_RANGE)
        folder = sync.at("folder")
        if folder.text is None or sync.at("exec").is_given or sync.at("sftp").is_broken:
            continue
        place = sync.at("sftp").text or "", folder.text.rstrip("/")
        if (first := places.setdefault(place, folder)) is not folder:
            text = (
                f"{folder.text} is the folder in line {first.line} too; each server has its own files, "
                "because their HOST lines differ"
            )
            yield folder.problem(text)


def _check_report_logs(listed: Part, writers: dict[str, Part]) -> Iterator[Problem]:
    """One log for each ISV server: what two of them write into one file, nobody can tell apart."""
    isvs: dict[str, Part] = {}
    for log in listed.children():
        isv, path = log.at("isv"), log.at("path")
        if isv.text is not None and (first := isvs.setdefault(isv.text.casefold(), isv)) is not isv:
            text = f"{isv.text} has a report log in line {first.line} already; an ISV server writes one"
            yield isv.problem(text)
        if path.text is not None and (first := writers.setdefault(path.text, path)) is not path:
            text = f"{path.text} is the report log in line {first.line} too; each ISV server writes its own"
            yield path.problem(text)
