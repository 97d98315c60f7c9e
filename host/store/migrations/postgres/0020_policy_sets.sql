-- Versions of a tenant's policy set: as in `migrations/sqlite`.
CREATE TABLE policy_components (
    tenant          text COLLATE "C" NOT NULL,
    digest          bytea  NOT NULL,            -- SHA-256 of the bytes
    bytes           bytea  NOT NULL,
    report          text COLLATE "C" NOT NULL,  -- JSON: what it says of itself, and its imports
    added_ms        bigint NOT NULL,            -- since the Unix epoch
    PRIMARY KEY (tenant, digest)
);

-- They are read whole, and compressing them would cost more than it saves.
ALTER TABLE policy_components ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE policy_sets (
    tenant          text COLLATE "C" NOT NULL,
    number          bigint NOT NULL,            -- from 1, without a gap
    policy_set      bytea  NOT NULL,            -- SHA-256
    document        text COLLATE "C" NOT NULL,  -- JSON: the bindings
    author          text COLLATE "C",
    comment         text COLLATE "C" NOT NULL,
    created_ms      bigint NOT NULL,            -- since the Unix epoch
    PRIMARY KEY (tenant, number)
);

CREATE UNIQUE INDEX policy_sets_by_digest ON policy_sets (tenant, policy_set);

CREATE TABLE policy_active (
    tenant          text COLLATE "C" NOT NULL PRIMARY KEY,
    number          bigint NOT NULL,            -- the version that decides
    previous        bigint,                     -- the one before it; none where it is the first
    changes         bigint NOT NULL,            -- how often another version was made to decide
    files           bytea,                      -- digest of what the files of a host said last
    at_ms           bigint NOT NULL             -- since when it decides
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['policy_components', 'policy_sets', 'policy_active'] LOOP
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

CREATE POLICY all_tenants_see ON policy_active FOR SELECT
    USING (current_setting('writ.scope', true) = 'all-tenants');
