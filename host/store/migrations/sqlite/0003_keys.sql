-- API keys without their secrets. A key that has ended keeps its row, so that its id in a log still
-- tells whose it was.
CREATE TABLE api_keys (
    id              TEXT    NOT NULL PRIMARY KEY,  -- public; part of the key's text
    tenant          TEXT    NOT NULL,
    person          TEXT    NOT NULL,
    roles           TEXT    NOT NULL,     -- JSON: a list of names
    person_groups   TEXT    NOT NULL,     -- JSON: a list of names
    secret          BLOB    NOT NULL,     -- SHA-256 of 256 random bits
    created_at_ms   INTEGER NOT NULL,     -- since the Unix epoch
    expires_at_ms   INTEGER,              -- none: never
    revoked_at_ms   INTEGER               -- none: it was not
) STRICT, WITHOUT ROWID;
