//! What the stories of the machine share: looks at a host of 16 GiB, a journal that collects, and frames read back.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "shared by several tests, each of which uses a part; a test that fails may panic"
)]

use hansho::clock::{Uptime, WallTime};
use hansho::code::builtin_rules;
use hansho::frame::body::{self, Alert, Body, FLAG_TEST, Hello, OpenRecord};
use hansho::frame::{Stream, packed};
use hansho::limit::{CHECKPOINT_BYTES, RULES};
use hansho::machine::{Input, Journal, Machine, Settings, TakeOver, Tick};
use hansho::rule::{Rule, TransitionKind};
use hansho::sample::Snapshot;
use hansho::sample::snapshot::{CpuTimes, Memory, PressureTotals};

pub const SECOND: u64 = 1000;
pub const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;
/// 16 GiB: readings of it are in quanta of 512 KiB.
pub const TOTAL_KIB: u64 = 16 * 1024 * 1024;
/// Boot was then.
pub const BOOT_WALL_MS: u64 = 1_800_000_000_000;

/// Open alerts of a State: code, subject, flags.
pub type Open = Vec<(u16, String, u8)>;
pub type Rules = heapless::Vec<Rule, RULES>;

pub fn at(millis: u64) -> Uptime {
    Uptime::from_millis(millis)
}

pub fn settings() -> Settings {
    Settings {
        sample_interval_ms: 1000,
        counters_interval_ms: 1000,
        report_interval_ms: 10_000,
        forwards: false,
    }
}

/// A healthy host: half of its memory used, a quarter of it page cache.
pub fn look(uptime_ms: u64) -> Snapshot {
    Snapshot {
        uptime: at(uptime_ms),
        wall: WallTime::from_millis(BOOT_WALL_MS + uptime_ms),
        memory: Memory {
            total_kib: Some(TOTAL_KIB),
            available_kib: Some(TOTAL_KIB / 2),
            page_cache_kib: Some(TOTAL_KIB / 4),
            swap_total_kib: Some(0),
            swap_used_kib: Some(0),
            ..Memory::default()
        },
        cpu: Some(CpuTimes {
            user: uptime_ms / 100,
            idle: uptime_ms / 10,
            ..CpuTimes::default()
        }),
        load1_centi: Some(20),
        runnable: Some(1),
        cores: Some(4),
        pressure: PressureTotals {
            cpu_some_us: Some(0),
            memory_some_us: Some(0),
            memory_full_us: Some(0),
            io_some_us: Some(0),
            io_full_us: Some(0),
        },
        counters: hansho::sample::snapshot::Counters {
            oom_kill: Some(0),
            swap_in_pages: Some(0),
            swap_out_pages: Some(0),
            major_faults: Some(0),
            refaults: Some(0),
        },
        ..Snapshot::default()
    }
}

/// The same with so many permille of its memory used.
pub fn used(uptime_ms: u64, permille: u64) -> Snapshot {
    let mut look = look(uptime_ms);
    look.memory.available_kib = Some(TOTAL_KIB - TOTAL_KIB * permille / 1000);
    look
}

/// Collects; dead after a number of actions, so that a kill can be put anywhere.
#[derive(Debug, Default)]
pub struct Collected {
    pub frames: Vec<(Stream, Vec<u8>)>,
    pub lines: Vec<String>,
    /// Actions that still happen; `None`: all.
    pub left: Option<usize>,
    /// The Checkpoint, and how many alert frames it includes.
    pub checkpoint: Option<(Vec<u8>, usize)>,
}

impl Journal for Collected {
    fn record(&mut self, stream: Stream, uptime: Uptime, frame: &[u8]) {
        if self.act() {
            let (written, _) = body::decode(frame).unwrap();
            assert_eq!(written, uptime);
            self.frames.push((stream, frame.to_vec()));
        }
    }

    fn say(&mut self, line: &str) {
        // A line has no number among the actions: whoever dies before it has lost it, and the frame stands.
        if self.left != Some(0) {
            self.lines.push(line.to_owned());
        }
    }
}

/// An Alert frame with its owner's texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub at_ms: u64,
    pub code: u16,
    pub subject: String,
    pub kind: TransitionKind,
    pub reason: &'static str,
    pub episode: u32,
    pub test: bool,
}

