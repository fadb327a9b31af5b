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
            WHERE jsonb_typeof(weight.value) <> 'number' OR weight.value::text !~ '^[0-9]{1,16}$'
        ) THEN
            broken := 'WEIGHTS_INTEGER_ONLY';
        END IF;
    ELSIF OLD.status = 'closed' THEN
        broken := 'EPOCH_CLOSED_FOREVER';
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSIF NEW.weight_config IS DISTINCT FROM OLD.weight_config THEN
        broken := 'WEIGHT_PINNING';
    ELSIF (NEW.id, NEW.node_id, NEW.period_start, NEW.period_end, NEW.opened_at, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.node_id, OLD.period_start, OLD.period_end, OLD.opened_at, OLD.created_at)
    THEN
        broken := 'EPOCH_WINDOW_UNIQUE';
    ELSIF NEW.status = 'closed' THEN
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
