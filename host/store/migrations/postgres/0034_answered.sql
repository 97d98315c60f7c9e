-- Who has answered which approval: as in `migrations/sqlite`.
CREATE TABLE answered (
    tenant          text COLLATE "C" NOT NULL,
    approver        text COLLATE "C" NOT NULL,  -- folded
    approval        text COLLATE "C" NOT NULL,  -- UUID version 7: sorts by time
    execution       text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, approver, approval)
);

CREATE INDEX answered_by_execution ON answered (tenant, execution);

ALTER TABLE answered ENABLE ROW LEVEL SECURITY;
ALTER TABLE answered FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON answered
    USING (tenant = current_setting('writ.tenant', true))
    WITH CHECK (tenant = current_setting('writ.tenant', true));
