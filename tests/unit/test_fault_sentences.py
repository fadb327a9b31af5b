"""What leaves the worker of an error that is no refusal: its kind, and nothing of what it held."""

from __future__ import annotations

from ledger_core import SourceUnavailable, UserTwice
from scheduler_worker.activities.refusals import sentence_of


def test_the_text_of_a_fault_stays_in_the_workers_log() -> None:
    """A driver's message may quote a row, and neither a history nor the store is a place for it."""
    assert sentence_of(KeyError("ann@example.org")) == "worker-fault: KeyError; the worker's log says more"


def test_a_refusal_and_an_unavailable_source_say_what_they_have_to_say() -> None:
    assert sentence_of(UserTwice("ann")).startswith("user-twice: ")
    assert (
        sentence_of(SourceUnavailable("git", "no answer"))
        == "source-unavailable: git is unavailable: no answer"
    )
