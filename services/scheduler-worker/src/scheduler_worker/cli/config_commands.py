"""`ledger config`: check, schema."""

from __future__ import annotations

import json
from pathlib import Path

import click

from scheduler_worker.cli.command_group import CommandGroup
from scheduler_worker.cli.output import json_option, print_facts, print_json, printable, say
from scheduler_worker.cli.session import current_settings
from scheduler_worker.policy import read_policy
from scheduler_worker.policy_facts import policy_facts, policy_hash, policy_lines
from scheduler_worker.policy_schema import policy_schema


@click.group(cls=CommandGroup)
def config() -> None:
    """Check ledger.toml, and let an editor check it."""


@config.command()
@json_option
@click.pass_obj
def check(config: Path | None, as_json: bool) -> None:
    """Check ledger.toml, and show what it comes to, defaults included.

    What is wrong is told with its line, and with the nearest key where one
    is unknown. The hash is that of the whole policy: files that mean the
    same have the same. Nothing is asked of any server or source.

    \b
    Examples:
      ledger config check
      ledger config check --json
    """
    path = current_settings(config).config
    policy = read_policy(path)
    facts = policy_facts(policy, folder=path.resolve().parent)
    pinned = policy_hash(facts)
    if as_json:
        unchecked = list(policy.approvals.unchecked)
        print_json({"policy": facts, "policy_hash": pinned, "unchecked_addresses": unchecked})
        return
    print_facts([*policy_lines(facts), ("policy", pinned)])
    if policy.approvals.unchecked:
        names = ", ".join(map(printable, policy.approvals.unchecked))
        say(f"not checked: the checksums of the addresses of {names}; install")
        say("  cogni-scheduler-worker[signatures], which computes them")
    say(f"{path} is a valid policy")


@config.command()
def schema() -> None:
    """Print the JSON Schema (2020-12) of ledger.toml, for editors.

    An editor that knows TOML completes and checks a policy whose first line
    is `#:schema ./ledger.schema.json`, as `ledger init` writes it. After an
    upgrade, write the file anew.

    \b
    Example:
      ledger config schema > ledger.schema.json
    """
    click.echo(schema_text(), nl=False)


def schema_text() -> str:
    """Return the schema as a file holds it: ASCII, with an end of line."""
    return json.dumps(policy_schema(), indent=2) + "\n"
