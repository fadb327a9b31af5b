"""Reads what checkov found in a folder of planted faults and in what is deployed: `python -m deploy.checkov_findings FILE`.

One run over both takes half the time of two. Every planted fault has to be found, nothing else, and each kind of file
has to have been looked at outside the faults, too.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

PLANTED = {"kubernetes": "CKV_K8S_16", "dockerfile": "CKV_DOCKER_1", "github_actions": "CKV_GHA_2"}


def main() -> int:
    """Return 1, with a line each, if a fault was overlooked, a kind passed over, or something found."""
    problems = []
    reports = {
        each["check_type"]: each["results"]
        for each in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    }
    for kind, fault in PLANTED.items():
        results = reports.get(kind, {"failed_checks": [], "passed_checks": []})
        failed = [(each["check_id"], each["file_path"], each) for each in results["failed_checks"]]
        if not any(check == fault and path.startswith("/faults/") for check, path, _ in failed):
            problems.append(f"checkov overlooks the fault of {fault}")
        if not any(each["file_path"].startswith("/deployed/") for each in results["passed_checks"]):
            problems.append(f"checkov did not look at what is deployed of {kind}")
        problems += [
            f"{path}, {each['resource']}: {check}, {each['check_name']}"
            for check, path, each in failed
            if not path.startswith("/faults/")
        ]
    for problem in problems:
        print(f"check: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
