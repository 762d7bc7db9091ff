//! The keeper's loop: start, reap, restart; pass requests on; copy lines out; notice what hangs; stop in order.

use super::control::{self, Order, Request};
use super::launch::{Given, Inherited, Launch, start};
use super::output::Output;
use super::pulse::{Pulse, Role};
use super::restart::Restarts;
use crate::limit::{LOG_LINE_BYTES, MESSAGE_BYTES};
use crate::sys;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;

/// The program with keeper and watcher.
pub const DAEMON: &str = "hanshod";
/// The program with everything else.
pub const COMMAND: &str = "hansho";
/// The watcher asks for a new run: it is started again at once.
pub const EXIT_NEW_RUN: i32 = 3;
/// The forwarder leaves until the next post is due.
pub const EXIT_LEFT: i32 = 4;

/// A worker that has not gone round its loop for this long is killed and started again.
const HUNG_MS: u64 = 60_000;
/// How long the watcher has to say goodbye.
const STOP_WATCHER_MS: u64 = 3_000;
/// How long the forwarder has for a last post.
const STOP_FORWARDER_MS: u64 = 11_000;
/// Connections of the control socket at once.
const PEERS: usize = 4;
/// The loop looks round at least this often.
const ROUND_MS: u64 = 1_000;

/// A worker and its fate.
#[derive(Debug)]
struct Worker {
    role: Role,
    child: Option<Child>,
    started_ms: u64,
    /// When it is to be started; `None` while it lives or is not wanted.
    due_ms: Option<u64>,
    restarts: Restarts,
    /// Hung at the last look already: one look alone may be the keeper's own stall.
    suspected: bool,
}

impl Worker {
    const fn new(role: Role) -> Self {
        Self {
            role,
            child: None,
            started_ms: 0,
            due_ms: Some(0),
            restarts: Restarts::new(),
            suspected: false,
        }
    }
}

/// What keeper and workers share.
#[derive(Debug)]
struct Shared {
    launch_file: OwnedFd,
    memory: OwnedFd,
    disk: Option<OwnedFd>,
    pulse_file: OwnedFd,
    /// Keeper's and watcher's end of their pair.
    keeper_side: OwnedFd,
    watcher_side: OwnedFd,
    /// The watcher's and the forwarder's end of their pair; both are kept, so that either may be started again.
    watcher_link: OwnedFd,
    forwarder_link: OwnedFd,
    log_out: OwnedFd,
    log_in: OwnedFd,
}

/// The keeper.
#[derive(Debug)]
pub struct Keeper {
    launch: Launch,
    shared: Shared,
    pulse: Pulse,
    listener: OwnedFd,
    signals: OwnedFd,
    peers: heapless::Vec<OwnedFd, PEERS>,
    output: Output,
    watcher: Worker,
    forwarder: Worker,
    stopping_since_ms: Option<u64>,
}

impl Keeper {
    /// A keeper of what it inherited.
    ///
    /// # Errors
    /// A sentence that says what failed.
    pub fn new(mut inherited: Inherited) -> Result<Self, String> {
        let failed = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
        let mut launch_file = File::from(inherited.demand("launch")?);
        let launch = Launch::of(&mut launch_file).map_err(failed("launch"))?;
        let (pulse_file, pulse) = Pulse::create().map_err(failed("pulse"))?;
        let (keeper_side, watcher_side) = pair().map_err(failed("socketpair"))?;
        let (watcher_link, forwarder_link) = pair().map_err(failed("socketpair"))?;
        let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
        let (log_out, log_in) =
            rustix::pipe::pipe_with(flags).map_err(|error| failed("pipe")(error.into()))?;
        let shared = Shared {
            launch_file: launch_file.into(),
            memory: inherited.demand("memory")?,
            disk: inherited.take("disk"),
            pulse_file: pulse_file.into(),
            keeper_side,
            watcher_side,
            watcher_link,
            forwarder_link,
            log_out,
            log_in,
        };
        let mut forwarder = Worker::new(Role::Forwarder);
        if launch.plan.forward.urls.is_empty() {
            forwarder.due_ms = None;
        }
        Ok(Self {
            launch,
            shared,
            pulse,
            listener: inherited.demand("control")?,
            signals: sys::signals().map_err(failed("signalfd"))?,
            peers: heapless::Vec::new(),
            output: Output::open(),
            watcher: Worker::new(Role::Watcher),
            forwarder,
            stopping_since_ms: None,
        })
    }

    /// Runs until it is told to stop and everybody has ended.
    pub fn run(&mut self) {
        loop {
            let now_ms = sys::monotonic_ms();
            self.start_due(now_ms);
            if self.stopping_since_ms.is_some()
                && self.watcher.child.is_none()
                && self.forwarder.child.is_none()
            {
                self.copy_lines();
                return;
            }
            self.wait(now_ms);
            self.take_signals();
            self.reap();
            self.take_requests();
            self.copy_lines();
            self.look_for_hung();
            self.stop_late();
        }
    }

