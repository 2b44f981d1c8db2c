"""`runlake completion SHELL`: what has a shell complete commands, runs and metrics."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what has your shell complete commands, runs and metrics.

    Put the line into the file that your shell begins with:

    \b
    ~/.bashrc                   eval "$(runlake completion bash)"
    ~/.zshrc                    eval "$(runlake completion zsh)"
    ~/.config/fish/config.fish  runlake completion fish | source
    """
    made = get_completion_class(shell)
    if made is None:  # of a later version of click
        raise click.ClickException(f"click completes nothing for {shell}.")
    click.echo(made(context.find_root().command, {}, "runlake", "_RUNLAKE_COMPLETE").source())
