-- What was written since curation and proposals were brought up to date is noted in the transaction that writes it, by
-- whomever, so that the next refresh looks at that alone. A note that a refresh does not see belongs to rows that it
-- does not see either, and is there for the one after it. An epoch is uncurated from its opening on: its first refresh
-- looks at everything. So is one whose curation somebody wrote; proposals alone are behind where allocations were.
CREATE FUNCTION ledger_touch_epochs() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO touched_epochs (node_id, epoch_id, is_uncurated)
            SELECT DISTINCT node_id, epoch_id, TG_TABLE_NAME = 'activity_curation' FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO touched_epochs (node_id, epoch_id, is_uncurated)
            SELECT DISTINCT node_id, epoch_id, TG_TABLE_NAME = 'activity_curation' FROM old_rows;
    ELSE
        INSERT INTO touched_epochs (node_id, epoch_id, is_uncurated)
            SELECT node_id, epoch_id, TG_TABLE_NAME = 'activity_curation' FROM old_rows
            UNION SELECT node_id, epoch_id, TG_TABLE_NAME = 'activity_curation' FROM new_rows;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION ledger_touch_opened_epoch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO touched_epochs (node_id, epoch_id, is_uncurated) VALUES (NEW.node_id, NEW.id, true);
    RETURN NULL;
END
$$;

-- By the days of the events: a window is made of whole days in UTC.
CREATE FUNCTION ledger_touch_days() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO touched_days (node_id, day)
        SELECT DISTINCT node_id, CAST(event_time AT TIME ZONE 'UTC' AS date) FROM new_rows;
    RETURN NULL;
END
$$;

CREATE FUNCTION ledger_touch_identities() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO touched_identities (node_id, provider, external_id)
            SELECT node_id, provider, external_id FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO touched_identities (node_id, provider, external_id)
            SELECT node_id, provider, external_id FROM old_rows;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO touched_identities (node_id, provider, external_id)
            SELECT node_id, provider, external_id FROM old_rows
            UNION SELECT node_id, provider, external_id FROM new_rows;
    ELSE
        INSERT INTO touched_identities (node_id, provider, external_id)
            SELECT node_id, provider, external_id FROM user_bindings;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER touched_insert AFTER INSERT ON activity_curation
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_touch_epochs();
CREATE TRIGGER touched_update AFTER UPDATE ON activity_curation
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_touch_epochs();
CREATE TRIGGER touched_delete AFTER DELETE ON activity_curation
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_touch_epochs();

CREATE TRIGGER touched_insert AFTER INSERT ON epoch_allocations
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_touch_epochs();
CREATE TRIGGER touched_update AFTER UPDATE ON epoch_allocations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_touch_epochs();
CREATE TRIGGER touched_delete AFTER DELETE ON epoch_allocations
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_touch_epochs();

CREATE TRIGGER touched_opened AFTER INSERT ON epochs
    FOR EACH ROW EXECUTE FUNCTION ledger_touch_opened_epoch();

CREATE TRIGGER touched_insert AFTER INSERT ON activity_events
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_touch_days();

CREATE TRIGGER touched_insert AFTER INSERT ON user_bindings
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_touch_identities();
CREATE TRIGGER touched_update AFTER UPDATE ON user_bindings
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_touch_identities();
CREATE TRIGGER touched_delete AFTER DELETE ON user_bindings
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_touch_identities();
CREATE TRIGGER touched_truncate BEFORE TRUNCATE ON user_bindings
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_touch_identities();
