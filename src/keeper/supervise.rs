//! The keeper's loop: start, reap, restart; pass requests on; copy lines out; notice what hangs; stop in order.

use super::control::{self, Order, Request};
use super::gauges::{Gauges, KeeperCounts, Role};
use super::host_stop;
use super::hung::{Hung, Verdict};
use super::launch::{Given, Inherited, Launch, Program, memory_file_of};
use super::output::{LineReader, Output};
use super::protect;
use super::reload::{Reload, tell_refused};
use super::restart::Restarts;
use super::wake::Wake;
use crate::limit::{MESSAGE_BYTES, POST_TIMEOUT_MS};
use crate::scout::image::IMAGE_BYTES;
use crate::sys;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;

/// The program with keeper, watcher and scout.
pub const DAEMON: &str = "hanshod";
/// The program with everything else.
pub const COMMAND: &str = "hansho";
/// The watcher asks for a new run: it is started again at once.
pub const EXIT_NEW_RUN: i32 = 3;
/// The forwarder leaves until the next post is due.
pub const EXIT_LEFT: i32 = 4;

/// How long the watcher has to say goodbye.
pub(super) const STOP_WATCHER_MS: u64 = 3_000;
/// How long the forwarder has for a last post.
const STOP_FORWARDER_MS: u64 = 11_000;
/// Connections of the control socket at once.
const PEERS: usize = 4;
/// The loop looks round at least this often: what has happened wakes it at once, only a worker that hangs does not.
const ROUND_MS: u64 = 5_000;
/// The same while stopping or taking another configuration, when patience ends by time.
const STOPPING_ROUND_MS: u64 = 1_000;
/// The forwarder goes round its loop at least this often, but for a post.
const FORWARDER_ROUND_MS: u64 = POST_TIMEOUT_MS;

/// The scout goes round its loop at least this often; what it looks at may hold it up.
const SCOUT_ROUND_MS: u64 = 1_000;

/// A worker and its fate.
#[derive(Debug)]
pub(super) struct Worker {
    role: Role,
    /// It runs, or has ended and is not reaped yet: so the number is nobody else's.
    pub(super) child: Option<Pid>,
    started_ms: u64,
    /// When it is to be started; `None` while it lives or is not wanted.
    pub(super) due_ms: Option<u64>,
    /// It left in order until the next post, and comes back for news; one that failed waits.
    pub(super) has_left: bool,
    restarts: Restarts,
    pub(super) hung: Hung,
}

impl Worker {
    fn new(role: Role, round_ms: u64) -> Self {
        Self {
            role,
            child: None,
            started_ms: 0,
            due_ms: Some(0),
            has_left: false,
            restarts: Restarts::new(),
            hung: Hung::new(round_ms),
        }
    }

    fn is_away(&self) -> bool {
        self.has_left && self.child.is_none()
    }

    pub(super) fn kill(&self) {
        if let Some(Err(errno)) = self.child.map(|child| kill_process(child, Signal::KILL)) {
            log::error!("{}: kill: {errno}", self.role.name());
        }
    }
}

/// What keeper and workers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) launch_file: OwnedFd,
    memory: OwnedFd,
    disk: Option<OwnedFd>,
    /// Locks of the rings' directories: they hold until the last process that has them ends.
    locks: Vec<OwnedFd>,
    gauges_file: OwnedFd,
    /// Keeper's and watcher's end of their pair.
    pub(super) keeper_side: OwnedFd,
    pub(super) watcher_side: OwnedFd,
    /// The watcher's and the forwarder's end of their pair; both are kept, so that either may be started again.
    watcher_link: OwnedFd,
    forwarder_link: OwnedFd,
    /// The watcher's and the scout's end of their pair, likewise.
    watcher_scout: OwnedFd,
    scout_link: OwnedFd,
    /// What the scout shows the watcher.
    suspects_file: OwnedFd,
    log_out: OwnedFd,
    log_in: OwnedFd,
}

