//! The watcher: samples, steps the machine, records. After its start it never forks, execs, allocates, opens, resolves,
//! or waits for a disk or a pipe.

use crate::scribe::{Handle, Outlets};
use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::config::plan::Source;
use hansho::forward::news::News;
use hansho::forward::trust::BUILD_WALL;
use hansho::frame::body::Hello;
use hansho::frame::{AgentId, BootId, RunId, Stream};
use hansho::keeper::control::{self, Order};
use hansho::keeper::launch::{Inherited, Launch};
use hansho::keeper::pulse::{Pulse, Role};
use hansho::keeper::supervise::{EXIT_NEW_RUN, Wake};
use hansho::limit::{CHECKPOINT_BYTES, MESSAGE_BYTES, MESSAGES_PER_TICK, RULES};
use hansho::machine::{Input, Journal, Machine, Settings, Tick};
use hansho::rule::Rule;
use hansho::sample::{ProcReader, Reader, Snapshot, SysinfoReader};
use hansho::spool::disk_ring::DiskRing;
use hansho::spool::heap::HeapMemory;
use hansho::spool::reader::SpoolReader;
use hansho::spool::superblock::Cursor;
use hansho::spool::{Identity, Memory, MemoryRing};
use hansho::sys::{self, Mapping};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Ticks of the rehearsal, which touches what the first alert will need.
const REHEARSAL_TICKS: u64 = 8;
/// Wall time and an answer that agree to this make an anchor "confirmed".
const CONFIRMED_WITHIN_MS: u64 = 2_000;

/// Where the machine's actions go: the memory ring and the scribe.
struct Recorder<M> {
    ring: MemoryRing<M>,
    scribe: Option<Handle>,
    /// An alert was recorded since the last look.
    alert: bool,
    lost: u64,
}

impl<M: Memory> Journal for Recorder<M> {
    fn record(&mut self, stream: Stream, uptime: Uptime, frame: &[u8]) {
        match self.ring.append(stream, uptime, frame) {
            Ok(_) => self.alert |= stream == Stream::Alerts,
            Err(_) => self.lost = self.lost.saturating_add(1),
        }
    }

    fn say(&mut self, line: &str) {
        if let Some(scribe) = &mut self.scribe {
            scribe.say(line);
        }
    }
}

/// Runs the watcher; gives back its exit code.
pub(crate) fn run(mut inherited: Inherited) -> Result<u8, String> {
    sys::block_signals().map_err(|error| format!("sigprocmask: {error}"))?;
    if let Some(parent) = inherited.parent() {
        sys::die_with_parent(parent).map_err(|error| format!("the keeper is gone: {error}"))?;
    }
    let launch = Launch::of(&mut File::from(inherited.demand("launch")?))
        .map_err(|error| format!("launch: {error}"))?;
    let mut watcher = Watcher::new(&launch, &mut inherited)?;
    drop(launch);
    watcher.rehearse();
    if let Err(error) = sys::lock_memory() {
        log::warn!("memory is not locked: {error}; raise LimitMEMLOCK or give CAP_IPC_LOCK");
    }
    Ok(watcher.run())
}

struct Watcher {
    machine: Machine,
    rehearsal: Vec<Rule>,
    settings: Settings,
    recorder: Recorder<Arc<Mapping>>,
    reader: Box<dyn Reader>,
    pulse: Pulse,
    keeper: OwnedFd,
    link: OwnedFd,
    boot: BootId,
    run: RunId,
    confirmed: bool,
    counters_due: Uptime,
    last_tick: Option<Uptime>,
    checkpoint: Box<[u8; CHECKPOINT_BYTES]>,
    message: Box<[u8; MESSAGE_BYTES]>,
    stop: Option<u8>,
}

