-- Main file of the store, schema 1. Every key begins with `shard` (a byte of a hash of the agent), so that the tables can be
-- spread over servers later; nothing spans shards but `schema` and `leases`. Identities of 64 bits (agent, run, boot) are
-- stored as signed integers of the same bits. Times are milliseconds since 1970 UTC, uptimes milliseconds since boot.

CREATE TABLE leases (            -- who may write; one role on SQLite
  role        TEXT PRIMARY KEY,  -- 'writer'
  fencing     INTEGER NOT NULL,  -- rises with every taker: a writer that finds a higher one has been replaced and stops
  holder      TEXT NOT NULL,     -- process and start, for people
  taken_ms    INTEGER NOT NULL,  -- since when
  committed_ms INTEGER NOT NULL DEFAULT 0, -- the collector's time at the last transaction with frames: day files since are mended
  proved_ms   INTEGER NOT NULL DEFAULT 0 -- when a health check last proved that a write reaches the disk
) STRICT;

CREATE TABLE agents (
  shard        INTEGER NOT NULL,
  agent        INTEGER NOT NULL, -- random identity, given by `agent add`, never reused: rows are never deleted
  customer     TEXT NOT NULL,    -- whose
  system       TEXT NOT NULL,    -- which of the customer's systems
  name         TEXT NOT NULL,    -- what people call it; unique in the system
  created_ms   INTEGER NOT NULL, -- when it was added
  current_run  INTEGER,          -- run that speaks for it: last-seen and clock offset follow this one only
  last_seen_ms INTEGER,          -- receipt of the newest batch of the current run; presence judges by it
  stated_run   INTEGER,          -- newest run whose State was complete: older runs cannot contradict it
  stated_ms    INTEGER,          -- date of that State: the end of alerts that it does not name
  stated_clock TEXT,             -- what that date is worth
  runs         INTEGER NOT NULL, -- runs heard of: the next arrival number
  alerts       INTEGER NOT NULL, -- alerts stored: the next alert's identity is hashed from it
  version      TEXT,             -- the rest is the Hello of its newest run; NULL before the first
  host         TEXT,             -- host name
  kernel       TEXT,             -- uname -r
  architecture TEXT,             -- uname -m
  cores        INTEGER,          -- processors on line
  memory_total_kib INTEGER,      -- total memory
  sample_interval_ms INTEGER,    -- how often it looks
  report_interval_ms INTEGER,    -- how often it records for the collector
  post_interval_ms INTEGER,      -- how often it promises to post: presence judges by it
  registry_version INTEGER,      -- its registry of codes: another than ours is shown
  registry_hash INTEGER,         -- its letters and numbers
  config_hash  INTEGER,          -- its effective rules
  machine_id_hash INTEGER,       -- tells two machines with one identity apart
  flags        INTEGER,          -- what it works without (disk ring, locked memory, tmpfs)
  PRIMARY KEY (shard, agent)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX agents_by_name ON agents (customer, system, name);

CREATE TABLE agent_keys (
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  epoch       INTEGER NOT NULL,  -- rises with each rotation; the batch names it
  master      INTEGER NOT NULL,  -- which master the key is derived from: keys themselves are stored nowhere
  created_ms  INTEGER NOT NULL,  -- when
  PRIMARY KEY (shard, agent, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  run         INTEGER NOT NULL,  -- random, one a start of the watcher
  boot        INTEGER NOT NULL,  -- the boot it ran in: dates its uptimes
  arrival     INTEGER NOT NULL,  -- order in which it was first heard of
  number      INTEGER,           -- run number of its Hello: orders runs; NULL where the Hello never came
  last_sent_ms INTEGER,          -- uptime of its newest batch: only later ones are news; NULL where it never sent itself
  followed    INTEGER NOT NULL,  -- 1: another run took over, this one never speaks for the agent again
  claims      INTEGER NOT NULL,  -- batches in order while another run was current and silent: enough of them take over
  claimed_at_ms INTEGER,         -- the agent's last_seen_ms when these began: they start anew when it moves
  since_ms    INTEGER NOT NULL,  -- when it was first heard of
  named_by    INTEGER NOT NULL,  -- run that was current when a batch of it named this one last: the rings held it then
  named_ms    INTEGER NOT NULL,  -- when that was, to a day: rows that no ring holds any more go with the retention
  PRIMARY KEY (shard, agent, run)
) STRICT, WITHOUT ROWID;

CREATE TABLE boots (
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  boot        INTEGER NOT NULL,  -- first bytes of the kernel's boot_id
  periods     BLOB NOT NULL,     -- 16 bytes each, little-endian: from which uptime, and the least (receipt - uptime of sending)
                                 -- since: dates exactly; empty where nothing came from it
  agreed_ms   INTEGER NOT NULL,  -- uptime of sending of the last batch that fitted the newest period
  doubt_offset_ms INTEGER,       -- what the batches since agree on, if they contradict it (pause, clock set),
  doubt_batches INTEGER,         -- and how many they are: enough begin a new period
  anchor_uptime_ms INTEGER NOT NULL, -- last pair of uptime and the host's own wall time,
  anchor_wall_ms INTEGER NOT NULL,   -- by which other boots are dated,
  anchor_quality INTEGER NOT NULL,   -- and what that wall time is worth
  PRIMARY KEY (shard, agent, boot)
) STRICT, WITHOUT ROWID;

CREATE TABLE watermarks (
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  run         INTEGER NOT NULL,
  stream      INTEGER NOT NULL,
  next        INTEGER NOT NULL,  -- all sequences below are stored or recorded as lost; alone decides what is a duplicate
  offered     INTEGER,           -- a section began here, above `next`, and was not taken: offered again, it is a gap
  PRIMARY KEY (shard, agent, run, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE losses (
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  run         INTEGER NOT NULL,
  stream      INTEGER NOT NULL,
  first       INTEGER NOT NULL,  -- first sequence that will never come
  last        INTEGER NOT NULL,  -- last one
  reason      TEXT NOT NULL,     -- overwritten, refused, unknown (the agent says so); refused_malformed, refused_wrong_stream
                                 -- (and why it was refused here); gap (it said nothing); merged (several, with what was stored
                                 -- between: there were too many)
  recorded_ms INTEGER NOT NULL,  -- when the collector last learned of any of it
  PRIMARY KEY (shard, agent, run, stream, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  stream      INTEGER NOT NULL,
  frames_stored   INTEGER NOT NULL, -- frames stored once
  duplicates      INTEGER NOT NULL, -- frames that came again: how often answers were lost on the way
  lost            INTEGER NOT NULL, -- sequences in `losses`
  refused         INTEGER NOT NULL, -- frames refused by name
  skipped         INTEGER NOT NULL, -- frames stored but not understood: the agent is newer
  readings_stored INTEGER NOT NULL, -- readings within frames
  contradicted    INTEGER NOT NULL, -- statements of older runs that newer ones overrule
  PRIMARY KEY (shard, agent, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
  shard       INTEGER NOT NULL,
  alert       INTEGER NOT NULL,  -- shard and 40 bits of a hash: short enough for a URL and the telephone
  agent       INTEGER NOT NULL,
  code        INTEGER NOT NULL,  -- identity: agent, code,
  subject     TEXT NOT NULL,     -- subject (mount point, service; '' is the host),
  test        INTEGER NOT NULL,  -- and whether `hansho test` raised it: a test never touches the real alert
  episode     INTEGER NOT NULL,  -- counted by the agent: recognises the alert in State and late frames
  firing      INTEGER NOT NULL,  -- 1 open, 0 resolved
  run         INTEGER NOT NULL,  -- run whose frame opened it
  last_run    INTEGER NOT NULL,  -- newest run that spoke about it: older ones cannot change it
  fired_ms    INTEGER NOT NULL,  -- uptime at which it fired, with episode its name in frames
  firing_sequence   INTEGER,     -- its Firing frame, the raw evidence; NULL where that never came
  resolved_sequence INTEGER,     -- its Resolved frame; NULL where it is open or that never came
  occurred_ms  INTEGER,          -- four times for the report: since when the condition held,
  occurred_clock TEXT,           --   (what that date is worth)
  detected_ms  INTEGER,          -- when the rule fired,
  detected_clock TEXT,
  notified_ms  INTEGER,          -- when people were told (nobody is, in this version),
  notified_clock TEXT,
  recovered_ms INTEGER,          -- since when the condition was clear
  recovered_clock TEXT,
  resolved_ms  INTEGER,          -- when the rule resolved, after its clear time
  resolved_clock TEXT,
  stored_ms    INTEGER NOT NULL, -- receipt of the first frame about it: how late it came
  updated_ms   INTEGER NOT NULL, -- last change
  quantity     INTEGER NOT NULL, -- what was judged: gives value, level and worst their unit
  value        INTEGER,          -- judged last
  total        INTEGER,          -- what 100 % was
  level        INTEGER,          -- level that decided
  worst        INTEGER,          -- worst of the episode
  forecast_ms  INTEGER,          -- when it was to run out, given at firing
  count        INTEGER NOT NULL, -- events of the episode, as the agent counts
  continuations INTEGER NOT NULL, -- firings that came while it was open: how often a resolution was missed
  reason       INTEGER NOT NULL, -- why the rule decided so, last
  flags        INTEGER NOT NULL, -- of the last frame; of a State flapping (2) and unknown (4) only
  by_state     INTEGER NOT NULL, -- bits: 1 opened by State, 2 closed by State, 4 firing concluded from its end
  PRIMARY KEY (shard, alert)
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_by_identity ON alerts (shard, agent, code, subject, test, episode);
-- At most one open alert of each identity (invariant 3).
CREATE UNIQUE INDEX alerts_open ON alerts (shard, agent, code, subject, test) WHERE firing = 1;
CREATE INDEX alerts_by_age ON alerts (stored_ms, alert);

CREATE TABLE state_parts (       -- parts of a State until the last one comes; a State may be cut by a batch's end
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  run         INTEGER NOT NULL,
  part        INTEGER NOT NULL,  -- from 0
  parts       INTEGER NOT NULL,  -- how many there will be
  sequence    INTEGER NOT NULL,  -- parts are consecutive
  uptime_ms   INTEGER NOT NULL,  -- and of one moment
  open        BLOB NOT NULL,     -- the records
  PRIMARY KEY (shard, agent, run, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE configs (           -- effective rules of each agent's current configuration, as its Config frames told
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  part        INTEGER NOT NULL,
  parts       INTEGER NOT NULL,  -- shown only when all are there
  config_hash INTEGER NOT NULL,  -- parts of another hash are deleted
  rules       BLOB NOT NULL,     -- the records
  PRIMARY KEY (shard, agent, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE latest (            -- newest Readings frame of each agent: the page needs no day file
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  run         INTEGER NOT NULL,
  sequence    INTEGER NOT NULL,
  frame       BLOB NOT NULL,
  PRIMARY KEY (shard, agent)
) STRICT, WITHOUT ROWID;
