-- Schema 2: why frames were refused, so that the Loss which the agent puts in their place keeps the reason.

CREATE TABLE refusals (          -- frames named as refused in the newest answer about their stream; gone with their Loss
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  run         INTEGER NOT NULL,
  stream      INTEGER NOT NULL,
  sequence    INTEGER NOT NULL,  -- the frame
  reason      TEXT NOT NULL,     -- malformed, wrong_stream
  PRIMARY KEY (shard, agent, run, stream, sequence)
) STRICT, WITHOUT ROWID;