impl Watcher {
    fn new(launch: &Launch, inherited: &mut Inherited) -> Result<Self, String> {
        let failed = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
        let plan = &launch.plan;
        let memory = File::from(inherited.demand("memory")?);
        let memory = Arc::new(Mapping::of(&memory, true).map_err(failed("memory ring"))?);
        let disk = inherited.take("disk").map(File::from);
        let now = sys::uptime();
        let boot = BootId(launch.boot);
        let agent = AgentId(launch.agent);
        let run = RunId(sys::random_u64().map_err(failed("getrandom"))?);

        let copied = disk
            .as_ref()
            .map(File::try_clone)
            .transpose()
            .map_err(failed("disk ring"))?;
        let mut before = SpoolReader::new(Some(memory.clone()), copied);
        before.refresh();
        let disk = match disk.map(|disk| open_disk(disk, agent)).transpose() {
            Ok(disk) => disk,
            Err(why) => {
                log::error!("disk ring: {why}; the memory ring goes on alone");
                None
            }
        };
        let identity = Identity {
            agent,
            run,
            boot,
            ring: sys::random_u64().map_err(failed("getrandom"))?,
            run_number_floor: before
                .runs()
                .iter()
                .map(|held| held.run_number)
                .max()
                .unwrap_or(0),
        };
        let (ring, recovered) = MemoryRing::open(
            memory.clone(),
            identity,
            now,
            anchor(now, sys::wall(), false),
        )
        .map_err(|fault| format!("memory ring: {fault:?}"))?;
        log::info!(
            "run {run}, number {}; memory ring {:?}",
            recovered.run_number,
            recovered.kept
        );

        let outlets = Outlets {
            disk,
            pipe: inherited.demand("log")?,
            file: plan
                .log
                .file
                .as_ref()
                .map(|file| (file.path.clone(), file.max_size_bytes)),
        };
        let disk_is_off = outlets.disk.is_none();
        let scribe = Handle::start(memory, outlets).map_err(failed("scribe"))?;
        let mut recorder = Recorder {
            ring,
            scribe: Some(scribe),
            alert: false,
            lost: 0,
        };

        let settings = Settings {
            sample_interval_ms: plan.sample.interval_ms,
            counters_interval_ms: plan.sample.counters_interval_ms,
            report_interval_ms: plan.sample.report_interval_ms,
            forwards: !plan.forward.urls.is_empty(),
        };
        let rules: Vec<Rule> = plan
            .rules
            .iter()
            .map(|effective| effective.rule.clone())
            .collect();
        let mut machine = machine(&settings, &rules)?;
        let mut reader: Box<dyn Reader> = match plan.sample.source {
            Source::Procfs => {
                Box::new(ProcReader::open(&plan.sample.root).map_err(|fault| format!("{fault:?}"))?)
            }
            Source::Sysinfo => {
                Box::new(SysinfoReader::open().map_err(|error| format!("sysinfo: {error}"))?)
            }
        };
        let first = reader.look(now, sys::wall(), true);
        machine.hello(
            now,
            &hello(launch, &first, &recorder.ring, disk_is_off),
            &mut recorder,
        );
        let origins = |place: usize| {
            plan.rules
                .get(place)
                .map_or("", |effective| effective.origin.as_str())
        };
        machine.config(now, plan.config_hash(), origins, &mut recorder);
        let mut checkpoint = Box::new([0; CHECKPOINT_BYTES]);
        take_over(
            &mut machine,
            &mut before,
            boot,
            now,
            &mut checkpoint,
            &mut recorder,
        );
        Ok(Self {
            machine,
            rehearsal: rules,
            settings,
            recorder,
            reader,
            pulse: Pulse::of(&File::from(inherited.demand("pulse")?)).map_err(failed("pulse"))?,
            keeper: inherited.demand("keeper")?,
            link: inherited.demand("link")?,
            boot,
            run,
            confirmed: false,
            counters_due: now,
            last_tick: None,
            checkpoint,
            message: Box::new([0; MESSAGE_BYTES]),
            stop: None,
        })
    }

    /// Goes through the whole path of an alert once, on a ring of its own that nobody reads: what is needed for the
    /// first real one is then in memory and stays there.
    fn rehearse(&mut self) {
        let rules = std::mem::take(&mut self.rehearsal);
        let Ok(mut machine) = machine(&self.settings, &rules) else {
            return;
        };
        let identity = Identity {
            agent: AgentId(0),
            run: self.run,
            boot: self.boot,
            ring: 1,
            run_number_floor: 0,
        };
        let scratch = HeapMemory::zeroed(
            usize::try_from(*hansho::limit::MEMORY_RING_BYTES.start()).unwrap_or(0),
        );
        let now = sys::uptime();
        let Ok((ring, _)) =
            MemoryRing::open(&scratch, identity, now, anchor(now, sys::wall(), false))
        else {
            return;
        };
        let mut recorder = Recorder {
            ring,
            scribe: None,
            alert: false,
            lost: 0,
        };
        for step in 0..REHEARSAL_TICKS {
            let at = now.plus(step.saturating_mul(1000));
            let snapshot = self.reader.look(at, sys::wall(), true);
            let tick = Tick {
                snapshot,
                late_ms: 60_000,
            };
            machine.step(at, Input::Tick(&tick), &mut recorder);
            machine.step(at, Input::Test { code: 8009 }, &mut recorder);
            machine.step(
                at,
                Input::Lost {
                    stream: Stream::Alerts,
                    count: 1,
                },
                &mut recorder,
            );
            if let Ok(bytes) = machine.checkpoint(self.checkpoint.as_mut_slice())
                && recorder.ring.checkpoint(at, bytes).is_err()
            {
                log::warn!("rehearsal: no checkpoint");
            }
        }
        machine.step(
            now.plus(120_000),
            Input::Stop {
                planned_ms: 0,
                text: "",
            },
            &mut recorder,
        );
    }

