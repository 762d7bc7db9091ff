//! Rows of what people are told: threads, decisions, outbox, lists.

use super::super::StoreError;
use super::super::types::{AlertId, Decision, ListOf, Numbers, Outgoing, Strand, Thread, Waiting};
use crate::limit::RETRY_MS;
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;

/// The latest moment at which a message that was tried now would be tried again.
#[must_use]
pub fn farthest(now: WallTime) -> WallTime {
    let pause_ms = RETRY_MS.into_iter().max().unwrap_or(0);
    WallTime::from_millis(now.as_millis().saturating_add(pause_ms))
}

/// Rows of an open transaction: what people are told.
#[expect(missing_docs, reason = "each is get or put of the row that it names")]
pub trait NotifyRows {
    /// All zero in a new store.
    fn numbers(&mut self) -> Result<Numbers, StoreError>;
    fn put_numbers(&mut self, numbers: &Numbers) -> Result<(), StoreError>;
    /// The thread of a strand that has not ended.
    fn open_thread(&mut self, strand: &Strand) -> Result<Option<Thread>, StoreError>;
    fn thread(&mut self, root: AlertId) -> Result<Option<Thread>, StoreError>;
    fn put_thread(&mut self, thread: &Thread) -> Result<(), StoreError>;
    /// Threads to look at again, those that are due longest first.
    fn threads_due(&mut self, now: WallTime, limit: usize) -> Result<Vec<Thread>, StoreError>;
    /// Threads that have not ended and are kept quiet, of one agent.
    fn quiet_threads(&mut self, agent: AgentId) -> Result<Vec<Thread>, StoreError>;
    fn put_decision(&mut self, decision: &Decision) -> Result<(), StoreError>;
    /// Decisions about an alert, or of the thread that has its name, in order.
    fn decisions_of(&mut self, alert: AlertId) -> Result<Vec<Decision>, StoreError>;
    /// Stores a message; one of the same number is replaced.
    fn put_outgoing(&mut self, outgoing: &Outgoing) -> Result<(), StoreError>;
    fn outgoing(&mut self, number: u64) -> Result<Option<Outgoing>, StoreError>;
    /// Messages of a thread, in order.
    fn outgoing_of_thread(&mut self, thread: AlertId) -> Result<Vec<Outgoing>, StoreError>;
    /// Messages that may be tried now, of each receiver the one that waits longest: queued ones whose time has come, and claims
    /// that ended or whose fencing number is below `fence`; the oldest first. One that waits for longer than any pause between
    /// tries was put there before the clock was set back: it has waited long enough.
    fn outgoing_ready(
        &mut self,
        now: WallTime,
        fence: u64,
        limit: usize,
    ) -> Result<Vec<Outgoing>, StoreError>;
    /// How many messages to a receiver were decided at or after `since`, lists aside.
    fn decided_since(&mut self, receiver: &str, since: WallTime) -> Result<u64, StoreError>;
    /// Messages that are neither delivered nor given up.
    fn undelivered(&mut self, limit: usize) -> Result<Vec<Outgoing>, StoreError>;
    /// Messages to a receiver that were tried and are not delivered, the newest first.
    fn troubled(&mut self, receiver: &str, limit: usize) -> Result<Vec<Outgoing>, StoreError>;
    /// Puts an alert on a list; where it stands there already, the earlier time counts.
    fn put_waiting(&mut self, waiting: &Waiting) -> Result<(), StoreError>;
    /// Lists whose time has come: which, and whose.
    fn lists_due(&mut self, now: WallTime) -> Result<Vec<(ListOf, String)>, StoreError>;
    /// Alerts that wait for a list, in order of their decisions.
    fn waiting(&mut self, list: ListOf, key: &str) -> Result<Vec<Waiting>, StoreError>;
    /// The lists that an alert waits for.
    fn waits(&mut self, alert: AlertId) -> Result<Vec<Waiting>, StoreError>;
    fn delete_waiting(&mut self, list: ListOf, key: &str, alert: AlertId)
    -> Result<(), StoreError>;
    /// Notes that a message lists an alert.
    fn put_listed(&mut self, outgoing: u64, alert: AlertId) -> Result<(), StoreError>;
    /// Alerts that a message lists, in the order in which they were noted.
    fn listed(&mut self, outgoing: u64) -> Result<Vec<AlertId>, StoreError>;
    /// Messages that list an alert, in order.
    fn listings_of(&mut self, alert: AlertId) -> Result<Vec<Outgoing>, StoreError>;
    /// Forgets what is decided, delivered or given up and older than `before`: events (never the newest, whose number must not be
    /// given again), ended threads, decisions, messages. Says how many rows.
    fn prune_notify(&mut self, before: WallTime) -> Result<usize, StoreError>;
}
