//! Every bound of the project, each with its reason. Const assertions prove that they fit together.

use core::ops::RangeInclusive;

/// Longest subject of an alert, in bytes: a mount point, service or cache path; longer ones are cut at a
/// character boundary by the configuration.
pub const SUBJECT_BYTES: usize = 64;
/// Rules in force at once: built-in ones (one per source among them), and those of each watched file system and cache
/// directory, of which codes that are reserved still will be raised; bounds the Checkpoint.
pub const RULES: usize = 41 + 8 * WATCHED_FILESYSTEMS + 3 * WATCHED_CACHES;
/// Rules that differ in more than their subject: each code once, and half of that again for subjects that have levels of
/// their own.
pub const DEFINITIONS: usize = 72;
/// Subjects of all rules: the host, the sources, and what is watched; room is left for services.
pub const SUBJECTS: usize = 1 + 12 + WATCHED_FILESYSTEMS + WATCHED_CACHES + 16;
/// File systems that are watched: those of the spool and of the cache directories among them.
pub const WATCHED_FILESYSTEMS: usize = 8;
/// Cache directories that are watched: each is walked through again and again.
pub const WATCHED_CACHES: usize = 8;
/// Rules with a time window at once; the others look at the last value and need no buckets.
pub const WINDOWS: usize = 24;
/// Buckets of one window: the mean moves in steps of a twentieth of its length.
pub const WINDOW_BUCKETS: usize = 20;
/// A window is covered while at least one in so many of the buckets that its values would fill are filled: half.
/// Values that are each two intervals apart are no gap yet ([`GAP_INTERVALS`]) and fill just half of them, so an absence
/// that does not even start timers anew cannot uncover a window; and what is called a mean over ten minutes rests on
/// five of them at the least.
pub const WINDOW_FILLED_PART: u64 = GAP_INTERVALS as u64;
/// Values that one bucket of a mean takes: at one a second a bucket of nine hours, a window of a week.
pub const WINDOW_BUCKET_VALUES: u16 = 1 << 15;
/// Greatest value that a window holds: 16 PiB in KiB, and far beyond any rate.
pub const WINDOW_VALUE_MAX: u64 = (1 << 44) - 1;
// The sum of a whole window fits into 64 bits.
const _: () =
    assert!(WINDOW_VALUE_MAX <= u64::MAX / (WINDOW_BUCKET_VALUES as u64) / (WINDOW_BUCKETS as u64));
/// Greatest uptime that rules tell apart, about 17,800 years: seven bytes in the Checkpoint.
pub const RULE_UPTIME_MAX_MS: u64 = (1 << 49) - 1;
/// Transitions of one identity that make it flap, within [`FLAP_SPAN_MS`].
pub const FLAP_TRANSITIONS: usize = 5;
/// Span in which [`FLAP_TRANSITIONS`] count as flapping.
pub const FLAP_SPAN_MS: u64 = 30 * 60 * 1000;
/// A flapping rule must stay clear this many times its clear time.
pub const FLAP_CLEAR_FACTOR: u32 = 3;
/// A firing event rule says "continued" at most this often.
pub const CONTINUED_MIN_GAP_MS: u64 = 60 * 1000;
/// An event without a clear rule of its own resolves after this long without another.
pub const EVENT_CLEAR_MS: u32 = 30 * 60 * 1000;

/// Low-water marks of a growth window, and of the past before it: enough for a slope that one part in four of them cannot
/// bend, and 276 pairs to look at once a bucket.
pub const GROWTH_BUCKETS: usize = 24;
/// Buckets without a reading that a growth window bridges: half of them. A longer gap begins a new window.
pub const GROWTH_GAP_BUCKETS: u64 = 12;
/// With less than this part left, what grew did not come back by itself: it proves nothing harmless.
pub const GROWTH_EXHAUSTED_PART: u64 = 20;
/// No growth towards the level that matters, or more than a hundred years of it: what a time left says instead of absence,
/// so that a rule can clear on it.
pub const TIME_LEFT_NEVER_S: u64 = 100 * 365 * 24 * 3600;

