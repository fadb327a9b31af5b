"""Arguments and options that several commands take, checked before anything is started."""

from __future__ import annotations

import re
from typing import Final

import click

from ledger_core.identifiers import MAX_BIGINT

WHOLE: Final = click.IntRange(0, MAX_BIGINT)
"""Credits or milli-units: a whole number that the ledger can hold."""

EPOCH: Final = click.IntRange(1, MAX_BIGINT)

epoch_argument = click.argument("epoch_id", metavar="EPOCH", type=EPOCH)
wait_option = click.option(
    "--wait/--no-wait", default=True, help="Wait for the result, or just start it.  [default: wait]"
)
reason_option = click.option("--reason", help="Why, for the record.")
required_reason_option = click.option("--reason", required=True, help="Why, for the record.")
yes_option = click.option("--yes", is_flag=True, help="Don't ask; for scripts.")


class HashType(click.ParamType[str]):
    """A SHA-256 in 64 hexadecimal digits."""

    name = "hash"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it in lower case, as the ledger prints hashes."""
        if not isinstance(value, str) or re.fullmatch("[0-9a-fA-F]{64}", value, re.ASCII) is None:
            self.fail("a hash has 64 hexadecimal digits.", param, ctx)
        return value.lower()


HASH: Final = HashType()


def epoch_unless(option: str) -> type[click.Command]:
    """Return a command that takes EPOCH first, unless this option stands in for it."""

    class EpochUnless(click.Command):
        def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
            """Note whether the option is given, before the arguments are counted."""
            options = args[: args.index("--")] if "--" in args else args
            ctx.meta[option] = any(word == option or word.startswith(f"{option}=") for word in options)
            return super().parse_args(ctx, args)

        def get_params(self, ctx: click.Context) -> list[click.Parameter]:
            """Return the parameters that these words may have."""
            params = super().get_params(ctx)
            return [each for each in params if not (ctx.meta.get(option) and each.name == "epoch_id")]

    return EpochUnless


def account_of(provider: str, account: str) -> str:
    """Return an account as events carry it: git's e-mail addresses are in lower (ASCII) case."""
    if provider != "git":
        return account
    return "".join(letter.lower() if letter.isascii() else letter for letter in account)