    fn run(mut self) -> u8 {
        let interval_ms = u64::from(self.settings.sample_interval_ms);
        let mut deadline_ms = sys::monotonic_ms();
        let mut taken = 0;
        while self.stop.is_none() {
            let now_ms = sys::monotonic_ms();
            if now_ms >= deadline_ms {
                self.tick();
                taken = 0;
                // On the grid; after a stall the next tick is a whole interval away, not a burst.
                deadline_ms = deadline_ms.saturating_add(interval_ms);
                if deadline_ms <= now_ms {
                    deadline_ms = now_ms.saturating_add(interval_ms);
                }
            } else {
                self.wait(
                    deadline_ms.saturating_sub(now_ms),
                    taken < 2 * MESSAGES_PER_TICK,
                );
            }
            if taken < 2 * MESSAGES_PER_TICK {
                taken = taken
                    .saturating_add(self.take_orders())
                    .saturating_add(self.take_news());
            }
            self.after_step();
        }
        if let Some(scribe) = self.recorder.scribe.take() {
            scribe.stop();
        }
        self.stop.unwrap_or(0)
    }

    /// Waits for a message or the deadline; with too many messages in this tick for the deadline alone.
    fn wait(&self, wait_ms: u64, listen: bool) {
        let timeout = Timespec {
            tv_sec: i64::try_from(wait_ms / 1000).unwrap_or(1),
            tv_nsec: i64::try_from((wait_ms % 1000).saturating_mul(1_000_000)).unwrap_or(0),
        };
        let mut fds = [
            PollFd::new(&self.keeper, PollFlags::IN),
            PollFd::new(&self.link, PollFlags::IN),
        ];
        let fds = if listen { fds.as_mut_slice() } else { &mut [] };
        // Interrupted or not: the loop looks at the clock.
        if poll(fds, Some(&timeout)).is_err() {}
    }

    fn tick(&mut self) {
        let (now, wall) = (sys::uptime(), sys::wall());
        let counters = now >= self.counters_due;
        if counters {
            let interval = u64::from(self.settings.counters_interval_ms);
            self.counters_due = self.counters_due.plus(interval).max(now.plus(1));
        }
        let snapshot = self.reader.look(now, wall, counters);
        let interval = u64::from(self.settings.sample_interval_ms);
        let late_ms = self
            .last_tick
            .map_or(0, |last| now.since(last).saturating_sub(interval));
        self.last_tick = Some(now);
        if self
            .recorder
            .ring
            .set_anchor(now, anchor(now, wall, self.confirmed))
            .is_err()
        {
            self.recorder.lost = self.recorder.lost.saturating_add(1);
        }
        self.machine.step(
            now,
            Input::Tick(&Tick { snapshot, late_ms }),
            &mut self.recorder,
        );
        self.record_state(now);
        self.pulse.beat(Role::Watcher);
    }

    /// The rule state, behind the alerts that it includes.
    fn record_state(&mut self, now: Uptime) {
        let recorded = match self.machine.checkpoint(self.checkpoint.as_mut_slice()) {
            Ok(bytes) => self.recorder.ring.checkpoint(now, bytes).is_ok(),
            Err(_) => false,
        };
        if !recorded {
            self.recorder.lost = self.recorder.lost.saturating_add(1);
        }
    }

    fn take_orders(&mut self) -> usize {
        let mut taken = 0;
        while taken < MESSAGES_PER_TICK
            && let Some(Ok(length)) = control::receive(&self.keeper, &mut self.message)
        {
            taken = taken.saturating_add(1);
            let now = sys::uptime();
            match self.message.get(..length).and_then(Order::from_bytes) {
                Some(Order::Test { code }) => {
                    self.machine
                        .step(now, Input::Test { code }, &mut self.recorder);
                }
                Some(Order::Stop) => {
                    self.machine.step(
                        now,
                        Input::Stop {
                            planned_ms: 0,
                            text: "",
                        },
                        &mut self.recorder,
                    );
                    self.record_state(now);
                    self.stop = Some(0);
                }
                None => {}
            }
        }
        taken
    }

    fn take_news(&mut self) -> usize {
        let mut taken = 0;
        while taken < MESSAGES_PER_TICK
            && let Some(Ok(length)) = control::receive(&self.link, &mut self.message)
        {
            taken = taken.saturating_add(1);
            if let Some(Ok(news)) = self.message.get(..length).map(News::decode) {
                self.take(news);
            }
        }
        taken
    }

