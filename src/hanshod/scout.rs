//! The scout: looks at all processes all the time, at a low rate, and shows the tops of its table to the watcher. What it does
//! may hang or take long; nobody waits for it.
//!
//! Memory of fixed size, taken at the start and locked, so that it goes on while memory is gone.

use hansho::clock::Uptime;
use hansho::keeper::control;
use hansho::keeper::gauges::{Gauge, Gauges, Role};
use hansho::keeper::launch::{Inherited, Launch};
use hansho::keeper::wake::ScoutWake;
use hansho::limit::{EVIDENCE_FRESH_MS, MESSAGE_BYTES, PROCESSES_PER_STEP};
use hansho::scout::image::Image;
use hansho::scout::{KernelLog, Scanner, ScoutNews, Suspects, Users, Watching};
use hansho::sys::{self, Mapping};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Stack of the thread that makes the table: room for it some times over.
const MAKING_STACK_BYTES: usize = 2 * 1024 * 1024;
/// Between two steps.
const STEP_MS: u64 = 1_000;
/// Between two steps of a walk that somebody waits for: half a millisecond of work each, a twentieth of one processor.
const HURRIED_STEP_MS: u64 = 10;

/// Runs the scout; it ends when the keeper does. Its frame is its own: what stands in it would lie on the stacks of keeper and
/// watcher too.
#[inline(never)]
pub(crate) fn run(mut inherited: Inherited) -> Result<u8, String> {
    let failed = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
    sys::name_process(c"hanshod");
    sys::block_signals().map_err(failed("sigprocmask"))?;
    if let Some(parent) = inherited.parent() {
        sys::die_with_parent(parent).map_err(failed("the keeper is gone"))?;
    }
    rustix::thread::set_no_new_privs(true).map_err(|errno| format!("prctl: {errno}"))?;
    let launch = Launch::of(&File::from(inherited.demand("launch")?)).map_err(failed("launch"))?;
    let gauges = Gauges::of(&inherited.demand("gauges")?.into()).map_err(failed("gauges"))?;
    let memory = Mapping::of(&inherited.demand("suspects")?.into(), true);
    let image = Image::create(memory.map_err(failed("suspects"))?)
        .ok_or_else(|| "suspects: too short".to_owned())?;
    let plan = &launch.plan;
    let processes = if plan.evidence.processes {
        Some(Processes {
            scanner: scanner(&plan.sample.root)?,
            users: Users::of(&plan.sample.root),
            // At the start the table is filled as soon as may be: the first alert needs something to compare with.
            hurry_since: Some(sys::uptime()),
        })
    } else {
        // What an earlier scout showed is not shown any more.
        image.publish(&[], None);
        None
    };
    let read_before = gauges.get(Gauge::KernelLogRead).checked_sub(1);
    let kernel_log = match KernelLog::open(&plan.sample.root, read_before) {
        _ if processes.is_none() => None,
        Ok(log) => Some(log),
        Err(error) => {
            log::info!(
                "the kernel's log cannot be read ({error}): whom it kills for memory is not told; CAP_SYSLOG allows it"
            );
            None
        }
    };
    let watching = Watching::start(&plan.watch, &plan.sample.root, sys::uptime())
        .map_err(failed("file systems and directories"))?;
    let scout = Scout {
        processes,
        image,
        gauges,
        link: inherited.demand("link")?,
        kernel_log,
        watching,
    };
    drop(launch);
    if let Err(error) = sys::lock_memory() {
        log::info!("the scout's memory is not locked: {error}");
    }
    scout.run()
}

/// Makes the table, on a thread of its own, whose stack is given back: values of hundreds of kilobytes pass over it, and what the
/// first thread's stack has once grown to stays locked.
fn scanner(root: &Path) -> Result<Scanner, String> {
    let made = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(MAKING_STACK_BYTES)
            .spawn_scoped(scope, || Scanner::open(root))
            .map(|making| making.join())
    });
    match made {
        Ok(Ok(scanner)) => scanner.map_err(|error| format!("proc: {error}")),
        Ok(Err(_)) => Err("proc: the table of processes cannot be made".to_owned()),
        Err(error) => Err(format!("proc: {error}")),
    }
}

/// The walk through all processes.
struct Processes {
    scanner: Scanner,
    users: Users,
    /// When somebody asked for a walk that begins after it, and has not got it yet.
    hurry_since: Option<Uptime>,
}