/// Longest agent.toml: the parsed form takes a multiple of it, and no honest one comes near.
pub const CONFIG_BYTES: usize = 1024 * 1024;
/// Files of agent.d: more than any tool that writes one a service leaves there; [`CONFIG_BYTES`] holds for all together.
pub const CONFIG_FILES: usize = 1024;
/// Longest name of a file in agent.d: it stands in the origin of a rule, which must fit an element of a frame.
pub const CONFIG_FILE_NAME_BYTES: usize = 64;
/// Longest kept configuration: its files, and beside them their names.
pub const KEPT_BYTES: usize = 2 * CONFIG_BYTES;
/// Memory that the child which reads the configuration anew may take for data (RLIMIT_DATA): a file of [`CONFIG_BYTES`] made
/// of nothing but keys, parsed and put together, needs less than half of it.
pub const RELOAD_DATA_BYTES: u64 = 256 * 1024 * 1024;
/// Words on why a configuration was refused, in bytes, as `status` and the launch file carry them: the first fault, which
/// leaves room for the rest of an answer in a message.
pub const REFUSED_WHY_BYTES: usize = 1024;
/// Faults of agent.toml that are told at once; more are counted in a last one.
pub const CONFIG_ERRORS: usize = 100;
/// Longest quotation of what was found, in characters, so that a fault stays one readable line.
pub const CONFIG_QUOTE_CHARS: usize = 80;
/// Longest path in agent.toml: Linux takes 4096 bytes with the final zero (PATH_MAX), and names are appended.
pub const CONFIG_PATH_BYTES: usize = 4000;
/// Longest host name override (HOST_NAME_MAX of Linux).
pub const HOST_NAME_BYTES: usize = 64;
/// Longest collector address.
pub const URL_BYTES: usize = 1024;
/// Collector addresses: two sites with a pair each, doubled.
pub const FORWARD_URLS: usize = 8;
/// Pinned public keys: today's and tomorrow's of every address.
pub const FORWARD_PINS: usize = 2 * FORWARD_URLS;
/// Interval between samples: below 50 ms the reads themselves would be load, above a minute peaks are missed.
pub const SAMPLE_INTERVAL_MS: RangeInclusive<u64> = 50..=60_000;
/// Interval between reads of the counters (`/proc/vmstat`).
pub const COUNTERS_INTERVAL_MS: RangeInclusive<u64> = 50..=10 * 60_000;
/// Interval between Readings frames.
pub const REPORT_INTERVAL_MS: RangeInclusive<u64> = 1_000..=60 * 60_000;
/// Interval between posts: a collector's shortest promise, and a day.
pub const POST_INTERVAL_MS: RangeInclusive<u64> = 1_000..=24 * 60 * 60_000;
/// How long the forwarder stays after a post, where it may leave.
pub const LINGER_MS: RangeInclusive<u64> = 0..=24 * 60 * 60_000;
/// Shortest post interval with which the forwarder may leave between posts: starting it costs more than keeping
/// it for less.
pub const LINGER_POST_INTERVAL_MS: u64 = 5 * 60_000;
/// Times and windows of a rule: a day; longer trends are the collector's.
pub const RULE_TIME_MS: RangeInclusive<u64> = 0..=24 * 60 * 60_000;
/// Largest level of memory: no host has a PiB, and a slip of the unit is seen.
pub const LEVEL_KIB: u64 = 1 << 40;
/// Farthest level of a time left, seconds: 90 days; what is forecast beyond it is no more than that it grows.
pub const LEVEL_TIME_LEFT_S: u64 = 90 * 24 * 60 * 60;
const _: () = assert!(LEVEL_TIME_LEFT_S < TIME_LEFT_NEVER_S);
/// Largest level of a count or rate: readings carry 32 bits.
pub const LEVEL_NUMBER: u64 = 0xffff_ffff;
/// A window holds at least this many samples, or a mean would be a last value.
pub const WINDOW_MIN_SAMPLES: u64 = 2;
/// Disk ring.
pub const DISK_RING_BYTES: RangeInclusive<u64> = 1024 * 1024..=1024 * 1024 * 1024;
/// Memory ring: locked memory, so never large; below, superblocks and checkpoints would leave no room for frames.
pub const MEMORY_RING_BYTES: RangeInclusive<u64> = 128 * 1024..=16 * 1024 * 1024;
/// The log file of the agent's own.
pub const LOG_FILE_BYTES: RangeInclusive<u64> = 64 * 1024..=1024 * 1024 * 1024;
/// Longest key file: its one line has at most 96 bytes.
pub const KEY_FILE_BYTES: usize = 4096;
/// Locked memory that the agent needs at least beside its memory ring: mlockall(2) counts all that is mapped (code, heap
/// and the stacks of its threads), not only what is resident. Linked with glibc it is refused at this limit.
pub const MEMLOCK_BYTES: u64 = 8 * 1024 * 1024;
/// Posts without an answer before a collector counts as silent: one may be lost, and two may be.
pub const POSTS_BEFORE_SILENCE: u64 = 3;
/// Longest line that `hansho replay` reads: what `hansho sample` prints has some 1200 bytes.
pub const SAMPLE_LINE_BYTES: usize = 16 * 1024;
/// Boots of which `hansho replay` tells the span, the newest ones: a screenful; of the others it tells how many.
pub const REPLAY_BOOTS: usize = 32;
/// Hosts that one operator looks after, for the budget of alarms: the largest leave less than an alarm in two years each.
pub const REPLAY_HOSTS: RangeInclusive<u64> = 1..=100_000;
/// Longest file that `hansho decode` reads whole because it is no ring: a batch, with room to say that it is too long.
pub const DECODE_FILE_BYTES: usize = 2 * BATCH_BYTES;

