-- The version within which a single binding of another is tried: as in `migrations/sqlite`.
ALTER TABLE policy_rollouts ADD COLUMN within bigint;
