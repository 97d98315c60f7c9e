-- Keys that sign for a tenant: one in use, and those before it, which still verify for a while.
CREATE TABLE signing_keys (
    tenant          TEXT    NOT NULL,
    kid             TEXT    NOT NULL,     -- thumbprint of the public key (RFC 7638)
    created_ms      INTEGER NOT NULL,     -- since the Unix epoch
    secret          TEXT    NOT NULL,     -- PKCS #8 (RFC 5208) in base64
    retired_ms      INTEGER,              -- none: in use
    PRIMARY KEY (tenant, kid)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX signing_key_in_use ON signing_keys (tenant) WHERE retired_ms IS NULL;
