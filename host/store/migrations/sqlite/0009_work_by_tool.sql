-- Work says which tool it is for, so that each host finds what it has the tools for, and since when it
-- is there to be done.
DROP INDEX work_by_time;
ALTER TABLE work RENAME TO work_of_any_tool;

CREATE TABLE work (
    tenant          TEXT    NOT NULL,
    execution       TEXT    NOT NULL,
    tool            TEXT    NOT NULL,     -- its name
    digest          TEXT    NOT NULL,     -- of its component, as text
    at_ms           INTEGER NOT NULL,     -- since the Unix epoch; 0: at once
    since_ms        INTEGER NOT NULL,     -- when this was found out
    PRIMARY KEY (tenant, execution)
) STRICT, WITHOUT ROWID;

INSERT INTO work (tenant, execution, tool, digest, at_ms, since_ms)
    SELECT work_of_any_tool.tenant, execution, json_extract(body, '$.tool.name'),
        json_extract(body, '$.tool.digest'), at_ms, 0
    FROM work_of_any_tool JOIN executions
        ON executions.tenant = work_of_any_tool.tenant AND executions.id = execution;

DROP TABLE work_of_any_tool;
CREATE INDEX work_by_tool ON work (tool, digest, at_ms);
