//! What a SIGHUP does: a short-lived child reads the configuration again, and what it accepts is put in force by workers
//! that are started anew. The keeper itself reads no configuration.
//!
//! The child is given two empty memory files. It writes its [`Answer`] into the first and the files that it read into the
//! second ([`super::kept`]), seals both, and ends; a second child keeps those files once the watcher has gone round with
//! them. A child that does not end in time is killed by its number, and what is in force stays.
//!
//! Which worker is replaced: the watcher where any value has changed; the forwarder where one of `[forward]`, the key, the
//! password of the proxy, or the authorities of `ca_file` has. A watcher that ends by itself before its first round with
//! new values makes the keeper go back to those before.

use super::control::{self, Order};
use super::gauges::{Gauge, Gauges, Role};
use super::launch::{Given, Launch, Program, is_sealed, memory_file, read_values};
use super::supervise::{EXIT_NEW_RUN, Keeper, STOP_WATCHER_MS};
use super::{hung::Hung, protect};
use crate::frame::body::StopReason;
use crate::limit::{MESSAGE_BYTES, REFUSED_WHY_BYTES};
use crate::sys;
use rustix::process::{Pid, Signal, WaitStatus, kill_process};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

/// The subcommand of `hansho` that reads the configuration again.
pub const READ: &str = "reload";
/// The subcommand of `hansho` that keeps what was accepted.
pub const KEEP: &str = "keep";
/// How long either may take: both wait for a disk, and a stalled host is slow.
const CHILD_MS: u64 = 30_000;
/// Messages that may wait in the watcher's socket: more than the kernel's buffer of it holds.
const WAITING: usize = 4_096;

/// What the child found.
#[derive(Serialize, Deserialize)]
pub enum Answer {
    /// Nothing is wrong.
    Accepted {
        /// What is to be in force.
        launch: Box<Launch>,
        /// Keys that were changed, and act only after the agent is started again.
        later: Vec<String>,
    },
    /// Something is, and was said.
    Refused {
        /// The first fault, in words.
        why: String,
    },
}

/// A child under way.
#[derive(Debug)]
struct Errand {
    child: Pid,
    started_ms: u64,
    late: bool,
}

/// A child that reads.
#[derive(Debug)]
struct Reading {
    errand: Errand,
    answer: OwnedFd,
    files: OwnedFd,
}

/// Values that were in force before those that no watcher has gone round with yet.
#[derive(Debug)]
struct Before {
    launch: Launch,
    launch_file: OwnedFd,
}

/// Where the keeper is with configurations.
#[derive(Debug, Default)]
pub(super) struct Reload {
    reading: Option<Reading>,
    keeping: Option<Errand>,
    /// Asked again while a child reads: it may have read the files before they were changed.
    again: bool,
    /// Since when the watcher is to end, so that another starts with new values.
    replacing_since_ms: Option<u64>,
    replacing_forwarder: bool,
    before: Option<Before>,
    /// Files that were accepted, to be kept once a watcher has gone round with them.
    to_keep: Option<OwnedFd>,
    later: Vec<String>,
    taken: u64,
    refusals: u64,
}

impl Reload {
    /// Of an agent that starts with these files.
    pub(super) fn new(to_keep: Option<OwnedFd>) -> Self {
        Self {
            to_keep,
            ..Self::default()
        }
    }

    /// Something is under way that may have to be killed for its time.
    pub(super) fn is_pressing(&self) -> bool {
        self.replacing_since_ms.is_some() || self.to_keep.is_some()
    }
}

impl Errand {
    fn kill_late(&mut self, now_ms: u64, what: &str) {
        if self.late || now_ms.saturating_sub(self.started_ms) < child_ms() {
            return;
        }
        self.late = true;
        log::error!("{what} takes longer than {} ms: killed", child_ms());
        self.kill();
    }

    fn kill(&self) {
        if let Err(errno) = kill_process(self.child, Signal::KILL) {
            log::error!("kill: {errno}");
        }
    }
}

impl Keeper {
    /// SIGHUP: reads the configuration again, once for however many come while it is read.
    pub(super) fn hangup(&mut self) {
        if self.stopping_since_ms.is_some() {
            return;
        }
        if self.reload.reading.is_some() {
            self.reload.again = true;
            return;
        }
        match start_reading(&self.command, &self.shared.launch_file) {
            Ok(reading) => self.reload.reading = Some(reading),
            Err(error) => self.refuse(&format!("it cannot be read: {error}")),
        }
    }

