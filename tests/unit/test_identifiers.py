"""Identifiers, names and the small values that hold them."""

from __future__ import annotations

from typing import Any

import pytest

from ledger_core import ActionContext, IdentityBinding, InvalidValue, LedgerError, StreamRef, UserId
from ledger_core import errors as refusals
from ledger_core.domain.ledger_action import MAX_REASON_CHARACTERS
from ledger_core.identifiers import (
    check_bigint,
    check_identifier,
    check_name,
    check_text,
    is_identifier,
    user_id,
)

IDENTIFIERS = [
    "a",
    "A b",
    "x" * 255,
    "\U0001f600" * 255,
    "github:pr:acme/widgets:42",
    "na\u00efve",
    "a\u200bb",
    "-",
]
WHITE_SPACE = " \u00a0\u1680\u2000\u2003\u200a\u202f\u205f\u3000"
CONTROLS = "\x00\t\n\r\x1b\x1f\x7f\x80\x85\x9f\u2028\u2029"
NAMES = ["a", "github", "pull_requests", "a1.b-c", "x" * 63]


@pytest.mark.parametrize("text", IDENTIFIERS)
def test_an_identifier_is_1_to_255_characters(text: str) -> None:
    check_identifier("user id", text)

    assert is_identifier(text)
    assert user_id(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 256,
        *[f"{space}a" for space in WHITE_SPACE],
        *[f"a{space}" for space in WHITE_SPACE],
        *[f"a{control}b" for control in CONTROLS],
        "a\ud83d",
        b"bytes",
        None,
        1,
    ],
    ids=ascii,
)
def test_what_is_no_identifier_is_refused(text: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^user id must be") as refused:
        check_identifier("user id", text)

    assert refused.value.what == "user id"


def test_a_refused_identifier_is_not_echoed() -> None:
    with pytest.raises(InvalidValue) as refused:
        check_identifier("user id", "a secret\n")

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_plain(name: str) -> None:
    check_name("source", name)


@pytest.mark.parametrize(
    "name", ["", "x" * 64, "A", "1a", "_a", "-a", "a b", "a:b", "a/b", "\u00e9", "a\n", None, 1], ids=ascii
)
def test_another_name_is_refused(name: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^source must be"):
        check_name("source", name)


def test_a_text_is_one_line_within_its_limit() -> None:
    check_text("reason", " so be it ", most_characters=10)
    for text in ("", " so be it!!", "a\nb", "\u2028", "\ud83d", None):
        with pytest.raises(InvalidValue, match=r"^reason must be"):
            check_text("reason", text, most_characters=10)


def test_a_bigint_reaches_from_zero_to_2_to_the_63_less_1() -> None:
    """ALL_MATH_BIGINT: both ends are in, and neither floats nor booleans are integers."""
    for value in (0, 2**63 - 1):
        check_bigint("units", value)
    for refused in (-1, 2**63, 1.0, True, "1", None):
        with pytest.raises(InvalidValue, match=r"^units must"):
            check_bigint("units", refused)


def test_a_stream_prints_as_its_three_parts() -> None:
    stream = StreamRef(source="github", source_ref="acme/widgets", stream="pull_requests")

    assert str(stream) == "github:acme/widgets:pull_requests"


@pytest.mark.parametrize(
    ("source", "source_ref", "stream"),
    [
        ("GitHub", "acme/widgets", "pulls"),
        ("github", "", "pulls"),
        ("github", "acme/widgets", "Pull Requests"),
    ],
)
def test_a_stream_with_a_part_that_breaks_its_rule_is_refused(
    source: str, source_ref: str, stream: str
) -> None:
    with pytest.raises(InvalidValue):
        StreamRef(source=source, source_ref=source_ref, stream=stream)


@pytest.mark.parametrize(
    ("provider", "external_id", "user"),
    [("GitHub", "1", "ann"), ("github", " 1", "ann"), ("github", "1", "")],
)
def test_a_binding_with_a_part_that_breaks_its_rule_is_refused(
    provider: str, external_id: str, user: str
) -> None:
    with pytest.raises(InvalidValue):
        IdentityBinding(provider=provider, external_id=external_id, user_id=UserId(user))


def test_an_action_has_an_actor_and_a_reason_where_one_is_required() -> None:
    assert ActionContext(actor="admin", reason="because").required_reason() == "because"
    with pytest.raises(InvalidValue, match="reason"):
        ActionContext(actor="admin").required_reason()
    with pytest.raises(InvalidValue, match="actor"):
        ActionContext(actor="")


def test_a_reason_is_as_long_as_allowed_and_no_longer() -> None:
    ActionContext(actor="admin", reason="x" * MAX_REASON_CHARACTERS)
    with pytest.raises(InvalidValue, match="reason"):
        ActionContext(actor="admin", reason="x" * (MAX_REASON_CHARACTERS + 1))


def test_every_refusal_has_a_code_of_its_own() -> None:
    """Codes are stable: a change of this list is a change of what callers rely on."""
    codes = {
        name: kind.code
        for name, kind in vars(refusals).items()
        if isinstance(kind, type) and issubclass(kind, LedgerError) and kind is not LedgerError
    }

    assert codes == {
        "AllocationsChanged": "allocations-changed",
        "AnotherEpochOpen": "another-epoch-open",
        "CursorMoved": "cursor-moved",
        "EpochClosed": "epoch-closed",
        "EpochNotFound": "epoch-not-found",
        "EpochWindowsOverlap": "epoch-windows-overlap",
        "EventCorrupt": "event-corrupt",
        "EventNotCurated": "event-not-curated",
        "EventPaidTwice": "event-paid-twice",
        "IdentityAlreadyBound": "identity-already-bound",
        "IdentityNotBound": "identity-not-bound",
        "InvalidValue": "invalid-value",
        "LedgerRuleBroken": "ledger-rule-broken",
        "NotCanonical": "not-canonical-json",
        "NothingToApportion": "nothing-to-apportion",
        "PoolBaseMissing": "pool-base-missing",
        "PoolChanged": "pool-changed",
        "PoolComponentDiffers": "pool-component-differs",
        "PoolTooLarge": "pool-too-large",
        "StatementCorrupt": "statement-corrupt",
        "StatementNotFound": "statement-not-found",
        "TooManyWindows": "too-many-windows",
        "UnitsOutOfRange": "units-out-of-range",
        "UserNotFound": "user-not-found",
        "UserTwice": "user-twice",
        "WindowNotBegun": "window-not-begun",
    }
