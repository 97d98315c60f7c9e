-- How far each channel has told its tenant's events to others.
CREATE TABLE channels (
    tenant          TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    next            INTEGER NOT NULL,     -- the place of the first event that is still to be told
    holder          TEXT    NOT NULL,     -- the host that tells; stays when its lease has ended
    lease_until_ms  INTEGER NOT NULL,     -- since the Unix epoch; 0: given back
    fence           INTEGER NOT NULL,     -- grows by one with each lease
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

-- What was given up, until an operator sends it again: events of a channel, and calls of an endpoint.
CREATE TABLE dead_letters (
    tenant          TEXT    NOT NULL,
    id              TEXT    NOT NULL,     -- UUID version 7: sorts by time; the execution's, of a call
    channel         TEXT,                 -- of an event
    sequence        INTEGER,              -- of an event: its place in the tenant's chain
    endpoint        TEXT,                 -- of a call
    attempts        INTEGER NOT NULL,
    error           TEXT    NOT NULL,     -- why the last attempt failed
    at_ms           INTEGER NOT NULL,     -- when that was, since the Unix epoch
    PRIMARY KEY (tenant, id),
    CHECK ((channel IS NULL) = (sequence IS NULL) AND (channel IS NULL) <> (endpoint IS NULL))
) STRICT, WITHOUT ROWID;