/// The keeper.
#[derive(Debug)]
pub struct Keeper {
    pub(super) launch: Launch,
    /// Opened at the start: an upgrade in place changes nothing until the agent is restarted.
    daemon: Program,
    pub(super) command: Program,
    pub(super) shared: Shared,
    pub(super) gauges: Gauges,
    pub(super) reload: Reload,
    listener: OwnedFd,
    signals: OwnedFd,
    peers: heapless::Vec<OwnedFd, PEERS>,
    output: Output,
    lines: LineReader,
    pub(super) watcher: Worker,
    pub(super) forwarder: Worker,
    scout: Worker,
    replacing_scout: bool,
    pub(super) stopping_since_ms: Option<u64>,
}

impl Keeper {
    /// A keeper of what it inherited.
    ///
    /// # Errors
    /// A sentence that says what failed.
    pub fn new(mut inherited: Inherited) -> Result<Self, String> {
        let failed = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
        let launch_file = File::from(inherited.demand("launch")?);
        let launch = Launch::of(&launch_file).map_err(failed("launch"))?;
        let (gauges_file, gauges) = Gauges::create().map_err(failed("gauges"))?;
        let (keeper_side, watcher_side) = pair().map_err(failed("socketpair"))?;
        let (watcher_link, forwarder_link) = pair().map_err(failed("socketpair"))?;
        let (watcher_scout, scout_link) = pair().map_err(failed("socketpair"))?;
        let suspects =
            memory_file_of("hansho-suspects", IMAGE_BYTES as u64).map_err(failed("suspects"))?;
        let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
        let (log_out, log_in) =
            rustix::pipe::pipe_with(flags).map_err(|error| failed("pipe")(error.into()))?;
        let shared = Shared {
            launch_file: launch_file.into(),
            memory: inherited.demand("memory")?,
            disk: inherited.take("disk"),
            locks: std::iter::from_fn(|| inherited.take("lock")).collect(),
            gauges_file: gauges_file.into(),
            keeper_side,
            watcher_side,
            watcher_link,
            forwarder_link,
            watcher_scout,
            scout_link,
            suspects_file: suspects.into(),
            log_out,
            log_in,
        };
        tell_refused(&gauges, &launch);
        let mut forwarder = Worker::new(Role::Forwarder, FORWARDER_ROUND_MS);
        let watcher_round_ms = u64::from(launch.plan.sample.interval_ms);
        if launch.plan.forward.urls.is_empty() {
            forwarder.due_ms = None;
        }
        Ok(Self {
            launch,
            daemon: Program::open(DAEMON).map_err(failed("program"))?,
            command: Program::open(COMMAND).map_err(failed("program"))?,
            shared,
            gauges,
            reload: Reload::new(inherited.take("files")),
            listener: inherited.demand("control")?,
            signals: sys::signals().map_err(failed("signalfd"))?,
            peers: heapless::Vec::new(),
            output: Output::open(),
            lines: LineReader::default(),
            watcher: Worker::new(Role::Watcher, watcher_round_ms),
            forwarder,
            scout: Worker::new(Role::Scout, SCOUT_ROUND_MS),
            replacing_scout: false,
            stopping_since_ms: None,
        })
    }

    /// Runs until it is told to stop and everybody has ended.
    pub fn run(&mut self) {
        protect::protect_keeper();
        loop {
            let now_ms = sys::monotonic_ms();
            self.start_due(now_ms);
            if self.stopping_since_ms.is_some()
                && self.watcher.child.is_none()
                && self.forwarder.child.is_none()
            {
                self.copy_lines();
                control::close_at(&self.launch.control);
                return;
            }
            self.wait(now_ms);
            self.take_signals();
            self.reap();
            self.take_requests();
            self.copy_lines();
            self.look_for_hung();
            self.look_after_reload();
            self.stop_late();
        }
    }

    /// Waits until there is something to do.
    fn wait(&self, now_ms: u64) {
        let due = [&self.watcher, &self.forwarder, &self.scout]
            .into_iter()
            .filter_map(|worker| worker.due_ms)
            .min();
        let round_ms = if self.stopping_since_ms.is_some() || self.reload.is_pressing() {
            STOPPING_ROUND_MS
        } else {
            ROUND_MS
        };
        let wait_ms = due.map_or(round_ms, |due| due.saturating_sub(now_ms).min(round_ms));
        let away = self
            .forwarder
            .is_away()
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
        let _outcome = poll(&mut fds, Some(&timeout));
    }

