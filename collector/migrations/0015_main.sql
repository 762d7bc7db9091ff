-- Schema 15: evidence, who had and who used what when an alert was about to come, came, or ended. Times and sizes are as in the
-- frame (docs/FRAME.md, Evidence); names of programs, units and containers are data of the customer.

CREATE TABLE evidence (          -- one row an Evidence, however many of its parts came
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  run         INTEGER NOT NULL,  -- run that wrote it
  number      INTEGER NOT NULL,  -- which of the run, from 1: its parts have the same
  boot        INTEGER NOT NULL,  -- the boot it was written in: processes of two boots are not compared
  parts       INTEGER NOT NULL,  -- how many there are; one that misses some is shown with the gap
  uptime_ms   INTEGER NOT NULL,  -- when it was written: ages of walk and rows are counted from it
  at_ms       INTEGER NOT NULL,  -- the same as a date, by what was known of the boot's clock on receipt, as alerts have it
  at_clock    TEXT NOT NULL,     -- (what that date is worth)
  received_ms INTEGER NOT NULL,  -- receipt of its first part: order of the lists, and what retention counts from
  flags       INTEGER NOT NULL,  -- bits: 1 walked after the moment, 2 no table, 4 processes hidden, 8 walk cut short
  walk_began_ms INTEGER,         -- the last whole walk; NULL where there was none
  walk_ended_ms INTEGER,
  seen        INTEGER NOT NULL,  -- processes that it saw: how far the lists can be trusted,
  read        INTEGER NOT NULL,  --   and of them those that were read,
  refused     INTEGER NOT NULL,  --   refused by the system,
  gone        INTEGER NOT NULL,  --   over before they were read,
  failed      INTEGER NOT NULL,  --   not readable for another reason
  threads     INTEGER NOT NULL,  -- of those that were read
  PRIMARY KEY (shard, agent, run, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_by_age ON evidence (shard, agent, received_ms, run, number); -- the list of an agent, and its bound
CREATE INDEX evidence_by_receipt ON evidence (received_ms); -- what is past its retention

CREATE TABLE evidence_parts (
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  run         INTEGER NOT NULL,
  number      INTEGER NOT NULL,
  part        INTEGER NOT NULL,  -- from 0
  suspects    BLOB NOT NULL,     -- the records, as in the frame
  PRIMARY KEY (shard, agent, run, number, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE evidence_about (    -- the alerts that it belongs to, which may come later or never (pending)
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  code        INTEGER NOT NULL,  -- looked up from the alert: its code,
  subject     TEXT NOT NULL,     -- subject
  episode     INTEGER NOT NULL,  -- and episode; which of several with the same, and whether a test, is decided by run and time
  run         INTEGER NOT NULL,
  number      INTEGER NOT NULL,
  moment      INTEGER NOT NULL,  -- 1 pending, 2 firing, 3 resolved
  PRIMARY KEY (shard, agent, code, subject, episode, run, number, moment)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_about_by_number ON evidence_about (shard, agent, run, number);
