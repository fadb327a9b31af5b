"""What a body of JSON says, whoever sent it."""

from __future__ import annotations

import json


def parse_json(body: bytes) -> object:
    """Return what a body says.

    Raises: ValueError when it is no JSON, or is nested beyond reason.
    """
    try:
        parsed: object = json.loads(body)
    except RecursionError:
        raise ValueError("nested beyond reason") from None
    return parsed
