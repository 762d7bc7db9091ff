//! Exit codes, after sysexits(3) where it has one. docs/COLLECTOR.md explains each; `tests/binary.rs` proves them.

/// Done.
pub const OK: u8 = 0;
/// Not done: the message says why (an unknown agent, a name that is taken, another collector is running).
pub const FAILURE: u8 = 1;
/// The command line is wrong (`EX_USAGE` is 64; 2 is what shells and most tools use).
pub const USAGE: u8 = 2;
/// The store is damaged or of a newer version (`EX_DATAERR`).
pub const DATA: u8 = 65;
/// A file, the disk or the network failed (`EX_IOERR`).
pub const IO: u8 = 74;
/// The configuration or a key file is refused (`EX_CONFIG`).
pub const CONFIG: u8 = 78;

/// A failure of a command: what to say and how to exit.
#[derive(Debug)]
pub struct Failure {
    /// One of this file.
    pub code: u8,
    /// For stderr.
    pub message: String,
}

impl Failure {
    /// With a code of this file.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}