impl Collected {
    /// Whether one more action happens.
    pub fn act(&mut self) -> bool {
        match &mut self.left {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    pub fn is_dead(&self) -> bool {
        self.left == Some(0)
    }

    pub fn of(&self, stream: Stream) -> impl Iterator<Item = (Uptime, Body<'_>)> {
        self.frames
            .iter()
            .filter(move |(of, _)| *of == stream)
            .map(|(_, frame)| body::decode(frame).unwrap())
    }

    pub fn alerts(&self) -> impl Iterator<Item = (Uptime, Alert<'_>)> {
        self.of(Stream::Alerts).filter_map(|(at, body)| match body {
            Body::Alert(alert) => Some((at, alert)),
            _ => None,
        })
    }

    pub fn told(&self) -> Vec<Told> {
        self.alerts()
            .map(|(at, alert)| Told {
                at_ms: at.as_millis(),
                code: alert.code,
                subject: alert.subject.to_owned(),
                kind: body::transition_from_u8(alert.transition).unwrap(),
                reason: body::reason_name(alert.reason),
                episode: alert.episode,
                test: alert.flags & FLAG_TEST != 0,
            })
            .collect()
    }

    /// `(seconds, code, transition)` of each alert.
    pub fn short(&self) -> Vec<(u64, u16, TransitionKind)> {
        self.told()
            .iter()
            .map(|told| (told.at_ms / 1000, told.code, told.kind))
            .collect()
    }

    /// `(uptime, [(code, subject, flags)])` of each State.
    pub fn states(&self) -> Vec<(u64, Open)> {
        self.of(Stream::Alerts)
            .filter_map(|(at, body)| match body {
                Body::State(state) => {
                    assert_eq!((state.part, state.parts), (0, 1));
                    let open = body::elements::<OpenRecord<'_>>(state.open)
                        .map(|record| record.unwrap())
                        .map(|record| (record.code, record.subject.to_owned(), record.flags))
                        .collect();
                    Some((at.as_millis(), open))
                }
                _ => None,
            })
            .collect()
    }

    /// Readings in all frames of a stream, each as `(frame's uptime, readings in it)`.
    pub fn readings(&self, stream: Stream) -> Vec<(u64, Vec<hansho::sample::Reading>)> {
        self.of(stream)
            .map(|(at, body)| match body {
                Body::Readings(readings) | Body::History(readings) => {
                    let unpacked = packed::Unpacker::new(&readings, at)
                        .collect::<Result<Vec<_>, _>>()
                        .unwrap();
                    assert_eq!(unpacked.len(), usize::from(readings.count));
                    (at.as_millis(), unpacked)
                }
                other => panic!("{other:?} in {stream:?}"),
            })
            .collect()
    }

    pub fn alert_frames(&self) -> Vec<&[u8]> {
        self.frames
            .iter()
            .filter(|(stream, _)| *stream == Stream::Alerts)
            .map(|(_, frame)| frame.as_slice())
            .collect()
    }
}

/// A machine and where its actions went; started as the watcher starts it.
#[derive(Debug)]
pub struct Run {
    pub machine: Machine,
    pub out: Collected,
}

impl Run {
    pub fn new(settings: Settings, rules: Rules, now_ms: u64) -> Self {
        Self::after(settings, rules, now_ms, Collected::default())
    }

    /// The next run: all that the one before left is its Checkpoint and its frames.
    pub fn after(settings: Settings, rules: Rules, now_ms: u64, before: Collected) -> Self {
        let mut run = Self {
            machine: Machine::new(settings, rules).unwrap(),
            out: before,
        };
        let mut over = TakeOver::new();
        let from = match &run.out.checkpoint {
            Some((bytes, included)) => {
                over.restore(&mut run.machine, bytes, false).unwrap();
                *included
            }
            None => 0,
        };
        for frame in run.out.alert_frames().into_iter().skip(from) {
            over.outrank(&mut run.machine, frame, false);
        }
        run.machine.hello(at(now_ms), &hello(), &mut run.out);
        run.machine
            .config(at(now_ms), 7, |_| "built-in", &mut run.out);
        run.machine.taken_over(at(now_ms), &over, &mut run.out);
        run.checkpoint();
        run
    }

    pub fn builtin(now_ms: u64) -> Self {
        Self::new(settings(), builtin_rules(), now_ms)
    }

    pub fn checkpoint(&mut self) {
        let mut buffer = [0; CHECKPOINT_BYTES];
        let bytes = self.machine.checkpoint(&mut buffer).unwrap();
        if self.out.act() {
            let included = self.out.alert_frames().len();
            self.out.checkpoint = Some((bytes.to_vec(), included));
        }
    }

    pub fn tick(&mut self, snapshot: Snapshot) {
        self.late(snapshot, 0);
    }

    pub fn late(&mut self, snapshot: Snapshot, late_ms: u64) {
        let now = snapshot.uptime;
        let tick = Tick {
            snapshot,
            late_ms,
            ..Tick::default()
        };
        debug_assert_eq!(now, tick.snapshot.uptime);
        self.step(&tick);
    }

    /// A tick with all that the watcher knows.
    pub fn step(&mut self, tick: &Tick) {
        let now = tick.snapshot.uptime;
        self.machine.step(now, Input::Tick(tick), &mut self.out);
        self.checkpoint();
    }

    pub fn input(&mut self, now_ms: u64, input: Input<'_>) {
        self.machine.step(at(now_ms), input, &mut self.out);
        self.checkpoint();
    }

    /// Ticks once a second through a span, its end excluded.
    pub fn through(&mut self, span_s: std::ops::Range<u64>, look: impl Fn(u64) -> Snapshot) {
        for second in span_s {
            self.tick(look(second * SECOND));
        }
    }
}

pub fn hello() -> Hello<'static> {
    Hello {
        version: "0",
        host: "host",
        kernel: "6.1",
        architecture: "x86_64",
        cores: 4,
        memory_total_kib: TOTAL_KIB,
        run_number: 1,
        sample_interval_ms: 1000,
        report_interval_ms: 10_000,
        post_interval_ms: 30_000,
        registry_version: 1,
        registry_hash: 1,
        config_hash: 7,
        machine_id_hash: 1,
        flags: 0,
    }
}

/// The built-in rule of a code.
pub fn rule(code: u16) -> Rule {
    let rules = builtin_rules();
    rules.iter().find(|rule| rule.code == code).unwrap().clone()
}

pub fn rules(of: impl IntoIterator<Item = Rule>) -> Rules {
    of.into_iter().collect()
}
