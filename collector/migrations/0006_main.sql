-- Schema 6: what people are told: decisions on events, threads, the outbox, lists that wait.

CREATE TABLE notify_numbers (    -- one row: counters that a decision moves in its own transaction
  one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  cursor      INTEGER NOT NULL,  -- newest event decided on: everything up to it has its decision
  decision    INTEGER NOT NULL,  -- newest decision: the next gets this plus 1, whatever was pruned
  outgoing    INTEGER NOT NULL,  -- newest message, for the same reason
  fence       INTEGER NOT NULL   -- newest notifier that began: claims of a lower number are of one that is gone
) STRICT;
-- Events from before notifications are history: nobody is mailed about them now.
INSERT INTO notify_numbers (one, cursor, decision, outgoing, fence)
  VALUES (1, (SELECT COALESCE(MAX(event), 0) FROM events), 0, 0, 0);

CREATE TABLE threads (
  shard       INTEGER NOT NULL,  -- of the root alert
  root        INTEGER NOT NULL,  -- the alert that opened the thread: its name
  agent       INTEGER NOT NULL,  -- what it is about: agent (0: a site or receiver),
  subject     TEXT NOT NULL,     -- subject,
  family      TEXT NOT NULL,     -- family of codes, or the code where it has none,
  test        INTEGER NOT NULL,  -- and whether it is a test
  head        INTEGER NOT NULL,  -- the worst open alert: the next message speaks of it
  opened_ms   INTEGER NOT NULL,
  ended_ms    INTEGER,           -- when all of the family had ended: the one resolution is decided then
  first_told_ms INTEGER,         -- escalation and the 'notified' line begin here
  last_told_ms INTEGER,          -- the repeat interval is counted from here
  messages    INTEGER NOT NULL,  -- messages decided: the count in the next Message-ID
  listed      TEXT,              -- digest, group, late, storm: told there last, so its end belongs there too
  level       INTEGER NOT NULL,  -- highest rank told: the next escalation is one above
  untaken_ms  INTEGER,           -- since when people know and nobody took it: escalation counts from here; NULL while taken
  reminded_recovery_ms INTEGER,  -- the promised recovery its taker was reminded of: reminded once each
  reminded_report_ms INTEGER,    -- the promised report, likewise
  quiet       TEXT,              -- why it is kept quiet now (silenced, in_window, suppressed): looked at again when that ends
  quiet_detail INTEGER,          -- by which silence, window or code
  due_ms      INTEGER,           -- when to look at it again; NULL for never
  PRIMARY KEY (shard, root)
) STRICT, WITHOUT ROWID;
-- At most one open thread of a strand.
CREATE UNIQUE INDEX threads_open ON threads (agent, subject, family, test) WHERE ended_ms IS NULL;
CREATE INDEX threads_due ON threads (due_ms) WHERE due_ms IS NOT NULL;

CREATE TABLE decisions (
  shard       INTEGER NOT NULL,  -- of the alert; 0 for a list
  decision    INTEGER NOT NULL,  -- order over all decisions, from 1
  event       INTEGER,           -- the event that it answers; NULL where time asked for it
  alert       INTEGER,           -- what it is about; NULL for a list
  thread      INTEGER,           -- its thread; NULL for a list
  reason      TEXT NOT NULL,     -- why somebody is told, or not: shown on the alert's page
  detail      INTEGER,           -- number that belongs to the reason: a code, silence, window, level, count
  outcome     TEXT NOT NULL,     -- told, listed (waits for a list), quiet
  at_ms       INTEGER NOT NULL,
  PRIMARY KEY (shard, decision)
) STRICT, WITHOUT ROWID;
-- No event is decided on twice.
CREATE UNIQUE INDEX decisions_by_event ON decisions (event) WHERE event IS NOT NULL;
CREATE INDEX decisions_by_alert ON decisions (alert, decision);
CREATE INDEX decisions_by_thread ON decisions (thread, decision);

CREATE TABLE outbox (
  shard       INTEGER NOT NULL,  -- of the alert; 0 for a list
  outgoing    INTEGER NOT NULL,  -- order over all messages, from 1
  decision    INTEGER NOT NULL,  -- the decision that asked for it
  reason      TEXT NOT NULL,     -- as in the decision: what the message says first
  detail      INTEGER,
  alert       INTEGER,           -- NULL for a list
  thread      INTEGER,           -- NULL for a list
  list        TEXT,              -- whose list: customer, or customer/system
  receiver    TEXT NOT NULL,     -- name in the configuration: the address is looked up when it is sent
  channel     TEXT NOT NULL,     -- mail, webhook, alertmanager
  told_to     TEXT NOT NULL,     -- all who are told, as shown, a line each: To
  told_cc     TEXT NOT NULL,     -- Cc
  message_id  TEXT NOT NULL,     -- the same at every try, so that a receiver's software knows a repetition
  refs        TEXT NOT NULL,     -- Message-IDs of the thread that this receiver got, a line each
  nth         INTEGER NOT NULL,  -- which message of the thread
  created_ms  INTEGER NOT NULL,  -- when it was decided
  state       TEXT NOT NULL,     -- queued, claimed, delivered, refused, given_up
  fence       INTEGER NOT NULL,  -- notifier that claimed it last: only that one may say what became of it
  until_ms    INTEGER,           -- when its claim ends
  attempts    INTEGER NOT NULL,  -- tries that ended
  first_try_ms INTEGER,          -- when the first ended: 3 tries within 5 minutes are told to somebody else
  next_try_ms INTEGER NOT NULL,  -- not before this
  done_ms     INTEGER,           -- when it was delivered, refused or given up
  said        TEXT NOT NULL,     -- what the other side said last
  served      TEXT NOT NULL,     -- addresses of the receiver that took it already, a line each: not sent to again
  subject     TEXT NOT NULL,     -- as sent: a receiver may ask that the thread keeps its first
  PRIMARY KEY (shard, outgoing)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX outbox_in_order ON outbox (outgoing);
-- A decision tells a receiver once.
CREATE UNIQUE INDEX outbox_once ON outbox (decision, receiver);
CREATE INDEX outbox_waiting ON outbox (next_try_ms, outgoing) WHERE state IN ('queued', 'claimed');
CREATE INDEX outbox_by_thread ON outbox (thread, outgoing);
CREATE INDEX outbox_by_receiver ON outbox (receiver, created_ms);

CREATE TABLE waiting (           -- alerts that wait for a list
  shard       INTEGER NOT NULL,  -- of the alert
  list        TEXT NOT NULL,     -- digest, late, group, storm
  whose       TEXT NOT NULL,     -- customer, customer/system, or receiver
  alert       INTEGER NOT NULL,
  decision    INTEGER NOT NULL,  -- that put it there: nothing waits without one
  since_ms    INTEGER NOT NULL,
  due_ms      INTEGER NOT NULL,  -- when the list is sent
  PRIMARY KEY (shard, list, whose, alert)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_due ON waiting (list, whose, due_ms);
CREATE INDEX waiting_by_alert ON waiting (alert);

CREATE TABLE listed (            -- which alerts a list that was sent names
  shard       INTEGER NOT NULL,  -- of the alert
  alert       INTEGER NOT NULL,
  outgoing    INTEGER NOT NULL,
  place       INTEGER NOT NULL,  -- order within the message
  PRIMARY KEY (shard, alert, outgoing)
) STRICT, WITHOUT ROWID;
CREATE INDEX listed_by_message ON listed (outgoing, place);
