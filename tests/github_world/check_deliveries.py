"""Read every delivery that is published as an example of GitHub's webhooks, by people who received it.

    python -m tests.github_world.check_deliveries         fetches the npm package @octokit/webhooks-examples
    python -m tests.github_world.check_deliveries FILE    reads an index.json that is there already

Exit status: 0 all are read, or the registry was not reached (which is said, and checked nothing); 1 one is not.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scheduler_worker.sources.github.deliveries import EVENTS, GithubDeliveryUnreadable, read_delivery
from scheduler_worker.sources.github.stream_names import STREAM_NAMES
from tests.github_world.npm_package import fetched

PACKAGE = "@octokit/webhooks-examples"
FEWEST_EXAMPLES = 50
# No example is of these: nobody has sent in a comment of a pull request that says so, say.
WITHOUT_EXAMPLE = {"pull_request_comments"}


def problems(examples: Sequence[Any], *, fewest: int = FEWEST_EXAMPLES) -> Iterator[str]:
    """Yield which examples of events that are read can't be, and which streams none of them names."""
    named: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for event in examples:
        if event["name"] not in EVENTS:
            continue
        for example in event["examples"]:
            seen[event["name"]] += 1
            try:
                found = read_delivery(event["name"], json.dumps(_merged(example)).encode())
            except GithubDeliveryUnreadable as error:
                yield f"{event['name']} {example.get('action')}: {error}"
            else:
                named["" if isinstance(found, str) else found.stream] += 1
    yield from (f"{event}: there is no example" for event in sorted(set(EVENTS) - set(seen)))
    for stream in sorted(set(STREAM_NAMES) - set(named) - WITHOUT_EXAMPLE):
        yield f"{stream}: no example names a thing of it"
    if seen.total() < fewest:
        yield f"there are {seen.total()} examples only"


def main(arguments: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = (
            Path(arguments[0]) if arguments else fetched(Path(folder), PACKAGE, "api.github.com/index.json")
        )
        if path is None:
            print("GitHub's deliveries: NOT CHECKED, as the npm registry was not reached", file=sys.stderr)
            return 0
        examples = json.loads(path.read_text(encoding="utf-8"))
    found = list(problems(examples))
    for problem in found:
        print(f"GitHub's deliveries: {problem}", file=sys.stderr)
    if not found:
        print("GitHub's deliveries: every published example is read")
    return 1 if found else 0


def _merged(example: dict[str, Any]) -> dict[str, Any]:
    """The example, merged if it is a pull request that was closed: no published one is."""
    if example.get("action") != "closed" or "pull_request" not in example:
        return example
    return example | {"pull_request": example["pull_request"] | {"merged": True}}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
