//! The watcher's second thread: it copies the memory ring to the disk and carries lines out. It alone may wait for a
//! disk; the tick thread only wakes it.

use hansho::frame::AgentId;
use hansho::keeper::gauges::{Gauge, Gauges};
use hansho::limit::{DISK_RETRY_MAX_MS, DISK_RETRY_MS, LOG_LINE_BYTES};
use hansho::spool::disk_ring::{DiskFault, DiskRing};
use hansho::spool::scribe::Scribe;
use hansho::sys::{self, Mapping};
use heapless::spsc::{Consumer, Producer, Queue};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Lines that wait for the scribe; more are dropped and counted.
const LINES: usize = 32;
/// The thread's stack: a block's worth of buffers and what the C library needs to format an error.
const STACK_BYTES: usize = 128 * 1024;
/// The longest sleep between two looks.
const LONGEST_MS: u64 = 1_000;

/// A line on its way out.
pub(crate) type Line = heapless::String<LOG_LINE_BYTES>;

/// What both threads see.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    lines_dropped: AtomicU64,
    /// The disk ring cannot be opened or written.
    disk_fault: AtomicBool,
    overtaken_alerts: AtomicU64,
    overtaken_readings: AtomicU64,
}

/// The tick thread's end.
pub(crate) struct Handle {
    lines: Producer<'static, Line>,
    thread: JoinHandle<()>,
    shared: Arc<Shared>,
}

/// Where the scribe writes.
pub(crate) struct Outlets {
    /// The file of the disk ring, where there is one, and whose it must be.
    pub(crate) disk: Option<(File, AgentId)>,
    /// The pipe to the keeper.
    pub(crate) pipe: OwnedFd,
    /// The agent's own log file and its bound.
    pub(crate) file: Option<(PathBuf, u64)>,
    /// Where it is told how it goes.
    pub(crate) gauges: Gauges,
}

