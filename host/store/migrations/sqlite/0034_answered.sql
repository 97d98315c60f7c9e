-- Who has answered which approval, so that people find what they have answered.
CREATE TABLE answered (
    tenant          TEXT    NOT NULL,
    approver        TEXT    NOT NULL,     -- folded
    approval        TEXT    NOT NULL,     -- UUID version 7: sorts by time
    execution       TEXT    NOT NULL,
    PRIMARY KEY (tenant, approver, approval)
) STRICT, WITHOUT ROWID;

CREATE INDEX answered_by_execution ON answered (tenant, execution);
