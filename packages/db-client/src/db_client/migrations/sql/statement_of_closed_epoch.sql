-- STATEMENT_OF_CLOSED_EPOCH, STATEMENT_CHAIN_LINEAR: a statement belongs to a closed epoch, names exactly
-- its pool, and follows statements that stand already; and an epoch that closes has a statement of its
-- own, which supersedes none, by the end of the transaction.
CREATE FUNCTION ledger_statement_of_closed_epoch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM epochs
        WHERE id = NEW.epoch_id AND status = 'closed' AND pool_total_credits = NEW.pool_total_credits
    ) THEN
        RAISE EXCEPTION 'STATEMENT_OF_CLOSED_EPOCH: epoch % is open, or its pool is another', NEW.epoch_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'STATEMENT_OF_CLOSED_EPOCH';
    END IF;
    -- The foreign keys look when the whole statement is done: two rows of one INSERT could name each other.
    IF NEW.previous_statement_hash IS NOT NULL AND NOT EXISTS (
        SELECT FROM payout_statements
        WHERE node_id = NEW.node_id AND statement_hash = NEW.previous_statement_hash
    ) THEN
        RAISE EXCEPTION 'STATEMENT_CHAIN_LINEAR: no statement stands before that of epoch %', NEW.epoch_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'STATEMENT_CHAIN_LINEAR';
    END IF;
    IF NEW.supersedes_statement_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM payout_statements
        WHERE node_id = NEW.node_id AND id = NEW.supersedes_statement_id AND epoch_id = NEW.epoch_id
    ) THEN
        RAISE EXCEPTION 'STATEMENT_OF_CLOSED_EPOCH: epoch % has no such statement to supersede', NEW.epoch_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'STATEMENT_OF_CLOSED_EPOCH';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER statement_of_closed_epoch BEFORE INSERT ON payout_statements
    FOR EACH ROW EXECUTE FUNCTION ledger_statement_of_closed_epoch();

CREATE FUNCTION ledger_closed_epoch_has_statement() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM payout_statements WHERE epoch_id = NEW.id AND supersedes_statement_id IS NULL
    ) THEN
        RAISE EXCEPTION 'STATEMENT_OF_CLOSED_EPOCH: epoch % would close without a statement', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'STATEMENT_OF_CLOSED_EPOCH';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER statement_of_closed_epoch AFTER UPDATE ON epochs
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'closed') EXECUTE FUNCTION ledger_closed_epoch_has_statement();
