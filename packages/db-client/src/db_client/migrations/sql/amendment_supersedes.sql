-- AMENDMENT_SUPERSEDES: an amendment names the statement of its epoch that it supersedes by its hash, has a
-- reason and somebody's name, corrects a list of people each to a number of units, and leaves events and streams
-- as they were. Its pool and epoch STATEMENT_OF_CLOSED_EPOCH looks at.
CREATE FUNCTION ledger_amendment_supersedes() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    superseded record;
    is_whole boolean;
BEGIN
    SELECT statement_hash, activity_set_hash, completeness_json INTO superseded
        FROM payout_statements
        WHERE node_id = NEW.node_id AND id = NEW.supersedes_statement_id AND epoch_id = NEW.epoch_id;
    is_whole := FOUND
        AND NEW.amendment_json ->> 'supersedes' = superseded.statement_hash
        AND NEW.activity_set_hash = superseded.activity_set_hash
        AND NEW.completeness_json IS NOT DISTINCT FROM superseded.completeness_json
        AND btrim(NEW.amendment_json ->> 'reason') <> '' AND btrim(NEW.amendment_json ->> 'amended_by') <> ''
        AND CASE WHEN jsonb_typeof(NEW.amendment_json -> 'corrections') = 'array' THEN (
            SELECT count(DISTINCT correction ->> 'user_id') = count(*) AND count(*) <= 1000
            FROM jsonb_array_elements(NEW.amendment_json -> 'corrections') AS correction
        ) AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(NEW.amendment_json -> 'corrections') AS correction
            WHERE (
                jsonb_typeof(correction -> 'user_id') = 'string'
                AND jsonb_typeof(correction -> 'units') = 'string'
                AND correction ->> 'units' ~ '^(0|[1-9][0-9]{0,18})$'
                AND (correction ->> 'units')::numeric <= 9223372036854775807
                AND btrim(correction ->> 'reason') <> '' AND btrim(correction ->> 'amended_by') <> ''
            ) IS NOT TRUE
        ) ELSE false END;
    IF is_whole IS NOT TRUE THEN
        RAISE EXCEPTION 'AMENDMENT_SUPERSEDES: no whole amendment of a statement of epoch %', NEW.epoch_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'AMENDMENT_SUPERSEDES';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER amendment_supersedes BEFORE INSERT ON payout_statements
    FOR EACH ROW WHEN (NEW.supersedes_statement_id IS NOT NULL)
    EXECUTE FUNCTION ledger_amendment_supersedes();