/// Size of a block in both rings: one page, and the sector of today's disks.
pub const BLOCK_BYTES: usize = 4096;
/// Header of a block (docs/SPOOL.md).
pub const BLOCK_HEADER_BYTES: usize = 96;
/// Payload of a block.
pub const BLOCK_PAYLOAD_BYTES: usize = BLOCK_BYTES - BLOCK_HEADER_BYTES;
/// Longest frame, kind and uptime included; a frame never spans blocks.
pub const FRAME_BYTES: usize = 3968;
/// A length prefix of a frame: two varint bytes hold up to 16383.
pub const FRAME_LENGTH_BYTES: usize = 2;
const _: () = assert!(FRAME_BYTES + FRAME_LENGTH_BYTES <= BLOCK_PAYLOAD_BYTES);
const _: () = assert!(FRAME_BYTES < 1 << 14);
/// Longest element of a list in a frame (a rule, an open alert) that is written: subject and origin are the only texts
/// in one, and a dozen must fit a frame.
pub const ELEMENT_BYTES: usize = 512;

/// Memory ring where nothing else is configured: hours of readings, and all alerts of a bad night.
pub const MEMORY_RING_DEFAULT_BYTES: u64 = 256 * 1024;
/// Disk ring where the file system has [`DISK_RING_LARGE_FROM_BYTES`] or more: ten days of readings.
pub const DISK_RING_DEFAULT_BYTES: u64 = 32 * 1024 * 1024;
/// Disk ring on a smaller file system.
pub const DISK_RING_SMALL_BYTES: u64 = 8 * 1024 * 1024;
/// Total size of a file system from which the larger default is taken.
pub const DISK_RING_LARGE_FROM_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Block numbers and run numbers above this fit no ring: counting to it takes longer than any host lives, and
/// arithmetic below it cannot overflow.
pub const SPOOL_NUMBER_MAX: u64 = 1 << 48;
/// Times that a reader copies a block again which is being changed under it; a writer needs microseconds a change.
pub const SPOOL_READ_ATTEMPTS: usize = 8;
/// Runs that a reader of the rings tells apart; blocks of further, older ones are counted and left out.
pub const SPOOL_RUNS: usize = 4096;
/// Runs on the disk of which the scribe knows how far they are copied: 56 bytes each, and more than a memory ring of the
/// default size has blocks, each of one run.
pub const DISK_RUNS: usize = 256;
/// Readings, evidence and history reach the disk at least this often: one block each, 288 a day.
pub const DISK_FLUSH_MS: u64 = 5 * 60 * 1000;
/// The Checkpoint reaches the disk at least this often: 1440 blocks a day, the largest part of the budget.
pub const DISK_CHECKPOINT_MS: u64 = 60 * 1000;
/// Cursors reach the disk at most this often: an old cursor costs a repetition, never a loss.
pub const DISK_SUPERBLOCK_MS: u64 = 10 * 60 * 1000;
/// Blocks that the scribe writes in one turn, so that a turn ends.
pub const DISK_BLOCKS_PER_TURN: usize = 64;
/// A failed write is tried again after this, doubled up to [`DISK_RETRY_MAX_MS`].
pub const DISK_RETRY_MS: u64 = 1000;
/// Longest time between two tries.
pub const DISK_RETRY_MAX_MS: u64 = 60 * 1000;
/// A block that failed this often in one place is written to the next place.
pub const DISK_FAILURES_PER_PLACE: u32 = 3;
/// Places tried in turn; also how far a reader looks past a place that was left out.
pub const DISK_PLACES: u64 = 4;
/// (Run, stream)s that a superblock remembers which left the ring unacknowledged: an outage of the collector long enough
/// for that, with more restarts than this in it, is beyond what a report can make good.
pub const DEPARTED_RUNS: usize = 16;
/// Blocks of a disk that cannot be read which one look of a reader puts up with: each may take the disk seconds.
pub const DISK_UNREADABLE_LOOKS: u32 = 16;
/// What a disk ring holds and cannot be read for this long is told as lost: a path that failed over, or a disk that was
/// reset, is back long before.
pub const UNREADABLE_LOSS_MS: u64 = 10 * 60 * 1000;
/// Wall time that moved by this against uptime makes a new anchor worth a new block.
pub const ANCHOR_STEP_MS: u64 = 1000;

