//! Keys of agents, and the tokens with which hosts join.

pub use crate::ingest::join::TokenEnd;
use hansho::clock::WallTime;
use hansho::frame::kind::BootId;

/// A key epoch of an agent. The key itself is derived, and stored nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyEpoch {
    /// Which: rises with each rotation.
    pub epoch: u8,
    /// Master that the key is derived from.
    pub master: u32,
    /// When it was made.
    pub created: WallTime,
    /// When the first batch with it was stored.
    pub used: Option<WallTime>,
    /// It is refused from then on.
    pub ends: Option<WallTime>,
}

impl KeyEpoch {
    /// Whether a batch with it is taken at `now`.
    #[must_use]
    pub fn is_good(&self, now: WallTime) -> bool {
        self.ends.is_none_or(|ends| now < ends)
    }
}

/// A token with which hosts join, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinToken {
    /// Its number.
    pub id: u32,
    /// Hash of its secret.
    pub hash: [u8; 32],
    /// Customer of the agents that join with it.
    pub customer: String,
    /// Their system.
    pub system: String,
    /// How many may join.
    pub uses: u32,
    /// How many did.
    pub used: u32,
    /// When it was made.
    pub created: WallTime,
    /// Good until then.
    pub ends: WallTime,
    /// Taken back.
    pub revoked: Option<WallTime>,
}

impl JoinToken {
    /// Why it is not taken at `now`; `None` where it is.
    #[must_use]
    pub fn end(&self, now: WallTime) -> Option<TokenEnd> {
        if self.revoked.is_some() {
            Some(TokenEnd::Revoked)
        } else if now >= self.ends {
            Some(TokenEnd::Expired)
        } else if self.used >= self.uses {
            Some(TokenEnd::UsedUp)
        } else {
            None
        }
    }
}

/// What changed about an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Past {
    /// When its boot began, or when the collector heard of it.
    pub at: WallTime,
    /// What.
    pub what: PastKind,
}

/// Kinds of [`Past`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PastKind {
    /// Another boot.
    Boot(BootId),
    /// Other effective rules, by their hash.
    Config(u64),
}
