-- STATEMENT_OF_CLOSED_EPOCH: a statement belongs to a closed epoch and splits exactly its pool; and an
-- epoch that closes has a statement by the end of the transaction.
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
    RETURN NEW;
END
$$;

CREATE TRIGGER statement_of_closed_epoch BEFORE INSERT ON payout_statements
    FOR EACH ROW EXECUTE FUNCTION ledger_statement_of_closed_epoch();

CREATE FUNCTION ledger_closed_epoch_has_statement() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payout_statements WHERE epoch_id = NEW.id) THEN
        RAISE EXCEPTION 'STATEMENT_OF_CLOSED_EPOCH: epoch % would close without a statement', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'STATEMENT_OF_CLOSED_EPOCH';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER statement_of_closed_epoch AFTER UPDATE ON epochs
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'closed') EXECUTE FUNCTION ledger_closed_epoch_has_statement();
