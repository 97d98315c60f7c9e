-- Where each tenant's chain begins, once older events have been removed: as in `migrations/sqlite`.

CREATE TABLE anchors (
    tenant          text COLLATE "C" NOT NULL PRIMARY KEY,
    sequence        bigint NOT NULL,            -- of the last event that was removed
    hash            bytea  NOT NULL,            -- that event's
    until_ms        bigint NOT NULL             -- what had ended before was removed
);

ALTER TABLE anchors ENABLE ROW LEVEL SECURITY;
ALTER TABLE anchors FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON anchors
    USING (tenant = current_setting('writ.tenant', true))
    WITH CHECK (tenant = current_setting('writ.tenant', true));

-- What belongs to an execution is found when that is removed.
CREATE INDEX approvals_by_execution ON approvals (tenant, execution);
CREATE INDEX approval_history_by_execution ON approval_history (tenant, execution);
CREATE INDEX idempotency_by_execution ON idempotency (tenant, execution);
