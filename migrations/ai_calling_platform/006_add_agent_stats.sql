-- What an agent's calls amount to. Agents that are there already begin with none.

ALTER TABLE agents
  ADD COLUMN total_calls integer NOT NULL DEFAULT 0,
  ADD COLUMN total_duration double precision NOT NULL DEFAULT 0,
  ADD COLUMN avg_duration double precision NOT NULL DEFAULT 0,
  ADD COLUMN success_rate double precision NOT NULL DEFAULT 0;

COMMENT ON COLUMN agents.total_duration IS 'Seconds';
COMMENT ON COLUMN agents.avg_duration IS 'Seconds';
COMMENT ON COLUMN agents.success_rate IS '0 to 1';
