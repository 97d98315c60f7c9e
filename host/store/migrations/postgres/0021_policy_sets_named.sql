-- What a version's sealed document is bound to: as in `migrations/sqlite`.
ALTER TABLE policy_sets ADD COLUMN named text COLLATE "C"
    GENERATED ALWAYS AS (encode(policy_set, 'hex')) STORED;
