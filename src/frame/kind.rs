//! Streams, kinds, and the identities that a frame is known by: (agent, run, stream, sequence).

use serde::{Deserialize, Serialize};

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u64);

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }
    };
}

identity! {
    /// An agent: random, given by the collector, never reused.
    AgentId
}
identity! {
    /// A run: random, one a start of the watcher.
    RunId
}
identity! {
    /// A boot of the host: the first eight bytes of the kernel's boot_id.
    BootId
}

/// A stream: own ring area, own sequence numbers, own watermark at the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stream {
    /// Hello, Boot, Config, State, Alert, Leave, Goodbye.
    Alerts = 0,
    /// Readings, one a report interval, and Found.
    Readings = 1,
    /// Evidence.
    Evidence = 2,
    /// Per-second readings, sent on demand, outside the promise of no silent loss.
    History = 3,
}

impl Stream {
    /// All streams, in the order in which they are sent.
    pub const ALL: [Self; 4] = [Self::Alerts, Self::Readings, Self::Evidence, Self::History];
    /// The streams that are sent by themselves.
    pub const SENT: [Self; 3] = [Self::Alerts, Self::Readings, Self::Evidence];

    /// The byte on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// From the byte on the wire.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Alerts),
            1 => Some(Self::Readings),
            2 => Some(Self::Evidence),
            3 => Some(Self::History),
            _ => None,
        }
    }
}

/// Kind of a frame: its first byte. A changed shape is a new kind; a kind once released stays readable for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Who speaks, at the start of a run.
    Hello = 1,
    /// The effective rules, at each start of a run.
    Config = 2,
    /// The open alerts.
    State = 3,
    /// A transition.
    Alert = 4,
    /// The agent stops.
    Goodbye = 5,
    /// An absence is announced, or its announcement ends.
    Leave = 6,
    /// What the host tells about its boot and the last stop.
    Boot = 7,
    /// Summary readings.
    Readings = 16,
    /// What was found of the things that are watched.
    Found = 17,
    /// Who had and used what when something was about to be told.
    Evidence = 32,
    /// Whom the kernel killed for memory.
    Victim = 33,
    /// Per-second readings.
    History = 48,
    /// A range that is lost; made by the forwarder, never in a ring.
    Loss = 64,
}

impl Kind {
    /// The byte on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// From the byte on the wire.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Hello),
            2 => Some(Self::Config),
            3 => Some(Self::State),
            4 => Some(Self::Alert),
            5 => Some(Self::Goodbye),
            6 => Some(Self::Leave),
            7 => Some(Self::Boot),
            16 => Some(Self::Readings),
            17 => Some(Self::Found),
            32 => Some(Self::Evidence),
            33 => Some(Self::Victim),
            48 => Some(Self::History),
            64 => Some(Self::Loss),
            _ => None,
        }
    }
}
