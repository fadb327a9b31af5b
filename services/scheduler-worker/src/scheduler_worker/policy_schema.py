"""The JSON Schema of ledger.toml: what an editor completes and checks while somebody writes one.

Holds: every document that is a policy fits it. Not every one that fits is a policy: names that come twice, days of a
       calendar and what an installed package takes are for `ledger config check`.
"""

from __future__ import annotations

from typing import Any, Final

from ledger_core.domain.epoch_window import DEFAULT_ANCHOR, DEFAULT_LENGTH_DAYS, MAX_LENGTH_DAYS
from ledger_core.domain.weight_config import MAX_WEIGHT_MILLI, MAX_WEIGHTS
from ledger_core.identifiers import MAX_BIGINT, MAX_IDENTIFIER_CHARACTERS
from scheduler_worker import github_policy as github
from scheduler_worker import gitlab_policy as gitlab
from scheduler_worker.approvals_policy import approvals_schema
from scheduler_worker.cron import MAX_CRON_CHARACTERS
from scheduler_worker.known_weights import KNOWN_WEIGHTS
from scheduler_worker.policy import MAX_COMMIT_URL_CHARACTERS, MAX_SOURCE_NAME_CHARACTERS
from scheduler_worker.policy_table import MAX_NAMES
from scheduler_worker.schedule_policy import Overlap
from scheduler_worker.sources.github.stream_names import STREAM_NAMES as GITHUB_STREAMS
from scheduler_worker.sources.gitlab.stream_names import STREAM_NAMES as GITLAB_STREAMS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FILE_NAME: Final = "ledger.schema.json"
"""What the schema is called where it lies beside a policy."""

_NAME: Final = "[a-z][a-z0-9_.-]{0,62}"
_LINE: Final = r"^\S(?:.*\S)?$"
_DURATION: Final = "^[0-9]{1,6}[dhms]$"
_SERVER: Final = r"^(?:$|[hH][tT]{2}[pP][sS]://|[hH][tT]{2}[pP]://(?:127\.0\.0\.1|[lL][oO][cC][aA][lL][hH][oO][sS][tT]|\[::1\]))"
_UUID: Final = r"^(?:urn:)?(?:uuid:)?[{}]*[0-9a-fA-F-]{32,}[{}]*$"


def policy_schema() -> dict[str, Any]:
    """Return the schema, of JSON's own values; the same code always gives the same one."""
    return {
        "$schema": DIALECT,
        "title": "The policy of a ledger node",
        "description": "How a node's epochs are cut, weighed, paid and collected: ledger.toml.",
        **_table(
            {
                "node_id": _text(
                    "Which ledger this is: a UUID. Make your own, once, and never change it.", _UUID
                ),
                "epoch": _epoch(),
                "weights": _weights(),
                "pool": _table(
                    {
                        "base_issuance_credits": _whole(
                            "Credits that each epoch pays, recorded when it is collected.", 0, MAX_BIGINT
                        )
                    },
                    "What an epoch pays.",
                ),
                "approvals": approvals_schema(),
                "schedule": _schedule(),
                "sources": _sources(),
            },
            required=("node_id",),
        ),
    }


def _table(
    properties: dict[str, Any], description: str | None = None, *, required: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "type": "object",
        **({} if description is None else {"description": description}),
        "properties": properties,
        **({"required": list(required)} if required else {}),
        "additionalProperties": False,
    }


def _text(description: str, pattern: str, *, most: int | None = None, **more: Any) -> dict[str, Any]:
    longest = {} if most is None else {"minLength": 1, "maxLength": most}
    return {"type": "string", "description": description, "pattern": pattern, **longest, **more}


def _whole(description: str, least: int, most: int, **more: Any) -> dict[str, Any]:
    return {"type": "integer", "description": description, "minimum": least, "maximum": most, **more}


def _yes_or_no(description: str, *, default: bool) -> dict[str, Any]:
    return {"type": "boolean", "description": description, "default": default}


def _listed(description: str, items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "description": description, "items": items, "maxItems": MAX_NAMES, **more}


def _forms(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


def _epoch() -> dict[str, Any]:
    return _table(
        {
            "length_days": _whole(
                "How long a window is, in whole UTC days.", 1, MAX_LENGTH_DAYS, default=DEFAULT_LENGTH_DAYS
            ),
            "anchor": {
                "type": "string",  # what editors make of a TOML date
                "format": "date",
                "description": "A day on which a window begins, a TOML date; all the others follow from it.",
                "default": DEFAULT_ANCHOR.isoformat(),
            },
        },
        "How windows are cut.",
    )


def _weights() -> dict[str, Any]:
    weight = _whole("Milli-units: 1000 is one unit.", 0, MAX_WEIGHT_MILLI)
    return {
        "type": "object",
        "description": "What each kind of activity weighs, in milli-units; what is not named weighs nothing.",
        "properties": dict.fromkeys(KNOWN_WEIGHTS, weight),
        "propertyNames": {"pattern": f"^{_NAME}:{_NAME}$"},
        "additionalProperties": weight,
        "maxProperties": MAX_WEIGHTS,
    }


def _schedule() -> dict[str, Any]:
    table = _table(
        {
            "every": _text("How often collection starts, from the epochs' anchor on: 1h to 366d.", _DURATION),
            "cron": {
                "type": "string",
                "description": "Instead: minute, hour, day of month, month, day of week.",
                "maxLength": MAX_CRON_CHARACTERS,
                "examples": ["0 6 * * mon"],
            },
            "offset": _text("How long after that: a source may need its time.", _DURATION, default="0d"),
            "time_zone": {
                "type": "string",
                "description": "The IANA name of cron's time zone.",
                "default": "UTC",
            },
            "jitter": _text("Starts are spread over this long.", _DURATION, default="5m"),
            "catch_up": _text("Missed starts are made up for if not older than this.", _DURATION),
            "overlap": {
                "enum": [overlap.value for overlap in Overlap],
                "description": "What becomes of a start while the run before it goes on.",
                "default": Overlap.SKIP.value,
            },
        },
        "When collection starts; durations are a number of d, h, m or s.",
    )
    by_cron = {"required": ["cron"]}
    apart = {"not": {"anyOf": [{"required": ["every"]}, {"required": ["offset"]}]}}
    utc = {"properties": {"time_zone": {"const": "UTC"}}}
    return table | {"if": by_cron, "then": apart, "else": utc}


def _sources() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Where activity comes from. Other kinds are of packages beside the ledger.",
        "properties": {
            "git": _tables(_git(), "Repositories on this machine."),
            "github": _tables(_github(), "Repositories on GitHub, read alike."),
            "gitlab": _tables(_gitlab(), "Projects on GitLab, read alike."),
            "jsonl": _tables(_jsonl(), "Files of work that people wrote down, one record a line."),
        },
        "additionalProperties": {"type": "array", "items": {"type": "object"}},
    }