    /// One of the keeper's children ended: whether it was one of these, and is seen to.
    pub(super) fn errand_ended(&mut self, child: Pid, status: WaitStatus) -> bool {
        let of = |errand: &Errand| errand.child == child;
        if self.reload.keeping.take_if(|errand| of(errand)).is_some() {
            if status.exit_status() != Some(0) {
                log::warn!("the accepted configuration is not kept: {}", how(status));
            }
            return true;
        }
        let reading = self.reload.reading.take_if(|reading| of(&reading.errand));
        let Some(reading) = reading else {
            return false;
        };
        if self.stopping_since_ms.is_some() {
            return true;
        }
        match answer(&reading, status) {
            Ok(Answer::Accepted { launch, later }) => {
                if let Err(error) = self.accept(*launch, later, reading.files) {
                    self.refuse(&format!("it cannot be passed on: {error}"));
                }
            }
            Ok(Answer::Refused { why }) => self.refuse(&why),
            Err(why) => self.refuse(&why),
        }
        if std::mem::take(&mut self.reload.again) {
            self.hangup();
        }
        true
    }

    /// What is in force stays, and whoever asks is told why.
    fn refuse(&mut self, why: &str) {
        log::error!("the configuration is refused, and the one in force stays: {why}");
        self.reload.refusals = self.reload.refusals.saturating_add(1);
        let mut why = why.to_owned();
        why.truncate(why.floor_char_boundary(REFUSED_WHY_BYTES));
        self.launch.refused = Some(why);
        tell_refused(&self.gauges, &self.launch);
    }

    fn accept(&mut self, launch: Launch, later: Vec<String>, files: OwnedFd) -> io::Result<()> {
        let launch_file: OwnedFd = launch.to_file()?.into();
        let old = std::mem::replace(&mut self.launch, launch);
        let old_file = std::mem::replace(&mut self.shared.launch_file, launch_file);
        tell_refused(&self.gauges, &self.launch);
        for key in &later {
            log::warn!("{key} changed, and acts when the agent is started again");
        }
        self.reload.taken = self.reload.taken.saturating_add(1);
        self.reload.later = later;
        self.reload.to_keep = Some(files);
        let (watcher, forwarder) = changed(&old, &self.launch);
        if scout_changed(&old, &self.launch) {
            self.replace_scout();
        }
        match (watcher, forwarder) {
            (false, false) if self.reload.later.is_empty() => {
                log::info!("the configuration is the same");
            }
            (false, false) => {}
            (true, false) => log::info!("a new configuration: the watcher is replaced"),
            (false, true) => log::info!("a new configuration: the forwarder is replaced"),
            (true, true) => log::info!("a new configuration: watcher and forwarder are replaced"),
        }
        if watcher {
            // The oldest of those that were not tried out is the one that was.
            self.reload.before.get_or_insert(Before {
                launch: old,
                launch_file: old_file,
            });
            self.replace_watcher();
        }
        if forwarder {
            self.replace_forwarder();
        }
        Ok(())
    }

    /// Has the watcher say what it has and end; the next one goes on from its rings.
    fn replace_watcher(&mut self) {
        let interval_ms = u64::from(self.launch.plan.sample.interval_ms);
        self.watcher.hung = Hung::new(interval_ms);
        if self.watcher.child.is_none() {
            self.watcher.due_ms = Some(0);
            return;
        }
        if self.reload.replacing_since_ms.is_some() {
            // The one that is to end is told already.
            return;
        }
        self.reload.replacing_since_ms = Some(sys::monotonic_ms());
        let order = Order::Stop {
            reason: StopReason::Replaced,
        };
        if let Err(error) = control::tell(&self.shared.keeper_side, &order.to_bytes()) {
            log::warn!("the watcher cannot be told to end, and is killed: {error}");
            self.watcher.kill();
        }
    }

    /// A post that it cuts off is sent again: the collector stores every frame once.
    fn replace_forwarder(&mut self) {
        self.forwarder.has_left = false;
        self.forwarder.due_ms = self.forwarder_due();
        if self.forwarder.child.is_some() {
            self.reload.replacing_forwarder = true;
            self.forwarder.due_ms = None;
            self.forwarder.kill();
        }
    }

