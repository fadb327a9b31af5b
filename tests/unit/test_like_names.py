"""What a login or an account is compared by, when an admin is shown who else it may be."""

from __future__ import annotations

import pytest

from ledger_core.domain.identity import like_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, set()),
        ("", set()),
        ("Ann", {"ann"}),
        ("AZ@Work@Home", {"az@work@home", "az"}),
        ("@ann", {"@ann"}),
        ("ÄNN", {"Änn"}),
    ],
)
def test_names_are_compared_by_ascii_letters_and_by_what_stands_before_an_at(
    text: str | None, names: set[str]
) -> None:
    assert like_names(text) == names
