//! Rows of what people are told: threads, decisions, outbox, lists.

use super::super::StoreError;
use super::super::types::{AlertId, Decision, ListOf, Numbers, Outgoing, Strand, Thread, Waiting};
use crate::limit::{CLAIM_MS, RETRY_LONGEST_MS};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;

/// The latest moment at which a message that was tried now would be tried again.
#[must_use]
pub const fn farthest(now: WallTime) -> WallTime {
    WallTime::from_millis(now.as_millis().saturating_add(RETRY_LONGEST_MS))
}

/// The latest moment at which a claim that was taken now would end.
#[must_use]
pub const fn longest_claim(now: WallTime) -> WallTime {
    WallTime::from_millis(now.as_millis().saturating_add(CLAIM_MS))
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
    /// Threads, also ended ones, of one agent.
    fn threads_of(&mut self, agent: AgentId) -> Result<Vec<Thread>, StoreError>;
    /// Threads whose agent went to another customer, which was not decided on yet.
    fn threads_moved(&mut self, limit: usize) -> Result<Vec<Thread>, StoreError>;
    /// The clock stepped: what open threads and short lists count from or wait for goes with it (`by_ms`), and all of them are
    /// looked at again. What still lies ahead of `now` then, from which something is counted, becomes `now`.
    fn shift_threads(&mut self, by_ms: i64, now: WallTime) -> Result<(), StoreError>;
    /// Threads that have not ended and are kept quiet, of one agent.
    fn quiet_threads(&mut self, agent: AgentId) -> Result<Vec<Thread>, StoreError>;
    fn put_decision(&mut self, decision: &Decision) -> Result<(), StoreError>;
    /// How many decisions a thread has.
    fn decided_in(&mut self, thread: AlertId) -> Result<usize, StoreError>;
    /// Forgets what changed nothing for people ([`Decision::folds`]) among the decisions of a thread, but for the newest `keep` of
    /// all and the newest of each alert; with them their events and settled messages, but for the first and the newest of each
    /// receiver. Says how many decisions.
    fn fold(&mut self, thread: AlertId, keep: usize) -> Result<usize, StoreError>;
    /// Decisions about an alert, or of the thread that has its name, in order.
    fn decisions_of(&mut self, alert: AlertId) -> Result<Vec<Decision>, StoreError>;
    /// Stores a message; one of the same number is replaced.
    fn put_outgoing(&mut self, outgoing: &Outgoing) -> Result<(), StoreError>;
    fn outgoing(&mut self, number: u64) -> Result<Option<Outgoing>, StoreError>;
    /// Messages of a thread, in order.
    fn outgoing_of_thread(&mut self, thread: AlertId) -> Result<Vec<Outgoing>, StoreError>;
    /// Messages that may be tried now, of each receiver the one that waits longest: queued ones whose time has come, and claims
    /// that ended or whose fencing number is below `fence`; the oldest first. One that waits for longer than any pause between
    /// tries, or a claim that lasts longer than any, was put there before the clock was set back: it has waited long enough. No
    /// message of a thread goes to a receiver before the earlier ones of that thread are settled; renewals stand beside.
    fn outgoing_ready(
        &mut self,
        now: WallTime,
        fence: u64,
        limit: usize,
    ) -> Result<Vec<Outgoing>, StoreError>;
    /// How many messages to a receiver were decided from `since` to `until`, lists aside: what lies ahead was decided before the
    /// clock was set back.
    fn decided_since(
        &mut self,
        receiver: &str,
        since: WallTime,
        until: WallTime,
    ) -> Result<u64, StoreError>;
    /// Messages that are neither delivered nor given up.
    fn undelivered(&mut self, limit: usize) -> Result<Vec<Outgoing>, StoreError>;
    /// Messages to a receiver that were tried and are not delivered, the newest first.
    fn troubled(&mut self, receiver: &str, limit: usize) -> Result<Vec<Outgoing>, StoreError>;
    /// Puts an alert on a list; where it stands there already, the earlier time counts.
    fn put_waiting(&mut self, waiting: &Waiting) -> Result<(), StoreError>;
    /// Takes an alert's place on a list again, at another time.
    fn move_waiting(&mut self, waiting: &Waiting) -> Result<(), StoreError>;
    /// All lists on which something waits.
    fn lists(&mut self) -> Result<Vec<(ListOf, String)>, StoreError>;
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
}
