"""Holds the guides' lines of kubectl and helm to the chart: `python -m deploy.helm.guides`.

No API server is to be had where this is checked, so each line is held to what it would meet: the objects that the
chart renders under the guides' release, the Secrets that its pods refer to, the values that its schema takes, the
deadlines of its hooks. Where there is a kubectl, it reads the lines' verbs and options itself.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from helm_python import HelmError

from deploy.helm.check import CHART, LEAST, POLICY, ROOT, pods, rendered

RELEASE = NAMESPACE = "ledger"
KINDS = {"deploy": "Deployment", "deployment": "Deployment", "job": "Job", "svc": "Service"}
HELM_OPTIONS = {"-n", "--set", "--set-file", "--timeout", "--no-hooks", "--reset-then-reuse-values"}
PLANTED = {
    "kubectl -n ledger rollout status deployment/ledger-wroker": "renders no",
    "kubectl scale deploy/ledger-ledger-worker --replicas=0": "names no namespace",
    "kubectl -n ledger create secret generic ledger-db --from-literal=url=x": "no pod refers to",
    "helm upgrade ledger deploy/helm/ledger -n ledger --timeout 20m --set image.tga=1": "refuses its values",
    "helm upgrade ledger deploy/helm/ledger -n ledger --timeout 5m": "sooner than the chart's hooks",
    "helm upgrade ledger deploy/helm/ledger -n ledger --timeout 20m --reuse-valuse": "unknown option",
    "helm uninstall leger -n ledger": "another release",
}


def lines(text: str) -> Iterator[str]:
    """Each command of kubectl or helm that a text says to type, in a block or within a sentence."""
    joined = re.sub(r"\\\n\s*", "", text)
    for match in re.finditer(r"^ *((?:kubectl|helm) .+)$|`((?:kubectl|helm) [^`]+)`", joined, re.MULTILINE):
        yield match[1] or match[2]


def problems(line: str, objects: list[dict[str, Any]]) -> Iterator[str]:
    """What a line would fail by, or do elsewhere than it says."""
    program, *words = shlex.split(line, comments=True)
    words = words[: words.index("--")] if "--" in words else words
    spaces = [after for word, after in pairwise(words) if word in {"-n", "--namespace"}]
    if spaces != [NAMESPACE] and "namespace" not in words:
        yield "names no namespace, or another"
    yield from (_kubectl if program == "kubectl" else _helm)(words, objects)


def _kubectl(words: list[str], objects: list[dict[str, Any]]) -> Iterator[str]:
    there = {(each["kind"], each["metadata"]["name"]) for each in objects}
    for kind, _, name in (word.partition("/") for word in words):
        if kind in KINDS and (KINDS[kind], name) not in there:
            yield f"the chart renders no {KINDS[kind]} {name}"
    if "secret" in words:
        name = words[words.index("generic") + 1]
        keys = [word.split("=")[1] for word in words if word.startswith("--from-literal=")]
        yield from (
            f"no pod refers to {name}, {key}" for key in keys if (name, key) not in set(secrets(objects))
        )
    if shutil.which("kubectl"):
        asked = subprocess.run(
            ["kubectl", *words, "--help"], capture_output=True, text=True, check=False, timeout=30
        )
        if asked.returncode != 0:
            yield asked.stderr.splitlines()[0]


def secrets(objects: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The name and the key of each Secret that a pod takes a variable from."""
    for _, pod in pods(objects):
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            for entry in container.get("env", []):
                if "valueFrom" in entry:
                    reference = entry["valueFrom"]["secretKeyRef"]
                    yield reference["name"], reference["key"]


def _helm(words: list[str], objects: list[dict[str, Any]]) -> Iterator[str]:
    verb, release, *rest = [*words, ""]
    if release != RELEASE:
        yield f"is of another release: {release}"
    yield from (f"unknown option {word}" for word in rest if word[:1] == "-" and word not in HELM_OPTIONS)
    if verb not in {"install", "upgrade"}:
        return
    if (ROOT / rest[0]).resolve() != CHART:
        yield f"is of another chart: {rest[0]}"
    given = [after for word, after in pairwise(rest) if word in {"--set", "--set-file"}]
    try:
        rendered(CHART, with_values(given), release=RELEASE)
    except HelmError as error:
        yield f"the chart refuses its values: {error}"
    hooks = [each for each in objects if "helm.sh/hook" in each["metadata"].get("annotations", {})]
    needed = sum(each["spec"]["activeDeadlineSeconds"] for each in hooks)
    minutes = [after for word, after in pairwise(rest) if word == "--timeout"] or ["5m"]
    if int(minutes[0].removesuffix("m")) * 60 < needed:
        yield f"gives up after {minutes[0]}, sooner than the chart's hooks, which have {needed} s"


def with_values(given: list[str]) -> dict[str, Any]:
    """The least values, with those of `--set a.b=c`; a file is the policy's."""
    values: dict[str, Any] = {name: dict(of) if isinstance(of, dict) else of for name, of in LEAST.items()}
    for each in given:
        path, _, value = each.partition("=")
        *parents, last = path.split(".")
        inner = values
        for name in parents:
            inner = inner.setdefault(name, {})
        inner[last] = POLICY if path == "policy" else value
    return values


def main() -> int:
    """Check every guide; return 1 if a line would not do what it says, or if a planted fault is overlooked."""
    objects = rendered(CHART, LEAST, release=RELEASE)
    found, seen = [], 0
    pages = [ROOT / "README.md", CHART / "templates/NOTES.txt", *(ROOT / "docs").rglob("*.md")]
    made = set()
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for name in ("Name", "Namespace"):
            text = text.replace(f"{{{{ .Release.{name} }}}}", RELEASE)
        for line in lines(text):
            seen += 1
            found += [f"{page.relative_to(ROOT)}: `{line}`: {problem}" for problem in problems(line, objects)]
            made |= set(re.findall(r"secret generic (\S+) --from-literal=(\w+)=", line))
    found += [f"no guide makes the Secret {name}, {key}" for name, key in set(secrets(objects)) - made]
    for line, said in PLANTED.items():
        if not any(said in problem for problem in problems(line, objects)):
            found.append(f"nothing notices what is wrong with `{line}`")
    for problem in found:
        print(f"check: {problem}", file=sys.stderr)
    read = "read by kubectl, too" if shutil.which("kubectl") else "no kubectl here: it has not read them"
    print(f"check: {seen} lines of kubectl and helm were held to the chart; {read}", file=sys.stderr)
    return 1 if found or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
