"""Whatever text a platform gives is stored as it is: a page travels to PostgreSQL by COPY, or as texts of arrays."""

from __future__ import annotations

import pytest

from db_client.postgres_ledger import PostgresLedger
from ledger_core.identifiers import is_identifier
from ledger_core.testing import make_event

TEXTS = (
    *(
        "",
        "NULL",
        "null",
        '"',
        "\\",
        '\\"',
        "{",
        "}",
        ",",
        "{a,b}",
        '","',
        "'",
        "\\N",
        "\\x41",
        "\\.",
        "\n\\.\n",
        "\\t\\n",
        "%s",
        ":id",
        " a ",
    ),
    *("\t\n\r", "\u00e9\u2028\U0001f600", "a" * 10_000, '"' * 1_000 + "\\" * 1_001),
)


@pytest.mark.parametrize("way", ["copied", "inserted"])
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_text_comes_back_as_it_was(postgres_ledger: PostgresLedger, text: str, way: str) -> None:
    name = text if is_identifier(text) else "ann"  # an account's own rule is stricter than metadata's
    events = [
        make_event(1, account=name, login=name, metadata={"title": text, text or "key": [text, None]}),
        make_event(2, account=None, login=None),
    ]
    repeated = [] if way == "copied" else events[:1]  # a page that repeats itself is not copied
    with postgres_ledger.begin() as transaction:
        assert transaction.activity.store(events + repeated).inserted == 2
    with postgres_ledger.begin() as transaction:
        assert transaction.activity.store(events).duplicates == 2
    with postgres_ledger.read() as view:
        assert [view.activity.find(event.id) for event in events] == events
