-- Who changes the policy set and why, and the version that is rolled out: as in `migrations/sqlite`.
ALTER TABLE policy_sets ADD COLUMN cause text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE policy_active ADD COLUMN cause text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE policy_active ADD COLUMN author text COLLATE "C";
ALTER TABLE policy_active ADD COLUMN comment text COLLATE "C" NOT NULL DEFAULT '';

CREATE TABLE policy_rollouts (
    tenant          text COLLATE "C" NOT NULL PRIMARY KEY,
    id              bigint NOT NULL,            -- from 1, one more with each
    number          bigint NOT NULL,            -- the version
    plan            text COLLATE "C" NOT NULL,  -- JSON: how
    cause           text COLLATE "C" NOT NULL,
    author          text COLLATE "C",
    comment         text COLLATE "C" NOT NULL,
    at_ms           bigint NOT NULL,            -- since when, since the Unix epoch
    ended           text COLLATE "C",           -- JSON: when, why and by whom; none while it goes on
    changes         bigint NOT NULL             -- how often one began or ended
);

ALTER TABLE policy_rollouts ENABLE ROW LEVEL SECURITY;
ALTER TABLE policy_rollouts FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON policy_rollouts
    USING (tenant = current_setting('writ.tenant', true))
    WITH CHECK (tenant = current_setting('writ.tenant', true));
CREATE POLICY all_tenants_see ON policy_rollouts FOR SELECT
    USING (current_setting('writ.scope', true) = 'all-tenants');
