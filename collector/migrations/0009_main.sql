-- Schema 9: how the collector looks after itself: what it forgets, the daily mail, the newest backup.

CREATE TABLE upkeep (             -- one row
  one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  looked_ms   INTEGER,           -- when was last looked for what is past its retention: a clock that jumped ahead is seen by it
  held_ms     INTEGER,           -- nothing is deleted before this, because the clock jumped; NULL where it did not
  audit_before_ms INTEGER NOT NULL, -- entries of the audit before this may be deleted: retention sets it, the trigger below asks it
  backup_ms   INTEGER,           -- when `backup` last ended well; NULL: never
  backup_bytes INTEGER NOT NULL  -- and how much it copied
) STRICT;
INSERT INTO upkeep (one, audit_before_ms, backup_bytes) VALUES (1, 0, 0);

CREATE TABLE dailies (            -- daily mails decided on: each day once, and the figures from which the next one counts
  day         INTEGER NOT NULL PRIMARY KEY, -- days since 1970 on the clock of the pages' zone
  decided_ms  INTEGER NOT NULL,  -- when
  frames      INTEGER NOT NULL,  -- frames stored until then
  lost        INTEGER NOT NULL   -- frames lost until then
) STRICT;

-- Figures of the daily mail, and what is past its retention.
CREATE INDEX outbox_by_end ON outbox (done_ms) WHERE done_ms IS NOT NULL;

-- The audit is never changed, and forgets its oldest entries only after the retention.
DROP TRIGGER audit_is_not_deleted;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
  WHEN OLD.at_ms >= (SELECT audit_before_ms FROM upkeep)
  BEGIN SELECT RAISE(ABORT, 'the audit is append-only until the retention of an entry ends'); END;