    /// Waits until there is something to do.
    fn wait(&self, now_ms: u64) {
        let due = [self.watcher.due_ms, self.forwarder.due_ms]
            .into_iter()
            .flatten()
            .min();
        let wait_ms = due.map_or(ROUND_MS, |due| due.saturating_sub(now_ms).min(ROUND_MS));
        let away = self
            .forwarder_is_away()
            .then_some(&self.shared.forwarder_link);
        let always = [&self.signals, &self.listener, &self.shared.log_out];
        let watched = always.into_iter().chain(away).chain(&self.peers);
        let mut fds: heapless::Vec<_, { PEERS + 4 }> = watched
            .take(PEERS + 4)
            .map(|fd| PollFd::new(fd, PollFlags::IN))
            .collect();
        let timeout = Timespec {
            tv_sec: i64::try_from(wait_ms / 1000).unwrap_or(1),
            tv_nsec: i64::try_from((wait_ms % 1000).saturating_mul(1_000_000)).unwrap_or(0),
        };
        // Interrupted or timed out: the loop looks at everything anyway.
        if poll(&mut fds, Some(&timeout)).is_err() {}
    }

    fn forwarder_is_away(&self) -> bool {
        self.forwarder.child.is_none() && self.forwarder.due_ms.is_some()
    }

    /// Starts what is due; a forwarder that is away comes at once when the watcher has news for it.
    fn start_due(&mut self, now_ms: u64) {
        if self.forwarder_is_away() && readable(&self.shared.forwarder_link) {
            self.forwarder.due_ms = Some(now_ms);
        }
        if self.stopping_since_ms.is_some() {
            return;
        }
        let shared = &self.shared;
        let disk = shared.disk.as_ref().map(|descriptor| Given {
            name: "disk",
            descriptor,
        });
        let common = [
            Given {
                name: "launch",
                descriptor: &shared.launch_file,
            },
            Given {
                name: "memory",
                descriptor: &shared.memory,
            },
            Given {
                name: "pulse",
                descriptor: &shared.pulse_file,
            },
        ];
        let for_watcher = [
            Given {
                name: "keeper",
                descriptor: &shared.watcher_side,
            },
            Given {
                name: "link",
                descriptor: &shared.watcher_link,
            },
            Given {
                name: "log",
                descriptor: &shared.log_in,
            },
        ];
        let for_forwarder = [Given {
            name: "link",
            descriptor: &shared.forwarder_link,
        }];
        start_one(&mut self.watcher, now_ms, &self.pulse, || {
            let given: Vec<_> = common.into_iter().chain(disk).chain(for_watcher).collect();
            start(DAEMON, "watch", &given)
        });
        start_one(&mut self.forwarder, now_ms, &self.pulse, || {
            let given: Vec<_> = common
                .into_iter()
                .chain(disk)
                .chain(for_forwarder)
                .collect();
            start(COMMAND, "forward", &given)
        });
    }

    /// Takes what signalfd has: SIGTERM and SIGINT stop, SIGCHLD only wakes, SIGHUP is taken and ignored for now
    /// (its default would end the agent).
    fn take_signals(&mut self) {
        let mut record = [0; 128];
        while let Ok(taken) = rustix::io::read(&self.signals, &mut record) {
            let signal = record.get(..taken).and_then(sys::signal_number);
            match signal {
                None => return,
                Some(libc::SIGTERM | libc::SIGINT) => self.stop(),
                Some(_) => {}
            }
        }
    }

    fn stop(&mut self) {
        if self.stopping_since_ms.is_some() {
            return;
        }
        self.stopping_since_ms = Some(sys::monotonic_ms());
        self.watcher.due_ms = None;
        if self.watcher.child.is_none() {
            self.stop_forwarder();
        } else if let Err(error) = control::tell(&self.shared.keeper_side, &Order::Stop.to_bytes())
        {
            log::warn!("the watcher cannot be told to stop: {error}");
        }
    }

    /// The watcher has ended: the forwarder posts what is left and ends.
    fn stop_forwarder(&mut self) {
        if self.forwarder.child.is_none() {
            self.forwarder.due_ms = None;
        } else if let Err(error) = control::tell(&self.shared.watcher_link, &Wake::Stop.to_bytes())
        {
            log::warn!("the forwarder cannot be told to stop: {error}");
        }
    }

    fn reap(&mut self) {
        let now_ms = sys::monotonic_ms();
        let stopping = self.stopping_since_ms.is_some();
        let leave_ms = u64::from(self.launch.plan.forward.post_interval_ms);
        let mut watcher_ended = false;
        for worker in [&mut self.watcher, &mut self.forwarder] {
            let Some(child) = &mut worker.child else {
                continue;
            };
            let status = match child.try_wait() {
                Ok(None) => continue,
                Ok(Some(status)) => status,
                Err(error) => {
                    log::error!("{}: {error}", worker.role.name());
                    continue;
                }
            };
            worker.child = None;
            watcher_ended |= worker.role == Role::Watcher;
            if stopping {
                continue;
            }
            let wait_ms = match status.code() {
                Some(EXIT_NEW_RUN) => 0,
                Some(EXIT_LEFT) => leave_ms,
                _ => {
                    let wait_ms = worker
                        .restarts
                        .ended(now_ms.saturating_sub(worker.started_ms));
                    let (name, total) = (worker.role.name(), worker.restarts.total());
                    log::warn!(
                        "{name} ended ({status}), started again in {wait_ms} ms, restart {total}"
                    );
                    wait_ms
                }
            };
            worker.due_ms = Some(now_ms.saturating_add(wait_ms));
        }
        if stopping && watcher_ended {
            self.stop_forwarder();
        }
    }

