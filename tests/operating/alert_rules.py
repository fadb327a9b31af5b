"""The alert rules as Prometheus would judge them on what was scraped."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from promql_parser import parse_duration

from tests.operating.operated import OperatedWorker, Sample
from tests.operating.promql import Instant, evaluate

RULES: Final = Path(__file__).parents[2] / "deploy/alerts/ledger.rules.yml"
JOB: Final = {"job": "ledger-worker", "instance": "worker:9000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alert rule."""

    name: str
    expression: str
    hold_seconds: int
    severity: str
    annotations: dict[str, str]


def read_rules() -> list[Rule]:
    """Every rule of the file."""
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [
        Rule(
            name=rule["alert"],
            expression=rule["expr"],
            hold_seconds=int(parse_duration(rule["for"]).total_seconds()),
            severity=rule["labels"]["severity"],
            annotations=rule["annotations"],
        )
        for group in groups
        for rule in group["rules"]
    ]


def scraped(worker: OperatedWorker) -> Instant:
    """What Prometheus knows after a scrape: the samples under the job's labels, and whether there were any."""
    try:
        samples = worker.scrape()
    except OSError:
        return Instant([Sample("up", dict(JOB), 0.0)], time.time())
    named = [Sample(each.name, each.labels | JOB, each.value) for each in samples]
    return Instant([*named, Sample("up", dict(JOB), 1.0)], time.time())


def firing(instant: Instant) -> list[str]:
    """The alerts that fire if what was scraped stays so for as long as each rule waits."""
    found = sorted(rule.name for rule in read_rules() if evaluate(rule.expression, instant))
    if shutil.which("promtool") is not None:
        _check_by_promtool(instant)
    return found


def _check_by_promtool(instant: Instant) -> None:
    """Let Prometheus' own tool judge the same samples, where it is installed; it must agree on every rule."""
    import tempfile  # noqa: PLC0415 - only where the tool is there

    # Its clock begins at 0: an hour of the same samples, their times shifted so that "now" is minute 50. What
    # is true by then fires once its rule has waited; what is not, does not fire.
    now = 3_000
    shift = instant.at - now
    used = {name for name in _names() if name != "time"}
    series = [
        {
            "series": f"{each.name}{_labels(each)}",
            "values": f"{each.value - (shift if 'timestamp' in each.name else 0):.3f}+0x60",
        }
        for each in instant.samples
        if each.name in used
    ]
    expected = [
        {
            "eval_time": f"{now + (rule.hold_seconds if evaluate(rule.expression, instant) else 0)}s",
            "alertname": rule.name,
            "exp_alerts": [
                {
                    "exp_labels": {
                        **{name: value for name, value in labels.items() if name != "__name__"},
                        "severity": rule.severity,
                    },
                    "exp_annotations": _filled(rule.annotations, labels),
                }
                for labels in evaluate(rule.expression, instant)
            ],
        }
        for rule in read_rules()
    ]
    document = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": expected}],
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rules.test.yml")
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        done = subprocess.run(
            ["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 0, done.stdout + done.stderr


def _names() -> set[str]:
    text = " ".join(rule.expression for rule in read_rules())
    return set(text.replace("(", " ").replace(")", " ").replace("{", " ").split())


def _labels(sample: Sample) -> str:
    pairs = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
    return f"{{{pairs}}}" if pairs else ""


def _filled(annotations: dict[str, str], labels: dict[str, str]) -> dict[str, str]:
    def fill(text: str) -> str:
        for name, value in labels.items():
            text = text.replace(f"{{{{ $labels.{name} }}}}", value)
        return text

    return {name: fill(text) for name, text in annotations.items()}
