-- Where each tenant's chain begins, once older events have been removed. An event in the chain itself
-- vouches for it.
CREATE TABLE anchors (
    tenant          TEXT    NOT NULL PRIMARY KEY,
    sequence        INTEGER NOT NULL,     -- of the last event that was removed
    hash            BLOB    NOT NULL,     -- that event's
    until_ms        INTEGER NOT NULL      -- what had ended before was removed; since the Unix epoch
) STRICT, WITHOUT ROWID;

-- What belongs to an execution is found when that is removed.
CREATE INDEX approvals_by_execution ON approvals (tenant, execution);
CREATE INDEX approval_history_by_execution ON approval_history (tenant, execution);
CREATE INDEX idempotency_by_execution ON idempotency (tenant, execution);
