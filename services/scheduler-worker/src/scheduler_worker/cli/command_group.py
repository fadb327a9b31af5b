"""A group of commands whose help has an example of each."""

from __future__ import annotations

import inspect
import re
from typing import Final

import click

_EXAMPLE: Final = re.compile(r"^ *Examples?:\n +(?P<first>\S.*(?:\\\n.*)*)$", re.MULTILINE)


class CommandGroup(click.Group):
    """Prints the first example of each of its commands below them."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, as each command's own help has them."""
        found = [
            match["first"]
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) is not None
            and (match := _EXAMPLE.search(inspect.cleandoc(command.help or ""))) is not None
        ]
        with formatter.section("Examples"):
            for example in found:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")
