//! How the watcher is put together: everything that allocates, opens or may wait stands here, before the first tick.
//!
//! The disk ring is read here only where the memory ring has not all that is needed, which is after a boot: a watcher
//! that is started again must not wait for a disk that is slow, stuck, or short of page cache.

use crate::rehearsal;
use crate::scribe::{Handle, Outlets};
use crate::watch::{Recorder, Watcher, anchor};
use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::config::Plan;
use hansho::config::plan::Source;
use hansho::frame::body::{self, Body, Boot, Hello, LAST_BOOT_OTHER, LAST_BOOT_THIS, LastEnd};
use hansho::frame::{AgentId, BootId, RunId, Stream};
use hansho::keeper::gauges::{Gauge, Gauges};
use hansho::keeper::launch::{Inherited, Launch};
use hansho::limit::{BLOCK_BYTES, CHECKPOINT_BYTES, MESSAGE_BYTES, RULES};
use hansho::machine::{Announced, Machine, Settings, TakeOver};
use hansho::rule::Rule;
use hansho::sample::{ProcReader, Reader, Snapshot, SysinfoReader};
use hansho::scout::image::Image;
use hansho::spool::block::BlockFault;
use hansho::spool::reader::SpoolReader;
use hansho::spool::source::{InMemory, OnDisk, newest_superblock};
use hansho::spool::{Identity, MemoryRing};
use hansho::sys::{self, Mapping};
use std::fs::File;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A gap between two watchers from this length on counts as a late tick, the keeper's own waits aside; below it is the
/// restart itself.
const RESTART_MS: u64 = 5_000;
/// Hello: the disk ring is off.
const FLAG_NO_DISK: u8 = 1;
/// Hello: memory is not locked.
const FLAG_NOT_LOCKED: u8 = 2;
/// Hello: the memory ring is gone with the keeper.
const FLAG_NOT_TMPFS: u8 = 4;

/// Runs the watcher; gives back its exit code. Its frame is its own, as the scout's.
#[inline(never)]
pub(crate) fn run(mut inherited: Inherited) -> Result<u8, String> {
    sys::name_process(c"hanshod");
    sys::block_signals().map_err(|error| format!("sigprocmask: {error}"))?;
    if let Some(parent) = inherited.parent() {
        sys::die_with_parent(parent).map_err(|error| format!("the keeper is gone: {error}"))?;
    }
    // It never executes anything; the capabilities that it was given stay, locked memory among them.
    rustix::thread::set_no_new_privs(true).map_err(|errno| format!("prctl: {errno}"))?;
    let launch = Launch::of(&File::from(inherited.demand("launch")?))
        .map_err(|error| format!("launch: {error}"))?;
    let watcher = start(&launch, &mut inherited)?;
    drop(launch);
    Ok(watcher.run())
}

fn failed(what: &'static str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{what}: {error}")
}

/// What is made by [`prepare`].
struct Prepared {
    machine: Box<Machine>,
    before: Before,
    reader: Box<dyn Reader + Send>,
    first: Snapshot,
    checkpoint: Box<[u8; CHECKPOINT_BYTES]>,
}

/// Makes what is large, takes over what the runs before left, and rehearses. On a thread of its own, whose stack is given
/// back: values of tens of kilobytes pass over it, and what the first thread's stack has once grown to stays locked.
fn prepare(
    plan: &Plan,
    memory: &Arc<Mapping>,
    disk: Option<&File>,
    (agent, boot, run): (AgentId, BootId, RunId),
) -> Result<Prepared, String> {
    let settings = settings(plan);
    let rules: Vec<Rule> = plan
        .rules
        .iter()
        .map(|effective| effective.rule.clone())
        .collect();
    let mut checkpoint = touched(Box::new([0; CHECKPOINT_BYTES]));
    let mut reader = reader(plan)?;
    let (now, wall) = sys::clocks();
    let first = reader.look(now, wall, true);
    if let Err(why) = rehearsal::rehearse(
        Box::new(machine(&settings, &rules)?),
        reader.as_mut(),
        &mut checkpoint,
        (boot, run),
    ) {
        log::warn!("no rehearsal, the first alert pays for it: {why}");
    }
    let mut machine = Box::new(machine(&settings, &rules)?);
    let before = Before::read(&mut machine, memory, disk, (agent, boot), &mut checkpoint);
    Ok(Prepared {
        machine,
        before,
        reader,
        first,
        checkpoint,
    })
}

