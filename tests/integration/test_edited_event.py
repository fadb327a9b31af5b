"""An event that was edited behind the ledger's back is not read as what its source reported."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from db_client.postgres_ledger import PostgresLedger
from ledger_core import EventCorrupt
from tests.contract.story import LedgerStory, annas, day

EVENT = annas(1, at=day(0))
EDIT = """
    ALTER TABLE activity_events DISABLE TRIGGER activity_append_only;
    UPDATE activity_events SET platform_login = 'eve';
    ALTER TABLE activity_events ENABLE TRIGGER activity_append_only;
"""


def test_an_edited_event_is_refused_wherever_it_is_read(
    owner_engine: Engine, postgres_ledger: PostgresLedger
) -> None:
    """ACTIVITY_APPEND_ONLY: whoever may drop the trigger is seen by the next who reads."""
    story = LedgerStory(postgres_ledger)
    epoch_id = story.open()
    story.store(EVENT)
    story.curate(epoch_id)
    with owner_engine.begin() as connection:
        for statement in filter(str.strip, EDIT.split(";")):
            connection.execute(text(statement))

    with postgres_ledger.read() as view:
        with pytest.raises(EventCorrupt, match=EVENT.payload_hash):
            view.activity.find(EVENT.id)
        with pytest.raises(EventCorrupt):
            list(view.curation.ordered_activity(epoch_id))
