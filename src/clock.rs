//! Uptime and wall time: two types that don't mix.
//!
//! Everything in the agent is ordered and timed by [`Uptime`]; [`WallTime`] is carried along for people
//! and never decides anything (invariant 6).

use serde::{Deserialize, Serialize};

/// Milliseconds since boot, suspend included (`CLOCK_BOOTTIME`, clock_gettime(2)).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Uptime(u64);

/// Milliseconds since 1970-01-01T00:00:00Z as the host believes them (`CLOCK_REALTIME`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct WallTime(u64);

impl Uptime {
    /// From milliseconds since boot.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since boot.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Milliseconds from `earlier` to `self`; 0 where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `self` and `millis` more.
    #[must_use]
    pub const fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl WallTime {
    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

/// Where a run's uptime and wall time meet: a pair read at the same moment, and what the wall time is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    /// Uptime of the moment.
    pub uptime: Uptime,
    /// Wall time of the same moment.
    pub wall: WallTime,
    /// What the wall time is worth.
    pub quality: AnchorQuality,
}

/// What the wall time of an [`Anchor`] is worth. Travels as one byte; unknown bytes become `Unknown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnchorQuality {
    /// A byte that this version does not know.
    #[default]
    Unknown,
    /// The host's clock, plausible (not before the build of the agent).
    Host,
    /// The host's clock, before the build of the agent: unset.
    Unset,
    /// Confirmed by an authenticated answer of a collector in the same boot, to within two seconds.
    Confirmed,
}

impl AnchorQuality {
    /// The byte on the wire.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Host => 1,
            Self::Unset => 2,
            Self::Confirmed => 3,
        }
    }

    /// From the byte on the wire.
    #[must_use]
    pub const fn from_u8(byte: u8) -> Self {
        match byte {
            1 => Self::Host,
            2 => Self::Unset,
            3 => Self::Confirmed,
            _ => Self::Unknown,
        }
    }
}
