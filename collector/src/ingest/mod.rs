//! Taking batches from the network: mac before decode, bounds on everything, the answer after the commit.
//!
//! [`batch`] what passes on; [`server`] connections and their timeouts; [`peers`] how many each address has; [`request`] one post; [`join`] hosts that become agents; [`tls`] certificates;
//! [`metrics`] what is counted, [`damage`] whether the store turned out to be damaged. What stores the batches is on the other end of a bounded queue.

pub mod batch;
pub mod damage;
pub mod join;
pub mod metrics;
pub mod peers;
pub mod request;
pub mod server;
pub mod signs;
pub mod tls;

pub use batch::{AuthenticatedBatch, Frame, Section};
pub use metrics::Metrics;
pub use signs::SignsOfLife;

use hansho::frame::answer::Answer;
use hansho::frame::kind::AgentId;
use hansho::frame::seal::AgentKey;
use tokio::sync::oneshot;

/// What the queue to the writer carries.
#[derive(Debug)]
pub enum Job {
    /// A batch to store, and where to answer.
    Batch(
        Box<AuthenticatedBatch>,
        oneshot::Sender<Result<Answer, Refusal>>,
    ),
    /// Lets a host join, and where to answer.
    Join(
        Box<join::JoinAsk>,
        oneshot::Sender<Result<join::Joined, Refusal>>,
    ),
    /// Says whether the writer can write.
    Ping(oneshot::Sender<bool>),
}

/// Why an authenticated batch was not stored: 503, the agent keeps its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The queue is full.
    Overload,
    /// Too many connections, in all or of one address.
    Connections,
    /// The store cannot: disk full, locked, damaged.
    Store,
    /// The collector stops.
    Stopping,
}

/// Finds the key of an agent's epoch.
pub trait Keys: Send + Sync {
    /// `Ok(None)` where there is no such agent or epoch.
    ///
    /// # Errors
    /// Where it cannot be found out now.
    fn key(&self, agent: AgentId, epoch: u8) -> Result<Option<AgentKey>, Refusal>;

    /// The master for new agents, and the key of one by it; `None` where nobody can join.
    fn of_new(&self, agent: AgentId, epoch: u8) -> Option<(u32, AgentKey)>;
}
