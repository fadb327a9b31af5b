-- CURATION_FREEZE_ON_CLOSE, POOL_IMMUTABLE: no row of a closed epoch is written, moved out or moved in,
-- also not beside a close in progress. The epoch rows are taken FOR SHARE, which waits for a closer's
-- FOR UPDATE and then sees what it did; a mere read of the status would not. Statement triggers with
-- transition tables, as a trigger a row costs ten times as much.
CREATE FUNCTION ledger_freeze_on_close() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    touched bigint[];
    is_frozen boolean;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(DISTINCT epoch_id) INTO touched FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(DISTINCT epoch_id) INTO touched FROM old_rows;
    ELSE
        SELECT array_agg(DISTINCT epoch_id) INTO touched
            FROM (SELECT epoch_id FROM old_rows UNION SELECT epoch_id FROM new_rows) AS both_sides;
    END IF;
    -- The aggregate stands outside the locking query: its rows are re-read after a wait.
    SELECT bool_or(locked.status = 'closed') INTO is_frozen
        FROM (SELECT status FROM epochs WHERE id = ANY (touched) ORDER BY id FOR SHARE) AS locked;
    IF is_frozen THEN
        RAISE EXCEPTION '%: % on % of a closed epoch is refused', TG_ARGV[0], TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_ARGV[0];
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER curation_freeze_insert AFTER INSERT ON activity_curation
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_freeze_on_close('CURATION_FREEZE_ON_CLOSE');
CREATE TRIGGER curation_freeze_update AFTER UPDATE ON activity_curation
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_freeze_on_close('CURATION_FREEZE_ON_CLOSE');
CREATE TRIGGER curation_freeze_delete AFTER DELETE ON activity_curation
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_freeze_on_close('CURATION_FREEZE_ON_CLOSE');

CREATE TRIGGER curation_freeze_insert AFTER INSERT ON epoch_allocations
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_freeze_on_close('CURATION_FREEZE_ON_CLOSE');
CREATE TRIGGER curation_freeze_update AFTER UPDATE ON epoch_allocations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_freeze_on_close('CURATION_FREEZE_ON_CLOSE');
CREATE TRIGGER curation_freeze_delete AFTER DELETE ON epoch_allocations
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_freeze_on_close('CURATION_FREEZE_ON_CLOSE');

CREATE TRIGGER pool_immutable_after_close AFTER INSERT ON epoch_pool_components
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_freeze_on_close('POOL_IMMUTABLE');
