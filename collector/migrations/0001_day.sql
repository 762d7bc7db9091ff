-- A day file: the raw frames received on one UTC day, schema 1. Committed before the main file; rows at or past the watermark
-- of the main file are remains of a crash and are deleted when the store is opened. Retention deletes the file.

CREATE TABLE frames (
  shard       INTEGER NOT NULL,  -- leads every key, see 0001_main.sql
  agent       INTEGER NOT NULL,
  run         INTEGER NOT NULL,
  stream      INTEGER NOT NULL,  -- 0 alerts, 1 readings, 2 evidence, 3 history
  sequence    INTEGER NOT NULL,
  received_ms INTEGER NOT NULL,  -- receipt
  frame       BLOB NOT NULL,     -- the bytes, kind and uptime included
  PRIMARY KEY (shard, agent, run, stream, sequence)
) STRICT, WITHOUT ROWID;