    /// Starts what is due; a forwarder that left comes at once when the watcher has news for it.
    fn start_due(&mut self, now_ms: u64) {
        if self.forwarder.is_away() && readable(&self.shared.forwarder_link) {
            self.forwarder.due_ms = Some(now_ms);
        }
        let (daemon, command) = (&self.daemon, &self.command);
        let shared = &self.shared;
        let disk = shared.disk.as_ref().map(|descriptor| Given {
            name: "disk",
            descriptor,
        });
        let locks = shared.locks.iter().map(|descriptor| Given {
            name: "lock",
            descriptor,
        });
        let also = disk.into_iter().chain(locks);
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
                name: "gauges",
                descriptor: &shared.gauges_file,
            },
        ];
        let suspects = Given {
            name: "suspects",
            descriptor: &shared.suspects_file,
        };
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
            Given {
                name: "scout",
                descriptor: &shared.watcher_scout,
            },
            suspects,
        ];
        let for_scout = [
            Given {
                name: "launch",
                descriptor: &shared.launch_file,
            },
            Given {
                name: "gauges",
                descriptor: &shared.gauges_file,
            },
            Given {
                name: "link",
                descriptor: &shared.scout_link,
            },
            suspects,
        ];
        let for_forwarder = [Given {
            name: "link",
            descriptor: &shared.forwarder_link,
        }];
        start_one(&mut self.watcher, now_ms, &self.gauges, || {
            let own = also.clone().chain(for_watcher);
            let given: Vec<_> = common.into_iter().chain(own).collect();
            daemon.start("watch", &given)
        });
        start_one(&mut self.scout, now_ms, &self.gauges, || {
            daemon.start("scout", &for_scout)
        });
        start_one(&mut self.forwarder, now_ms, &self.gauges, || {
            let given: Vec<_> = common
                .into_iter()
                .chain(also)
                .chain(for_forwarder)
                .collect();
            let child = command.start("forward", &given)?;
            if let Err(error) = protect::expose(child.id()) {
                log::info!(
                    "the forwarder keeps the keeper's score of the out-of-memory killer: {error}"
                );
            }
            Ok(child)
        });
    }

    /// Takes what signalfd has: SIGTERM and SIGINT stop, SIGHUP reads the configuration again, SIGCHLD only wakes.
    fn take_signals(&mut self) {
        let mut record = [0; 128];
        while let Ok(taken) = rustix::io::read(&self.signals, &mut record) {
            let signal = record.get(..taken).and_then(sys::signal_number);
            match signal {
                None => return,
                Some(libc::SIGTERM | libc::SIGINT) if self.stopping_since_ms.is_none() => {
                    self.stop();
                }
                Some(libc::SIGTERM | libc::SIGINT) => self.hurry(),
                Some(libc::SIGHUP) => self.hangup(),
                Some(_) => {}
            }
        }
    }

    fn stop(&mut self) {
        self.stopping_since_ms = Some(sys::monotonic_ms());
        self.watcher.due_ms = None;
        // It has nothing to say goodbye for; and one that hangs in the system is waited for by nobody.
        self.scout.due_ms = None;
        self.scout.kill();
        self.stop_reload();
        if self.watcher.child.is_none() {
            self.stop_forwarder();
        } else {
            let reason = host_stop::reason(&self.launch.plan.sample.root, sys::wall());
            let order = Order::Stop { reason };
            if let Err(error) = control::tell(&self.shared.keeper_side, &order.to_bytes()) {
                log::warn!("the watcher cannot be told to stop: {error}");
            }
        }
    }

    /// Asked a second time: nobody waits for the last post any more. The watcher still says goodbye into the rings, which
    /// takes milliseconds.
    fn hurry(&mut self) {
        log::info!("asked to stop again: without a last post");
        self.forwarder.due_ms = None;
        self.forwarder.has_left = false;
        self.forwarder.kill();
    }

    /// The watcher has ended: the forwarder posts what is left and ends. One that is away comes back for it.
    fn stop_forwarder(&mut self) {
        if self.forwarder.child.is_none() && !self.forwarder.is_away() {
            self.forwarder.due_ms = None;
            return;
        }
        if let Err(error) = control::tell(&self.shared.watcher_link, &Wake::Stop.to_bytes()) {
            log::warn!("the forwarder cannot be told to stop: {error}");
        }
        if self.forwarder.is_away() {
            self.forwarder.due_ms = Some(0);
        }
    }

    /// Takes the ends of all children: of the workers, and of whatever else was left to this process where it is the
    /// first of a container (wait(2)).
    fn reap(&mut self) {
        let now_ms = sys::monotonic_ms();
        while let Ok(Some((child, status))) = wait(WaitOptions::NOHANG) {
            if self.watcher.child == Some(child) {
                self.watcher.child = None;
                self.watcher_ended(now_ms, status);
            } else if self.forwarder.child == Some(child) {
                self.forwarder.child = None;
                self.forwarder_ended(now_ms, status);
            } else if self.scout.child == Some(child) {
                self.scout.child = None;
                self.scout_ended(now_ms, status);
            } else if self.errand_ended(child, status) {
                log::debug!("a child that read or kept the configuration ended");
            }
        }
    }

    fn watcher_ended(&mut self, now_ms: u64, status: WaitStatus) {
        if self.stopping_since_ms.is_some() {
            self.stop_forwarder();
            return;
        }
        let replaced = self.watcher_was_replaced();
        let wait_ms = if status.exit_status() == Some(EXIT_NEW_RUN) {
            // Told to the next one: what this one records has numbers that the collector takes for known.
            if let Err(error) = control::tell(&self.shared.keeper_side, &Order::RanAhead.to_bytes())
            {
                log::warn!("the watcher cannot be told of its new run: {error}");
            }
            let lived_ms = now_ms.saturating_sub(self.watcher.started_ms);
            self.watcher.restarts.ended(lived_ms)
        } else if replaced {
            0
        } else {
            self.go_back(status);
            failed(&mut self.watcher, now_ms, status)
        };
        self.gauges.keeps_watcher_away(wait_ms);
        self.watcher.due_ms = Some(now_ms.saturating_add(wait_ms));
    }

    fn forwarder_ended(&mut self, now_ms: u64, status: WaitStatus) {
        self.forwarder.has_left = status.exit_status() == Some(EXIT_LEFT);
        if self.stopping_since_ms.is_some() {
            // One that was killed for new values still owes the last post.
            let owes = self.forwarder_was_replaced() && self.watcher.child.is_some();
            if !owes {
                self.forwarder.due_ms = None;
            }
            if self.watcher.child.is_none() {
                self.forwarder.has_left = false;
            }
            return;
        }
        if self.forwarder_was_replaced() {
            return;
        }
        let wait_ms = if self.forwarder.has_left {
            u64::from(self.launch.plan.forward.post_interval_ms)
        } else {
            failed(&mut self.forwarder, now_ms, status)
        };
        self.forwarder.due_ms = Some(now_ms.saturating_add(wait_ms));
    }

    /// Has another look by the values in force. One that hangs in the system ends when that comes back.
    pub(super) fn replace_scout(&mut self) {
        log::info!("other things are looked at: the scout is replaced");
        if self.scout.child.is_some() {
            self.replacing_scout = true;
            self.scout.kill();
        } else {
            self.scout.due_ms = Some(0);
        }
    }

    fn scout_ended(&mut self, now_ms: u64, status: WaitStatus) {
        if self.stopping_since_ms.is_some() {
            return;
        }
        if std::mem::take(&mut self.replacing_scout) {
            self.scout.due_ms = Some(0);
        } else {
            let wait_ms = failed(&mut self.scout, now_ms, status);
            self.scout.due_ms = Some(now_ms.saturating_add(wait_ms));
        }
    }

    fn take_requests(&mut self) {
        while let Some(peer) = control::accept(&self.listener) {
            // A fifth is closed: whoever asks tries again.
            let _outcome = self.peers.push(peer);
        }
        let mut buffer = [0; MESSAGE_BYTES];
        let keeper_side = &self.shared.keeper_side;
        let gauges = &self.gauges;
        let configuration = if self.peers.is_empty() {
            String::new()
        } else {
            self.configuration()
        };
        let counts = KeeperCounts {
            lines_dropped: self.output.dropped(),
            restarts_watcher: self.watcher.restarts.total(),
            restarts_forwarder: self.forwarder.restarts.total(),
            restarts_scout: self.scout.restarts.total(),
        };
        self.peers
            .retain(|peer| match control::receive(peer, &mut buffer) {
                None => true,
                Some(Ok(taken)) if taken > 0 => {
                    let answer = match Request::parse(buffer.get(..taken).unwrap_or_default()) {
                        Ok(Request::Ping) => "ok".to_owned(),
                        Ok(Request::Status) => gauges.line(counts),
                        Ok(Request::Configuration) => configuration.clone(),
                        Ok(Request::Test { code }) => pass_on(keeper_side, &Order::Test { code }),
                        Ok(Request::Leave { planned_ms, text }) => {
                            pass_on(keeper_side, &Order::Leave { planned_ms, text })
                        }
                        Ok(Request::LeaveEnded) => pass_on(keeper_side, &Order::LeaveEnded),
                        Err(answer) => answer.to_owned(),
                    };
                    control::tell(peer, answer.as_bytes()).is_ok()
                }
                Some(_) => false,
            });
    }

    /// Copies the watcher's lines out.
    fn copy_lines(&mut self) {
        let pipe = &self.shared.log_out;
        let output = &mut self.output;
        while self.lines.take(
            |room| rustix::io::read(pipe, room).unwrap_or(0),
            |line| output.line(line),
        ) {}
    }

    fn look_for_hung(&mut self) {
        let now_ms = sys::monotonic_ms();
        for worker in [&mut self.watcher, &mut self.forwarder, &mut self.scout] {
            if worker.child.is_none() {
                continue;
            }
            let last_ms = self.gauges.last_ms(worker.role);
            if let Verdict::Hangs { silent_ms } =
                worker.hung.look(now_ms, worker.started_ms, last_ms)
            {
                let name = worker.role.name();
                log::error!("{name} has not moved for {silent_ms} ms: killed");
                worker.kill();
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
        for (worker, limit_ms) in [&self.watcher, &self.forwarder].into_iter().zip(limits) {
            if worker.child.is_some() && stopping_ms > limit_ms {
                log::warn!("{} does not stop: killed", worker.role.name());
                worker.kill();
            }
        }
    }
}

/// Passes an order on to the watcher; the answer for the peer.
fn pass_on(keeper_side: &OwnedFd, order: &Order) -> String {
    match control::tell(keeper_side, &order.to_bytes()) {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("error the watcher does not take it: {error}"),
    }
}

/// A worker ended that should not have: says so, and how long until it is started again.
fn failed(worker: &mut Worker, now_ms: u64, status: WaitStatus) -> u64 {
    let lived_ms = now_ms.saturating_sub(worker.started_ms);
    let wait_ms = worker.restarts.ended(lived_ms);
    let (name, total) = (worker.role.name(), worker.restarts.total());
    let how = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no reason".to_owned(),
    };
    log::warn!("{name} ended ({how}), started again in {wait_ms} ms, restart {total}");
    wait_ms
}

/// Starts a worker that is due.
fn start_one(
    worker: &mut Worker,
    now_ms: u64,
    gauges: &Gauges,
    start: impl FnOnce() -> io::Result<Child>,
) {
    if worker.child.is_some() || worker.due_ms.is_none_or(|due| due > now_ms) {
        return;
    }
    gauges.clear(worker.role);
    worker.started_ms = now_ms;
    worker.hung.started();
    let started = start().and_then(|child| {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        pid.ok_or_else(|| io::ErrorKind::InvalidData.into())
    });
    match started {
        Ok(child) => {
            worker.child = Some(child);
            worker.due_ms = None;
            worker.has_left = false;
        }
        Err(error) => {
            // No memory or no process to be had: it is tried again, the others go on.
            let wait_ms = worker.restarts.ended(0);
            log::error!("{}: {error}; again in {wait_ms} ms", worker.role.name());
            worker.due_ms = Some(now_ms.saturating_add(wait_ms.max(100)));
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
