-- Schema 14: an agent that moves within its customer, and every open thread is looked at once.

ALTER TABLE threads ADD COLUMN moved_within INTEGER NOT NULL DEFAULT 0; -- moved_from is a place of the same customer

-- What was taken, or stays on the page, had no time to be looked at, and its Alertmanagers are renewed by that.
UPDATE threads SET due_ms = 0 WHERE ended_ms IS NULL AND due_ms IS NULL;