fn start(launch: &Launch, inherited: &mut Inherited) -> Result<Watcher, String> {
    let plan = &launch.plan;
    let memory = File::from(inherited.demand("memory")?);
    let memory = Arc::new(Mapping::of(&memory, true).map_err(failed("memory ring"))?);
    let disk = inherited.take("disk").map(File::from);
    let (boot, agent) = (BootId(launch.boot), AgentId(launch.agent));
    let run = RunId(sys::random_u64().map_err(failed("getrandom"))?);
    // Read before anything is written: opening the ring may wipe it, and frames of this run take the places of older ones.
    let Prepared {
        mut machine,
        before,
        reader,
        first,
        mut checkpoint,
    } = std::thread::scope(|scope| {
        let preparing = scope.spawn(|| prepare(plan, &memory, disk.as_ref(), (agent, boot, run)));
        preparing
            .join()
            .unwrap_or_else(|_| Err("the start failed".to_owned()))
    })?;

    memory.touch();
    touch_stack();
    let suspects = suspects(inherited)?;
    let locked = sys::lock_memory();
    if let Err(error) = &locked {
        log::warn!("memory is not locked: {error}; raise LimitMEMLOCK or give CAP_IPC_LOCK");
    }
    let identity = Identity {
        agent,
        run,
        boot,
        ring: sys::random_u64().map_err(failed("getrandom"))?,
        run_number_floor: before.run_number.max(launch.run_number_floor),
    };
    let (now, wall) = sys::clocks();
    let (ring, recovered) =
        MemoryRing::open(memory.clone(), identity, now, anchor(now, wall, false))
            .map_err(|fault| format!("memory ring: {fault:?}"))?;
    log::info!(
        "run {run}, number {}; memory ring {:?}",
        recovered.run_number,
        recovered.kept
    );
    let flags = flags(launch, disk.is_some(), locked.is_ok());
    let gauges: File = inherited.demand("gauges")?.into();
    let gauges = Gauges::of(&gauges).map_err(failed("gauges"))?;
    let outlets = Outlets {
        gauges: gauges.clone(),
        disk: disk.map(|disk| (disk, agent)),
        pipe: inherited.demand("log")?,
        file: plan
            .log
            .file
            .as_ref()
            .map(|file| (file.path.clone(), file.max_size_bytes)),
    };
    let scribe = Handle::start(memory, outlets).map_err(failed("scribe"))?;
    let mut recorder = Recorder::new(ring, Some(scribe));

    let hello = hello(launch, &first, recovered.run_number, flags);
    machine.hello(now, &hello, &mut recorder);
    machine.boot(now, &boot_of(launch, &before.last), &mut recorder);
    let origins = |place: usize| {
        plan.rules
            .get(place)
            .map_or("", |effective| effective.origin.as_str())
    };
    machine.config(now, plan.config_hash(), origins, &mut recorder);
    // Only of a watcher under the same keeper: an agent that was not running at all is no stall of the host.
    let before_tick = gauges.last_tick();
    if let Some((uptime, wall)) = before_tick {
        machine.saw_clock(uptime, wall);
    }
    let stall_ms = u64::from(plan.sample.interval_ms).saturating_add(RESTART_MS);
    let waited_ms = gauges.waited_since_tick_ms();
    let last_tick = before_tick
        .map(|(uptime, _)| Uptime::from_millis(uptime.as_millis().saturating_add(waited_ms)))
        .filter(|uptime| now.since(*uptime) >= stall_ms);
    machine.taken_over(now, &before.over, &mut recorder);
    take_announced(&mut machine, before.announced, now, &gauges);
    recorder.record_state(&machine, &mut checkpoint, now);
    Ok(Watcher {
        machine,
        settings: settings(plan),
        recorder,
        reader,
        gauges,
        keeper: inherited.demand("keeper")?,
        link: inherited.demand("link")?,
        scout: inherited.demand("scout")?,
        suspects,
        processes: plan.evidence.processes,
        run: identity.run,
        confirmed_offset_ms: None,
        counters_due: now,
        last_tick,
        checkpoint,
        message: touched(Box::new([0; MESSAGE_BYTES])),
        stop: None,
        disk: plan.spool.disk,
        lost_told: 0,
        leave: None,
    })
}

