//! Lines of the watcher, out to where operators read: standard error (the journal, under systemd), else syslog's
//! datagram socket too. Nothing waits: what cannot be written now is dropped and counted.

use crate::limit::LOG_LINE_BYTES;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;

/// The socket of syslogd and journald (syslog(3)).
const SYSLOG_SOCKET: &str = "/dev/log";
/// Facility daemon, severity warning and informational (RFC 3164).
const RAISED_PRIORITY: u8 = 28;
const RESOLVED_PRIORITY: u8 = 30;

/// Where lines go.
#[derive(Debug)]
pub struct Output {
    syslog: Option<UnixDatagram>,
    dropped: u64,
}

impl Output {
    /// Standard error, and syslog where standard error is not the journal already.
    #[must_use]
    pub fn open() -> Self {
        let journal = std::env::var_os("JOURNAL_STREAM").is_some();
        let syslog = if journal { None } else { syslog() };
        Self { syslog, dropped: 0 }
    }

    /// Lines that could not be written.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Writes one line, its end included.
    pub fn line(&mut self, line: &[u8]) {
        if !self.to_stderr(line) {
            self.dropped = self.dropped.saturating_add(1);
        }
        if let Some(socket) = &self.syslog {
            let raised = !line
                .windows(10)
                .take(2)
                .any(|words| words.starts_with(b"-I "));
            let priority = if raised {
                RAISED_PRIORITY
            } else {
                RESOLVED_PRIORITY
            };
            let mut message = heapless::Vec::<u8, { LOG_LINE_BYTES + 64 }>::new();
            let header = format!("<{priority}>hansho[{}]: ", std::process::id());
            let whole = message.extend_from_slice(header.as_bytes()).is_ok()
                && message.extend_from_slice(line.trim_ascii_end()).is_ok();
            if whole && socket.send(&message).is_err() {
                self.dropped = self.dropped.saturating_add(1);
            }
        }
    }

    /// A write of at most `PIPE_BUF` bytes to a pipe that is ready does not wait (pipe(7)).
    fn to_stderr(&self, line: &[u8]) -> bool {
        let mut stderr = std::io::stderr();
        let mut ready = [PollFd::from_borrowed_fd(stderr.as_fd(), PollFlags::OUT)];
        let polled = poll(&mut ready, Some(&Timespec::default()));
        let writable = ready
            .first()
            .is_some_and(|fd| fd.revents().contains(PollFlags::OUT));
        polled.is_ok() && writable && stderr.write_all(line).is_ok()
    }
}

fn syslog() -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect(SYSLOG_SOCKET).ok()?;
    socket.set_nonblocking(true).ok()?;
    Some(socket)
}

/// The programs' own words, on standard error: `program: level: text`.
#[derive(Debug)]
struct Logger {
    program: &'static str,
}

impl log::Log for Logger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        // Only what is ours: libraries speak of every byte.
        if self.enabled(record.metadata()) && record.target().starts_with("hansho") {
            let level = record.level().as_str().to_ascii_lowercase();
            let line = format!("{}: {level}: {}\n", self.program, record.args());
            if std::io::stderr().write_all(line.as_bytes()).is_err() {
                // There is nowhere left to say so.
            }
        }
    }

    fn flush(&self) {}
}

/// Sets the logger of a program; `HANSHO_LOG=debug` shows more (error, warn, info, debug).
///
/// # Errors
/// Where one is set already.
pub fn init_logger(program: &'static str) -> Result<(), log::SetLoggerError> {
    let asked = std::env::var("HANSHO_LOG")
        .ok()
        .and_then(|level| level.parse().ok());
    log::set_max_level(asked.unwrap_or(log::LevelFilter::Info));
    log::set_boxed_logger(Box::new(Logger { program }))
}
