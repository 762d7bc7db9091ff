-- Schema 16: whom the kernel killed for memory (docs/FRAME.md, Victim). Texts are the host's, escaped; names of programs, units,
-- groups and containers are data of the customer.

CREATE TABLE victims (
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  boot        INTEGER NOT NULL,  -- the record's number is of this boot:
  sequence    INTEGER NOT NULL,  --   an agent that starts anew and reads the kernel's log again tells nothing twice
  run         INTEGER NOT NULL,  -- run that told it first
  at_ms       INTEGER NOT NULL,  -- when, by what was known of the boot's clock on receipt, as alerts have it
  at_clock    TEXT NOT NULL,     -- (what that date is worth)
  received_ms INTEGER NOT NULL,  -- receipt: order of the lists, and what retention counts from
  pid         INTEGER NOT NULL,
  name        TEXT NOT NULL,
  uid         INTEGER,           -- NULL where the kernel did not say it
  oom_score_adj INTEGER,
  anonymous_kib INTEGER NOT NULL,
  file_kib    INTEGER NOT NULL,
  shared_kib  INTEGER,
  short       INTEGER NOT NULL,  -- 0 unknown, 1 the host's memory, 2 its control group at the limit, 3 its nodes
  control_group TEXT NOT NULL,   -- the group at its limit; empty where it was none
  unit        TEXT,
  container   TEXT,
  PRIMARY KEY (shard, agent, boot, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX victims_by_age ON victims (shard, agent, received_ms, boot, sequence); -- the list of an agent, and its bound
CREATE INDEX victims_by_time ON victims (shard, agent, at_ms); -- those of an alert
CREATE INDEX victims_by_receipt ON victims (received_ms); -- what is past its retention
