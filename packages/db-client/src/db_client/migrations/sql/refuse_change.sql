-- ACTIVITY_APPEND_ONLY, POOL_IMMUTABLE, EPOCH_CLOSED_FOREVER, HISTORY_APPEND_ONLY, PAYLOADS_HIDDEN:
-- rows of these tables are written once. The trigger's argument is the invariant that it enforces.
CREATE FUNCTION ledger_refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: % of % is refused', TG_ARGV[0], TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_ARGV[0];
END
$$;

CREATE TRIGGER activity_append_only BEFORE UPDATE OR DELETE ON activity_events
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change('ACTIVITY_APPEND_ONLY');
CREATE TRIGGER activity_append_only_truncate BEFORE TRUNCATE ON activity_events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change('ACTIVITY_APPEND_ONLY');

CREATE TRIGGER pool_immutable BEFORE UPDATE OR DELETE ON epoch_pool_components
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change('POOL_IMMUTABLE');
CREATE TRIGGER pool_immutable_truncate BEFORE TRUNCATE ON epoch_pool_components
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change('POOL_IMMUTABLE');

CREATE TRIGGER epoch_closed_forever BEFORE UPDATE OR DELETE ON payout_statements
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change('EPOCH_CLOSED_FOREVER');
CREATE TRIGGER epoch_closed_forever_truncate BEFORE TRUNCATE ON payout_statements
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change('EPOCH_CLOSED_FOREVER');
CREATE TRIGGER epoch_closed_forever BEFORE UPDATE OR DELETE ON statement_signatures
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change('EPOCH_CLOSED_FOREVER');
CREATE TRIGGER epoch_closed_forever_truncate BEFORE TRUNCATE ON statement_signatures
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change('EPOCH_CLOSED_FOREVER');
CREATE TRIGGER epoch_closed_forever_truncate BEFORE TRUNCATE ON epochs
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change('EPOCH_CLOSED_FOREVER');

CREATE TRIGGER curation_freeze_truncate BEFORE TRUNCATE ON activity_curation
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change('CURATION_FREEZE_ON_CLOSE');
CREATE TRIGGER curation_freeze_truncate BEFORE TRUNCATE ON epoch_allocations
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change('CURATION_FREEZE_ON_CLOSE');

CREATE TRIGGER history_append_only BEFORE UPDATE OR DELETE ON identity_events
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change('HISTORY_APPEND_ONLY');
CREATE TRIGGER history_append_only_truncate BEFORE TRUNCATE ON identity_events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change('HISTORY_APPEND_ONLY');
CREATE TRIGGER history_append_only BEFORE UPDATE OR DELETE ON ledger_actions
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change('HISTORY_APPEND_ONLY');
CREATE TRIGGER history_append_only_truncate BEFORE TRUNCATE ON ledger_actions
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change('HISTORY_APPEND_ONLY');

-- Another seed would be other keys: what Temporal holds could not be read any more.
CREATE TRIGGER payload_seed_stays BEFORE UPDATE OR DELETE ON payload_seed
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change('PAYLOADS_HIDDEN');
CREATE TRIGGER payload_seed_stays_truncate BEFORE TRUNCATE ON payload_seed
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change('PAYLOADS_HIDDEN');