/// Longest Checkpoint: [`RULES`] rules, [`SUBJECTS`] of the longest and [`WINDOWS`] windows, every number at its greatest,
/// need 21,698 bytes, the trackers of growth and what else the machine keeps 764 (`src/machine/growth.rs`); the built-in
/// rules fit into one block (`src/rule/checkpoint.rs` and `tests/rule_checkpoint.rs` prove it), and whoever writes a
/// Checkpoint writes the blocks in use, not the whole slot.
pub const CHECKPOINT_BYTES: usize = 6 * BLOCK_PAYLOAD_BYTES;

/// Longest batch that an agent posts and a collector takes.
pub const BATCH_BYTES: usize = 64 * 1024;
/// Sections in one batch.
pub const BATCH_SECTIONS: usize = 64;
/// Frames in one batch: each takes at least four bytes.
pub const BATCH_FRAMES: usize = 4096;
/// Longest answer that an agent reads.
pub const ANSWER_BYTES: usize = 8 * 1024;
/// Refused frames named in one answer; more are named in the next.
pub const ANSWER_REFUSED: usize = 16;
/// Length of the truncated HMAC-SHA-256 that ends a batch and an answer.
pub const MAC_BYTES: usize = 16;
const _: () = assert!(FRAME_BYTES * 2 < BATCH_BYTES);

/// Longest message between processes of the agent, and how many the watcher takes a tick.
pub const MESSAGE_BYTES: usize = 2048;
/// Messages that the watcher takes from one peer in one tick.
pub const MESSAGES_PER_TICK: usize = 8;
/// Words with an announced absence, in bytes: a sentence or two, and the order with them stays a short message.
pub const LEAVE_TEXT_BYTES: usize = 256;
const _: () = assert!(LEAVE_TEXT_BYTES + 64 < MESSAGE_BYTES);
/// Length of an announced absence: a minute, and a week; what is longer is a retired agent.
pub const LEAVE_MS: RangeInclusive<u64> = 60_000..=7 * 24 * 60 * 60_000;
/// Dumps of the kernel's log that are counted; more are as many.
pub const KERNEL_DUMPS: u32 = 1_000;
/// Longest line in the log: JP1/Base reads 512 bytes.
pub const LOG_LINE_BYTES: usize = 480;
/// Lines a minute; transitions beyond it are counted in the next line.
pub const LOG_LINES_PER_MINUTE: u32 = 60;

/// Heap and other private memory of the forwarder (`RLIMIT_DATA`) beside its index of the disk ring: a TLS session with all
/// that [`POST_INPUT_BYTES`] may bring, the authorities of a distribution, a batch, the stack of a lookup, and its index of
/// the largest memory ring. Several times what it uses (tests/process_life.rs), and a quarter of the smallest host.
pub const FORWARDER_BASE_BYTES: u64 = 16 * 1024 * 1024;
/// What it needs for a block of the disk ring: 24 bytes of index (src/spool/index.rs), and as much again while that grows.
pub const FORWARDER_BYTES_PER_BLOCK: u64 = 2 * 24;
// Small enough to mean something with the largest disk ring too.
const _: () = assert!(
    FORWARDER_BASE_BYTES + *DISK_RING_BYTES.end() / BLOCK_BYTES as u64 * FORWARDER_BYTES_PER_BLOCK
        < 32 * 1024 * 1024
);
/// A post ends within this, a second attempt on a fresh connection included.
pub const POST_TIMEOUT_MS: u64 = 10_000;
/// Readings in one packed frame: at a dozen bytes each they fill a block, and a hostile frame stays small when unpacked.
pub const READINGS_PER_FRAME: usize = 512;
/// Bytes that are read for one attempt, TLS handshake and headers included; an answer is [`ANSWER_BYTES`] at most.
pub const POST_INPUT_BYTES: usize = 64 * 1024;
const _: () = assert!(ANSWER_BYTES * 4 < POST_INPUT_BYTES);
/// Posts without a pause in a row, then one of a second: a full disk ring of 32 MiB goes out in 512 posts, and no
/// answers whatever make more of them.
pub const POSTS_AT_ONCE: u32 = 64;
/// State frames: parts of one State at most.
pub const STATE_PARTS: u8 = 16;

