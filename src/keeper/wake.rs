//! The shortest messages between workers: one byte that says that there is something to do.

/// What the watcher (and, at the end, the keeper) tells the forwarder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// An alert is in the ring.
    Alert,
    /// Post what is left and end.
    Stop,
}

impl Wake {
    /// As a message.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 1] {
        match self {
            Self::Alert => *b"A",
            Self::Stop => *b"S",
        }
    }

    /// From a message.
    #[must_use]
    pub const fn from_bytes(message: &[u8]) -> Option<Self> {
        match message {
            b"A" => Some(Self::Alert),
            b"S" => Some(Self::Stop),
            _ => None,
        }
    }
}

/// What the watcher tells the scout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoutWake {
    /// A walk is wanted that begins now.
    Walk,
}

impl ScoutWake {
    /// As a message.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 1] {
        match self {
            Self::Walk => *b"W",
        }
    }

    /// From a message.
    #[must_use]
    pub const fn from_bytes(message: &[u8]) -> Option<Self> {
        match message {
            b"W" => Some(Self::Walk),
            _ => None,
        }
    }
}
