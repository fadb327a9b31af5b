"""Renders the chart by Helm itself and checks what comes of it: `python deploy/helm/check.py [FOLDER]`.

The schemas are Kubernetes' own, strict; what no schema says (restricted pods, secrets by reference alone, grace
periods) is looked up here, and every rule is tried on a chart or a value that breaks it. What comes of the chart with
everything switched on is left in the folder, for others to look at.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import kubernetes_validate
import yaml
from helm_python import Chart, HelmError, lint

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/ledger"
POLICY = 'node_id = "00000000-0000-4000-8000-000000000000"\n[weights]\n"git:commit_authored" = 1000\n'
LEAST: dict[str, Any] = {"policy": POLICY, "temporal": {"address": "temporal:7233"}}
MOST: dict[str, Any] = {
    "policy": POLICY,
    "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": ["registry"]},
    "temporal": {"address": "temporal.example.org:7233", "namespace": "acme", "tls": True},
    "secrets": {
        "variables": [{"variable": "LEDGER_GITHUB_TOKEN", "name": "ledger-github", "key": "token"}],
        "tlsSecretName": "ledger-tls",
    },
    "worker": {
        "replicas": 3,
        "drainSeconds": 600,
        "buildId": "0.1.0",
        "environment": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"},
        "repositoriesClaim": "repositories",
        "nodeSelector": {"pool": "ledger"},
        "tolerations": [{"key": "ledger", "operator": "Exists", "effect": "NoSchedule"}],
        "priorityClassName": "high",
    },
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "alerts": {"enabled": True, "labels": {"release": "prometheus"}},
    },
    "networkPolicy": {"cidrs": ["10.0.0.0/8"]},
}
REFUSED: list[dict[str, Any]] = [
    {},
    LEAST | {"polciy": "x"},
    LEAST | {"worker": {"replicas": 0}},
    LEAST | {"worker": {"replicas": "two"}},
    LEAST | {"temporal": {"address": "https://temporal:7233"}},
    LEAST | {"worker": {"environment": {"LEDGER_GITHUB_TOKEN": "ghp_not_here"}}},
    LEAST | {"worker": {"environment": {"LEDGER_DATABASE_URL": "postgresql://a:b@c/d"}}},
    LEAST | {"secrets": {"databaseUrl": "postgresql://a:b@c/d"}},
    LEAST | {"image": {"digest": "sha256:short"}},
]
VERSIONS = ("1.29", "1.34")
CUSTOM = {"ServiceMonitor", "PrometheusRule"}  # the Prometheus operator's, which Kubernetes has no schema of


def rendered(chart: Path, values: dict[str, Any], *, release: str = "acme") -> list[dict[str, Any]]:
    """What Helm makes of the chart: every object."""
    with Chart.load(str(chart)) as loaded:
        texts = loaded.render(values, name=release, namespace="ledger")
    documents = [
        each for name, text in texts.items() if name.endswith(".yaml") for each in yaml.safe_load_all(text)
    ]
    return [each for each in documents if isinstance(each, dict)]


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each pod that the objects describe, with its object's name."""
    for each in objects:
        if each["kind"] in {"Deployment", "Job"}:
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def problems(objects: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the objects; nothing, if they may be applied."""
    found = list(_schema_problems(objects))
    for name, pod in pods(objects):
        if pod.get("automountServiceAccountToken") is not False:
            found.append(f"{name}: has a token of the cluster")
        if not pod["securityContext"].get("runAsNonRoot") or "seccompProfile" not in pod["securityContext"]:
            found.append(f"{name}: may run as root, or calls what it likes")
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            found += [f"{name}/{container['name']}: {problem}" for problem in _loose(container)]
    for each in objects:
        if each["kind"] == "Secret":
            found.append(f"{each['metadata']['name']}: secrets are referred to, not made")
        if each["kind"] == "Deployment":
            found += _stops_too_soon(each)
    return found


def _schema_problems(objects: list[dict[str, Any]]) -> Iterator[str]:
    for version in VERSIONS:
        for each in objects:
            if each["kind"] not in CUSTOM:
                try:
                    kubernetes_validate.validate(each, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    yield f"{each['kind']} {each['metadata'].get('name')} of {version}: {error}"


def _loose(container: dict[str, Any]) -> Iterator[str]:
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False:
        yield "may gain rights"
    if security.get("readOnlyRootFilesystem") is not True:
        yield "may write to its image"
    if security.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "keeps capabilities"
    if "limits" not in container.get("resources", {}):
        yield "has no limit"
    for entry in container.get("env", []):
        is_secret = any(word in entry["name"] for word in ("DATABASE_URL", "TOKEN", "PASSWORD", "API_KEY"))
        if is_secret and "value" in entry:
            yield f"{entry['name']} is written out"


def _stops_too_soon(deployment: dict[str, Any]) -> Iterator[str]:
    pod = deployment["spec"]["template"]["spec"]
    environment = {entry["name"]: entry.get("value") for entry in pod["containers"][0]["env"]}
    if pod["terminationGracePeriodSeconds"] < int(environment["LEDGER_DRAIN_SECONDS"]) + 10:
        yield f"{deployment['metadata']['name']}: is killed before it has drained"


@contextmanager
def broken(file: str, old: str, new: str) -> Iterator[Path]:
    """A copy of the chart with one fault."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "ledger"
        shutil.copytree(CHART, copy)
        text = (copy / file).read_text(encoding="utf-8")
        assert old in text, f"{file} has no {old!r}"
        (copy / file).write_text(text.replace(old, new), encoding="utf-8")
        yield copy


FAULTS = [
    ("templates/_parts.tpl", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
    ("templates/_parts.tpl", "capabilities: {drop: [ALL]}", "capabilities: {drop: []}"),
    ("templates/worker.yaml", "livenessProbe:", "livenessProbee:"),
    ("templates/worker.yaml", "replicas: {{ .Values.worker.replicas }}", 'replicas: "two"'),
    ("templates/worker.yaml", "add .Values.worker.drainSeconds 30", "add .Values.worker.drainSeconds 5"),
    ("templates/worker.yaml", "automountServiceAccountToken: false\n      enable", "enable"),
]


def main() -> int:
    """Check the chart; return 1 if anything is wrong with it, or with a rule."""
    found = []
    for values in (LEAST, MOST):
        report = lint(str(CHART), values)
        found += [f"helm lint: {error}" for error in report["errors"]]
        objects = rendered(CHART, values)
        print(f"check: the chart renders {len(objects)} objects", file=sys.stderr)
        found += problems(objects)
    if len(sys.argv) > 1:
        Path(sys.argv[1], "chart.yaml").write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    for values in REFUSED:
        try:
            rendered(CHART, values)
        except HelmError:
            continue
        found.append(f"values.schema.json lets pass {values}")
    for file, old, new in FAULTS:
        with broken(file, old, new) as copy:
            if not problems(rendered(copy, LEAST)):
                found.append(f"nothing notices {new!r} in {file}")
    for problem in found:
        print(f"check: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
