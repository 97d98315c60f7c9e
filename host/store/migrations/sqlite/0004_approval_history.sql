-- What people were asked about: finds earlier approvals about the same, newest first.
CREATE TABLE approval_history (
    tenant          TEXT    NOT NULL,
    subject_type    TEXT    NOT NULL,
    subject_id      TEXT    NOT NULL,
    action          TEXT    NOT NULL,
    resource_type   TEXT    NOT NULL,
    resource_id     TEXT    NOT NULL,
    opened_at_ms    INTEGER NOT NULL,     -- since the Unix epoch
    approval        TEXT    NOT NULL,
    execution       TEXT    NOT NULL,
    PRIMARY KEY (
        tenant, subject_type, subject_id, action, resource_type, resource_id, opened_at_ms, approval
    )
) STRICT, WITHOUT ROWID;

INSERT INTO approval_history
SELECT
    approvals.tenant,
    body ->> '$.request.subject.type',
    body ->> '$.request.subject.id',
    body ->> '$.request.action.name',
    body ->> '$.request.resource.type',
    body ->> '$.request.resource.id',
    opened_at_ms,
    approvals.id,
    execution
FROM approvals
JOIN executions ON executions.tenant = approvals.tenant AND executions.id = approvals.execution;
