"""The account of mutants can't rot: each explanation is of code that stands, and what is unexplained fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.explanations import Change, change_of, load_explanations
from tests.mutation.report import ALL_ACCOUNTED_FOR, UNACCOUNTED_FOR, Mutant, Outcome, report

CODE = Path(__file__).parents[2] / "packages/ledger-core/src"
EXPLANATIONS = load_explanations()
CHANGE = Change("ledger_core.domain.pool.total", "return a + b", "return a - b")


def mutant(outcome: Outcome) -> Mutant:
    return Mutant(name="m", module="ledger_core.domain.pool", outcome=outcome, change=CHANGE)


@pytest.mark.parametrize("change", EXPLANATIONS, ids=str)
def test_what_is_explained_stands_in_the_code(change: Change) -> None:
    module, name = change.function, ""
    while not (CODE / f"{module.replace('.', '/')}.py").is_file():
        module, _, name = module.rpartition(".")
    lines = (CODE / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8").splitlines()

    assert name
    assert change.removed in " ".join(line.strip() for line in lines)


@pytest.mark.parametrize(
    ("mutants", "explanations", "status"),
    [
        ([mutant(Outcome.KILLED), mutant(Outcome.TIMED_OUT)], {}, ALL_ACCOUNTED_FOR),
        ([mutant(Outcome.SURVIVED)], {CHANGE: "the same"}, ALL_ACCOUNTED_FOR),
        ([mutant(Outcome.SURVIVED)], {}, UNACCOUNTED_FOR),
        ([mutant(Outcome.UNTESTED)], {}, UNACCOUNTED_FOR),
        ([mutant(Outcome.UNCHECKED)], {}, UNACCOUNTED_FOR),
        ([mutant(Outcome.KILLED)], {CHANGE: "the same"}, UNACCOUNTED_FOR),
        ([], {}, UNACCOUNTED_FOR),
    ],
    ids=["killed", "explained", "survived", "untested", "unchecked", "stale", "none"],
)
def test_a_mutant_is_killed_or_explained_or_the_command_fails(
    mutants: list[Mutant], explanations: dict[Change, str], status: int
) -> None:
    assert status == report(mutants, explanations, everything=True)


def test_a_mutant_is_known_by_what_it_changes_not_by_its_number() -> None:
    lines = [
        "def x_total__mutmut_orig(a, b):",
        "    check(a, b)",
        "    return a + b",
        "def x_total__mutmut_7(a, b):",
        "    check(a, b)",
        "    return a - b",
    ]
    spans = {"x_total__mutmut_orig": (1, 3), "x_total__mutmut_7": (4, 6)}

    assert change_of("ledger_core.domain.pool", "x_total__mutmut_7", lines, spans) == CHANGE


@pytest.mark.parametrize(
    "text",
    [
        '[[explained]]\nreason = "r"\nmutants = [["a.b", "x", "y"], ["a.b", "x", "y"]]',
        '[[explained]]\nreason = " "\nmutants = [["a.b", "x", "y"]]',
    ],
    ids=["twice", "no reason"],
)
def test_an_explanation_is_given_once_and_with_a_reason(tmp_path: Path, text: str) -> None:
    file = tmp_path / "explained.toml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match="explained twice"):
        load_explanations(file)
