"""`ledger completion`: what a shell runs to complete commands and options."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

PROGRAM: Final = "ledger"
VARIABLE: Final = "_LEDGER_COMPLETE"  # what click asks the program by, made of its name
SHELLS: Final = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands and options.

    \b
    bash (4.4 or newer), in ~/.bashrc:   source <(ledger completion bash)
    zsh, in ~/.zshrc after compinit:     source <(ledger completion zsh)
    fish, once:  ledger completion fish > ~/.config/fish/completions/ledger.fish

    Completing asks no server, and reads no ledger.toml.

    \b
    Examples:
      ledger completion bash
      ledger completion zsh > ~/.ledger-completion.zsh
    """
    kind = get_completion_class(shell)
    assert kind is not None  # click has all three
    click.echo(kind(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
