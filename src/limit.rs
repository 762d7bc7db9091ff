//! Every bound of the project, each with its reason. Const assertions prove that they fit together.

/// Longest subject of an alert, in bytes: a mount point, service or cache path; longer ones are cut at a
/// character boundary by the configuration.
pub const SUBJECT_BYTES: usize = 64;
/// Rules in force at once: built-in ones, overrides and ones per source; bounds the Checkpoint.
pub const RULES: usize = 48;
/// Rules with a time window at once; the others look at the last value and need no buckets.
pub const WINDOWS: usize = 24;
/// Buckets of one window: the mean moves in steps of a twentieth of its length.
pub const WINDOW_BUCKETS: usize = 20;
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

/// Longest Checkpoint: two blocks, so that a slot is small; the built-in rules need one.
pub const CHECKPOINT_BYTES: usize = 2 * BLOCK_PAYLOAD_BYTES;

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
/// Longest line in the log: JP1/Base reads 512 bytes.
pub const LOG_LINE_BYTES: usize = 480;
/// Lines a minute; transitions beyond it are counted in the next line.
pub const LOG_LINES_PER_MINUTE: u32 = 60;

/// A post ends within this.
pub const POST_TIMEOUT_MS: u64 = 10_000;
/// Readings in one packed frame: at a dozen bytes each they fill a block, and a hostile frame stays small when unpacked.
pub const READINGS_PER_FRAME: usize = 512;
/// State frames: parts of one State at most.
pub const STATE_PARTS: u8 = 16;

/// Two readings further apart than this many intervals start timers anew.
pub const GAP_INTERVALS: u32 = 2;
