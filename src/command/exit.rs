//! Every way in which `hansho` ends, and the only place with their numbers (docs/EXIT_CODES.md explains them).
//!
//! The numbers from 64 on are those of sysexits(3head), so that service managers and scripts need no table of ours.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Done,
    /// The answer is no: a code that this version does not know.
    Nothing,
    /// The forwarder leaves until the next post; only its keeper sees it.
    Left,
    /// The command line is wrong (EX_USAGE).
    Usage,
    /// A line of the input is wrong (EX_DATAERR).
    Data,
    /// A file that was named is not there (EX_NOINPUT).
    NoInput,
    /// The agent does not run (EX_UNAVAILABLE).
    Unavailable,
    /// Something that cannot be, in the program itself (EX_SOFTWARE).
    Internal,
    /// The system refused a process, memory or a descriptor (EX_OSERR).
    System,
    /// The rings or the control socket cannot be made (EX_CANTCREAT).
    CannotCreate,
    /// Reading or writing failed (EX_IOERR).
    Io,
    /// Another agent runs with the same rings (EX_TEMPFAIL).
    Taken,
    /// Bytes that are no ring, batch or frame (EX_PROTOCOL).
    Format,
    /// The system does not allow it (EX_NOPERM).
    NoPermission,
    /// The configuration or the key file is wrong (EX_CONFIG).
    Configuration,
}

impl Exit {
    /// The number.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Nothing => 1,
            Self::Left => 4,
            Self::Usage => 64,
            Self::Data => 65,
            Self::NoInput => 66,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::System => 71,
            Self::CannotCreate => 73,
            Self::Io => 74,
            Self::Taken => 75,
            Self::Format => 76,
            Self::NoPermission => 77,
            Self::Configuration => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

/// Why a subcommand stops before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// `--help` was asked for.
    Help,
    /// Whoever read our output is gone, as `head` is after ten lines: no failure.
    ReaderGone,
    /// A failure, and what to say about it.
    Failed {
        /// How to end.
        exit: Exit,
        /// One or more lines for standard error.
        message: String,
    },
}

impl Stop {
    /// A failure.
    pub(crate) fn failed(exit: Exit, message: impl Into<String>) -> Self {
        Self::Failed {
            exit,
            message: message.into(),
        }
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::failed(Exit::Usage, message)
    }

    /// A file could not be read; `name` is how it was named.
    pub(crate) fn unreadable(name: &str, error: &std::io::Error) -> Self {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Exit::NoInput,
            std::io::ErrorKind::PermissionDenied => Exit::NoPermission,
            _ => Exit::Io,
        };
        Self::failed(exit, format!("{name}: {error}"))
    }
}

impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Self {
        Self::usage(error.to_string())
    }
}

/// How a subcommand ends.
pub(crate) type Outcome = Result<Exit, Stop>;
