-- Actions on their way from the question to their effect. Rows are large, so they are kept by
-- rowid: a tree of large keys would be deep, and most of it on pages of their own.
CREATE TABLE executions (
    tenant          TEXT    NOT NULL,
    id              TEXT    NOT NULL,     -- UUID version 7: sorts by time
    status          TEXT    NOT NULL,
    requester       TEXT    NOT NULL,     -- folded
    version         INTEGER NOT NULL,     -- grows by one with every transition
    due_at_ms       INTEGER,              -- when time next changes it; none: never
    body            TEXT    NOT NULL,     -- canonical JSON (RFC 8785): all of the execution
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE INDEX executions_by_status ON executions (tenant, status, id);
CREATE INDEX executions_by_requester ON executions (tenant, requester, id);
CREATE INDEX executions_by_requester_and_status ON executions (tenant, requester, status, id);
CREATE INDEX executions_due ON executions (due_at_ms) WHERE due_at_ms IS NOT NULL;

-- What people were asked: finds an approval's execution, whose body has all of the approval.
CREATE TABLE approvals (
    tenant          TEXT    NOT NULL,
    id              TEXT    NOT NULL,     -- UUID version 7: sorts by time
    execution       TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    opened_at_ms    INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX approvals_pending ON approvals (tenant, id) WHERE state = 'pending';
CREATE INDEX approvals_ended ON approvals (tenant, id) WHERE state <> 'pending';

-- Whom a pending approval asks now.
CREATE TABLE asked (
    tenant          TEXT    NOT NULL,
    approver        TEXT    NOT NULL,     -- `user:` or `group:`, and the folded name
    approval        TEXT    NOT NULL,
    PRIMARY KEY (tenant, approver, approval)
) STRICT, WITHOUT ROWID;

-- Every fact about every execution, appended, in one chain a tenant.
CREATE TABLE events (
    tenant          TEXT    NOT NULL,
    sequence        INTEGER NOT NULL,     -- from 1, without a gap
    execution       TEXT    NOT NULL,
    at_ms           INTEGER NOT NULL,
    body            TEXT    NOT NULL,     -- canonical JSON (RFC 8785): all of the event but its hash
    hash            BLOB    NOT NULL,     -- SHA-256 of the body
    PRIMARY KEY (tenant, sequence)
) STRICT;

CREATE INDEX events_by_execution ON events (tenant, execution, sequence);

-- Keys for requests that are sent again.
CREATE TABLE idempotency (
    tenant          TEXT    NOT NULL,
    requester       TEXT    NOT NULL,     -- folded
    key             TEXT    NOT NULL,
    body            BLOB    NOT NULL,     -- SHA-256 of what was sent
    execution       TEXT    NOT NULL,
    PRIMARY KEY (tenant, requester, key)
) STRICT, WITHOUT ROWID;
