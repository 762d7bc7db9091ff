-- Schema 12: messages of a thread in their order, threads whose agent went to another customer, clocks that were set back,
-- and what is past its retention found without walking through what is not.

ALTER TABLE threads ADD COLUMN told_from INTEGER NOT NULL DEFAULT 0; -- messages up to this one were to people of another customer
ALTER TABLE threads ADD COLUMN moved_from TEXT; -- CUSTOMER/SYSTEM/NAME that its agent left: to be decided on; NULL otherwise
CREATE INDEX threads_moved ON threads (root) WHERE moved_from IS NOT NULL;
CREATE INDEX threads_by_end ON threads (ended_ms) WHERE ended_ms IS NOT NULL;

ALTER TABLE notify_numbers ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0; -- newest moment of a step: a clock before it was set back

-- The unsettled messages of a thread to a receiver: a later one waits for an earlier one.
CREATE INDEX outbox_behind ON outbox (receiver, thread, outgoing) WHERE state IN ('queued', 'claimed');

CREATE INDEX decisions_by_time ON decisions (at_ms);
CREATE INDEX events_by_time ON events (at_ms);
