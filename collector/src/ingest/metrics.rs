//! What ingest and writer count since the start of the process.

use super::damage::Damage;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters of this process.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Batches answered.
    pub batches: AtomicU64,
    /// Posts whose mac does not fit the agent's key.
    pub bad_mac: AtomicU64,
    /// Posts that name an agent or key epoch that does not exist.
    pub unknown_agent: AtomicU64,
    /// Posts that are no batch, or of the wrong path, method or type.
    pub malformed: AtomicU64,
    /// Bodies that are too large (413).
    pub too_large: AtomicU64,
    /// Posts refused for overload or a store that cannot write (503).
    pub unavailable: AtomicU64,
    /// Bodies or requests that took too long (408).
    pub timeouts: AtomicU64,
    /// Connections closed at once because there were too many.
    pub connections_refused: AtomicU64,
    /// Connections open now.
    pub connections: AtomicU64,
    /// TLS handshakes that failed.
    pub handshakes_failed: AtomicU64,
    /// Batches in the queue now.
    pub queued: AtomicU64,
    /// Transactions.
    pub commits: AtomicU64,
    /// Microseconds that they took together.
    pub commit_us: AtomicU64,
    /// Batches that the store refused.
    pub store_errors: AtomicU64,
    /// Rounds of the writer, whatever came of them.
    pub writer_rounds: AtomicU64,
    /// Transactions of the writer, proofs among them, that are on the disk.
    pub stored: AtomicU64,
    /// Times that presence was judged.
    pub sweeps: AtomicU64,
    /// Rounds of the notifier that ended well.
    pub notified: AtomicU64,
    /// Times that the ingest listener answered this collector itself.
    pub own_probes: AtomicU64,
    /// Parts that stand still now, a bit each (`alive::Part`).
    pub still: AtomicU64,
    /// Dead man's signals that were answered.
    pub signals: AtomicU64,
    /// Signals that did not arrive.
    pub signals_failed: AtomicU64,
    /// Signals held back, since something stood still.
    pub signals_held: AtomicU64,
    /// Whether the store turned out to be damaged.
    pub damage: Damage,
}

impl Metrics {
    /// Counts a transaction.
    pub fn committed(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit_us.fetch_add(took, Ordering::Relaxed);
    }

    /// Reads one of them.
    #[must_use]
    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}
