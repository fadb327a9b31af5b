-- GAP_BLOCKS_CLOSE: an epoch does not close while the newest reading of a stream of its window has a gap
-- that nobody waived. A reading from before the window's end covers no window that is over.
-- Readings and waivers are written once, and none for an epoch that is closed (COMPLETENESS_FROZEN).
CREATE FUNCTION ledger_gap_blocks_close() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    blocking record;
BEGIN
    SELECT newest.source, newest.source_ref, newest.stream INTO blocking
        FROM (
            SELECT DISTINCT ON (source, source_ref, stream) source, source_ref, stream,
                CASE WHEN NEW.closed_at < NEW.period_end THEN gap ELSE gap_when_over END AS gap
            FROM stream_readings
            WHERE node_id = NEW.node_id AND period_start = NEW.period_start AND period_end = NEW.period_end
            ORDER BY source, source_ref, stream, id DESC
        ) AS newest
        WHERE newest.gap IS NOT NULL AND NOT EXISTS (
            SELECT FROM gap_waivers AS waiver
            WHERE waiver.epoch_id = NEW.id AND waiver.source = newest.source
                AND waiver.source_ref = newest.source_ref AND waiver.stream = newest.stream
                AND waiver.gap = newest.gap
        )
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'GAP_BLOCKS_CLOSE: %:%:% is incomplete in epoch %',
            blocking.source, blocking.source_ref, blocking.stream, NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'GAP_BLOCKS_CLOSE';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER gap_blocks_close BEFORE UPDATE ON epochs
    FOR EACH ROW WHEN (OLD.status = 'open' AND NEW.status = 'closed')
    EXECUTE FUNCTION ledger_gap_blocks_close();

-- The epochs are taken FOR SHARE: a close that goes on is waited for, and one to come waits for this.
CREATE FUNCTION ledger_freeze_readings() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    is_frozen boolean;
BEGIN
    SELECT bool_or(locked.status = 'closed') INTO is_frozen
        FROM (
            SELECT epoch.status FROM epochs AS epoch
            WHERE EXISTS (
                SELECT FROM new_rows
                WHERE new_rows.node_id = epoch.node_id AND new_rows.period_start = epoch.period_start
                    AND new_rows.period_end = epoch.period_end
            )
            ORDER BY epoch.id FOR SHARE
        ) AS locked;
    IF is_frozen THEN
        RAISE EXCEPTION 'COMPLETENESS_FROZEN: a reading of a closed epoch is refused'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'COMPLETENESS_FROZEN';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER completeness_frozen AFTER INSERT ON stream_readings
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_freeze_readings();
CREATE TRIGGER completeness_frozen AFTER INSERT ON gap_waivers
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_freeze_on_close('COMPLETENESS_FROZEN');

CREATE TRIGGER readings_append_only BEFORE UPDATE OR DELETE ON stream_readings
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change('READINGS_APPEND_ONLY');
CREATE TRIGGER readings_append_only_truncate BEFORE TRUNCATE ON stream_readings
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change('READINGS_APPEND_ONLY');
CREATE TRIGGER readings_append_only BEFORE UPDATE OR DELETE ON gap_waivers
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change('READINGS_APPEND_ONLY');
CREATE TRIGGER readings_append_only_truncate BEFORE TRUNCATE ON gap_waivers
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change('READINGS_APPEND_ONLY');