/// Values that are kept of what is watched: six of a file system, two of a cache directory.
pub const FOUND: usize = 6 * WATCHED_FILESYSTEMS + 2 * WATCHED_CACHES;
/// Values in one message of the scout.
pub const FINDINGS: usize = 16;
// Each at its longest: four bytes, a subject, three numbers of 64 bits and one of 32.
const _: () = assert!(2 + FINDINGS * (3 + SUBJECT_BYTES + 3 * 10 + 5) <= MESSAGE_BYTES);
/// How often things that are watched are looked at, as rules count it: for so many of these ([`GAP_INTERVALS`]) values may stay
/// away, as over a restart of a process, without starting timers anew.
pub const FOUND_INTERVAL_MS: u32 = 60_000;
/// How often they may be said to be looked at: a look each second, and a walk through a directory that takes a day.
pub const FOUND_INTERVALS_MS: RangeInclusive<u32> = 1_000..=24 * 60 * 60 * 1000;
/// A value that was found stands for so many of its intervals: one look may be late, and one may be lost.
pub const FOUND_STALE_INTERVALS: u64 = 3;
/// All values that are known are recorded this often, some 200 bytes for a file system; what moved before that, at once.
pub const FOUND_RECORD_MS: u64 = 5 * 60 * 1000;

/// Two readings further apart than this many intervals start timers anew; windows go on ([`WINDOW_FILLED_PART`]).
pub const GAP_INTERVALS: u32 = 2;

/// Processes that the scout's table holds: as many as a large host of today runs. Of more, those that matter stay
/// (`src/scout/table.rs`).
pub const PROCESSES: usize = 1024;
/// The table itself, whatever there is to hold: a seventh of what all processes of the agent together may take.
pub const PROCESS_TABLE_BYTES: usize = 384 * 1024;
/// A process's name: the kernel keeps 15 bytes and a zero; what its own workers have more is cut.
pub const PROCESS_NAME_BYTES: usize = 16;
/// The unit of a process: as long as a subject, since alerts of services have it there.
pub const PROCESS_UNIT_BYTES: usize = SUBJECT_BYTES;
/// Processes in each list of suspects: what somebody woken at night reads, and some lists fit a frame.
pub const SUSPECTS: usize = 8;
/// Processes of the table that keep their seat for each of CPU, growth over ten minutes, growth over a day, and swap: several
/// times a list, so that one that drops out of it for a while keeps its history.
pub const PROCESS_SEATS_PER_LIST: usize = 64;
/// Seats of the table on trial: processes that ran when they were seen, until a second look tells how much. A fork bomb takes
/// these and no other.
pub const PROCESS_SEATS_ON_TRIAL: usize = 64;
// Most of the table is for the largest.
const _: () = assert!((4 * PROCESS_SEATS_PER_LIST + PROCESS_SEATS_ON_TRIAL) * 3 <= PROCESSES);
/// Growth of a process is kept over so many marks, set each third of the time asked for; so it is over one to one and a third
/// of it.
pub const PROCESS_MARKS: usize = 4;
/// What "about ten minutes" of growth is.
pub const PROCESS_GROWTH_SHORT_MS: u64 = 10 * 60 * 1000;
/// What "about a day" of growth is.
pub const PROCESS_GROWTH_LONG_MS: u64 = 24 * 60 * 60 * 1000;
/// Processes of the table that a step of the scout looks at again, and entries of `/proc` that it goes on by: at some 4 µs
/// each (benches/README.md) a step of every second costs a thousandth of one processor, whatever number of processes there is.
/// The table is then at most 8 s old, and a host of 50,000 processes is gone through in less than seven minutes.
pub const PROCESSES_PER_STEP: usize = 128;
/// Shortest time over which a process's CPU share is told: a clock tick is 10 ms, so that one is a twentieth of it.
pub const PROCESS_CPU_MIN_MS: u64 = 200;
/// The table of processes goes out beside an alert that may come, once its rule has been pending for so long: a shorter one is
/// noise, and while it lasts the host may still be read.
pub const EVIDENCE_AT_PENDING_MS: u64 = 5_000;
/// And for one rule at most once in this time, however often it becomes pending.
pub const EVIDENCE_PENDING_INTERVAL_MS: u64 = 60_000;
/// Shortest time between two Evidences: what comes sooner shows the same table. With parts of a block each, the memory ring's
/// smallest area for them holds the last quarter of a minute until the disk ring or the forwarder has copied it.
pub const EVIDENCE_INTERVAL_MS: u64 = 5_000;
/// A walk that began after the alert is waited for so long: 50,000 processes are gone through in less when asked for.
pub const EVIDENCE_FRESH_MS: u64 = 60_000;
/// Alerts that one Evidence belongs to; more wait for the next.
pub const EVIDENCE_ALERTS: usize = 16;
/// Bytes that they take of a part at most: a subject and four numbers each.
pub const EVIDENCE_ABOUT_BYTES: usize = EVIDENCE_ALERTS * (SUBJECT_BYTES + 16);
/// Parts of an Evidence: all lists at their longest, without a process in two of them, take four.
pub const EVIDENCE_PARTS: u8 = 8;
/// Records of the kernel's log that a step of the scout reads: a kill prints a line for each process, and the log holds more.
pub const KERNEL_RECORDS_PER_STEP: usize = 256;
/// The name of a process that was killed: the kernel keeps 15 bytes, and escapes what is not printable by four for each.
pub const VICTIM_NAME_BYTES: usize = 64;
/// The control group whose limit was reached: the end of its path, with the unit or the container.
pub const VICTIM_GROUP_BYTES: usize = 128;
/// A user's name: useradd(8) makes none that is longer.
pub const USER_NAME_BYTES: usize = 32;
/// Users whose names the scout remembers: more than there are processes that it shows, so that one step looks up few.
pub const USERS: usize = 128;
/// For so long; a user who is made, renamed or deleted is known by then.
pub const USERS_KEPT_MS: u64 = 60 * 60 * 1000;
/// Time between the two looks of `hansho top`: a tick of the kernel's clock must be a small part of it, and nobody waits
/// longer than a minute.
pub const TOP_FOR_MS: RangeInclusive<u64> = PROCESS_CPU_MIN_MS..=60_000;