    fn take(&mut self, news: News) {
        let now = sys::uptime();
        let input = match news {
            News::Answered { collector_wall } => {
                let differs = sys::wall().as_millis().abs_diff(collector_wall.as_millis());
                self.confirmed = differs <= CONFIRMED_WITHIN_MS;
                Input::Answered
            }
            News::Stored {
                run_number,
                run,
                stream,
                next,
            } => {
                let cursor = Cursor {
                    run_number,
                    run,
                    next_sequence: next,
                };
                if self.recorder.ring.set_cursor(now, stream, cursor).is_err() {
                    self.recorder.lost = self.recorder.lost.saturating_add(1);
                }
                return;
            }
            News::Lost { stream, count } => Input::Lost { stream, count },
            News::Refused { count } => Input::Refused { count },
            News::Misconfigured { .. } => Input::Refused { count: 1 },
            News::RunAhead => {
                self.stop = Some(u8::try_from(EXIT_NEW_RUN).unwrap_or(3));
                Input::RunAhead
            }
        };
        self.machine.step(now, input, &mut self.recorder);
    }

    /// Wakes whoever has work now.
    fn after_step(&mut self) {
        if let Some(scribe) = &self.recorder.scribe
            && self.recorder.alert
        {
            scribe.wake();
        }
        if self.recorder.alert {
            self.recorder.alert = false;
            // Full or closed: the forwarder looks at the ring by itself, this only makes it sooner.
            if control::tell(&self.link, &Wake::Alert.to_bytes()).is_err() {}
        }
    }
}

fn machine(settings: &Settings, rules: &[Rule]) -> Result<Machine, String> {
    let mut bounded = heapless::Vec::<Rule, RULES>::new();
    bounded
        .extend_from_slice(rules)
        .map_err(|_| format!("more than {RULES} rules"))?;
    Machine::new(settings.clone(), bounded).map_err(|fault| format!("rules: {fault:?}"))
}

/// The rule state of the run before: its newest checkpoint, and the alerts recorded after it, which outrank it.
fn take_over<M: Memory, D: hansho::spool::Disk>(
    machine: &mut Machine,
    before: &mut SpoolReader<M, D>,
    boot: BootId,
    now: Uptime,
    buffer: &mut [u8; CHECKPOINT_BYTES],
    recorder: &mut Recorder<Arc<Mapping>>,
) {
    let found = before.latest_checkpoint(buffer.as_mut_slice());
    if let Some((length, mark)) = found {
        let bytes = buffer.get(..length).unwrap_or_default();
        if let Err(fault) = machine.restore(now, bytes, mark.boot != boot, recorder) {
            log::warn!(
                "checkpoint of run {}: {fault:?}; rules start anew",
                mark.run_number
            );
        }
    }
    let mut outranked = 0_u32;
    before.alerts_after(
        found.as_ref().map(|(_, mark)| mark),
        &mut |held, _, frame| {
            if machine.outrank(frame, held.boot != boot) {
                outranked = outranked.saturating_add(1);
            }
            ControlFlow::Continue(())
        },
    );
    log::debug!(
        "taken over: checkpoint {}, {outranked} later alerts",
        found.is_some()
    );
}

fn open_disk(disk: File, agent: AgentId) -> Result<DiskRing<File>, String> {
    let size = disk.metadata().map_err(|error| error.to_string())?.len();
    let (ring, recovered) =
        DiskRing::open(disk, agent, size).map_err(|fault| format!("{fault:?}"))?;
    log::info!("disk ring: {:?}", recovered.scan);
    Ok(ring)
}

fn anchor(uptime: Uptime, wall: WallTime, confirmed: bool) -> Anchor {
    let quality = if wall < BUILD_WALL {
        AnchorQuality::Unset
    } else if confirmed {
        AnchorQuality::Confirmed
    } else {
        AnchorQuality::Host
    };
    Anchor {
        uptime,
        wall,
        quality,
    }
}

fn hello<'l, M: Memory>(
    launch: &'l Launch,
    first: &Snapshot,
    ring: &MemoryRing<M>,
    disk_is_off: bool,
) -> Hello<'l> {
    let plan = &launch.plan;
    let mut flags = u8::from(disk_is_off);
    if !launch.memory_survives {
        flags |= 4;
    }
    Hello {
        version: env!("CARGO_PKG_VERSION"),
        host: &launch.host,
        kernel: &launch.kernel,
        architecture: &launch.architecture,
        cores: first.cores.unwrap_or(0),
        memory_total_kib: first.memory.total_kib.unwrap_or(0),
        run_number: ring.run_number(),
        sample_interval_ms: plan.sample.interval_ms,
        report_interval_ms: plan.sample.report_interval_ms,
        post_interval_ms: plan.forward.post_interval_ms,
        registry_version: hansho::code::REGISTRY_VERSION,
        registry_hash: hansho::code::registry_hash(),
        config_hash: plan.config_hash(),
        machine_id_hash: launch.machine_id_hash,
        flags,
    }
}
