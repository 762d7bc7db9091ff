//! Why there is nothing to measure at a path: told as such, never as a size of zero.

use rustix::io::Errno;

/// Why a path could not be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Missing {
    /// Nothing of that name is there, or not yet.
    NotThere,
    /// It, or what stands before it in the path, is no folder.
    NotFolder,
    /// The system does not let us.
    Refused,
    /// A link in the path leads round in a circle, or the path is longer than the system takes.
    NoPath,
    /// The mount's server or driver gave an error of its own: gone away, stale, input and output.
    Broken,
    /// No descriptors or no memory for it just now.
    NoRoom,
    /// Anything else.
    Failed,
}

impl From<Errno> for Missing {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::NotThere,
            Errno::NOTDIR => Self::NotFolder,
            Errno::ACCESS | Errno::PERM => Self::Refused,
            Errno::LOOP | Errno::NAMETOOLONG | Errno::INVAL => Self::NoPath,
            Errno::IO
            | Errno::STALE
            | Errno::NOTCONN
            | Errno::HOSTDOWN
            | Errno::TIMEDOUT
            | Errno::CONNABORTED => Self::Broken,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => Self::NoRoom,
            _ => Self::Failed,
        }
    }
}
