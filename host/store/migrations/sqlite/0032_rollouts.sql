-- Who made a version, who made it decide, by which way and why. Empty in rows from before.
ALTER TABLE policy_sets ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE policy_active ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE policy_active ADD COLUMN author TEXT;
ALTER TABLE policy_active ADD COLUMN comment TEXT NOT NULL DEFAULT '';

-- The version that a tenant rolls out beside the one that decides, or the last that was: one row a
-- tenant, replaced by the next one.
CREATE TABLE policy_rollouts (
    tenant          TEXT    NOT NULL PRIMARY KEY,
    id              INTEGER NOT NULL,     -- from 1, one more with each
    number          INTEGER NOT NULL,     -- the version
    plan            TEXT    NOT NULL,     -- JSON: how
    cause           TEXT    NOT NULL,
    author          TEXT,
    comment         TEXT    NOT NULL,
    at_ms           INTEGER NOT NULL,     -- since when, since the Unix epoch
    ended           TEXT,                 -- JSON: when, why and by whom; none while it goes on
    changes         INTEGER NOT NULL      -- how often one began or ended
) STRICT, WITHOUT ROWID;
