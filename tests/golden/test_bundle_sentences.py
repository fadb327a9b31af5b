"""What a person reads when a bundle is wrong: every sentence of the verifier, as it was agreed upon."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bundle_sentences import containers, forged, misshapen, spoiled

AGREED = json.loads(Path(__file__).with_name("bundle_sentences.json").read_text(encoding="utf-8"))
KINDS = {"containers": containers, "spoiled": spoiled, "misshapen": misshapen, "forged": forged}


@pytest.mark.parametrize("kind", KINDS)
def test_the_verifier_says_what_was_agreed_upon(kind: str) -> None:
    assert AGREED[kind] == KINDS[kind]()


def test_each_of_them_is_one_printable_line_and_none_is_verified() -> None:
    said = [sentences for kind in AGREED.values() for sentences in kind.values()]

    assert AGREED.keys() == KINDS.keys()
    assert all(said)
    assert all(line.isascii() and line.isprintable() for sentences in said for line in sentences)