    fn forwarder_due(&self) -> Option<u64> {
        (!self.launch.plan.forward.urls.is_empty()).then_some(0)
    }

    /// The watcher ended: whether that was asked of it for new values.
    pub(super) fn watcher_was_replaced(&mut self) -> bool {
        if self.reload.replacing_since_ms.take().is_none() {
            return false;
        }
        // One that was killed may have left the order unread: the next must not obey it.
        let mut waiting = Vec::new();
        let mut buffer = [0; MESSAGE_BYTES];
        while waiting.len() < WAITING
            && let Some(Ok(taken @ 1..)) = control::receive(&self.shared.watcher_side, &mut buffer)
        {
            waiting.push(buffer.get(..taken).unwrap_or_default().to_vec());
        }
        for message in waiting {
            let stop = matches!(Order::from_bytes(&message), Some(Order::Stop { .. }));
            if !stop && let Err(error) = control::tell(&self.shared.keeper_side, &message) {
                log::warn!("an order for the watcher is lost: {error}");
            }
        }
        self.watcher.due_ms = Some(0);
        true
    }

    /// The forwarder ended: whether that was asked of it for new values.
    pub(super) fn forwarder_was_replaced(&mut self) -> bool {
        if !std::mem::take(&mut self.reload.replacing_forwarder) {
            return false;
        }
        self.forwarder.has_left = false;
        self.forwarder.due_ms = self.forwarder_due();
        true
    }

    /// A watcher ended by itself: where none has gone round with the values in force, those before come back.
    pub(super) fn go_back(&mut self, status: WaitStatus) {
        let by_itself = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => code != 0 && code != EXIT_NEW_RUN,
            (None, signal) => signal == Some(libc::SIGABRT),
        };
        if !by_itself || self.gauges.last_ms(Role::Watcher).is_some() {
            return;
        }
        let Some(before) = self.reload.before.take() else {
            return;
        };
        let new = std::mem::replace(&mut self.launch, before.launch);
        self.shared.launch_file = before.launch_file;
        self.watcher.hung = Hung::new(u64::from(self.launch.plan.sample.interval_ms));
        self.reload.to_keep = None;
        self.reload.later.clear();
        self.refuse("the watcher does not start with it; the lines before say why");
        if changed(&new, &self.launch).1 {
            self.replace_forwarder();
        }
        if scout_changed(&new, &self.launch) {
            self.replace_scout();
        }
    }

    /// Looks after what is under way: once a round.
    pub(super) fn look_after_reload(&mut self) {
        let now_ms = sys::monotonic_ms();
        if let Some(reading) = &mut self.reload.reading {
            reading
                .errand
                .kill_late(now_ms, "reading the configuration");
        }
        if let Some(errand) = &mut self.reload.keeping {
            errand.kill_late(now_ms, "keeping the configuration");
        }
        if let Some(since_ms) = self.reload.replacing_since_ms {
            if self.watcher.child.is_some() && now_ms.saturating_sub(since_ms) > STOP_WATCHER_MS {
                log::warn!("the watcher does not end for its successor: killed");
                self.watcher.kill();
            }
        } else if self.watcher.child.is_some() && self.gauges.last_ms(Role::Watcher).is_some() {
            self.reload.before = None;
            self.keep();
        }
    }

    /// Has the accepted files kept, one child after the other.
    fn keep(&mut self) {
        if self.reload.keeping.is_some() || self.stopping_since_ms.is_some() {
            return;
        }
        let Some(files) = self.reload.to_keep.take() else {
            return;
        };
        let given = [
            Given {
                name: "launch",
                descriptor: &self.shared.launch_file,
            },
            Given {
                name: "files",
                descriptor: &files,
            },
        ];
        match errand(&self.command, KEEP, &given) {
            Ok(errand) => self.reload.keeping = Some(errand),
            Err(error) => log::warn!("the accepted configuration is not kept: {error}"),
        }
    }

    /// The agent stops: nobody waits for a child that reads or keeps.
    pub(super) fn stop_reload(&mut self) {
        for errand in self
            .reload
            .reading
            .iter()
            .map(|reading| &reading.errand)
            .chain(&self.reload.keeping)
        {
            errand.kill();
        }
    }

    /// Which configuration is in force, and why: lines of `key=value` behind `ok`.
    pub(super) fn configuration(&self) -> String {
        let launch = &self.launch;
        let mut text = String::from("ok");
        let mut put = |key: &str, value: &dyn std::fmt::Display| {
            let value = value.to_string().replace(char::is_control, "?");
            // Writing into a string does not fail.
            let _written = write!(text, "\n{key}={value}");
        };
        put("file", &super::kept::absolute(&launch.config));
        put("fingerprint", &format_args!("{:016x}", launch.fingerprint));
        put("taken", &self.reload.taken);
        put("refusals", &self.reload.refusals);
        put("later", &self.reload.later.join(" "));
        put("refused", &launch.refused.as_deref().unwrap_or(""));
        text.truncate(text.floor_char_boundary(MESSAGE_BYTES));
        text
    }
}

