-- Everything that hosts share. What is what is said in `migrations/sqlite`, table by table; here is
-- what differs. Texts are kept as bytes compare (`COLLATE "C"`), with U+0000 written as `\0` and a
-- backslash as `\\`, since PostgreSQL's texts cannot hold the former.

CREATE TABLE decisions (
    tenant          text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,  -- UUID version 7: sorts by time
    received_at_ms  bigint NOT NULL,            -- since the Unix epoch
    request_id      text COLLATE "C",
    trace_id        text COLLATE "C",
    request_digest  bytea  NOT NULL,            -- SHA-256 of the request's canonical JSON
    subject_type    text COLLATE "C" NOT NULL,
    subject_id      text COLLATE "C" NOT NULL,
    action          text COLLATE "C" NOT NULL,
    resource_type   text COLLATE "C" NOT NULL,
    resource_id     text COLLATE "C" NOT NULL,
    policy_set      bytea  NOT NULL,            -- SHA-256
    outcome         text COLLATE "C" NOT NULL,
    policies        text COLLATE "C" NOT NULL,  -- JSON: what each policy said, in binding order
    PRIMARY KEY (tenant, id)
);

-- A row for each namespace of storage: how much it holds, and a lock on all of it. Whoever writes
-- there, or counts on nothing being written there, holds this row until its transaction ends.
CREATE TABLE namespaces (
    tenant          text COLLATE "C" NOT NULL,
    binding         text COLLATE "C" NOT NULL,
    keys            bigint NOT NULL,            -- with a value
    bytes           bigint NOT NULL,            -- of those keys and their values
    generation      bigint NOT NULL,            -- grows whenever a listing could have changed
    PRIMARY KEY (tenant, binding)
);

CREATE TABLE storage (
    tenant          text COLLATE "C" NOT NULL,
    binding         text COLLATE "C" NOT NULL,
    key             bytea  NOT NULL,
    version         bigint NOT NULL,            -- grows by one with each write and deletion
    expires_at_ms   bigint,                     -- none: never
    sweep_at_ms     bigint,                     -- when the row may be removed; none: never
    value           bytea,                      -- none: deleted, and kept for its version
    PRIMARY KEY (tenant, binding, key)
);

CREATE INDEX storage_to_sweep ON storage (sweep_at_ms) WHERE sweep_at_ms IS NOT NULL;

CREATE TABLE executions (
    tenant          text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,  -- UUID version 7: sorts by time
    status          text COLLATE "C" NOT NULL,
    requester       text COLLATE "C" NOT NULL,  -- folded
    version         bigint NOT NULL,            -- grows by one with every transition
    due_at_ms       bigint,                     -- when time next changes it; none: never
    body            text COLLATE "C" NOT NULL,  -- canonical JSON (RFC 8785): all of the execution
    leased_by       text COLLATE "C",           -- the host that looks at what is due
    leased_until    timestamptz,                -- by the database's clock; none: nobody does
    PRIMARY KEY (tenant, id)
);

CREATE INDEX executions_by_status ON executions (tenant, status, id);
CREATE INDEX executions_by_requester ON executions (tenant, requester, id);
CREATE INDEX executions_by_requester_and_status ON executions (tenant, requester, status, id);
CREATE INDEX executions_due ON executions (due_at_ms) WHERE due_at_ms IS NOT NULL;

CREATE TABLE approvals (
    tenant          text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,  -- UUID version 7: sorts by time
    execution       text COLLATE "C" NOT NULL,
    state           text COLLATE "C" NOT NULL,
    opened_at_ms    bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE INDEX approvals_pending ON approvals (tenant, id) WHERE state = 'pending';
CREATE INDEX approvals_ended ON approvals (tenant, id) WHERE state <> 'pending';

CREATE TABLE asked (
    tenant          text COLLATE "C" NOT NULL,
    approver        text COLLATE "C" NOT NULL,  -- `user:` or `group:`, and the folded name
    approval        text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, approver, approval)
);

