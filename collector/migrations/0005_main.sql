-- Schema 5: what people did about alerts. Silences, windows, the audit and the secrets of links belong to no agent: they have no
-- shard, as `leases` has none. Names and texts are what people wrote, checked for length and control characters before.

CREATE TABLE acknowledgements ( -- who took an alert, one row each time somebody did or said something new
  shard       INTEGER NOT NULL, -- of the alert
  alert       INTEGER NOT NULL, -- the alert
  number      INTEGER NOT NULL, -- from 1 within the alert: the order of who had it
  person      TEXT NOT NULL,    -- whoever took it: the first question at night
  via         TEXT NOT NULL,    -- page, link, api, command: a link proves possession of a mail, not a login
  at_ms       INTEGER NOT NULL, -- when
  recovery_ms INTEGER,          -- when they expect it to be over; NULL where they did not say
  report_ms   INTEGER,          -- when they report next; NULL where they did not say
  text        TEXT NOT NULL,    -- what they said, told in the thread
  over        INTEGER NOT NULL, -- 1: the alert was over already, which the page and the audit say
  request     TEXT,             -- name of the request: sent again it changes nothing; NULL where it had none
  ended_ms    INTEGER,          -- until when it held; NULL while it does
  ended_by    TEXT,             -- who ended it: a takeover names both
  ended_how   TEXT,             -- released, taken_over, renewed
  PRIMARY KEY (shard, alert, number)
) STRICT, WITHOUT ROWID;
-- One person at most has an alert.
CREATE UNIQUE INDEX acknowledgements_open ON acknowledgements (shard, alert) WHERE ended_ms IS NULL;

CREATE TABLE silences (          -- times in which nobody is told of certain alerts; never deleted: reports name them
  silence     INTEGER PRIMARY KEY, -- its number, for people
  customer    TEXT,             -- what must fit, NULL fits all: customer,
  system      TEXT,             --   system of the customer,
  agent       TEXT,             --   name of the agent,
  code        INTEGER,          --   code,
  subject     TEXT,             --   and pattern of the subject
  from_ms     INTEGER NOT NULL, -- from
  until_ms    INTEGER NOT NULL, -- until, not included; bounded, so that nobody forgets one for ever
  reason      TEXT NOT NULL,    -- why: asked for in every report
  person      TEXT NOT NULL,    -- by whom
  via         TEXT NOT NULL,    -- by which way
  created_ms  INTEGER NOT NULL, -- when it was made
  ended_ms    INTEGER,          -- ended early; NULL where not
  ended_by    TEXT              -- by whom
) STRICT;
CREATE INDEX silences_by_end ON silences (until_ms);

CREATE TABLE windows (           -- announced times; never deleted: reports name them
  number      INTEGER PRIMARY KEY, -- its number, for people
  kind        TEXT NOT NULL,    -- maintenance (silences, a stop is planned), event (silences nothing, is shown)
  customer    TEXT NOT NULL,    -- what it is about: a customer,
  system      TEXT,             --   a system, NULL for all,
  site        TEXT,             --   a site, NULL for all,
  agent       TEXT,             --   the name of an agent, NULL for all
  from_ms     INTEGER NOT NULL, -- from; of a weekly one nothing before it
  until_ms    INTEGER,          -- until, not included; of a weekly one nothing after it, NULL where it goes on
  days        INTEGER,          -- NULL once; weekly: bits of the days on which it begins, 1 is Monday, 64 Sunday
  from_minute INTEGER,          -- weekly: minute of the day at which it begins,
  until_minute INTEGER,         --   and ends; on the next day where it is not later
  offset_minutes INTEGER,       -- weekly: distance of its clock from UTC, so that it means the same on any host
  ja          TEXT NOT NULL,    -- title or reason in Japanese; '' where only the other is given
  en          TEXT NOT NULL,    -- the same in English
  person      TEXT NOT NULL,    -- by whom
  via         TEXT NOT NULL,    -- by which way
  created_ms  INTEGER NOT NULL, -- when it was made: what was announced afterwards was not announced
  cut_ms      INTEGER,          -- weekly: the occurrence that held then was ended early; the next one comes all the same
  ended_ms    INTEGER,          -- ended for good; NULL where not
  ended_by    TEXT              -- by whom
) STRICT;
CREATE INDEX windows_by_end ON windows (until_ms);

CREATE TABLE notes (             -- what people wrote down; never changed, so that the report can quote it
  shard       INTEGER NOT NULL, -- of the alert or agent; 0 for a system
  note        INTEGER NOT NULL, -- order over all notes
  kind        TEXT NOT NULL,    -- what it stands on: alert, agent, system
  id          INTEGER NOT NULL, -- identity of the alert or agent; 0 for a system
  customer    TEXT NOT NULL,    -- of the system; '' otherwise
  system      TEXT NOT NULL,    -- name of the system; '' otherwise
  person      TEXT NOT NULL,    -- by whom
  via         TEXT NOT NULL,    -- by which way
  at_ms       INTEGER NOT NULL, -- when
  text        TEXT NOT NULL,    -- the note
  PRIMARY KEY (shard, note)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX notes_in_order ON notes (note);
CREATE INDEX notes_by_place ON notes (shard, kind, id, customer, system, note);

CREATE TABLE audit (             -- every action of a person
  entry       INTEGER PRIMARY KEY, -- order; without gaps, so that a missing one is seen
  at_ms       INTEGER NOT NULL, -- when
  person      TEXT NOT NULL,    -- who
  via         TEXT NOT NULL,    -- by which way
  action      TEXT NOT NULL,    -- what was done
  target      TEXT NOT NULL,    -- to what
  customer    TEXT NOT NULL,    -- whose it is: exported by customer; '' where it concerns no single one
  detail      TEXT NOT NULL     -- details as key=value
) STRICT;
CREATE INDEX audit_by_customer ON audit (customer, at_ms, entry);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

CREATE TABLE link_secrets (      -- secrets that sign links; here and not in a file, so that collectors on one store share them
  number      INTEGER PRIMARY KEY, -- which: links name it
  secret      BLOB NOT NULL,    -- 32 random bytes; who has them can take alerts for a day, nothing else
  created_ms  INTEGER NOT NULL  -- the highest number signs; what an older one signed later than this of its follower is refused
) STRICT;
