-- What running tools were answered, and which tools are to be run: as in `migrations/sqlite`.

CREATE TABLE journal (
    tenant          text COLLATE "C" NOT NULL,
    execution       text COLLATE "C" NOT NULL,
    number          bigint NOT NULL,            -- from 0, without a gap
    body            text COLLATE "C" NOT NULL,  -- canonical JSON (RFC 8785): all of the entry
    PRIMARY KEY (tenant, execution, number)
);

CREATE TABLE work (
    tenant          text COLLATE "C" NOT NULL,
    execution       text COLLATE "C" NOT NULL,
    at_ms           bigint NOT NULL,            -- since the Unix epoch; 0: at once
    PRIMARY KEY (tenant, execution)
);

CREATE INDEX work_by_time ON work (at_ms);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['journal', 'work'] LOOP
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

CREATE POLICY all_tenants_see ON work FOR SELECT
    USING (current_setting('writ.scope', true) = 'all-tenants');
