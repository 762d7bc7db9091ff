-- Schema 10: what changed about an agent, for the last 30 days of its mails and pages; when keys change.

CREATE TABLE agent_past (        -- a row for each boot and each change of the configuration; the newest PAST_KEPT of an agent
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  at_ms       INTEGER NOT NULL,  -- when the boot began; when the Hello with the new configuration was stored
  kind        INTEGER NOT NULL,  -- 0 boot, 1 configuration
  value       INTEGER NOT NULL,  -- boot, or hash of the effective rules
  PRIMARY KEY (shard, agent, at_ms, kind, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE key_changes (       -- of no agent: a running serve compares the number, and forgets the keys that it remembers
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  number      INTEGER NOT NULL   -- grows with each key that is made or ended, and each agent retired or expected again
) STRICT;
INSERT INTO key_changes (one, number) VALUES (1, 0);