struct Scout {
    /// `None` where nobody wants to know of them.
    processes: Option<Processes>,
    image: Image<Mapping>,
    gauges: Gauges,
    link: OwnedFd,
    kernel_log: Option<KernelLog>,
    watching: Option<Watching>,
}

impl Processes {
    fn step(&mut self, image: &Image<Mapping>) {
        self.scanner.step(PROCESSES_PER_STEP, &mut sys::uptime);
        let mut listed = Suspects::of(self.scanner.table().processes()).listed();
        for suspect in &mut listed {
            let name = |uid| self.users.name(uid, suspect.process.read_at);
            suspect.user = suspect.process.uid.and_then(name);
        }
        let coverage = self.scanner.coverage();
        if !image.publish(&listed, coverage) {
            log::error!("the suspects do not fit their memory");
        }
        if let Some(since) = self.hurry_since {
            let is_there = coverage.is_some_and(|coverage| coverage.began >= since);
            // Nobody waits for longer.
            let late = sys::uptime().since(since) > EVIDENCE_FRESH_MS;
            if is_there || late {
                self.hurry_since = None;
            }
        }
    }
}

impl Scout {
    fn run(mut self) -> Result<u8, String> {
        let mut message = [0; MESSAGE_BYTES];
        loop {
            let mut step_ms = STEP_MS;
            if let Some(processes) = &mut self.processes {
                processes.step(&self.image);
                if processes.hurry_since.is_some() {
                    step_ms = HURRIED_STEP_MS;
                }
            }
            self.read_kernel_log();
            self.watch()?;
            self.gauges.beat(Role::Scout);
            self.wait(step_ms);
            while let Some(Ok(length @ 1..)) = control::receive(&self.link, &mut message) {
                match message.get(..length).and_then(ScoutWake::from_bytes) {
                    Some(ScoutWake::Walk) => {
                        if let Some(processes) = &mut self.processes {
                            processes.hurry_since = Some(sys::uptime());
                        }
                    }
                    None => log::debug!("a message that nobody sends"),
                }
            }
        }
    }

    /// Tells the watcher whom the kernel killed. A pair that is full or a watcher that is away loses the name of a victim, not the
    /// alert: the count of kills is the watcher's own.
    fn read_kernel_log(&mut self) {
        let Some(log) = &mut self.kernel_log else {
            return;
        };
        let (link, mut buffer) = (&self.link, [0; MESSAGE_BYTES]);
        log.step(&mut |dead| {
            let told = ScoutNews::Victim(dead.victim())
                .encode(&mut buffer)
                .map_err(|_| std::io::ErrorKind::InvalidData.into())
                .and_then(|message| control::tell(link, message));
            if let Err(error) = told {
                log::warn!("the watcher does not take whom the kernel killed: {error}");
            }
        });
        if let Some(read) = log.read_to() {
            self.gauges
                .set(Gauge::KernelLogRead, read.saturating_add(1));
        }
    }

    /// Tells the watcher what is known of what is watched. What does not arrive is told again in ten seconds.
    fn watch(&mut self) -> Result<(), String> {
        let Some(watching) = &mut self.watching else {
            return Ok(());
        };
        let (link, mut buffer) = (&self.link, [0; MESSAGE_BYTES]);
        let mut lost = 0_u32;
        let stepped = watching.step(sys::uptime(), &mut |found| {
            let told = ScoutNews::Found(found.iter().copied().collect())
                .encode(&mut buffer)
                .map_err(|_| std::io::ErrorKind::InvalidData.into())
                .and_then(|message| control::tell(link, message));
            lost = lost.saturating_add(u32::from(told.is_err()));
        });
        if lost > 0 {
            log::debug!("the watcher did not take {lost} messages");
        }
        stepped.map_err(|_| "the threads that look at file systems are gone".to_owned())
    }

    /// Until there is a message, but no longer than this.
    fn wait(&self, wait_ms: u64) {
        let timeout = Timespec {
            tv_sec: i64::try_from(wait_ms / 1000).unwrap_or(1),
            tv_nsec: i64::try_from((wait_ms % 1000).saturating_mul(1_000_000)).unwrap_or(0),
        };
        let mut fds = [PollFd::new(&self.link, PollFlags::IN)];
        // Interrupted or not: the loop looks at everything.
        let _outcome = poll(&mut fds, Some(&timeout));
    }
}
