"""What must hold among the files of servers that the daemon reads: license files and report logs."""

from collections.abc import Iterator
from datetime import timedelta

from rlm_exporter.manifest.check_policy import check_range, check_repeats
from rlm_exporter.manifest.document import Part, Problem
from rlm_exporter.manifest.reading import server_parts

_FETCH_RANGE = (timedelta(milliseconds=100), timedelta(minutes=2))


def check_files(manifest: Part) -> Iterator[Problem]:
    """Every problem of licenseFiles and reportLogs."""
    writers: dict[str, Part] = {}
    for server in server_parts(manifest):
        files = server.part.at("licenseFiles")
        if not files.at("exec").is_given:
            yield from check_repeats(files)
        yield from check_range(files.at("timeout"), *_FETCH_RANGE)
        yield from _check_report_logs(server.part.at("reportLogs"), writers)


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
