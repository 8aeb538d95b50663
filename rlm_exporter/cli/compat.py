"""`rlm-ha compat install`: our commands under the name that existing scripts call."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.lazy import LazyGroup
from rlm_exporter.cli.printable import printable
from rlm_exporter.cli.written import write_for_somebody
from rlm_exporter.errors import ApiError, ConfigurationError
from rlm_exporter.render.wrapper import is_wrapper, wrapper_script

NAME = "vantage"
NOUNS = (
    ("license-servers",),
    ("licenses",),
    ("license", "server"),
    ("cluster", "config"),
    ("alerts",),
)
"""Below these, each command of ours; all else is left to the program of that name."""

_MODE = 0o755


@click.command("install")
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where to write it; a folder that comes early on PATH.",
)
def install_command(folder: Path) -> None:
    """Write DIR/vantage, so that scripts which call `vantage licenses …` reach this program.

    It takes what rlm-ha has under license-servers, licenses, license server, alerts and cluster config, and
    gives every other call to the next vantage on PATH. A file that this command did not write, or that was
    changed since, stays as it is (exit code 4).

    \b
    Examples:
      rlm-ha compat install --dir /usr/local/bin
    """
    path = folder / NAME
    root = click.get_current_context().find_root().command
    script = wrapper_script(name=NAME, program=our_program(), commands=commands_of(root))
    _write(path, script)
    click.echo(f"{printable(str(path))} is written", err=True)
    if note := _what_comes_first(path, os.environ.get("PATH", os.defpath)):
        click.echo(f"Note: {printable(note)}", err=True)


def commands_of(root: click.Command) -> tuple[tuple[str, ...], ...]:
    """The words of each of our commands that the script takes."""
    return tuple(words for noun in NOUNS for words in _below(root, noun, ()))


def _below(
    command: click.Command, wanted: tuple[str, ...], path: tuple[str, ...]
) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, LazyGroup):
        yield path
        return
    for name, child in command.commands.items():
        if not wanted or name == wanted[0]:
            yield from _below(child, wanted[1:], (*path, name))


def our_program() -> tuple[str, ...]:
    """How this very program is started: the installed script, or Python where there is none."""
    started = shutil.which(sys.argv[0])
    if started is not None and Path(started).name == "rlm-ha":
        return (str(Path(started).absolute()),)
    # Without -P a folder of that name where the caller stands would be run instead.
    return (sys.executable, "-P", "-m", "rlm_exporter.cli")


def _write(path: Path, script: str) -> None:
    if path.is_symlink() or path.exists():
        if not _is_ours(path):
            raise ApiError(
                f"{path} is not as this command writes it, and stays as it is. Move it away, or take a "
                "DIR that comes before it on PATH.",
                status=None,
                exit_code=ExitCode.REFUSED,
            )
        write_for_somebody(path, script, mode=_MODE)
        return
    try:
        # Somebody else's may come into being at this moment; then this fails rather than replaces it.
        with path.open("x", encoding="utf-8") as file:
            os.fchmod(file.fileno(), _MODE)
            file.write(script)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from error


def _is_ours(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    try:
        return is_wrapper(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        return False


def _what_comes_first(path: Path, search_path: str) -> str | None:
    found = shutil.which(NAME, path=search_path)
    if found is not None and Path(found).samefile(path):
        return None
    if found is None:
        return f"{path.parent} is not on PATH; scripts find it there when it is"
    return f"{found} comes before it on PATH, so scripts call that one"
