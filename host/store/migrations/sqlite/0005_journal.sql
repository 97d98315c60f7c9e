-- What running tools were answered: a row for each host call of an execution, appended.
CREATE TABLE journal (
    tenant          TEXT    NOT NULL,
    execution       TEXT    NOT NULL,
    number          INTEGER NOT NULL,     -- from 0, without a gap
    body            TEXT    NOT NULL,     -- canonical JSON (RFC 8785): all of the entry
    PRIMARY KEY (tenant, execution, number)
) STRICT;

-- Executions whose tool a host may run, from some time on.
CREATE TABLE work (
    tenant          TEXT    NOT NULL,
    execution       TEXT    NOT NULL,
    at_ms           INTEGER NOT NULL,     -- since the Unix epoch; 0: at once
    PRIMARY KEY (tenant, execution)
) STRICT, WITHOUT ROWID;

CREATE INDEX work_by_time ON work (at_ms);
