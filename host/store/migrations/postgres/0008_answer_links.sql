-- Links by which people answer from a letter: as in `migrations/sqlite`.
CREATE TABLE answer_links (
    tenant          text COLLATE "C" NOT NULL,
    token           bytea NOT NULL,             -- SHA-256 of what the letter holds
    channel         text COLLATE "C" NOT NULL,
    execution       text COLLATE "C" NOT NULL,
    approval        text COLLATE "C" NOT NULL,
    stage           bigint NOT NULL,            -- from 0
    person          text COLLATE "C" NOT NULL,  -- who answers with it
    is_sent         boolean NOT NULL,           -- the letter was taken
    PRIMARY KEY (tenant, token)
);

CREATE INDEX answer_links_by_execution ON answer_links (tenant, execution);

ALTER TABLE answer_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE answer_links FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON answer_links
    USING (tenant = current_setting('writ.tenant', true))
    WITH CHECK (tenant = current_setting('writ.tenant', true));
