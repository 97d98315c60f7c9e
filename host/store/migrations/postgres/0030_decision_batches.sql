-- Decisions as they become durable, in chains of their own: as in `migrations/sqlite`.
CREATE TABLE decision_batches (
    tenant          text COLLATE "C" NOT NULL,
    strand          text COLLATE "C" NOT NULL,
    number          bigint NOT NULL,            -- its place in the strand, from 1
    first_id        text COLLATE "C" NOT NULL,  -- the lowest and the highest id
    last_id         text COLLATE "C" NOT NULL,
    from_ms         bigint NOT NULL,            -- when its requests were received
    until_ms        bigint NOT NULL,
    decisions       bigint NOT NULL,            -- how many
    digests         bytea  NOT NULL,            -- SHA-256 of each record, in the order of commitment
    previous        bytea  NOT NULL,            -- hash of the batch before
    hash            bytea  NOT NULL,            -- SHA-256 of that one and the digests
    body            text COLLATE "C" NOT NULL,  -- the records, each a line of JSON
    PRIMARY KEY (tenant, strand, number)
);

CREATE INDEX decision_batches_by_id ON decision_batches (tenant, last_id, strand, number, first_id);

-- Where each strand begins and ends. A transaction of one host moves the end, and only from where that
-- host knows it to be.
CREATE TABLE decision_strands (
    tenant          text COLLATE "C" NOT NULL,
    strand          text COLLATE "C" NOT NULL,
    number          bigint NOT NULL,            -- of the last batch that was removed; 0: none was
    hash            bytea  NOT NULL,
    until_ms        bigint NOT NULL,
    end_number      bigint NOT NULL,            -- of the last batch
    end_hash        bytea  NOT NULL,
    end_until_ms    bigint NOT NULL,
    PRIMARY KEY (tenant, strand)
) WITH (fillfactor = 50);                       -- room for what changes with every commit

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['decision_batches', 'decision_strands'] LOOP
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
