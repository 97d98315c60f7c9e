-- Every decision that was answered, in the order in which they became durable.
CREATE TABLE decisions (
    sequence        INTEGER PRIMARY KEY,  -- appending is the cheapest a B-tree can do
    tenant          TEXT    NOT NULL,
    id              TEXT    NOT NULL,     -- UUID version 7: sorts by time
    received_at_ms  INTEGER NOT NULL,     -- since the Unix epoch
    request_id      TEXT,
    trace_id        TEXT,
    request_digest  BLOB    NOT NULL,     -- SHA-256 of the request's canonical JSON
    subject_type    TEXT    NOT NULL,
    subject_id      TEXT    NOT NULL,
    action          TEXT    NOT NULL,
    resource_type   TEXT    NOT NULL,
    resource_id     TEXT    NOT NULL,
    policy_set      BLOB    NOT NULL,     -- SHA-256
    outcome         TEXT    NOT NULL,
    policies        TEXT    NOT NULL      -- JSON: what each policy said, in binding order
) STRICT;

-- The only index: finds one decision, and a tenant's decisions by time.
CREATE UNIQUE INDEX decisions_by_id ON decisions (tenant, id);

-- What policies stored. Keys are bytes, so that they compare as bytes everywhere.
CREATE TABLE storage (
    tenant          TEXT    NOT NULL,
    binding         TEXT    NOT NULL,
    key             BLOB    NOT NULL,
    version         INTEGER NOT NULL,     -- grows by one with each write and deletion
    expires_at_ms   INTEGER,              -- none: never
    sweep_at_ms     INTEGER,              -- when the row may be removed; none: never
    value           BLOB,                 -- none: deleted, and kept for its version
    PRIMARY KEY (tenant, binding, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX storage_to_sweep ON storage (sweep_at_ms) WHERE sweep_at_ms IS NOT NULL;

-- Always empty: written within a transaction to tell whether there is room.
CREATE TABLE probes (filler BLOB NOT NULL) STRICT;
