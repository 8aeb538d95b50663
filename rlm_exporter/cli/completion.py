"""`rlm-ha completion`: the script that teaches a shell our commands."""

import click
from click.shell_completion import get_completion_class

PROGRAM = "rlm-ha"
VARIABLE = "_RLM_HA_COMPLETE"
"""Click looks for it by the program's name."""


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion_command(shell: str) -> None:
    """Print the script that completes commands, options and names of clusters and servers in a shell.

    Names are asked of the daemon, by the address and the token that other commands take; where it does not
    answer within a second, there are none.

    \b
    Examples:
      rlm-ha completion bash

    \b
    In ~/.bashrc:                      eval "$(rlm-ha completion bash)"
    In ~/.zshrc, after compinit:       eval "$(rlm-ha completion zsh)"
    In ~/.config/fish/config.fish:     rlm-ha completion fish | source
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this version of click does not know {shell}")
    root = click.get_current_context().find_root().command
    click.echo(kind(root, {}, PROGRAM, VARIABLE).source(), nl=False)
