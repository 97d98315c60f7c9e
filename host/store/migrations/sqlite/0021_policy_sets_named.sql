-- What a version's sealed document is bound to: a text, as in other tables whose columns are sealed.
ALTER TABLE policy_sets ADD COLUMN named TEXT GENERATED ALWAYS AS (lower(hex(policy_set))) VIRTUAL;
