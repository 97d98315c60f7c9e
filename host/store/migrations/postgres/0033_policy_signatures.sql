-- Signatures of components: as in `migrations/sqlite`.
CREATE TABLE policy_signatures (
    tenant          text COLLATE "C" NOT NULL,
    digest          bytea  NOT NULL,            -- SHA-256 of the component
    key             text COLLATE "C" NOT NULL,  -- the public key, as the configuration names it
    signature       text COLLATE "C" NOT NULL,  -- as minisign writes it
    added_ms        bigint NOT NULL,            -- since the Unix epoch
    PRIMARY KEY (tenant, digest, key)
);

ALTER TABLE policy_signatures ENABLE ROW LEVEL SECURITY;
ALTER TABLE policy_signatures FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON policy_signatures
    USING (tenant = current_setting('writ.tenant', true))
    WITH CHECK (tenant = current_setting('writ.tenant', true));
