"""`rlm-ha render rlm-args FILE`: the command line of rlm that an rlm.conf asks for."""

import shlex
from pathlib import Path
from typing import Any

import click

from rlm_exporter.cli.inspect_input import FILES, Input, read_input
from rlm_exporter.cli.manners import Format, current_manners
from rlm_exporter.cli.output import emit
from rlm_exporter.errors import FormatError
from rlm_exporter.render.rlm_command import DEFAULT_PROGRAM, Effect, Verdict, judge, options_from, warnings
from rlm_exporter.rlm.rlm_conf import RlmConf, parse_rlm_conf


@click.command("rlm-args")
@click.argument("file", metavar="FILE", type=FILES)
@click.option(
    "--program", metavar="PATH", default=DEFAULT_PROGRAM, show_default=True, help="Where rlm is installed."
)
def rlm_args_command(file: Path, *, program: str) -> None:
    """Translate an rlm.conf into the command line of rlm, which reads no such file.

    The command goes to stdout. What became of each setting is told on stderr, and in the document of --json:
    an option of rlm, a key of the manifest, something of the balancer, or nothing.

    \b
    Examples:
      rlm-ha render rlm-args rlm.conf
    """
    source = read_input(file)
    conf = read_rlm_conf(source)
    command = (program, *options_from(conf).arguments())
    if current_manners().output is not Format.TABLE:
        emit(_document(source.name, conf, command), tuple, manners=current_manners())
        return
    for verdict in judge(conf):
        click.echo(f"{source.name}:{verdict.line}: {_sentence(verdict)}", err=True)
    tell_remarks(source.name, conf)
    click.echo(shlex.join(command))


def read_rlm_conf(source: Input) -> RlmConf:
    """Raises FormatError, each problem with the file's name and its line."""
    try:
        return parse_rlm_conf(source.data)
    except FormatError as error:
        places = (line.removeprefix("line ") for line in str(error).splitlines())
        raise FormatError("\n".join(f"{source.name}:{place}" for place in places)) from error


def tell_remarks(name: str, conf: RlmConf) -> None:
    """Lines that were read over, and what is missing."""
    for remark in conf.remarks:
        click.echo(f"{name}:{remark.line}: warning: {remark.text}", err=True)
    for text in warnings(conf):
        click.echo(f"{name}: warning: {text}", err=True)


def _sentence(verdict: Verdict) -> str:
    return f"{verdict.key}: {_became(verdict)} ({verdict.note})"


def _became(verdict: Verdict) -> str:
    match verdict.effect:
        case Effect.RLM:
            return verdict.becomes or "nothing to add"
        case Effect.MONITOR:
            return f"in the manifest: {verdict.becomes}"
        case Effect.BALANCER:
            return f"at the balancer: {verdict.becomes}"
        case Effect.NONE:
            return "no effect in RLM"


def _document(name: str, conf: RlmConf, command: tuple[str, ...]) -> dict[str, Any]:
    return {
        "file": name,
        "command": list(command),
        "settings": [
            {
                "key": verdict.key.value,
                "line": verdict.line,
                "value": verdict.value,
                "effect": verdict.effect.value,
                "becomes": verdict.becomes,
                "note": verdict.note,
            }
            for verdict in judge(conf)
        ],
        "warnings": [
            *({"line": remark.line, "text": remark.text} for remark in conf.remarks),
            *({"line": None, "text": text} for text in warnings(conf)),
        ],
    }
