-- NODE_SCOPED: what is curated is a stored event of the same node. One comparison a statement in place of a foreign key,
-- which looks at each row, locks the event and writes that down. No lock is needed: ACTIVITY_APPEND_ONLY keeps events.
-- Each event is looked up by the primary key, whatever the planner believes of a table that has just grown, and whatever the
-- session forbids: the first id from its own on, in their order, which no other index gives without a sort. So this grows
-- with what is written, not with what is there, and takes no memory.
CREATE FUNCTION ledger_curated_events_are_stored() RETURNS trigger
LANGUAGE plpgsql
SET enable_nestloop = on SET enable_indexscan = on SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
AS $$
DECLARE
    absent text;
BEGIN
    SELECT min(curated.event_id) INTO absent FROM new_rows AS curated
    LEFT JOIN LATERAL (
        SELECT event.id FROM activity_events AS event
        WHERE event.node_id = curated.node_id AND event.id >= curated.event_id
        ORDER BY event.id LIMIT 1
    ) AS stored ON true
    WHERE stored.id IS DISTINCT FROM curated.event_id;
    IF absent IS NOT NULL THEN
        RAISE EXCEPTION 'NODE_SCOPED: the node has no event %', absent
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'NODE_SCOPED';
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION ledger_curated_event_is_stored() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM activity_events WHERE node_id = NEW.node_id AND id = NEW.event_id) THEN
        RAISE EXCEPTION 'NODE_SCOPED: the node has no event %', NEW.event_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'NODE_SCOPED';
    END IF;
    RETURN NULL;
END
$$;

-- The other side, for whoever has disabled the trigger that keeps events.
CREATE FUNCTION ledger_curated_event_stays() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        IF NOT EXISTS (SELECT FROM activity_curation) THEN
            RETURN NULL;
        END IF;
    ELSIF NOT EXISTS (SELECT FROM activity_curation WHERE node_id = OLD.node_id AND event_id = OLD.id) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'NODE_SCOPED: % of curated events is refused', TG_OP
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'NODE_SCOPED';
END
$$;

CREATE TRIGGER curated_event_stored_insert AFTER INSERT ON activity_curation
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_curated_events_are_stored();
CREATE TRIGGER curated_event_stored_update AFTER UPDATE ON activity_curation
    FOR EACH ROW WHEN (OLD.event_id <> NEW.event_id OR OLD.node_id <> NEW.node_id)
    EXECUTE FUNCTION ledger_curated_event_is_stored();

CREATE TRIGGER curated_event_stays_delete AFTER DELETE ON activity_events
    FOR EACH ROW EXECUTE FUNCTION ledger_curated_event_stays();
CREATE TRIGGER curated_event_stays_update AFTER UPDATE ON activity_events
    FOR EACH ROW WHEN (OLD.id <> NEW.id OR OLD.node_id <> NEW.node_id)
    EXECUTE FUNCTION ledger_curated_event_stays();
CREATE TRIGGER curated_event_stays_truncate BEFORE TRUNCATE ON activity_events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_curated_event_stays();
