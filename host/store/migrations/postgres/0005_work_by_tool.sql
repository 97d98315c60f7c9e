-- Work says which tool it is for, and since when it is there: as in `migrations/sqlite`.

ALTER TABLE work
    ADD COLUMN tool     text COLLATE "C" NOT NULL DEFAULT '',  -- its name
    ADD COLUMN digest   text COLLATE "C" NOT NULL DEFAULT '',  -- of its component, as text
    ADD COLUMN since_ms bigint NOT NULL DEFAULT 0;             -- when this was found out

-- For once, of all tenants.
ALTER TABLE executions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE work NO FORCE ROW LEVEL SECURITY;
UPDATE work SET tool = executions.body::json #>> '{tool,name}',
        digest = executions.body::json #>> '{tool,digest}'
    FROM executions
    WHERE executions.tenant = work.tenant AND executions.id = work.execution;
ALTER TABLE work FORCE ROW LEVEL SECURITY;
ALTER TABLE executions FORCE ROW LEVEL SECURITY;

ALTER TABLE work
    ALTER COLUMN tool DROP DEFAULT,
    ALTER COLUMN digest DROP DEFAULT,
    ALTER COLUMN since_ms DROP DEFAULT;
DROP INDEX work_by_time;
CREATE INDEX work_by_tool ON work (tool, digest, at_ms);
