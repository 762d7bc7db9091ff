-- Schema 4: presence of agents.

CREATE TABLE collector_life (    -- one row: the collector's own life, so that its outage is no silence of agents
  one         INTEGER PRIMARY KEY CHECK (one = 1), -- nothing of it belongs to an agent, so it has no shard
  proved_ms   INTEGER,           -- last proof of life
  resumed_ms  INTEGER,           -- when it last came back, or its clock was set: silences count from here
  away_ms     INTEGER NOT NULL,  -- how long it was away then: what happened meanwhile may have been told already
  alerts      INTEGER NOT NULL   -- alerts stored of agent 0: the next identity is hashed from it
) STRICT;

CREATE TABLE presence (          -- how the sweep judged each agent last: the same silence is told once
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  standing    TEXT NOT NULL,     -- never, present, silent, planned (9004 open), absent (9001 open), site (9005 open), retired
  run         INTEGER,           -- run and
  boot        INTEGER,           -- boot that spoke for it then: what is other tells why it is back
  seen_ms     INTEGER,           -- while silent, its last sign of life: another one means that it is back
  planned_until_ms INTEGER,      -- while silent, the end of what was announced: overdue afterwards
  site        TEXT,              -- while silent with its site, which
  rebooted_ms INTEGER,           -- another boot sends since then without a silence: told if
  rebooted_run INTEGER,          -- this run, the one before, does not send again,
  rebooted_seen_ms INTEGER,      -- and when that was heard last
  clock_since_ms INTEGER,        -- since when the clock is off, or right again
  gaps_told   INTEGER NOT NULL,  -- how many of alert_gaps were told
  double_told_ms INTEGER,        -- newest sign of two agents with its identity that was told
  PRIMARY KEY (shard, agent)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_facts (       -- what batches tell of an agent's identity and clock
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  clock_ms    INTEGER,           -- the host's clock less the collector's, of a batch
  machine     INTEGER NOT NULL,  -- hash of the machine id in the newest Hello; 0 for none
  machine_before INTEGER NOT NULL, -- the other one before it: coming back to it tells two machines
  machine_since_ms INTEGER,      -- when it changed last
  machine_returned_ms INTEGER,   -- when it changed back to the one before
  alert_gaps  INTEGER NOT NULL,  -- frames of stream 0 missing without a word: 8002 is raised for them
  differs_run INTEGER,           -- run of which a frame came again with other bytes,
  differs_ms  INTEGER,           -- and when first: once more with one received later, two agents write
  doubled_ms  INTEGER,           -- when that was seen last
  PRIMARY KEY (shard, agent)
) STRICT, WITHOUT ROWID;

CREATE TABLE rivals (            -- runs that send while another one speaks for their agent; at most a few an agent
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  run         INTEGER NOT NULL,
  sent_ms     INTEGER NOT NULL,  -- uptime of its newest batch: only later ones count
  batches     INTEGER NOT NULL,  -- how many: one may be a straggler
  first_ms    INTEGER NOT NULL,  -- receipt of the first,
  last_ms     INTEGER NOT NULL,  -- of the newest: 9006 ends some time after it
  between_ms  INTEGER,           -- when the current run was heard in between: both live
  PRIMARY KEY (shard, agent, run)
) STRICT, WITHOUT ROWID;

CREATE TABLE goodbyes (          -- what a run said last of its absence: Leave, Goodbye
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  run         INTEGER NOT NULL,
  sequence    INTEGER NOT NULL,  -- of its frame; the highest counts
  at_ms       INTEGER NOT NULL,  -- when it was said,
  at_clock    TEXT NOT NULL,     -- and what that date is worth
  reason      INTEGER NOT NULL,  -- 1 stopped in order, 2 the host stops; 0: only announced, or that ended
  planned_ms  INTEGER,           -- announced length of the absence
  text        TEXT NOT NULL,     -- words of whoever announced it
  PRIMARY KEY (shard, agent, run)
) STRICT, WITHOUT ROWID;

CREATE TABLE boot_reasons (      -- what a host says of how a boot began
  shard       INTEGER NOT NULL,
  agent       INTEGER NOT NULL,
  boot        INTEGER NOT NULL,
  reason      TEXT NOT NULL,     -- ordered, panic, watchdog, power, unknown
  PRIMARY KEY (shard, agent, boot)
) STRICT, WITHOUT ROWID;

CREATE TABLE silent_sites (      -- sites with an open 9005
  shard       INTEGER NOT NULL,  -- that of agent 0, to which its alert belongs
  site        TEXT NOT NULL,     -- CUSTOMER/SITE
  returned_ms INTEGER,           -- when one of its agents came back last: the rest has some time to follow
  PRIMARY KEY (shard, site)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert_causes (      -- why the collector raised an alert, and how it ended
  shard       INTEGER NOT NULL,
  alert       INTEGER NOT NULL,
  silence     TEXT,              -- unknown, stopped_in_order, overdue
  back        TEXT,              -- network_only, agent_restarted, rebooted, other_machine, unknown
  presumed    TEXT,              -- oom_kill, memory_exhausted: from what came before, never a fact
  boot        TEXT,              -- what the host says of its reboot
  double      TEXT,              -- by what two agents were told apart
  seen_ms     INTEGER,           -- last sign of life before
  planned_until_ms INTEGER,      -- end of what was announced
  text        TEXT NOT NULL,     -- words of whoever announced it
  PRIMARY KEY (shard, alert)
) STRICT, WITHOUT ROWID;

-- What the collector raised itself is looked up each second: nearly all alerts are over.
CREATE INDEX alerts_open_by_code ON alerts (code) WHERE firing = 1;
