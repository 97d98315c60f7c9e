-- What a transition of one execution calls for at another: a row for each, until it is done.
CREATE TABLE errands (
    tenant          TEXT    NOT NULL,
    id              TEXT    NOT NULL,     -- of the execution and the version that it comes from
    kind            TEXT    NOT NULL,     -- tell-caller, call-off
    caller          TEXT    NOT NULL,     -- the execution that called
    call            TEXT,                 -- the execution that was called, where it is known
    at_ms           INTEGER NOT NULL,     -- since the Unix epoch; not to be tried before
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX errands_by_time ON errands (at_ms);

-- Whoever waits for a call may not have been told of its end before there were errands.
INSERT INTO errands (tenant, id, kind, caller, call, at_ms)
    SELECT tenant, id || '.0.tell-caller', 'tell-caller', id,
        json_extract(body, '$.status.awaits.id'), 0
    FROM executions
    WHERE status = 'suspended' AND json_extract(body, '$.status.awaits.kind') = 'execution';
