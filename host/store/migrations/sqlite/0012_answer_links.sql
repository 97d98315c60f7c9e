-- Links by which people answer from a letter: one a letter, for one stage of one approval.
CREATE TABLE answer_links (
    tenant          TEXT    NOT NULL,
    token           BLOB    NOT NULL,     -- SHA-256 of what the letter holds
    channel         TEXT    NOT NULL,
    execution       TEXT    NOT NULL,
    approval        TEXT    NOT NULL,
    stage           INTEGER NOT NULL,     -- from 0
    person          TEXT    NOT NULL,     -- who answers with it
    is_sent         INTEGER NOT NULL,     -- 1: the letter was taken
    PRIMARY KEY (tenant, token)
) STRICT, WITHOUT ROWID;

CREATE INDEX answer_links_by_execution ON answer_links (tenant, execution);
