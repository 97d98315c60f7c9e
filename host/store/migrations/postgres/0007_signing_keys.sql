-- Keys that sign for a tenant: as in `migrations/sqlite`.
CREATE TABLE signing_keys (
    tenant          text COLLATE "C" NOT NULL,
    kid             text COLLATE "C" NOT NULL,  -- thumbprint of the public key (RFC 7638)
    created_ms      bigint NOT NULL,            -- since the Unix epoch
    secret          text COLLATE "C" NOT NULL,  -- PKCS #8 (RFC 5208) in base64
    retired_ms      bigint,                     -- none: in use
    PRIMARY KEY (tenant, kid)
);

CREATE UNIQUE INDEX signing_key_in_use ON signing_keys (tenant) WHERE retired_ms IS NULL;

ALTER TABLE signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE signing_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON signing_keys
    USING (tenant = current_setting('writ.tenant', true))
    WITH CHECK (tenant = current_setting('writ.tenant', true));
