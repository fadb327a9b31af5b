"""The canaries can't rot: each planted fault applies to the code as it is, and a fault that lives is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.outcomes import Failed

from ledger_core.errors import UserTwice
from tests.canaries.copied_tree import ROOT
from tests.canaries.planted_faults import FaultDoesNotApply, PlantedFault, load_faults
from tests.canaries.recording import Kind, kind_of
from tests.canaries.trial import Verdict, try_fault

FAULTS = load_faults()
APPORTIONMENT = "packages/ledger-core/src/ledger_core/domain/apportionment.py"
SPARE = "for position in close[:left]:"
TEST = "tests/unit/test_payouts.py::test_a_pool_is_split_to_the_last_credit"


def fault(replace: str, *, search: str = SPARE, file: str = APPORTIONMENT) -> PlantedFault:
    return PlantedFault(
        name="tried", area="none", breaks="nothing", file=file, search=search, replace=replace, tests=(TEST,)
    )


@pytest.mark.parametrize("planted", FAULTS, ids=lambda planted: planted.name)
def test_a_planted_fault_still_applies_and_names_tests_that_are_there(planted: PlantedFault) -> None:
    text = (ROOT / planted.file).read_text(encoding="utf-8")

    assert planted.broken(text) != text
    assert planted.tests
    for test in planted.tests:
        path, _, function = test.partition("[")[0].partition("::")
        assert f"def {function}" in (ROOT / path).read_text(encoding="utf-8")


def test_every_fault_has_a_name_and_a_sentence_of_its_own() -> None:
    assert len(FAULTS) == len({planted.name for planted in FAULTS})
    assert len(FAULTS) == len({planted.breaks for planted in FAULTS})


@pytest.mark.parametrize(
    ("planted", "problem"),
    [
        (fault("pass", search="def nobody_wrote_this"), "stands 0 times"),
        (fault("units_of", search="units"), "times in"),
        (fault(SPARE), "changes nothing"),
        (fault("for position in in:"), "leaves no Python"),
    ],
    ids=["gone", "ambiguous", "same", "syntax"],
)
def test_a_fault_that_no_longer_applies_is_refused(planted: PlantedFault, problem: str) -> None:
    with pytest.raises(FaultDoesNotApply, match=problem):
        planted.broken((ROOT / planted.file).read_text(encoding="utf-8"))


def test_a_fault_in_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FaultDoesNotApply, match="there is no"):
        fault("pass").plant(tmp_path)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AssertionError("1 != 2"), Kind.ASSERTION),
        (Failed("DID NOT RAISE UserTwice"), Kind.ASSERTION),
        (UserTwice("a"), Kind.REFUSAL),
        (Failed("Timeout (>300.0s) from pytest-timeout."), Kind.OTHER),
        (NameError("unknown"), Kind.OTHER),
        (ExceptionGroup("two", [AssertionError(), AssertionError()]), Kind.ASSERTION),
        (ExceptionGroup("two", [AssertionError(), TypeError()]), Kind.OTHER),
    ],
)
def test_a_failure_counts_only_if_it_shows_the_fault(error: BaseException, kind: Kind) -> None:
    assert kind is kind_of(error)


def test_faults_are_killed_or_survive_or_break_the_tests_and_the_tree_stays_as_it_was() -> None:
    before = (ROOT / APPORTIONMENT).read_bytes()

    killed = try_fault(fault("for position in close[:0]:"), otherwise=())
    survived = try_fault(fault(SPARE + "  # as it was"), otherwise=())
    broken = try_fault(
        fault("raise RuntimeError", search="from ledger_core.errors import NothingToApportion"), otherwise=()
    )

    assert (killed.verdict, killed.kind) == (Verdict.KILLED, "assertion")
    assert killed.test is not None
    assert killed.test.startswith(TEST)
    assert Verdict.SURVIVED is survived.verdict
    assert (broken.verdict, broken.kind) == (Verdict.BROKEN, None)
    assert broken.error is not None
    assert "RuntimeError" in broken.error
    assert before == (ROOT / APPORTIONMENT).read_bytes()
