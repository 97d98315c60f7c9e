-- Decisions as they become durable: a row for those of one tenant in one transaction, in a chain of
-- its own. Rows of `decisions` are from before, and are only read and removed.
CREATE TABLE decision_batches (
    tenant          TEXT    NOT NULL,
    strand          TEXT    NOT NULL,
    number          INTEGER NOT NULL,     -- its place in the strand, from 1
    first_id        TEXT    NOT NULL,     -- the lowest and the highest id: at most two seconds apart
    last_id         TEXT    NOT NULL,
    from_ms         INTEGER NOT NULL,     -- when the first and the last of its requests were received
    until_ms        INTEGER NOT NULL,
    decisions       INTEGER NOT NULL,     -- how many
    digests         BLOB    NOT NULL,     -- SHA-256 of each record, in the order of commitment
    previous        BLOB    NOT NULL,     -- hash of the batch before
    hash            BLOB    NOT NULL,     -- SHA-256 of that one and the digests
    body            TEXT    NOT NULL,     -- the records, each a line of JSON
    PRIMARY KEY (tenant, strand, number)
) STRICT;

-- Finds one decision, and a tenant's decisions by time.
CREATE INDEX decision_batches_by_id ON decision_batches (tenant, last_id, strand, number, first_id);

-- Where each strand begins: behind what was removed. An event vouches for it.
CREATE TABLE decision_strands (
    tenant          TEXT    NOT NULL,
    strand          TEXT    NOT NULL,
    number          INTEGER NOT NULL,     -- of the last batch that was removed; 0: none was
    hash            BLOB    NOT NULL,     -- that batch's
    until_ms        INTEGER NOT NULL,     -- when the last request of what was removed was received
    PRIMARY KEY (tenant, strand)
) STRICT, WITHOUT ROWID;
