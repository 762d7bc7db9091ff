-- Schema 8: joining agents, rotating and revoking their keys, retiring them.

ALTER TABLE agents ADD COLUMN retired_ms INTEGER;     -- since when nobody expects it any more: its keys are refused; NULL while it is watched
ALTER TABLE agents ADD COLUMN used_epoch INTEGER NOT NULL DEFAULT 0; -- highest key epoch that a stored batch named: a batch
                                                      -- with a higher one ends those before it
ALTER TABLE agent_keys ADD COLUMN used_ms INTEGER;    -- when the first batch with it was stored
ALTER TABLE agent_keys ADD COLUMN ends_ms INTEGER;    -- refused from then on: revoked, or followed by a newer epoch; NULL for no end

CREATE TABLE join_tokens (       -- of no agent: it makes agents, so no shard leads its key
  token       INTEGER PRIMARY KEY, -- number in the token's text, for people and for looking it up
  hash        BLOB NOT NULL,     -- SHA-256 of the secret: the token itself is stored nowhere
  customer    TEXT NOT NULL,     -- where agents that join with it belong
  system      TEXT NOT NULL,
  uses        INTEGER NOT NULL,  -- how many may join
  used        INTEGER NOT NULL,  -- how many did
  created_ms  INTEGER NOT NULL,  -- when it was made
  ends_ms     INTEGER NOT NULL,  -- good until then
  revoked_ms  INTEGER            -- taken back before that
) STRICT;
