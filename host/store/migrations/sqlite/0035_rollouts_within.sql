-- The version within which a single binding of another is tried: once another decides, the rollout ends.
ALTER TABLE policy_rollouts ADD COLUMN within INTEGER;