CREATE TABLE approval_history (
    tenant          text COLLATE "C" NOT NULL,
    subject_type    text COLLATE "C" NOT NULL,
    subject_id      text COLLATE "C" NOT NULL,
    action          text COLLATE "C" NOT NULL,
    resource_type   text COLLATE "C" NOT NULL,
    resource_id     text COLLATE "C" NOT NULL,
    opened_at_ms    bigint NOT NULL,            -- since the Unix epoch
    approval        text COLLATE "C" NOT NULL,
    execution       text COLLATE "C" NOT NULL,
    about           bytea  NOT NULL,            -- SHA-256 of the five texts: an index has its bounds
    PRIMARY KEY (tenant, about, opened_at_ms, approval)
);

-- Where each tenant's chain of events ends, and the lock on its end.
CREATE TABLE chains (
    tenant          text COLLATE "C" NOT NULL PRIMARY KEY,
    sequence        bigint NOT NULL,            -- the last event's; 0 before the first
    hash            bytea  NOT NULL
);

CREATE TABLE events (
    tenant          text COLLATE "C" NOT NULL,
    sequence        bigint NOT NULL,            -- from 1, without a gap
    execution       text COLLATE "C" NOT NULL,
    at_ms           bigint NOT NULL,
    body            text COLLATE "C" NOT NULL,  -- canonical JSON (RFC 8785): all but the hash
    hash            bytea  NOT NULL,            -- SHA-256 of the body
    PRIMARY KEY (tenant, sequence)
);

CREATE INDEX events_by_execution ON events (tenant, execution, sequence);

CREATE TABLE idempotency (
    tenant          text COLLATE "C" NOT NULL,
    requester       text COLLATE "C" NOT NULL,  -- folded
    key             text COLLATE "C" NOT NULL,
    body            bytea  NOT NULL,            -- SHA-256 of what was sent
    execution       text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, requester, key)
);

CREATE TABLE api_keys (
    id              text COLLATE "C" NOT NULL PRIMARY KEY,  -- public; part of the key's text
    tenant          text COLLATE "C" NOT NULL,
    person          text COLLATE "C" NOT NULL,
    roles           text COLLATE "C" NOT NULL,  -- JSON: a list of names
    person_groups   text COLLATE "C" NOT NULL,  -- JSON: a list of names
    secret          bytea  NOT NULL,            -- SHA-256 of 256 random bits
    created_at_ms   bigint NOT NULL,            -- since the Unix epoch
    expires_at_ms   bigint,                     -- none: never
    revoked_at_ms   bigint                      -- none: it was not
);

-- Always empty: written within a transaction to tell whether that works.
CREATE TABLE probes (filler bytea NOT NULL);

-- A transaction sees and changes one tenant's rows: those of the tenant that it names in the setting
-- `writ.tenant`. This holds for the tables' owner too, and only superusers and roles with BYPASSRLS
-- are beyond it.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'decisions', 'namespaces', 'storage', 'executions', 'approvals', 'asked',
        'approval_history', 'chains', 'events', 'idempotency', 'api_keys'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY one_tenant ON %I
                USING (tenant = current_setting(''writ.tenant'', true))
                WITH CHECK (tenant = current_setting(''writ.tenant'', true))',
            name
        );
    END LOOP;
END
$$;

-- What serves all tenants says so in the setting `writ.scope`, and sees no more than it needs: what
-- is due and what may be swept, and how many events and keys there are.
CREATE POLICY all_tenants_see ON executions FOR SELECT
    USING (current_setting('writ.scope', true) = 'all-tenants');
CREATE POLICY all_tenants_lease ON executions FOR UPDATE
    USING (current_setting('writ.scope', true) = 'all-tenants');
CREATE POLICY all_tenants_see ON storage FOR SELECT
    USING (current_setting('writ.scope', true) = 'all-tenants');
CREATE POLICY all_tenants_see ON chains FOR SELECT
    USING (current_setting('writ.scope', true) = 'all-tenants');
CREATE POLICY all_tenants_see ON api_keys FOR SELECT
    USING (current_setting('writ.scope', true) = 'all-tenants');
