"""docs/operating.md names every variable, metric and alert that there is, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from tests.operating.alert_rules import read_rules

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "services/scheduler-worker/src/scheduler_worker"
DOCUMENT = (ROOT / "docs/operating.md").read_text(encoding="utf-8")


def text_of(*paths: str) -> str:
    return "".join((SERVICE / path).read_text(encoding="utf-8") for path in paths)


def test_every_metric_is_explained() -> None:
    gauges = set(re.findall(r'"(ledger_[a-z_]+)"', text_of("observability/ledger_gauges.py")))
    counters = set(re.findall(r'"(ledger_[a-z_]+)"', text_of("observability/stream_counters.py")))

    made = gauges | {f"{name}_total" for name in counters}
    assert len(made) > 12
    assert set(re.findall(r"`(ledger_[a-z_]+)`", DOCUMENT)) == made


def test_every_metric_of_an_alert_is_made() -> None:
    made = set(re.findall(r"`(ledger_[a-z_]+)`", DOCUMENT))

    assert {name for rule in read_rules() for name in re.findall(r"ledger_[a-z_]+", rule.expression)} <= made


def test_every_alert_and_every_variable_of_operating_is_explained() -> None:
    variables = set(re.findall(r'"(LEDGER_[A-Z_]+)"', text_of("operating_settings.py")))

    assert variables <= set(re.findall(r"`(LEDGER_[A-Z_]+)`", DOCUMENT))
    assert {rule.name for rule in read_rules()} == set(
        re.findall(r"^\| (Ledger\w+) \|", DOCUMENT, re.MULTILINE)
    )
