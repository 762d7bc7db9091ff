//! The watcher's second thread: it copies the memory ring to the disk and carries lines out. It alone may wait for a
//! disk; the tick thread only wakes it.

use hansho::frame::AgentId;
use hansho::keeper::gauges::{Gauge, Gauges};
use hansho::limit::LOG_LINE_BYTES;
use hansho::spool::disk_ring::DiskRing;
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
        let theirs = shared.clone();
        let thread = std::thread::Builder::new()
            .name("scribe".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                // Opened here: reading a ring from a slow disk takes as long as it takes, and the ticks go on.
                let scribe = outlets
                    .disk
                    .and_then(|(disk, agent)| open_disk(disk, agent))
                    .map(|disk| Scribe::new(memory, disk));
                let file = outlets.file.map(|(path, limit)| LogFile {
                    path,
                    limit,
                    open: None,
                });
                Thread {
                    scribe,
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

fn open_disk(disk: File, agent: AgentId) -> Option<DiskRing<File>> {
    let opened = disk
        .metadata()
        .map_err(|error| error.to_string())
        .and_then(|metadata| {
            DiskRing::open(disk, agent, metadata.len()).map_err(|fault| format!("{fault:?}"))
        });
    match opened {
        Ok((ring, recovered)) => {
            log::info!("disk ring: {:?}", recovered.scan);
            Some(ring)
        }
        Err(why) => {
            log::error!("disk ring: {why}; the memory ring goes on alone");
            None
        }
    }
}

struct Thread {
    scribe: Option<Scribe<Arc<Mapping>, File>>,
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
        if turn.overtaken > 0 {
            log::warn!(
                "disk ring: {} frames were overwritten in memory before they were copied",
                turn.overtaken
            );
        }
        turn.next_ms.min(LONGEST_MS)
    }

    fn tell_disk(&self, failing: bool) {
        let errno = if failing { self.errno } else { 0 };
        self.gauges.set(Gauge::DiskFaultErrno, errno);
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