/// What the scout shows, touched: so that it is locked too.
fn suspects(inherited: &mut Inherited) -> Result<Image<Mapping>, String> {
    let file = File::from(inherited.demand("suspects")?);
    let memory = Mapping::of(&file, false).map_err(failed("suspects"))?;
    memory.touch();
    Image::of(memory).ok_or_else(|| "suspects: too short".to_owned())
}

/// Flags of Hello.
fn flags(launch: &Launch, disk: bool, locked: bool) -> u8 {
    let mut flags = if disk { 0 } else { FLAG_NO_DISK };
    if !locked {
        flags |= FLAG_NOT_LOCKED;
    }
    if !launch.memory_survives {
        flags |= FLAG_NOT_TMPFS;
    }
    flags
}

/// What a run before announced stands, and the gauges say so.
fn take_announced(
    machine: &mut Machine,
    announced: Option<Announced>,
    now: Uptime,
    gauges: &Gauges,
) {
    machine.take_announced(announced);
    let until = machine.announced(now);
    let until_ms = until.map_or(0, |announced| announced.until.as_millis());
    gauges.set(Gauge::LeaveUntil, until_ms);
}

/// Touches the first thread's stack as deep as a tick ever goes: the deepest, a State in parts, needs some 20 KiB.
#[inline(never)]
fn touch_stack() {
    const BYTES: usize = 64 * 1024;
    let mut depth = [0_u8; BYTES];
    black_box(&mut depth).fill(1);
    black_box(&depth);
}

/// A buffer all of whose pages are there: a checkpoint that grows on the night when every rule fires needs the last ones.
fn touched<const N: usize>(mut buffer: Box<[u8; N]>) -> Box<[u8; N]> {
    buffer.fill(1);
    black_box(buffer)
}

/// What the runs before this one left.
struct Before {
    over: TakeOver,
    /// Number of the newest of them, as far as it is known.
    run_number: u64,
    /// How the newest of them ended.
    last: Last,
    /// What a run of this boot announced.
    announced: Option<Announced>,
}

/// How the newest run before this one ended.
#[derive(Debug, Default)]
struct Last {
    /// Whether there was one in the rings, and in this boot.
    in_this_boot: Option<bool>,
    /// The reason of its Goodbye, where it said one.
    goodbye: Option<u8>,
    /// The last that it recorded.
    uptime: Option<Uptime>,
    /// Where its uptime and the host's clock met.
    anchor: Anchor,
}

