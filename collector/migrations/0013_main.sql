-- Schema 13: retention counts by time that passed, not by what the clock is set to.

ALTER TABLE upkeep RENAME COLUMN held_ms TO vouched_ms; -- how far time is vouched for: nothing is deleted as if it were later
UPDATE upkeep SET vouched_ms = looked_ms;
ALTER TABLE upkeep ADD COLUMN set_back_to_ms INTEGER;   -- the earliest that a clock showed which was set back far; NULL: none was
ALTER TABLE upkeep ADD COLUMN set_back_at_ms INTEGER;   -- and how far time was vouched for then: what looks old may be of that day