/// Levels of a watched tree that are entered: each holds a KiB, and its descriptor from step to step: eight trees at their deepest take
/// half of the 1,024 that a process usually has. Trees of dependencies have some thirty.
pub const DIRECTORY_DEPTH: usize = 64;
/// Files with several names that a walk remembers, at 32 bytes each with the places between: a day's rotation by hard links, not
/// a backup of a whole host. Of more each name counts with its share.
pub const DIRECTORY_LINKS: usize = 4096;

/// What is read of `/proc/self/mountinfo`: some 3,000 mounts, more than a node with a hundred pods has.
pub const MOUNTINFO_BYTES: usize = 512 * 1024;
/// Links that are followed in one path: as many as the kernel follows (path_resolution(7)).
pub const LINKS_IN_A_PATH: u32 = 40;
/// Mounts in memory that are watched without being asked for; a host has three to six, one more for each user logged in.
pub const TMPFS_MOUNTS: usize = 16;
/// Smallest of them: what is less than 8 MiB when full is no danger to memory (`/run/lock` has 5).
pub const TMPFS_MIN_KIB: u64 = 8 * 1024;
/// Entries of a watched tree that one step looks at; at one step a second a tree of a million is gone through in about an hour,
/// for less than a millisecond of CPU a second where its inodes are in memory.
pub const DIRECTORY_STEP: usize = 256;
/// Threads of the scout for what may hang: so many dead mounts at once leave nothing to look by, and each item says so.
pub const PROBE_THREADS: usize = 4;
/// Things that they look at: file systems, directory trees and mounts in memory, as many as a large host has. Each may be its
/// own mount.
pub const PROBE_ITEMS: usize = 64;
const _: () = assert!(TMPFS_MOUNTS * 2 <= PROBE_ITEMS);
/// Stack of each: a step of a walk holds less than 8 KiB, and what is not touched takes no memory.
pub const PROBE_STACK_BYTES: usize = 128 * 1024;
/// A look that is out for longer is not answering: a disk that fails over is back by then, a dead server is not.
pub const PROBE_DEADLINE_MS: u64 = 60_000;
/// Slices that are looked through for a unit's group: a host has a dozen, one with a slice for each pod some hundred.
pub const GROUP_FOLDERS: usize = 2048;
/// Slices within slices on the way to it: systemd makes them of the dashes in a slice's name.
pub const GROUP_LEVELS: usize = 8;