impl Handle {
    /// Starts the thread.
    ///
    /// # Errors
    /// As clone(2).
    pub(crate) fn start(memory: Arc<Mapping>, outlets: Outlets) -> std::io::Result<Self> {
        // One queue for the life of the process: its two ends live in two threads.
        let queue: &'static mut Queue<Line, LINES> = Box::leak(Box::new(Queue::new()));
        touch(queue);
        let (lines, taken) = queue.split();
        let shared = Arc::new(Shared::default());
        // Until it is open nobody knows better; one that is configured and was not even made stays so.
        shared
            .disk_fault
            .store(outlets.disk.is_none(), Ordering::Relaxed);
        let theirs = shared.clone();
        let thread = std::thread::Builder::new()
            .name("scribe".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                // Opened here: reading a ring from a slow disk takes as long as it takes, and the ticks go on.
                let file = outlets.file.map(|(path, limit)| LogFile {
                    path,
                    limit,
                    open: None,
                });
                Thread {
                    scribe: None,
                    memory,
                    disk: outlets.disk.map(|(disk, agent)| (Arc::new(disk), agent)),
                    open_at_ms: 0,
                    open_failures: 0,
                    pipe: outlets.pipe,
                    file,
                    lines: taken,
                    shared: theirs,
                    gauges: outlets.gauges,
                    dropped_told: 0,
                    errno: 0,
                }
                .run();
            })?;
        Ok(Self {
            lines,
            thread,
            shared,
        })
    }

    /// Hands a line over without waiting.
    pub(crate) fn say(&mut self, line: &str) {
        let queued = Line::try_from(line)
            .map_err(|_| ())
            .and_then(|line| self.lines.enqueue(line).map_err(|_| ()));
        if queued.is_err() {
            self.shared.lines_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the disk ring can neither be opened nor written now.
    pub(crate) fn disk_ring_fault(&self) -> bool {
        self.shared.disk_fault.load(Ordering::Relaxed)
    }

    /// Frames of the alert stream, and readings and evidence, that the memory ring overwrote before they were copied;
    /// each is told once.
    pub(crate) fn take_overtaken(&mut self) -> (u64, u64) {
        let take = |count: &AtomicU64| match count.load(Ordering::Relaxed) {
            0 => 0,
            _ => count.swap(0, Ordering::Relaxed),
        };
        (
            take(&self.shared.overtaken_alerts),
            take(&self.shared.overtaken_readings),
        )
    }

    /// There is something to do.
    pub(crate) fn wake(&self) {
        self.thread.thread().unpark();
    }

    /// Asks for a last turn and waits for it, but not for a disk that hangs: the keeper's patience ends first.
    pub(crate) fn stop(self) {
        self.shared.stop.store(true, Ordering::Release);
        self.wake();
        let deadline = sys::monotonic_ms().saturating_add(2 * LONGEST_MS);
        while !self.thread.is_finished() && sys::monotonic_ms() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Writes every slot of the queue once: the first lines of a bad night must not be the first to touch its pages.
fn touch(queue: &mut Queue<Line, LINES>) {
    let mut longest = Line::new();
    while longest.push(' ').is_ok() {}
    // A queue holds one less than it has slots; its ends move on, so that two rounds reach all of them.
    for _ in 0..2 {
        while queue.enqueue(longest.clone()).is_ok() {}
        while queue.dequeue().is_some() {}
    }
}

struct Thread {
    scribe: Option<Scribe<Arc<Mapping>, Arc<File>>>,
    memory: Arc<Mapping>,
    /// The file of the disk ring, and whose it must be.
    disk: Option<(Arc<File>, AgentId)>,
    /// When it is tried again to open it, and how often that failed.
    open_at_ms: u64,
    open_failures: u32,
    pipe: OwnedFd,
    file: Option<LogFile>,
    lines: Consumer<'static, Line>,
    shared: Arc<Shared>,
    gauges: Gauges,
    /// Of the lines dropped, what the gauge knows.
    dropped_told: u64,
    /// Of the last fault of the disk ring.
    errno: u64,
}

impl Thread {
    fn run(mut self) {
        loop {
            let stop = self.shared.stop.load(Ordering::Acquire);
            self.carry_lines();
            let wait_ms = self.copy(stop);
            self.count_dropped();
            if stop {
                self.carry_lines();
                let dropped = self.shared.lines_dropped.load(Ordering::Relaxed);
                if dropped > 0 {
                    log::warn!("{dropped} lines were dropped");
                }
                return;
            }
            if wait_ms > 0 && !self.lines.ready() {
                std::thread::park_timeout(Duration::from_millis(wait_ms));
            }
        }
    }

    /// One turn of the scribe; how long it may sleep.
    fn copy(&mut self, urgent: bool) -> u64 {
        if self.scribe.is_none() {
            self.open_disk();
        }
        let Some(scribe) = &mut self.scribe else {
            return LONGEST_MS;
        };
        let turn = scribe.turn(sys::uptime(), urgent);
        let failing = scribe.is_failing();
        if let Some(fault) = turn.fault {
            let before = self.gauges.get(Gauge::DiskFaults);
            self.gauges.add(Gauge::DiskFaults, 1);
            if before.is_power_of_two() || before == 0 {
                log::error!("disk ring: {fault:?}; the memory ring goes on, it is tried again");
            }
            self.errno = number(fault.errno);
        }
        self.tell_disk(failing);
        for (count, more) in [
            (&self.shared.overtaken_alerts, turn.overtaken_alerts),
            (&self.shared.overtaken_readings, turn.overtaken_readings),
        ] {
            count.fetch_add(more, Ordering::Relaxed);
        }
        if turn.overtaken > 0 {
            log::warn!(
                "disk ring: {} frames were overwritten in memory before they were copied",
                turn.overtaken
            );
        }
        turn.next_ms.min(LONGEST_MS)
    }

    /// Opens the disk ring, here: reading a ring from a slow disk takes as long as it takes, and the ticks go on. One that
    /// cannot be opened is tried again: a disk may come back.
    fn open_disk(&mut self) {
        let Some((disk, agent)) = &self.disk else {
            return;
        };
        let now_ms = sys::monotonic_ms();
        if now_ms < self.open_at_ms {
            return;
        }
        let opened = disk
            .metadata()
            .map_err(DiskFault::Io)
            .and_then(|metadata| DiskRing::open(disk.clone(), *agent, metadata.len()));
        match opened {
            Ok((ring, recovered)) => {
                log::info!("disk ring: {:?}", recovered.scan);
                self.scribe = Some(Scribe::new(self.memory.clone(), ring));
            }
            Err(fault) => {
                if self.open_failures == 0 {
                    log::error!(
                        "disk ring: {fault}; the memory ring goes on alone, it is tried again"
                    );
                }
                let wait_ms = DISK_RETRY_MS
                    .checked_shl(self.open_failures)
                    .map_or(DISK_RETRY_MAX_MS, |wait| wait.min(DISK_RETRY_MAX_MS));
                self.open_failures = self.open_failures.saturating_add(1).min(16);
                self.open_at_ms = now_ms.saturating_add(wait_ms);
                self.gauges.add(Gauge::DiskFaults, 1);
                self.errno = number(match fault {
                    DiskFault::Io(error) => error.raw_os_error(),
                    _ => None,
                });
                self.tell_disk(true);
            }
        }
    }

    fn tell_disk(&self, failing: bool) {
        let errno = if failing { self.errno } else { 0 };
        self.gauges.set(Gauge::DiskFaultErrno, errno);
        self.shared.disk_fault.store(failing, Ordering::Relaxed);
    }

    /// Tells how many lines were dropped, in all.
    fn count_dropped(&mut self) {
        let dropped = self.shared.lines_dropped.load(Ordering::Relaxed);
        self.gauges.add(
            Gauge::LinesDropped,
            dropped.saturating_sub(self.dropped_told),
        );
        self.dropped_told = dropped;
    }

    fn carry_lines(&mut self) {
        while let Some(line) = self.lines.dequeue() {
            let mut bytes = heapless::Vec::<u8, { LOG_LINE_BYTES + 1 }>::new();
            // A line is at most one byte shorter than the buffer.
            let whole = bytes
                .extend_from_slice(line.as_bytes())
                .and_then(|()| bytes.push(b'\n').map_err(|_| Default::default()));
            debug_assert!(whole.is_ok(), "room for a line and its end");
            // A write of at most PIPE_BUF bytes is whole or not at all (pipe(7)); the pipe does not block.
            if rustix::io::write(&self.pipe, &bytes).is_err() {
                self.shared.lines_dropped.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(file) = &mut self.file
                && let Err(error) = file.write(&bytes)
            {
                file.open = None;
                self.shared.lines_dropped.fetch_add(1, Ordering::Relaxed);
                log::debug!("{}: {error}", file.path.display());
            }
        }
    }
}

/// The system's number of an error, positive; what has none, as a ring that is damaged, counts as an input/output error.
fn number(errno: Option<i32>) -> u64 {
    let eio = u64::try_from(libc::EIO).unwrap_or(1);
    errno
        .and_then(|errno| u64::try_from(errno).ok())
        .filter(|errno| *errno > 0)
        .unwrap_or(eio)
}

/// The agent's own log file: at its bound it becomes `NAME.1`, in place of the one before.
struct LogFile {
    path: PathBuf,
    limit: u64,
    open: Option<(File, u64)>,
}

impl LogFile {
    fn write(&mut self, line: &[u8]) -> std::io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self
            .open
            .as_ref()
            .is_some_and(|(_, written)| written.saturating_add(length) > self.limit)
        {
            self.open = None;
            std::fs::rename(&self.path, self.path.with_added_extension("1"))?;
        }
        let (file, written) = match &mut self.open {
            Some(open) => open,
            none => {
                let file = File::options().append(true).create(true).open(&self.path)?;
                let written = file.metadata()?.len();
                none.insert((file, written))
            }
        };
        file.write_all(line)?;
        *written = written.saturating_add(length);
        Ok(())
    }
}