    fn take_requests(&mut self) {
        while let Some(peer) = control::accept(&self.listener) {
            // A fifth is closed: whoever asks tries again.
            if self.peers.push(peer).is_err() {}
        }
        let mut buffer = [0; MESSAGE_BYTES];
        let keeper_side = &self.shared.keeper_side;
        self.peers
            .retain(|peer| match control::receive(peer, &mut buffer) {
                None => true,
                Some(Ok(taken)) if taken > 0 => {
                    let answer = match Request::parse(buffer.get(..taken).unwrap_or_default()) {
                        Ok(Request::Ping) => "ok".to_owned(),
                        Ok(Request::Test { code }) => {
                            match control::tell(keeper_side, &Order::Test { code }.to_bytes()) {
                                Ok(()) => "ok".to_owned(),
                                Err(error) => {
                                    format!("error test: the watcher does not take it: {error}")
                                }
                            }
                        }
                        Err(answer) => answer.to_owned(),
                    };
                    control::tell(peer, answer.as_bytes()).is_ok()
                }
                Some(_) => false,
            });
    }

    /// Copies the watcher's lines out. The pipe may bring several at once, never a part of one: each is written whole.
    fn copy_lines(&mut self) {
        let mut buffer = [0; LOG_LINE_BYTES * 8];
        while let Ok(taken @ 1..) = rustix::io::read(&self.shared.log_out, &mut buffer) {
            for line in buffer
                .get(..taken)
                .unwrap_or_default()
                .split_inclusive(|byte| *byte == b'\n')
            {
                self.output.line(line);
            }
        }
    }

    fn look_for_hung(&mut self) {
        let now_ms = sys::monotonic_ms();
        for worker in [&mut self.watcher, &mut self.forwarder] {
            let Some(child) = &mut worker.child else {
                continue;
            };
            if self.pulse.age_ms(worker.role, now_ms) < HUNG_MS {
                worker.suspected = false;
            } else if worker.suspected {
                log::error!(
                    "{} has not moved for {} s: killed",
                    worker.role.name(),
                    HUNG_MS / 1000
                );
                if let Err(error) = child.kill() {
                    log::error!("{}: {error}", worker.role.name());
                }
                worker.suspected = false;
            } else {
                worker.suspected = true;
            }
        }
    }

    /// Kills whoever does not stop in time.
    fn stop_late(&mut self) {
        let Some(since_ms) = self.stopping_since_ms else {
            return;
        };
        let stopping_ms = sys::monotonic_ms().saturating_sub(since_ms);
        let limits = [
            STOP_WATCHER_MS,
            STOP_WATCHER_MS.saturating_add(STOP_FORWARDER_MS),
        ];
        for (worker, limit_ms) in [&mut self.watcher, &mut self.forwarder]
            .into_iter()
            .zip(limits)
        {
            if let (Some(child), true) = (&mut worker.child, stopping_ms > limit_ms) {
                log::warn!("{} does not stop: killed", worker.role.name());
                if let Err(error) = child.kill() {
                    log::error!("{}: {error}", worker.role.name());
                }
            }
        }
    }
}

/// Starts a worker that is due.
fn start_one(
    worker: &mut Worker,
    now_ms: u64,
    pulse: &Pulse,
    start: impl FnOnce() -> io::Result<Child>,
) {
    if worker.child.is_some() || worker.due_ms.is_none_or(|due| due > now_ms) {
        return;
    }
    pulse.beat(worker.role);
    worker.started_ms = now_ms;
    match start() {
        Ok(child) => {
            worker.child = Some(child);
            worker.due_ms = None;
        }
        Err(error) => {
            // No memory or no process to be had: it is tried again, the others go on.
            let wait_ms = worker.restarts.ended(0);
            log::error!("{}: {error}; again in {wait_ms} ms", worker.role.name());
            worker.due_ms = Some(now_ms.saturating_add(wait_ms.max(100)));
        }
    }
}

/// What the watcher (and, at the end, the keeper) tells the forwarder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// An alert is in the ring.
    Alert,
    /// Post what is left and end.
    Stop,
}

impl Wake {
    /// As a message.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 1] {
        match self {
            Self::Alert => *b"A",
            Self::Stop => *b"S",
        }
    }

    /// From a message.
    #[must_use]
    pub const fn from_bytes(message: &[u8]) -> Option<Self> {
        match message {
            b"A" => Some(Self::Alert),
            b"S" => Some(Self::Stop),
            _ => None,
        }
    }
}

fn readable(fd: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        flags,
        None,
    )?)
}