impl Before {
    /// Reads the newest Checkpoint into the machine, and the alerts recorded after it, which outrank it.
    fn read(
        machine: &mut Machine,
        memory: &Arc<Mapping>,
        disk: Option<&File>,
        (agent, boot): (AgentId, BootId),
        buffer: &mut [u8; CHECKPOINT_BYTES],
    ) -> Self {
        let (in_memory, on_disk) = where_to_read(memory, disk, agent);
        let disk = match on_disk
            .then_some(disk)
            .flatten()
            .map(File::try_clone)
            .transpose()
        {
            Ok(disk) => disk,
            Err(error) => {
                log::error!("disk ring: {error}");
                None
            }
        };
        let mut reader = SpoolReader::new(in_memory.then(|| memory.clone()), disk);
        reader.refresh();
        let mut before = Self {
            over: TakeOver::new(),
            run_number: reader.newest_run_number(),
            last: Last::default(),
            announced: None,
        };
        let found = reader.latest_checkpoint(buffer.as_mut_slice());
        if let Some((length, mark)) = found {
            let bytes = buffer.get(..length).unwrap_or_default();
            let restored = before.over.restore(machine, bytes, mark.boot != boot);
            if let Err(fault) = restored {
                let run = mark.run_number;
                log::warn!("checkpoint of run {run}: {fault:?}; rules start anew");
            }
        }
        let mut outranked = 0_u32;
        reader.alerts_after(
            found.as_ref().map(|(_, mark)| mark),
            &mut |held, _, frame| {
                if before.over.outrank(machine, frame, held.boot != boot) {
                    outranked = outranked.saturating_add(1);
                }
                ControlFlow::Continue(())
            },
        );
        before.last = Last::read(
            &mut reader,
            boot,
            found
                .as_ref()
                .map(|(_, mark)| (mark.run_number, mark.uptime)),
        );
        before.announced = announced(&mut reader, boot);
        log::debug!(
            "taken over: checkpoint {}, {outranked} later alerts",
            found.is_some()
        );
        before
    }
}

impl Last {
    /// By the last frame of each stream of the newest run, and its Checkpoint.
    fn read(
        reader: &mut SpoolReader<Arc<Mapping>, File>,
        boot: BootId,
        checkpoint: Option<(u64, Uptime)>,
    ) -> Self {
        let Some(newest) = reader.runs().last().copied() else {
            return Self::default();
        };
        let mut last = Self {
            in_this_boot: Some(newest.boot == boot),
            goodbye: None,
            anchor: newest.anchor,
            uptime: checkpoint
                .filter(|(run_number, _)| *run_number == newest.run_number)
                .map(|(_, uptime)| uptime),
        };
        let held: Vec<_> = reader
            .runs()
            .iter()
            .filter(|held| held.run == newest.run)
            .copied()
            .collect();
        for held in held {
            let from = held.next_sequence.saturating_sub(1);
            reader.read(held.run, held.stream, from, &mut |_, frame| {
                if let Ok((at, body)) = body::decode(frame) {
                    last.uptime = last.uptime.max(Some(at));
                    if let Body::Goodbye(goodbye) = body {
                        last.goodbye = Some(goodbye.reason);
                    }
                }
                ControlFlow::Continue(())
            });
        }
        last
    }

    /// When it recorded the last, by the host's clock. `None` where that was not set, or nothing is known.
    fn lived(&self) -> Option<WallTime> {
        let since_ms = self.uptime?.since(self.anchor.uptime);
        let is_set = matches!(
            self.anchor.quality,
            AnchorQuality::Host | AnchorQuality::Confirmed
        );
        let wall_ms = self.anchor.wall.as_millis().saturating_add(since_ms);
        is_set.then_some(WallTime::from_millis(wall_ms))
    }
}

/// The announcement of an absence that stands: of this boot, since another boot's uptime says nothing about now.
fn announced(reader: &mut SpoolReader<Arc<Mapping>, File>, boot: BootId) -> Option<Announced> {
    let mut found = None;
    let held: Vec<_> = reader
        .runs()
        .iter()
        .filter(|held| held.stream == Stream::Alerts && held.boot == boot)
        .copied()
        .collect();
    for held in held {
        reader.read(
            held.run,
            held.stream,
            held.first_sequence,
            &mut |_, frame| {
                if let Some(announced) = Announced::from_frame(frame) {
                    found = announced;
                }
                ControlFlow::Continue(())
            },
        );
    }
    found
}

