//! Lines of the watcher, out to where operators read: standard error (the journal, under systemd), else syslog's
//! datagram socket too. Nothing waits: what cannot be written now is dropped and counted.

use crate::limit::{LOG_LINE_BYTES, LOG_LINES_PER_MINUTE};
use crate::sys;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{SendFlags, send};
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The socket of syslogd and journald (syslog(3)).
const SYSLOG_SOCKET: &str = "/dev/log";
/// Facility daemon (3) with the severities error, warning and informational (RFC 3164, section 4.1.1).
const ERROR_PRIORITY: u8 = 27;
const WARNING_PRIORITY: u8 = 28;
const INFORMATIONAL_PRIORITY: u8 = 30;

/// Where lines go.
#[derive(Debug)]
pub struct Output {
    syslog: Option<Syslog>,
    dropped: u64,
}

impl Output {
    /// Standard error, and syslog where standard error is not the journal already.
    #[must_use]
    pub fn open() -> Self {
        Self {
            syslog: Syslog::open(),
            dropped: 0,
        }
    }

    /// Lines that could not be written.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Writes one line, its end included.
    pub fn line(&mut self, line: &[u8]) {
        if !to_stderr(line) {
            self.dropped = self.dropped.saturating_add(1);
        }
        if let Some(syslog) = &self.syslog
            && !syslog.send(priority(line), line.trim_ascii_end())
        {
            self.dropped = self.dropped.saturating_add(1);
        }
    }
}

/// The socket of syslog, where standard error is not read by it anyway.
#[derive(Debug)]
struct Syslog {
    /// Not connected: whoever listens there may be started later, and started again.
    socket: UnixDatagram,
    path: PathBuf,
}

impl Syslog {
    fn open() -> Option<Self> {
        if stderr_is_journal() {
            return None;
        }
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        // Tests of this program as it is built for them listen elsewhere; a release does not read this.
        let asked = std::env::var_os("HANSHO_TEST_SYSLOG").filter(|_| cfg!(debug_assertions));
        Some(Self {
            socket,
            path: asked.map_or_else(|| SYSLOG_SOCKET.into(), PathBuf::from),
        })
    }

    /// Sends a line without its end; false where somebody listens and does not take it. What is longer than a line may be
    /// is cut.
    fn send(&self, priority: u8, line: &[u8]) -> bool {
        let mut message = heapless::Vec::<u8, { LOG_LINE_BYTES + 64 }>::new();
        let header = format!("<{priority}>hansho[{}]: ", std::process::id());
        let line = line.get(..LOG_LINE_BYTES).unwrap_or(line);
        let whole = message.extend_from_slice(header.as_bytes()).is_ok()
            && message.extend_from_slice(line).is_ok();
        match self.socket.send_to(&message, &self.path) {
            Ok(_) => whole,
            Err(error) => matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ),
        }
    }
}

/// The priority of a line, by the letter of its code: `HNS1002-E` is an error, `HNS1002-I` only informs.
fn priority(line: &[u8]) -> u8 {
    let mut bytes = line.iter();
    let dash = bytes.find(|byte| matches!(byte, b'-' | b' '));
    match (dash, bytes.next()) {
        (Some(b'-'), Some(b'E')) => ERROR_PRIORITY,
        (Some(b'-'), Some(b'W')) => WARNING_PRIORITY,
        _ => INFORMATIONAL_PRIORITY,
    }
}

/// Writes to standard error without waiting for whoever reads it; false where that cannot be now.
///
/// The journal's socket takes a message or refuses it. A write of at most `PIPE_BUF` bytes to a pipe that is ready does
/// not wait (pipe(7)), unless another process fills it in between.
fn to_stderr(line: &[u8]) -> bool {
    let mut stderr = std::io::stderr();
    match send(
        stderr.as_fd(),
        line,
        SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
    ) {
        Err(rustix::io::Errno::NOTSOCK) => {}
        outcome => return outcome.is_ok(),
    }
    let mut ready = [PollFd::from_borrowed_fd(stderr.as_fd(), PollFlags::OUT)];
    let polled = poll(&mut ready, Some(&Timespec::default()));
    let writable = ready
        .first()
        .is_some_and(|fd| fd.revents().contains(PollFlags::OUT));
    polled.is_ok() && writable && stderr.write_all(line).is_ok()
}

