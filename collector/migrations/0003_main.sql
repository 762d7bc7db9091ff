-- Schema 3: the journal of what happened to alerts, written in the transaction that changes them. Notifications are decided on it.

CREATE TABLE events (
  shard       INTEGER NOT NULL,  -- of the alert
  event       INTEGER NOT NULL,  -- order over all alerts, from 1: what has been decided on is known by one number
  alert       INTEGER NOT NULL,  -- the alert
  kind        TEXT NOT NULL,     -- raised, resolved, ended (over when it was stored), reopened, repeated, unknown, known,
                                 -- acknowledged, released, noted
  at_ms       INTEGER NOT NULL,  -- when it was stored
  PRIMARY KEY (shard, event)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX events_in_order ON events (event);
CREATE INDEX events_by_alert ON events (shard, alert, event);