/// The watcher sees at its next tick whether the configuration of the host is in force.
pub(super) fn tell_refused(gauges: &Gauges, launch: &Launch) {
    gauges.set(
        Gauge::ConfigurationRefused,
        u64::from(launch.refused.is_some()),
    );
}

/// Whether watcher and forwarder have to know.
fn changed(old: &Launch, new: &Launch) -> (bool, bool) {
    // Where a value stands in the file is none: a comment above it moves its line.
    let values = |launch: &Launch| launch.plan.without_origins();
    let watcher = values(old) != values(new) || old.host != new.host;
    let forwarder = old.plan.forward != new.plan.forward
        || (old.key_epoch, old.key) != (new.key_epoch, new.key)
        || old.proxy_password != new.proxy_password
        || old.authorities != new.authorities;
    (watcher, forwarder)
}

/// Whether the scout has to know.
fn scout_changed(old: &Launch, new: &Launch) -> bool {
    let (was, is) = (&old.plan, &new.plan);
    (was.evidence, &was.watch, &was.sample.root) != (is.evidence, &is.watch, &is.sample.root)
}

fn start_reading(command: &Program, launch: &OwnedFd) -> io::Result<Reading> {
    let answer: OwnedFd = memory_file("hansho-answer")?.into();
    let files: OwnedFd = memory_file("hansho-files")?.into();
    let given = [
        Given {
            name: "launch",
            descriptor: launch,
        },
        Given {
            name: "answer",
            descriptor: &answer,
        },
        Given {
            name: "files",
            descriptor: &files,
        },
    ];
    let errand = errand(command, READ, &given)?;
    Ok(Reading {
        errand,
        answer,
        files,
    })
}

fn errand(command: &Program, word: &str, given: &[Given<'_>]) -> io::Result<Errand> {
    let child = command.start(word, given)?.id();
    if let Err(error) = protect::expose(child) {
        log::debug!("hansho {word}: {error}");
    }
    let child = i32::try_from(child).ok().and_then(Pid::from_raw);
    Ok(Errand {
        child: child.ok_or(io::ErrorKind::InvalidData)?,
        started_ms: sys::monotonic_ms(),
        late: false,
    })
}

/// What a child that ended left; or why that is nothing.
fn answer(reading: &Reading, status: WaitStatus) -> Result<Answer, String> {
    if reading.errand.late {
        return Err(format!(
            "its files could not be read within {} ms",
            child_ms()
        ));
    }
    let none = || format!("reading it failed ({})", how(status));
    if status.exit_status() != Some(0) {
        return Err(none());
    }
    let files = [&reading.answer, &reading.files].map(|descriptor| {
        let file = descriptor.try_clone().map(File::from);
        file.ok().filter(is_sealed)
    });
    match files {
        [Some(answer), Some(_)] => {
            read_values(&answer).map_err(|error| format!("{}: {error}", none()))
        }
        _ => Err(none()),
    }
}

fn how(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no reason".to_owned(),
    }
}

/// Tests of this program as it is built for them cannot wait for half a minute: they give the limit in
/// `HANSHO_TEST_RELOAD_MS`, which a release does not read.
fn child_ms() -> u64 {
    let asked = std::env::var("HANSHO_TEST_RELOAD_MS").ok();
    asked
        .filter(|_| cfg!(debug_assertions))
        .and_then(|asked| asked.parse().ok())
        .unwrap_or(CHILD_MS)
}
