-- How far each channel has told, and what was given up: as in `migrations/sqlite`.

CREATE TABLE channels (
    tenant          text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    next            bigint NOT NULL,            -- the place of the first event still to be told
    holder          text COLLATE "C" NOT NULL,  -- the host that tells; stays after its lease
    lease_until_ms  bigint NOT NULL,            -- since the Unix epoch; 0: given back
    fence           bigint NOT NULL,            -- grows by one with each lease
    PRIMARY KEY (tenant, name)
);

CREATE TABLE dead_letters (
    tenant          text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,  -- UUID version 7: sorts by time
    channel         text COLLATE "C",           -- of an event
    sequence        bigint,                     -- of an event: its place in the tenant's chain
    endpoint        text COLLATE "C",           -- of a call
    attempts        bigint NOT NULL,
    error           text COLLATE "C" NOT NULL,  -- why the last attempt failed
    at_ms           bigint NOT NULL,            -- when that was, since the Unix epoch
    PRIMARY KEY (tenant, id),
    CHECK ((channel IS NULL) = (sequence IS NULL) AND (channel IS NULL) <> (endpoint IS NULL))
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['channels', 'dead_letters'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY one_tenant ON %I
                USING (tenant = current_setting(''writ.tenant'', true))
                WITH CHECK (tenant = current_setting(''writ.tenant'', true))',
            name
        );
    END LOOP;
END
$$;
