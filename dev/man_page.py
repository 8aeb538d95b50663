"""Writes the manual page `rlm-ha.1` from the commands themselves, so that it says what `--help` says (pure).

`python3 -m dev.man_page` prints it.
"""

import re
import sys
import textwrap
from collections.abc import Iterator
from inspect import cleandoc

import click

from rlm_exporter import __version__
from rlm_exporter.cli import build_program
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.lazy import LazyCommand

PROGRAM = "rlm-ha"
COMMON = ("-o", "-j", "-v", "-p", "--help")
"""Options that every command takes; they are told once."""

EXIT_CODES = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed, or what was looked at is unhealthy",
    ExitCode.USAGE: "wrong usage",
    ExitCode.NOT_FOUND: "not found",
    ExitCode.REFUSED: "refused as unsafe",
    ExitCode.UNREACHABLE: "the daemon or a backend cannot be reached",
}

VARIABLES = {
    "RLM_HA_URL": "the daemon's address, for commands that ask it",
    "RLM_HA_TOKEN": "the token that they show it",
    "RLM_HA_TOKEN_FILE": "a file that holds that token",
    "RLM_HA_LISTEN": "serve: ADDRESS:PORT of the HTTP interface",
    "RLM_HA_TOKENS_FILE": "serve: a file with a line NAME ROLE SHA256 for each token",
    "RLM_HA_WEBHOOK_TOKEN": "serve: Alertmanager's token",
    "RLM_HA_WEBHOOK_TOKEN_FILE": "serve: a file that holds it",
    "RLM_HA_STATE_DIR": "serve: where the journal is kept",
    "RLM_HA_STORE": "serve, db: the journal's database",
    "RLM_HA_NAME": "serve: what this daemon is called among several",
    "RLM_HA_ADVERTISE": "serve: the URL at which operators reach this daemon",
    "RLM_HA_RLMUTIL": "the vendor's rlmutil",
    "RLM_HA_LOG_LEVEL": "serve: debug, info, warning or error",
    "RLM_HA_LOG_FORMAT": "serve: logfmt or json",
    "NO_COLOR": "no colours on a terminal",
}

FILES = {
    "/etc/rlm-ha/*.yaml": "the daemon's settings and the manifests of clusters, as packages set it up",
    "/etc/rlm-ha/rlm-ha.env": "variables of the daemon, read by its unit",
    "/var/lib/rlm-ha": "the journal, as the unit has it",
    "~/.config/rlm-ha/profiles.toml": "addresses of daemons, and files with tokens for them",
}


def man_page(*, version: str, date: str) -> str:
    """The page, in the macros of man(7); `date` is YYYY-MM-DD."""
    program = build_program()
    context = click.Context(program, info_name=PROGRAM)
    lines = [
        f'.TH RLM\\-HA 1 "{date}" "rlm\\-ha\\-exporter {roff(version)}" "User Commands"',
        *(".SH NAME", rf"rlm\-ha \- {roff('keeps RLM license servers available')}"),
        *(".SH SYNOPSIS", usage(context)),
        *(".SH DESCRIPTION", *prose(DESCRIPTION)),
        *(".SH OPTIONS", *options(context, common=True)),
        ".SH COMMANDS",
    ]
    for each in commands(context):
        lines += [f".SS {quoted(each.command_path)}", *command_text(each)]
    lines += [".SH EXIT STATUS", *tagged({str(int(code)): text for code, text in EXIT_CODES.items()})]
    lines += [".SH ENVIRONMENT", *tagged(VARIABLES), ".SH FILES", *tagged(FILES)]
    lines += [".SH SEE ALSO", ".BR systemctl (1),", ".BR haproxy (1)"]
    return "\n".join(lines) + "\n"


DESCRIPTION = """\
Probes Reprise License Manager (RLM) servers and the HAProxy in front of them, tells Prometheus what it
sees, and moves all clients to a healthy server when the active one dies or hangs.

The daemon is `rlm-ha serve`. Most other commands ask it; those that look into files, render files for
others or test a site do without it.
"""


def commands(context: click.Context) -> Iterator[click.Context]:
    """Every command that is shown, in the order of `--help`; a group stands before its own."""
    group = context.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if found is None or found.hidden:
            continue
        command = found.load() if isinstance(found, LazyCommand) else found
        inner = click.Context(command, info_name=name, parent=context)
        if not isinstance(command, click.Group):
            yield inner
        yield from commands(inner)


def command_text(context: click.Context) -> list[str]:
    """What one command's own help says."""
    text = context.command.help or ""
    return [usage(context), *(".PP", *prose(text)), *options(context, common=False)]


def usage(context: click.Context) -> str:
    """How it is called, the words that are typed as they are in bold."""
    pieces = " ".join(context.command.collect_usage_pieces(context))
    return f".B {roff(context.command_path)}\n{roff(pieces)}"


def options(context: click.Context, *, common: bool) -> list[str]:
    """Its options, or those that every command has."""
    lines: list[str] = []
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        # An argument has its word in the usage, and is told of in the text.
        if record is None or not record[1] or (not common and parameter.opts[0] in COMMON):
            continue
        lines += [".TP", f".B {roff(record[0])}", *protected(filled(record[1]))]
    return lines


def prose(text: str) -> list[str]:
    r"""Paragraphs as click reads them: one that begins with \b keeps its lines."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", cleandoc(text)):
        kept = paragraph.startswith("\b")
        words = paragraph.replace("\b", "").strip("\n")
        if lines:
            lines.append(".PP")
        lines += [".nf", *protected(words), ".fi"] if kept else protected(filled(words))
    return lines


def tagged(table: dict[str, str]) -> list[str]:
    """A list of words with what each means."""
    return [line for word, text in table.items() for line in (".TP", f".B {roff(word)}", *protected(text))]


def protected(text: str) -> list[str]:
    """Lines of text, none of which is taken for a request."""
    return [roff(line) for line in text.splitlines()] or [r"\&"]


def filled(text: str) -> str:
    """Lines of a length that tools which read pages like; how long they are shown is the reader's."""
    return textwrap.fill(" ".join(text.split()), 72, break_long_words=False, break_on_hyphens=False)


def quoted(text: str) -> str:
    """One argument of a macro."""
    return '"' + roff(text).replace('"', r"\(dq") + '"'


def roff(text: str) -> str:
    """Text that means itself: no escape, no request, and hyphens that can be copied."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    sys.stdout.write(man_page(version=__version__, date=sys.argv[1] if len(sys.argv) > 1 else "1970-01-01"))