/// Whether standard error is the stream that systemd connected to the journal (`$JOURNAL_STREAM` of systemd.exec(5) has
/// its device and inode): a redirected one is not.
fn stderr_is_journal() -> bool {
    let Some(stream) = std::env::var("JOURNAL_STREAM").ok() else {
        return false;
    };
    let stderr = std::io::stderr();
    rustix::fs::fstat(stderr.as_fd())
        .is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Lines out of a pipe that brings bytes: whole lines at once, and what is left of the last one the next time.
#[derive(Debug)]
pub struct LineReader {
    buffer: [u8; LINE_BUFFER_BYTES],
    filled: usize,
}

/// Several lines; a line that fills it alone is none of ours and is passed on as it is.
const LINE_BUFFER_BYTES: usize = (LOG_LINE_BYTES + 1) * 8;

impl Default for LineReader {
    fn default() -> Self {
        Self {
            buffer: [0; LINE_BUFFER_BYTES],
            filled: 0,
        }
    }
}

impl LineReader {
    /// Reads once by `read` and hands each whole line over, its end included; false where nothing came.
    pub fn take(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> usize,
        mut each: impl FnMut(&[u8]),
    ) -> bool {
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let taken = read(room);
        let end = self.filled.saturating_add(taken).min(LINE_BUFFER_BYTES);
        let mut rest = 0;
        let held = self.buffer.get(..end).unwrap_or_default();
        for line in held.split_inclusive(|byte| *byte == b'\n') {
            if line.ends_with(b"\n") || line.len() == LINE_BUFFER_BYTES {
                each(line);
                rest = line.len().saturating_add(rest);
            }
        }
        self.buffer.copy_within(rest..end, 0);
        self.filled = end.saturating_sub(rest);
        taken > 0
    }
}

/// The programs' own words: on standard error, as `program: level: text`, and warnings and errors to syslog too where
/// standard error is not the journal. A fault of the configuration at night must be found where operators look.
#[derive(Debug)]
struct Logger {
    program: &'static str,
    syslog: Option<Syslog>,
    rate: Rate,
}

/// Bounds what goes to syslog a minute: a fault that repeats must not fill the host's log.
#[derive(Debug, Default)]
struct Rate {
    minute: AtomicU64,
    said: AtomicU32,
}

impl Rate {
    fn allows(&self, now_ms: u64) -> bool {
        let minute = now_ms / 60_000;
        if self.minute.swap(minute, Ordering::Relaxed) != minute {
            self.said.store(0, Ordering::Relaxed);
        }
        self.said.fetch_add(1, Ordering::Relaxed) < LOG_LINES_PER_MINUTE
    }
}

impl log::Log for Logger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        // Only what is ours: libraries speak of every byte.
        if !self.enabled(record.metadata()) || !record.target().starts_with("hansho") {
            return;
        }
        let level = record.level().as_str().to_ascii_lowercase();
        let line = format!("{}: {level}: {}\n", self.program, record.args());
        // Said or not: there is nowhere left to say that it wasn't, and no program of ours waits for a reader.
        let _said = to_stderr(line.as_bytes());
        let priority = match record.level() {
            log::Level::Error => ERROR_PRIORITY,
            log::Level::Warn => WARNING_PRIORITY,
            _ => return,
        };
        if let Some(syslog) = &self.syslog
            && self.rate.allows(sys::monotonic_ms())
        {
            let _said = syslog.send(priority, line.trim_end().as_bytes());
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
    log::set_boxed_logger(Box::new(Logger {
        program,
        syslog: Syslog::open(),
        rate: Rate::default(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letter_of_the_code_is_the_priority() {
        assert_eq!(priority(b"HNS1002-E FIRING subject=-\n"), ERROR_PRIORITY);
        assert_eq!(priority(b"HNS1001-W FIRING subject=-\n"), WARNING_PRIORITY);
        assert_eq!(
            priority(b"HNS1002-I RESOLVED x-E\n"),
            INFORMATIONAL_PRIORITY
        );
        assert_eq!(priority(b"hanshod error-E\n"), INFORMATIONAL_PRIORITY);
        assert_eq!(priority(b""), INFORMATIONAL_PRIORITY);
    }

    #[test]
    fn a_fault_that_repeats_does_not_fill_the_log() {
        let rate = Rate::default();
        let said = |now_ms| (0..1000).filter(|_| rate.allows(now_ms)).count();
        let most = usize::try_from(LOG_LINES_PER_MINUTE).unwrap();
        assert_eq!(
            [said(600_000), said(659_999), said(660_000)],
            [most, 0, most]
        );
    }

    #[test]
    fn lines_come_whole_however_the_pipe_cuts_them() {
        let lines: Vec<String> = (0..40)
            .map(|number| format!("{number} {}\n", "x".repeat(number * 12)))
            .collect();
        let sent = lines.concat();
        for piece in [1, 7, 480, 481, 4000] {
            let mut reader = LineReader::default();
            let mut rest = sent.as_bytes();
            let mut got = Vec::new();
            while reader.take(
                |room| {
                    let count = piece.min(rest.len()).min(room.len());
                    room[..count].copy_from_slice(&rest[..count]);
                    rest = &rest[count..];
                    count
                },
                |line| got.push(String::from_utf8(line.to_vec()).unwrap()),
            ) {}
            assert_eq!(got, lines, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_has_no_end_is_passed_on_and_does_not_stop_the_reader() {
        let mut reader = LineReader::default();
        let mut got = 0;
        for _ in 0..4 {
            reader.take(
                |room| {
                    room.fill(b'x');
                    room.len()
                },
                |line| got += line.len(),
            );
        }
        assert_eq!(got, 4 * LINE_BUFFER_BYTES);
    }
}
