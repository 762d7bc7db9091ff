//! Every way in which `hansho` ends, and the only place with their numbers (docs/EXIT_CODES.md explains them).
//!
//! The numbers from 64 on are those of sysexits(3head), so that service managers and scripts need no table of ours.

use hansho::config::{ConfigError, ConfigErrors, Unreadable};
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All is well.
    Done = 0,
    /// The answer is no: a code that this version does not know.
    Nothing = 1,
    /// The forwarder leaves until the next post is due; only its keeper ever sees it.
    Left = 4,
    /// The command line is wrong (EX_USAGE).
    Usage = 64,
    /// A line of the input is wrong (EX_DATAERR).
    Data = 65,
    /// A file that was named is not there (EX_NOINPUT).
    NoInput = 66,
    /// The agent does not run (EX_UNAVAILABLE).
    Unavailable = 69,
    /// Something that cannot be, in the program itself (EX_SOFTWARE).
    Internal = 70,
    /// The system refused something that it grants to everybody (EX_OSERR).
    System = 71,
    /// A ring, directory or socket cannot be created (EX_CANTCREAT).
    CannotCreate = 73,
    /// Reading or writing failed (EX_IOERR).
    Io = 74,
    /// Not now: another agent runs with the same rings (EX_TEMPFAIL).
    Temporary = 75,
    /// Bytes that are no ring, batch or frame (EX_PROTOCOL).
    Format = 76,
    /// The system does not allow it (EX_NOPERM).
    NoPermission = 77,
    /// The configuration or the key file is wrong (EX_CONFIG).
    Configuration = 78,
}

impl Exit {
    /// Every way to end, with the words of `hansho --help`.
    pub(crate) const ALL: [(Self, &str); 14] = [
        (Self::Done, "all is well"),
        (
            Self::Nothing,
            "the answer is no: a code that this version does not know, a token that is not taken",
        ),
        (Self::Usage, "wrong command line"),
        (Self::Data, "a line of the input is wrong"),
        (Self::NoInput, "a file is missing"),
        (
            Self::Unavailable,
            "the agent does not run, or the collector cannot be reached",
        ),
        (Self::Internal, "a fault of hansho itself"),
        (Self::System, "the system refused something"),
        (
            Self::CannotCreate,
            "a ring, directory, socket or key file cannot be created",
        ),
        (Self::Io, "reading or writing failed"),
        (
            Self::Temporary,
            "not now: another agent runs with the same rings, or the collector is busy",
        ),
        (
            Self::Format,
            "bytes that are no ring, batch, frame or answer",
        ),
        (Self::NoPermission, "not allowed"),
        (
            Self::Configuration,
            "faults in the configuration or the key file",
        ),
    ];

    /// The number.
    pub(crate) const fn number(self) -> u8 {
        self as u8
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
        let words = match exit {
            Exit::NoInput => "there is no such file".into(),
            Exit::NoPermission => "not allowed to read it".into(),
            _ => error.to_string(),
        };
        Self::failed(exit, format!("{name}: {words}"))
    }
}

/// How faults of a configuration or key file end every subcommand: one fault, one number.
pub(crate) fn exit_of(errors: &[ConfigError]) -> Exit {
    match errors.iter().find_map(|error| error.unreadable) {
        None => Exit::Configuration,
        Some(Unreadable::Missing) => Exit::NoInput,
        Some(Unreadable::Forbidden) => Exit::NoPermission,
        Some(Unreadable::Failed) => Exit::Io,
    }
}

impl From<ConfigErrors> for Stop {
    fn from(errors: ConfigErrors) -> Self {
        Self::failed(exit_of(errors.list()), errors.to_string())
    }
}

impl From<ConfigError> for Stop {
    fn from(error: ConfigError) -> Self {
        ConfigErrors::from(error).into()
    }
}

impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Self {
        Self::usage(error.to_string())
    }
}

/// How a subcommand ends.
pub(crate) type Outcome = Result<Exit, Stop>;

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn every_way_to_end_is_documented_and_no_other() {
        let document = include_str!("../../docs/EXIT_CODES.md");
        let rows: Vec<&str> = document
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
            .filter(|cell| cell.bytes().all(|byte| byte.is_ascii_digit()))
            .collect();
        let known: Vec<String> = Exit::ALL
            .iter()
            .map(|(exit, _)| exit.number().to_string())
            .collect();
        assert_eq!(rows, known);
    }
}
