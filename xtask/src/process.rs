//! Starting other programs, and saying what went wrong in words that help.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a subcommand did not reach its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// `--help` was asked for; the dispatcher prints it.
    Help,
    /// The command line is wrong.
    Usage(String),
    /// A program or package is not on this machine.
    Missing {
        /// What is not there.
        what: String,
        /// The command that installs it.
        install: String,
    },
    /// A command was started and failed.
    Child {
        /// The command, as one would type it.
        command: String,
        /// Its exit status in words.
        status: String,
    },
    /// A file could not be read or written.
    Io {
        /// What was being done, and to which file.
        place: String,
        /// The system's answer.
        error: io::Error,
    },
    /// What was found is not what must be there.
    Check(String),
}

impl Failure {
    /// The exit code, as listed at the top of main.rs.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Help => 0,
            Self::Child { .. } | Self::Check(_) => 1,
            Self::Usage(_) => 64,
            Self::Missing { .. } => 69,
            Self::Io { .. } => 74,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Help => write!(f, "help"),
            Self::Usage(text) | Self::Check(text) => write!(f, "{text}"),
            Self::Missing { what, install } => {
                write!(f, "{what} is missing; install it with:\n  {install}")
            }
            Self::Child { command, status } => write!(f, "{status}: {command}"),
            Self::Io { place, error } => write!(f, "{place}: {error}"),
        }
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

/// For `map_err`: says what was being done when the system refused.
pub(crate) fn io_at(place: impl Into<String>) -> impl FnOnce(io::Error) -> Failure {
    let place = place.into();
    move |error| Failure::Io { place, error }
}

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// The cargo that started us.
pub(crate) fn cargo() -> Command {
    let mut command =
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root());
    command
}

/// The command as one would type it, for messages.
pub(crate) fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

/// Runs `command` to its end, its output going where ours goes.
///
/// # Errors
/// The program is missing, or it ended with anything but 0.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command
        .status()
        .map_err(|error| not_started(command, error))?;
    ended(command, status)
}

/// Runs `command` to its end and gives what it printed on stdout; stderr goes where ours goes.
///
/// # Errors
/// The program is missing, it ended with anything but 0, or it printed what is not UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| not_started(command, error))?;
    ended(command, output.status)?;
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::Check(format!("output is not UTF-8: {}", shown(command))))
}

/// Whether `command` is there and ends with 0; nothing of it is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Which stream of a child [`tee`] reads; the other goes where ours goes.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    /// Standard output.
    Stdout,
    /// Standard output, and it is for us alone: nothing of it is passed on.
    StdoutKept,
    /// Standard error.
    Stderr,
}

/// Runs `command` to its end; every line of `stream` is passed on at once (unless kept) and shown to `each_line`.
///
/// # Errors
/// As [`run`].
pub(crate) fn tee(
    command: &mut Command,
    stream: Stream,
    mut each_line: impl FnMut(&str),
) -> Result<(), Failure> {
    match stream {
        Stream::Stdout | Stream::StdoutKept => command.stdout(Stdio::piped()),
        Stream::Stderr => command.stderr(Stdio::piped()),
    };
    let mut child = command
        .spawn()
        .map_err(|error| not_started(command, error))?;
    let pipe: Option<Box<dyn io::Read>> = match stream {
        Stream::Stdout | Stream::StdoutKept => child.stdout.take().map(|pipe| Box::new(pipe) as _),
        Stream::Stderr => child.stderr.take().map(|pipe| Box::new(pipe) as _),
    };
    let mut read = Ok(());
    if let Some(pipe) = pipe {
        read = pass_on(BufReader::new(pipe), stream, &mut each_line);
    }
    // Waited for in any case: a child that we leave behind would go on by itself.
    let status = child.wait().map_err(io_at(shown(command)))?;
    read.map_err(io_at(format!(
        "passing on the output of {}",
        shown(command)
    )))?;
    ended(command, status)
}

fn pass_on(
    mut from: impl BufRead,
    stream: Stream,
    each_line: &mut impl FnMut(&str),
) -> io::Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? != 0 {
        match stream {
            Stream::Stdout => io::stdout().write_all(&line)?,
            Stream::StdoutKept => {}
            Stream::Stderr => io::stderr().write_all(&line)?,
        }
        each_line(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    Ok(())
}

fn ended(command: &Command, status: std::process::ExitStatus) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    Err(Failure::Child {
        command: shown(command),
        status: status.to_string(),
    })
}

fn not_started(command: &Command, error: io::Error) -> Failure {
    let program = command.get_program().to_string_lossy().into_owned();
    if error.kind() != io::ErrorKind::NotFound {
        return Failure::Io {
            place: format!("cannot start {program}"),
            error,
        };
    }
    Failure::Missing {
        install: install_of(&program),
        what: program,
    }
}

/// The command that brings `program`; Debian's packages, because that is where hansho is built.
fn install_of(program: &str) -> String {
    let name = Path::new(program)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let package = match name.as_deref() {
        Some("python3") => "python3 python3-venv",
        Some(name) if name.starts_with("qemu-") => "qemu-user-static",
        Some("timeout") => "coreutils",
        _ => {
            return format!(
                "(no package is known for {program}: see .ci/run for what hansho needs)"
            );
        }
    };
    format!("apt-get install --no-install-recommends {package}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_its_package() {
        let failure = run(&mut Command::new("/nonexistent/qemu-aarch64-static")).unwrap_err();
        assert_eq!(failure.exit_code(), 69);
        assert!(
            failure
                .to_string()
                .contains("apt-get install --no-install-recommends qemu-user-static")
        );
    }

    #[test]
    fn a_failing_program_is_named_with_its_status() {
        let failure = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(failure.exit_code(), 1);
        assert_eq!(failure.to_string(), "exit status: 3: sh -c exit 3");
    }

    #[test]
    fn tee_sees_every_line_and_the_status_still_counts() {
        let mut lines = Vec::new();
        let result = tee(
            Command::new("sh").args(["-c", "echo one; echo two; exit 1"]),
            Stream::Stdout,
            |line| lines.push(line.to_owned()),
        );
        assert_eq!(lines, ["one", "two"]);
        assert!(matches!(result, Err(Failure::Child { .. })));
    }
}