def _tables(table: dict[str, Any], description: str) -> dict[str, Any]:
    return {"type": "array", "description": description, "items": table}


def _path(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description, "minLength": 1}


def _git() -> dict[str, Any]:
    return _table(
        {
            "name": _text(
                "Its name in event ids, for ever; no two alike.", _LINE, most=MAX_SOURCE_NAME_CHARACTERS
            ),
            "path": _path("A work tree, a bare repository or a mirror; a relative path starts at this file."),
            "branch": _text(
                "The branch that counts. Without this key, HEAD's.", _LINE, most=MAX_IDENTIFIER_CHARACTERS
            ),
            "commit_url": _text(
                "What a commit's id is put after to make a link.", _LINE, most=MAX_COMMIT_URL_CHARACTERS
            ),
            "accept_rewrites": _yes_or_no(
                "Once you have looked: collect a rewritten history as a new one.", default=False
            ),
        },
        required=("name", "path"),
    )


def _jsonl() -> dict[str, Any]:
    return _table(
        {
            "name": _text(
                "Its name in event ids, for ever; no colon, no two alike.",
                r"^[^\s:](?:[^:]*[^\s:])?$",
                most=MAX_SOURCE_NAME_CHARACTERS,
            ),
            "path": _path("A file on this machine; a relative path starts at this file."),
        },
        required=("name", "path"),
    )


def _source_name(default: str, reserved: frozenset[str]) -> dict[str, Any]:
    return _text(
        "The name in event ids, weights and bindings; another server needs its own.",
        f"^(?:{_NAME})?$",  # an empty one is none
        default=default,
    ) | {"not": {"enum": sorted(reserved)}}


def _server(default: str, example: str) -> dict[str, Any]:
    return _text(f"Another server's is {example}", _SERVER, default=default)


def _variable(description: str, pattern: str, default: str) -> dict[str, Any]:
    return _text(description, f"^(?:{pattern})$", default=default)


def _machine_users(pattern: str) -> dict[str, Any]:
    return _listed(
        "Accounts of people that machines use, by login: counted, and no event.", _forms(pattern), default=[]
    )


def _streams(names: tuple[str, ...]) -> dict[str, Any]:
    return _listed("Which streams are read.", {"enum": list(names)}, default=list(names))


def _github() -> dict[str, Any]:
    named = _forms(github.PATTERN.pattern)
    return _table(
        {
            "repos": _listed("owner/name, or a pattern like owner/*.", named, minItems=1),
            "exclude": _listed("Of what a pattern means, all but these.", named, default=[]),
            "archived": _yes_or_no("Whether a pattern means archived repositories.", default=True),
            "forks": _yes_or_no("Whether a pattern means forks.", default=False),
            "streams": _streams(GITHUB_STREAMS),
            "machine_users": _machine_users(github.LOGIN.pattern),
            "source": _source_name(github.DEFAULT_SOURCE, github.RESERVED),
            "base_url": _server(github.DEFAULT_BASE_URL, "https://HOST/api/v3"),
            "token_variable": _variable(
                "The variable that holds a personal token.", github.VARIABLE.pattern, github.DEFAULT_TOKEN
            ),
            "app_id": _text("A GitHub App instead: its id or client id.", f"^(?:{github.APP_ID.pattern})$"),
            "app_key_variable": _variable(
                "The variable that holds the app's private key in PEM.",
                github.VARIABLE.pattern,
                github.DEFAULT_APP_KEY,
            ),
            "accept_rewrites": _yes_or_no(
                "Once you have looked: read a rewritten default branch as it is now.", default=False
            ),
        },
        required=("repos",),
    )


def _gitlab() -> dict[str, Any]:
    project = gitlab.PROJECT.pattern.replace(r"\Z", "$")  # as every dialect of patterns spells an end
    return _table(
        {
            "projects": _listed(
                "group/name, with the subgroups between.",
                {"type": "string", "pattern": f"^{project}$"},
                minItems=1,
            ),
            "streams": _streams(GITLAB_STREAMS),
            "machine_users": _machine_users(gitlab.LOGIN.pattern),
            "source": _source_name(gitlab.DEFAULT_SOURCE, gitlab.RESERVED),
            "base_url": _server(gitlab.DEFAULT_BASE_URL, "https://HOST/api/v4"),
            "token_variable": _variable(
                "The variable that holds a token with the scope read_api.",
                gitlab.VARIABLE.pattern,
                gitlab.DEFAULT_TOKEN,
            ),
        },
        required=("projects",),
    )
