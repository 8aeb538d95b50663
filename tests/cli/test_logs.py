import logging

from aiohttp.http_exceptions import BadHttpMessage

from rlm_exporter.cli.logs import LogfmtFormatter, without_foreign_bytes


def record(error: Exception) -> logging.LogRecord:
    """As aiohttp logs what it could not read, or what a handler raised."""
    return logging.LogRecord(
        name="aiohttp.server",
        level=logging.ERROR,
        pathname=__file__,
        lineno=1,
        msg="Error handling request from %s",
        args=("192.0.2.7",),
        exc_info=(type(error), error, None),
    )


def test_what_is_no_http_is_one_short_warning_without_the_bytes() -> None:
    told = record(BadHttpMessage("Authorization: Bearer s3cret\0"))
    assert without_foreign_bytes(told)
    line = LogfmtFormatter().format(told)
    assert "s3cret" not in line
    assert line.endswith('level=warning logger=aiohttp.server msg="refused what is not HTTP: BadHttpMessage"')


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    told = record(ZeroDivisionError("division by zero"))
    assert without_foreign_bytes(told)
    line = LogfmtFormatter().format(told)
    assert "level=error" in line
    assert "ZeroDivisionError" in line
