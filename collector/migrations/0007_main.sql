-- Schema 7: who may come in. People and programs belong to no agent, so no shard leads these keys. Secrets are not stored: of a
-- password its argon2id hash, of everything random its SHA-256 (256 random bits need no slow hash).

CREATE TABLE accounts (
  name        TEXT PRIMARY KEY,  -- what the person logs in with, and what the single-sign-on proxy says; kept for ever, since notes name it
  password    TEXT,              -- argon2id as a PHC string, parameters and salt within; NULL where only the proxy lets the person in
  role        TEXT NOT NULL,     -- viewer, operator, admin
  sees_all    INTEGER NOT NULL,  -- 1: all customers; 0: those of account_customers, and where there are none, nothing
  language    TEXT,              -- ja, en; NULL for what the browser asks for
  disabled    INTEGER NOT NULL,  -- 1: it cannot come in; its sessions are deleted with that
  created_ms  INTEGER NOT NULL   -- when it was added
) STRICT, WITHOUT ROWID;

CREATE TABLE account_customers ( -- whose systems an account sees
  account     TEXT NOT NULL,
  customer    TEXT NOT NULL,     -- as in agents.customer
  PRIMARY KEY (account, customer)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (          -- logins that hold
  digest      BLOB PRIMARY KEY,  -- SHA-256 of the cookie: whoever reads the store cannot come in with it
  account     TEXT NOT NULL,     -- whose; role and scope are looked up there each time, so that a change holds at once
  created_ms  INTEGER NOT NULL,  -- when the password was given: the absolute end counts from here
  used_ms     INTEGER NOT NULL   -- last use, to a minute: the end for idleness counts from here
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_account ON sessions (account, used_ms); -- their number is bounded: the one used longest ago ends

CREATE TABLE api_tokens (        -- what lets programs in
  name        TEXT PRIMARY KEY,  -- for people, and for revoking it
  digest      BLOB NOT NULL,     -- SHA-256 of the token, which is shown once
  role        TEXT NOT NULL,     -- viewer, operator, admin
  sees_all    INTEGER NOT NULL,  -- as of accounts
  created_ms  INTEGER NOT NULL,  -- when it was made
  created_by  TEXT NOT NULL,     -- by which account, or on the command line
  expires_ms  INTEGER,           -- from when on it is refused; NULL for never
  used_ms     INTEGER            -- last use, to a minute: tells which ones nobody needs any more
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX api_tokens_by_digest ON api_tokens (digest); -- each request looks its token up by this

CREATE TABLE token_customers (   -- whose systems a token sees
  token       TEXT NOT NULL,
  customer    TEXT NOT NULL,
  PRIMARY KEY (token, customer)
) STRICT, WITHOUT ROWID;

CREATE TABLE setup_link (        -- under which the first account is made; at most one row
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  digest      BLOB NOT NULL,     -- SHA-256 of its key
  expires_ms  INTEGER NOT NULL   -- from when on it is refused
) STRICT, WITHOUT ROWID;
