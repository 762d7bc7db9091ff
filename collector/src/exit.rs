//! Exit codes, those of sysexits(3head) from 64 on, as the agent's. docs/COLLECTOR.md explains each; `tests/binary.rs` proves them.

/// Done.
pub const OK: u8 = 0;
/// Not done: the message says why (an unknown agent, a name that is taken, another collector is running).
pub const FAILURE: u8 = 1;
/// The command line is wrong (`EX_USAGE`).
pub const USAGE: u8 = 64;
/// The store is damaged or of a newer version (`EX_DATAERR`).
pub const DATA: u8 = 65;
/// The configuration file is not there (`EX_NOINPUT`).
pub const NO_INPUT: u8 = 66;
/// A file, the disk or the network failed (`EX_IOERR`).
pub const IO: u8 = 74;
/// Not allowed to read the configuration file (`EX_NOPERM`).
pub const NO_PERMISSION: u8 = 77;
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