/// What the host told when the agent was started, and how the run before ended.
fn boot_of(launch: &Launch, last: &Last) -> Boot {
    let host = launch.host_boot;
    let end = match last {
        Last {
            in_this_boot: None, ..
        } => LastEnd::Unknown,
        Last {
            goodbye: Some(_), ..
        } => LastEnd::Goodbye,
        Last { goodbye: None, .. } => LastEnd::Cut,
    };
    Boot {
        booted_wall_ms: host.booted_wall_ms,
        init_started_ms: host.init_started_ms,
        last_end: end.as_u8(),
        last_reason: last.goodbye.unwrap_or(0),
        last_uptime_ms: last.uptime.map(Uptime::as_millis),
        last_boot: match last.in_this_boot {
            None => 0,
            Some(true) => LAST_BOOT_THIS,
            Some(false) => LAST_BOOT_OTHER,
        },
        kernel_dumps: host.dumps_since(last.lived()),
        watchdog_bootstatus: host.watchdog_bootstatus,
    }
}

/// Whether the memory ring, and whether the disk ring has to be read: memory alone where it is this agent's, has a
/// Checkpoint, and knows of the newest run. A disk ring without a whole superblock is read by its blocks, unless it does
/// not answer at all and the memory ring can do without it.
fn where_to_read(memory: &Arc<Mapping>, disk: Option<&File>, agent: AgentId) -> (bool, bool) {
    let mut buffer = [0; BLOCK_BYTES];
    let in_memory = match newest_superblock(&InMemory(memory), &mut buffer) {
        Ok(state) if state.superblock.agent == agent => Some(state.superblock.run_counter),
        Ok(_) | Err(_) => None,
    };
    let found = disk.map(|disk| newest_superblock(&OnDisk(disk), &mut buffer));
    let is_ours = match found {
        Some(Ok(state)) => state.superblock.agent == agent,
        Some(Err(BlockFault::Version(_))) | None => false,
        Some(Err(_)) => true,
    };
    let Some(run) = in_memory else {
        return (false, is_ours);
    };
    let mut reader: SpoolReader<_, File> = SpoolReader::new(Some(memory.clone()), None);
    reader.refresh();
    let mut bytes = vec![0; CHECKPOINT_BYTES];
    let knows_newest = match found {
        Some(Ok(state)) => state.superblock.run_counter <= run,
        Some(Err(fault)) => fault == BlockFault::Unreadable,
        None => true,
    };
    let enough = knows_newest && reader.latest_checkpoint(&mut bytes).is_some();
    (true, is_ours && !enough)
}

fn settings(plan: &Plan) -> Settings {
    Settings {
        sample_interval_ms: plan.sample.interval_ms,
        counters_interval_ms: plan.sample.counters_interval_ms,
        report_interval_ms: plan.sample.report_interval_ms,
        forwards: !plan.forward.urls.is_empty(),
    }
}

/// A machine with these rules.
fn machine(settings: &Settings, rules: &[Rule]) -> Result<Machine, String> {
    let mut bounded = heapless::Vec::<Rule, RULES>::new();
    bounded
        .extend_from_slice(rules)
        .map_err(|_| format!("more than {RULES} rules"))?;
    Machine::new(settings.clone(), bounded).map_err(|fault| format!("rules: {fault:?}"))
}

fn reader(plan: &Plan) -> Result<Box<dyn Reader + Send>, String> {
    Ok(match plan.sample.source {
        Source::Procfs => {
            let reader = ProcReader::open(&plan.sample.root);
            Box::new(reader.map_err(|fault| fault.to_string())?)
        }
        Source::Sysinfo => {
            log::warn!(
                "sample.source = \"sysinfo\" allocates and opens files at each sample: with memory short it may stand still"
            );
            Box::new(SysinfoReader::open().map_err(|error| format!("sysinfo: {error}"))?)
        }
    })
}

fn hello<'l>(launch: &'l Launch, first: &Snapshot, run_number: u64, flags: u8) -> Hello<'l> {
    let plan = &launch.plan;
    Hello {
        version: env!("CARGO_PKG_VERSION"),
        host: &launch.host,
        kernel: &launch.kernel,
        architecture: &launch.architecture,
        cores: first.cores.unwrap_or(0),
        memory_total_kib: first.memory.total_kib.unwrap_or(0),
        run_number,
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
