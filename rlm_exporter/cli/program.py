"""The outermost command: where results become exit codes, and errors sentences."""

import errno
import sys
import traceback
from collections.abc import Callable
from types import TracebackType

import click

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.lazy import LazyGroup
from rlm_exporter.cli.manners import Manners
from rlm_exporter.cli.printable import printable
from rlm_exporter.errors import ApiError, JournalAwayError, RlmExporterError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the machine lacks is no defect of ours."""


class Program(LazyGroup):
    """The root. A command may return its exit code; nothing returned is 0."""

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; leaves by click's own exceptions alone, or by one that is a defect of ours."""
        manners = ctx.ensure_object(Manners)
        try:
            code: object = super().invoke(ctx)
        except RlmExporterError as error:
            if manners.verbose:
                traceback.print_exc()
            click.echo(f"Error: {printable(str(error))}", err=True)
            ctx.exit(_exit_code(error))
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            click.echo(_no_room(error), err=True)
            ctx.exit(ExitCode.FAILED)
        if isinstance(code, int) and code != ExitCode.DONE:
            ctx.exit(code)


def _no_room(error: OSError) -> str:
    where = printable(str(error.filename or "standard output"))
    return f"Error: {where} cannot be written: {error.strerror}"


def _exit_code(error: RlmExporterError) -> int:
    match error:
        case ApiError(exit_code=code):
            return code
        case JournalAwayError():
            return ExitCode.UNREACHABLE
        case _:
            return ExitCode.FAILED


def explainer(manners: Manners) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """An excepthook for errors nobody expected: one sentence with the place, the traceback if asked for."""

    def explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if manners.verbose:
            sys.__excepthook__(kind, error, trace)
            return
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            click.echo(_no_room(error), err=True)
            return
        frames = traceback.extract_tb(trace)
        place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        click.echo(
            f"Error: {kind.__name__}: {printable(str(error))}{place}\n"
            "This is a defect of rlm-ha. Run it again with --verbose for the traceback, and report it.",
            err=True,
        )

    return explain
