-- Versions of a tenant's policy set: what each says, which one decides, and the components that they
-- are made of. Rows of versions and components are never changed.
CREATE TABLE policy_components (
    tenant          TEXT    NOT NULL,
    digest          BLOB    NOT NULL,     -- SHA-256 of the bytes
    bytes           BLOB    NOT NULL,
    report          TEXT    NOT NULL,     -- JSON: what the component says of itself, and its imports
    added_ms        INTEGER NOT NULL,     -- since the Unix epoch
    PRIMARY KEY (tenant, digest)
) STRICT;

CREATE TABLE policy_sets (
    tenant          TEXT    NOT NULL,
    number          INTEGER NOT NULL,     -- from 1, without a gap
    policy_set      BLOB    NOT NULL,     -- SHA-256: see the host's `Snapshot`
    document        TEXT    NOT NULL,     -- JSON: the bindings
    author          TEXT,
    comment         TEXT    NOT NULL,
    created_ms      INTEGER NOT NULL,     -- since the Unix epoch
    PRIMARY KEY (tenant, number)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX policy_sets_by_digest ON policy_sets (tenant, policy_set);

CREATE TABLE policy_active (
    tenant          TEXT    NOT NULL PRIMARY KEY,
    number          INTEGER NOT NULL,     -- the version that decides
    previous        INTEGER,              -- the one before it; none where it is the first
    changes         INTEGER NOT NULL,     -- how often another version was made to decide
    files           BLOB,                 -- digest of what the files of a host said last
    at_ms           INTEGER NOT NULL      -- since when it decides
) STRICT, WITHOUT ROWID;
