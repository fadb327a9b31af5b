-- EPOCH_CLOSED_FOREVER, WEIGHT_PINNING, WEIGHTS_INTEGER_ONLY, POOL_REQUIRES_BASE, POOL_REPRODUCIBLE:
-- an epoch begins open, keeps its window and weights, closes once with the sum of its pool, and
-- never changes again.
CREATE FUNCTION ledger_guard_epoch() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    pool record;
    broken text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'open' THEN
            broken := 'EPOCH_CLOSED_FOREVER';
        ELSIF jsonb_typeof(NEW.weight_config) <> 'object' OR EXISTS (
            SELECT FROM jsonb_each(NEW.weight_config) AS weight
            WHERE CASE  -- at most 10^12 milli-units, as the domain has it
                WHEN jsonb_typeof(weight.value) = 'number' AND weight.value::text ~ '^[0-9]{1,13}$'
                THEN weight.value::text::bigint > 1000000000000
                ELSE true
            END
        ) THEN
            broken := 'WEIGHTS_INTEGER_ONLY';
        END IF;
    ELSIF OLD.status = 'closed' THEN
        broken := 'EPOCH_CLOSED_FOREVER';
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSIF NEW.weight_config::text IS DISTINCT FROM OLD.weight_config::text THEN
        -- By their text: to jsonb, 8000 and 8000.0 are equal.
        broken := 'WEIGHT_PINNING';
    ELSIF (NEW.id, NEW.node_id, NEW.period_start, NEW.period_end, NEW.opened_at, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.node_id, OLD.period_start, OLD.period_end, OLD.opened_at, OLD.created_at)
    THEN
        broken := 'EPOCH_WINDOW_UNIQUE';
    ELSIF NEW.status = 'closed' THEN
        -- A snapshot from before this row was locked could miss a component that another has committed.
        IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
            RAISE EXCEPTION 'POOL_REPRODUCIBLE: epoch % closes in read committed only', NEW.id
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'POOL_REPRODUCIBLE';
        END IF;
        SELECT coalesce(sum(amount_credits), 0) AS total,
               coalesce(bool_or(component_id = 'base_issuance'), false) AS has_base
            INTO pool FROM epoch_pool_components WHERE epoch_id = NEW.id;
        IF NOT pool.has_base THEN
            broken := 'POOL_REQUIRES_BASE';
        ELSIF pool.total <> NEW.pool_total_credits THEN
            broken := 'POOL_REPRODUCIBLE';
        END IF;
    END IF;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION '%: % of epoch % is refused', broken, TG_OP, coalesce(OLD.id, NEW.id)
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = broken;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER epoch_closed_forever BEFORE INSERT OR UPDATE OR DELETE ON epochs
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_epoch();
