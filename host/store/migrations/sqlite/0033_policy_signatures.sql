-- Signatures of components: of each, one by each key that signed it. Some may be there before their
-- component is.
CREATE TABLE policy_signatures (
    tenant          TEXT    NOT NULL,
    digest          BLOB    NOT NULL,     -- SHA-256 of the component
    key             TEXT    NOT NULL,     -- the public key, as the configuration names it
    signature       TEXT    NOT NULL,     -- as minisign writes it
    added_ms        INTEGER NOT NULL,     -- since the Unix epoch
    PRIMARY KEY (tenant, digest, key)
) STRICT, WITHOUT ROWID;
