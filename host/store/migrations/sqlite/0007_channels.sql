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

-- Events that a channel could not tell, until an operator sends them again.
CREATE TABLE dead_letters (
    tenant          TEXT    NOT NULL,
    id              TEXT    NOT NULL,     -- UUID version 7: sorts by time
    channel         TEXT    NOT NULL,
    sequence        INTEGER NOT NULL,     -- the event's place in the tenant's chain
    attempts        INTEGER NOT NULL,
    error           TEXT    NOT NULL,     -- why the last attempt failed
    at_ms           INTEGER NOT NULL,     -- when that was, since the Unix epoch
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
