-- What a transition of one execution calls for at another: as in `migrations/sqlite`.

CREATE TABLE errands (
    tenant          text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,  -- of the execution and the version that it comes from
    kind            text COLLATE "C" NOT NULL,  -- tell-caller, call-off
    caller          text COLLATE "C" NOT NULL,  -- the execution that called
    call            text COLLATE "C",           -- the execution that was called, where it is known
    at_ms           bigint NOT NULL,            -- since the Unix epoch; not to be tried before
    PRIMARY KEY (tenant, id)
);

CREATE INDEX errands_by_time ON errands (at_ms);

-- Whoever waits for a call may not have been told of its end before there were errands. For once, of
-- all tenants.
ALTER TABLE executions NO FORCE ROW LEVEL SECURITY;
INSERT INTO errands (tenant, id, kind, caller, call, at_ms)
    SELECT tenant, id || '.0.tell-caller', 'tell-caller', id, body::json #>> '{status,awaits,id}', 0
    FROM executions
    WHERE status = 'suspended' AND body::json #>> '{status,awaits,kind}' = 'execution';
ALTER TABLE executions FORCE ROW LEVEL SECURITY;

ALTER TABLE errands ENABLE ROW LEVEL SECURITY;
ALTER TABLE errands FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON errands
    USING (tenant = current_setting('writ.tenant', true))
    WITH CHECK (tenant = current_setting('writ.tenant', true));
CREATE POLICY all_tenants_see ON errands FOR SELECT
    USING (current_setting('writ.scope', true) = 'all-tenants');
