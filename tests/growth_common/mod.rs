//! Hosts that leak and hosts that do not, each made of a seed, and what the growth rules say to them.
//!
//! Everything is in fractions of the host's memory. A host has noise (an AR(1) process) and one kind of behaviour in one of
//! three places: the memory of its programs, its unreclaimable slab, or its shared memory. What is not in the ranges below was
//! not tried.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "shared by a test and a bench, neither of which uses all of it; test code may stop at whatever surprises it"
)]

use hansho::clock::{Uptime, WallTime};
use hansho::code::builtin_rules;
use hansho::machine::HostGrowth;
use hansho::rule::{Intervals, Quantity, Rule, RuleSet, Subject, TransitionKind, Value, Values};
use hansho::sample::reading::quantum_shift;
use hansho::sample::{Field, Reading};
use std::ops::Range;

pub const MINUTE_S: u64 = 60;
pub const HOUR_S: u64 = 60 * MINUTE_S;
pub const DAY_S: u64 = 24 * HOUR_S;
/// How long a host without a leak is looked at.
pub const DAYS: u64 = 30;

// The ranges. Those of levels are fractions of total memory.
const TOTAL_KIB: Range<f64> = 1_048_576.0..268_435_456.0;
const APPLIANCE_KIB: f64 = 262_144.0;
/// Where the behaviour starts from, beside what the rest of the host uses.
const BASE: Range<f64> = 0.30..0.60;
const BASE_OF_PLACE: Range<f64> = 0.05..0.30;
const REST: Range<f64> = 0.10..0.40;
/// A leak starts so many days before its limit is near enough, but from no less than this in all, and in its place from
/// this.
const LEAK_DAYS: Range<f64> = 1.0..2.5;
const LEAK_LEAST: f64 = 0.35;
const LEAK_BASE: Range<f64> = 0.20..0.30;
/// What is harmless stays below this. Beyond 85 % of memory the gate of 1005 is open, and what fills within minutes cannot be told
/// from a leak before it stops: the table has that apart.
pub const MOST: f64 = 0.82;
/// How far it goes there.
pub const MOST_BEYOND: f64 = 0.95;
/// Standard deviation of the noise of the kind `Noise`, and of all others.
const NOISE: Range<f64> = 0.001..0.02;
const BACKGROUND: Range<f64> = 0.0002..0.004;
/// Time in which noise forgets.
const NOISE_TAU_S: Range<f64> = 30.0..7200.0;
const SAW_AMPLITUDE: Range<f64> = 0.03..0.35;
/// Never below twice the interval of the readings of the table, or they beat with it; of real ones there is one a second.
const SAW_PERIOD_S: Range<f64> = 600.0..10_800.0;
const SWING_PERIOD_S: Range<f64> = 10_800.0..86_400.0;
/// Of a period a sawtooth falls in so much.
const SAW_FALL: Range<f64> = 0.001..0.1;
const STEP: Range<f64> = 0.03..0.30;
const STEP_WITHIN_S: Range<f64> = 10.0..600.0;
const STEPS: u64 = 4;
const JOB_AMPLITUDE: Range<f64> = 0.03..0.35;
const JOB_LASTS_S: Range<f64> = 1_800.0..14_400.0;
const JOB_RAMP_S: Range<f64> = 60.0..1_800.0;
/// How much earlier or later a job begins.
const JOB_JITTER_S: Range<f64> = -900.0..900.0;
const FILL: Range<f64> = 0.05..0.50;
const FILL_WITHIN_S: Range<f64> = 600.0..10_800.0;
const DAY_AMPLITUDE: Range<f64> = 0.03..0.30;
/// A working day rises so long, stays, and falls as long; two days of seven are free.
const DAY_RISES_S: Range<f64> = 7_200.0..14_400.0;
/// Of a leak: garbage collection on top of it.
const LEAK_SAW: Range<f64> = 0.0..0.05;
const LEAK_SAW_PERIOD_S: Range<f64> = 180.0..1_800.0;
/// When a leak begins.
const LEAK_FROM_S: Range<f64> = 0.0..86_400.0;
/// A leak that is over within the hour: so long for what was free.
const SOON_WITHIN_S: Range<f64> = 240.0..2_400.0;

/// splitmix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        f64::from((self.next() >> 32) as u32) / 4_294_967_296.0
    }

    pub fn within(&mut self, range: Range<f64>) -> f64 {
        range.start + (range.end - range.start) * self.unit()
    }

    /// Evenly in the logarithm: as many seconds as hours.
    pub fn spread(&mut self, range: Range<f64>) -> f64 {
        (self.within(range.start.ln()..range.end.ln())).exp()
    }

    /// Of mean 0 and variance 1, nearly normal: the sum of twelve.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// What a host does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Grows by so many permille of total memory a day.
    Leak(u32),
    /// Grows so fast that it is over within the hour.
    LeakSoon,
    Sawtooth,
    /// A sawtooth of hours up to a day: log rotation, a cache that is emptied at night.
    Swing,
    Step,
    NightlyJob,
    CacheFillsOnce,
    WorkingDay,
    Noise,
    /// One of the others on 256 MB.
    Appliance,
}

/// Kinds that are no leak.
pub const HARMLESS: [Kind; 8] = [
    Kind::Sawtooth,
    Kind::Step,
    Kind::NightlyJob,
    Kind::CacheFillsOnce,
    Kind::Noise,
    Kind::Appliance,
    Kind::Swing,
    Kind::WorkingDay,
];

/// Where it does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Memory,
    Slab,
    Shmem,
}

pub const PLACES: [Place; 3] = [Place::Memory, Place::Slab, Place::Shmem];

impl Place {
    /// The code that tells of growth there.
    pub const fn code(self) -> u16 {
        match self {
            Self::Memory => 1004,
            Self::Slab => 3001,
            Self::Shmem => 3002,
        }
    }

    /// From which level on it matters, and how near the limit must be.
    const fn gates(self) -> (f64, u64) {
        match self {
            Self::Memory => (0.70, DAY_S),
            Self::Slab => (0.10, 7 * DAY_S),
            Self::Shmem => (0.20, DAY_S),
        }
    }

    /// The time over which growth is looked at.
    const fn window_s(self) -> u64 {
        match self {
            Self::Memory => 6 * HOUR_S,
            Self::Slab | Self::Shmem => DAY_S,
        }
    }
}

/// A host, second by second.
pub struct Host {
    random: Random,
    place: Place,
    total_kib: f64,
    /// What the rest of the host uses, where the behaviour is in slab or shared memory.
    rest: f64,
    base: f64,
    behaviour: Behaviour,
    sigma: f64,
    tau_s: f64,
    noise: f64,
    last_s: u64,
}

enum Behaviour {
    Leak {
        from_s: f64,
        a_second: f64,
        saw: f64,
        period_s: f64,
    },
    Saw {
        height: f64,
        period_s: f64,
        fall: f64,
        phase: f64,
    },
    Steps(Vec<(f64, f64, f64)>),
    Job {
        height: f64,
        begins_s: f64,
        lasts_s: f64,
        ramp_s: f64,
        jitter_s: Vec<f64>,
    },
    Fill {
        height: f64,
        from_s: f64,
        within_s: f64,
        saturates: bool,
    },
    Day {
        height: f64,
        begins_s: f64,
        rises_s: f64,
        lasts_s: f64,
        weekday: u64,
        busy: Vec<f64>,
    },
    Nothing,
}

impl Host {
    pub fn new(kind: Kind, place: Place, seed: u64, most: f64) -> Self {
        let mut random = Random::new(seed);
        let mut kind = kind;
        let mut total_kib = random.spread(TOTAL_KIB);
        if kind == Kind::Appliance {
            total_kib = APPLIANCE_KIB;
            kind = HARMLESS[(random.next() % 5) as usize];
        }
        let (leaks, a_day) = match kind {
            Kind::Leak(permille) => (true, f64::from(permille) / 1000.0),
            _ => (false, 0.0),
        };
        let (level, within_s) = place.gates();
        let near = 1.0 - a_day * (within_s / DAY_S) as f64;
        let start = near.max(level) - a_day * random.within(LEAK_DAYS);
        let start = start.max(LEAK_LEAST);
        let (rest, base) = match place {
            Place::Memory if leaks => (0.0, start),
            Place::Memory => (0.0, random.within(BASE)),
            Place::Slab | Place::Shmem => {
                let base = random.within(if leaks { LEAK_BASE } else { BASE_OF_PLACE });
                let rest = random.within(REST);
                (if leaks { start - base } else { rest }, base)
            }
        };
        let room = (most - rest - base).max(0.0);
        let behaviour = Behaviour::new(kind, place, &mut random, (rest + base, room));
        let sigma = random.spread(if kind == Kind::Noise {
            NOISE
        } else {
            BACKGROUND
        });
        Self {
            place,
            total_kib,
            rest,
            base,
            behaviour,
            sigma,
            tau_s: random.spread(NOISE_TAU_S),
            noise: 0.0,
            last_s: 0,
            random,
        }
    }

    /// Without noise and without what is given back, what is used of the place and of the host.
    pub fn low(&self, at_s: u64) -> (f64, f64) {
        let own = self.base + self.behaviour.low(at_s as f64);
        (own, own + self.rest)
    }

    /// Seconds until nothing is left, by what the host really does; `None` where it does not leak yet.
    pub fn true_left_s(&self, at_s: u64) -> Option<f64> {
        let Behaviour::Leak {
            from_s, a_second, ..
        } = self.behaviour
        else {
            return None;
        };
        (at_s as f64 >= from_s).then(|| (1.0 - self.low(at_s).1) / a_second)
    }

    pub fn reading(&mut self, at_s: u64) -> Reading {
        let elapsed_s = at_s.saturating_sub(self.last_s) as f64;
        self.last_s = at_s;
        let keeps = (-elapsed_s / self.tau_s).exp();
        let fresh = (1.0 - keeps * keeps).sqrt() * self.random.normal();
        self.noise = self.noise * keeps + fresh;
        // Somewhere since the reading before, or a sawtooth beats with the readings; real ones are as little in step.
        let seen_s = at_s as f64 - elapsed_s * self.random.unit();
        let own = self.base + self.behaviour.at(seen_s) + self.sigma * self.noise;
        let own = own.clamp(0.0, 1.0);
        let used = (own + self.rest).clamp(0.0, 1.0);
        let shift = quantum_shift(self.total_kib as u64);
        let now = Uptime::from_millis(at_s * 1000);
        let mut reading = Reading::empty(now, WallTime::default(), shift);
        let mut set = |field, fraction: f64| {
            let kib = (self.total_kib * fraction) as u64;
            reading.set(
                field,
                u32::try_from((kib + (1 << shift >> 1)) >> shift).ok(),
            );
        };
        set(Field::MemoryTotal, 1.0);
        set(Field::MemoryAvailable, 1.0 - used);
        let of = |place| if place == self.place { own } else { 0.02 };
        set(Field::SlabUnreclaimable, of(Place::Slab));
        set(Field::Shmem, of(Place::Shmem));
        reading
    }
}

impl Behaviour {
    fn new(kind: Kind, place: Place, random: &mut Random, (low, room): (f64, f64)) -> Self {
        let height = |random: &mut Random, range| random.within(range).min(room);
        let day_s = DAY_S as f64;
        match kind {
            Kind::Leak(permille) => Self::Leak {
                from_s: random.within(LEAK_FROM_S),
                a_second: f64::from(permille) / 1000.0 / day_s,
                saw: random.within(LEAK_SAW),
                period_s: random.spread(LEAK_SAW_PERIOD_S),
            },
            Kind::LeakSoon => Self::Leak {
                from_s: random.within(600.0..7_200.0),
                a_second: (1.0 - low) / random.within(SOON_WITHIN_S),
                saw: random.within(0.0..0.02),
                period_s: random.spread(10.0..120.0),
            },
            Kind::Sawtooth | Kind::Swing => Self::Saw {
                height: height(random, SAW_AMPLITUDE),
                period_s: random.spread(if kind == Kind::Swing {
                    SWING_PERIOD_S
                } else {
                    SAW_PERIOD_S
                }),
                fall: random.spread(SAW_FALL),
                phase: random.unit(),
            },
            Kind::Step => {
                let mut steps = Vec::new();
                let mut level = 0.0;
                let mut times: Vec<f64> = (0..=random.next() % STEPS)
                    .map(|_| random.within(0.0..(DAYS * DAY_S) as f64))
                    .collect();
                times.sort_by(f64::total_cmp);
                for at_s in times {
                    let before = level;
                    let up = random.unit() < 0.7;
                    let step = random.within(STEP);
                    level = if up { level + step } else { level - step };
                    level = f64::clamp(level, 0.0, room);
                    steps.push((at_s, random.spread(STEP_WITHIN_S), level - before));
                }
                Self::Steps(steps)
            }
            Kind::NightlyJob => Self::Job {
                height: height(random, JOB_AMPLITUDE),
                begins_s: random.within(0.0..day_s),
                lasts_s: random.within(JOB_LASTS_S),
                ramp_s: random.within(JOB_RAMP_S),
                jitter_s: (0..=DAYS).map(|_| random.within(JOB_JITTER_S)).collect(),
            },
            Kind::CacheFillsOnce => Self::Fill {
                height: height(random, FILL),
                from_s: random.within(0.0..20.0 * day_s),
                within_s: random.within(FILL_WITHIN_S),
                saturates: random.unit() < 0.5,
            },
            Kind::WorkingDay => Self::Day {
                height: height(random, DAY_AMPLITUDE),
                begins_s: random.within(0.0..day_s),
                rises_s: random.within(DAY_RISES_S),
                lasts_s: random.within(0.0..14_400.0),
                weekday: random.next() % 7,
                busy: (0..=DAYS + 1).map(|_| random.within(0.8..1.0)).collect(),
            },
            Kind::Noise | Kind::Appliance => {
                let _ = place;
                Self::Nothing
            }
        }
    }

    fn low(&self, at_s: f64) -> f64 {
        match self {
            Self::Leak {
                from_s, a_second, ..
            } => (at_s - from_s).max(0.0) * a_second,
            _ => 0.0,
        }
    }

    fn at(&self, at_s: f64) -> f64 {
        let day_s = DAY_S as f64;
        match self {
            Self::Nothing => 0.0,
            Self::Leak { saw, period_s, .. } => self.low(at_s) + saw * (at_s / period_s).fract(),
            Self::Saw {
                height,
                period_s,
                fall,
                phase,
            } => {
                let turn = (at_s / period_s + phase).fract();
                let rises = 1.0 - fall;
                if turn < rises {
                    height * turn / rises
                } else {
                    height * (1.0 - turn) / fall
                }
            }
            Self::Steps(steps) => steps
                .iter()
                .map(|(from_s, within_s, step)| step * ((at_s - from_s) / within_s).clamp(0.0, 1.0))
                .sum(),
            Self::Job {
                height,
                begins_s,
                lasts_s,
                ramp_s,
                jitter_s,
            } => {
                let at = |day: f64| {
                    let jitter = jitter_s.get(day as usize).copied().unwrap_or(0.0);
                    let into = at_s - day * day_s - begins_s - jitter;
                    plateau(into, *ramp_s, *lasts_s)
                };
                let day = (at_s / day_s).floor();
                height * at(day).max(at((day - 1.0).max(0.0)))
            }
            Self::Fill {
                height,
                from_s,
                within_s,
                saturates,
            } => {
                let part = ((at_s - from_s) / within_s).clamp(0.0, 1.0);
                if *saturates {
                    height * (1.0 - (1.0 - part) * (1.0 - part))
                } else {
                    height * part
                }
            }
            Self::Day {
                height,
                begins_s,
                rises_s,
                lasts_s,
                weekday,
                busy,
            } => {
                let at = |day: u64| {
                    if (day + weekday) % 7 >= 5 {
                        return 0.0;
                    }
                    let into = at_s - day as f64 * day_s - begins_s;
                    busy[day as usize % busy.len()] * plateau(into, *rises_s, *rises_s + *lasts_s)
                };
                let day = (at_s / day_s) as u64;
                height * at(day).max(if day > 0 { at(day - 1) } else { 0.0 })
            }
        }
    }
}

/// Rises for `ramp_s` from 0 on to 1, stays until `lasts_s`, and falls for `ramp_s`.
fn plateau(into_s: f64, ramp_s: f64, lasts_s: f64) -> f64 {
    let up = (into_s / ramp_s).clamp(0.0, 1.0);
    let down = ((into_s - lasts_s) / ramp_s).clamp(0.0, 1.0);
    up - down
}

/// The growth rules and their trackers, as in the agent.
pub struct Judge {
    rules: RuleSet,
    growth: HostGrowth,
    interval_ms: u32,
}

struct Seen<'a> {
    reading: &'a Reading,
    growth: &'a HostGrowth,
}

impl Values for Seen<'_> {
    fn value(&self, quantity: Quantity, _: &Subject) -> Option<Value> {
        self.growth
            .value(quantity)
            .or_else(|| quantity.in_reading(self.reading))
    }
}

/// The codes that tell of growth.
pub const CODES: [u16; 4] = [1004, 1005, 3001, 3002];

impl Judge {
    pub fn new(interval_s: u64) -> Self {
        let rules = builtin_rules()
            .into_iter()
            .filter(|rule: &Rule| CODES.contains(&rule.code));
        Self {
            rules: RuleSet::new(rules.collect()).unwrap(),
            growth: HostGrowth::default(),
            interval_ms: u32::try_from(interval_s * 1000).unwrap(),
        }
    }

    /// The codes that a reading raises.
    pub fn take(&mut self, reading: &Reading) -> Vec<u16> {
        self.growth.take(reading, self.interval_ms);
        let seen = Seen {
            reading,
            growth: &self.growth,
        };
        let intervals = Intervals {
            sample_ms: self.interval_ms,
            counters_ms: self.interval_ms,
        };
        let mut raised = Vec::new();
        self.rules
            .step(reading.uptime, intervals, &seen, &mut |rule, transition| {
                if transition.kind == TransitionKind::Firing {
                    raised.push(rule.code);
                }
            });
        raised
    }

    pub fn growth(&self) -> &HostGrowth {
        &self.growth
    }
}

/// What came of one host without a leak: each alarm with its second.
pub fn harmless(
    (kind, place, most): (Kind, Place, f64),
    seed: u64,
    interval_s: u64,
    days: u64,
) -> Vec<(u64, u16)> {
    let mut host = Host::new(kind, place, seed, most);
    let mut judge = Judge::new(interval_s);
    let mut alarms = Vec::new();
    for turn in 1..=days * DAY_S / interval_s {
        let at_s = turn * interval_s;
        for code in judge.take(&host.reading(at_s)) {
            alarms.push((at_s, code));
        }
    }
    alarms
}

/// What came of one leak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found {
    /// Told so many seconds after warm-up, window and gates first held (0: before them), with so many seconds left.
    After(u64, f64),
    /// All was used up within twelve hours of that, and another code of growth had told it.
    ToldByAnother,
    /// Not told within a day of that.
    Missed,
    /// The gates did not hold within 30 days.
    NeverDue,
}

/// A leak, until it is told, or a day after it should have been.
pub fn leak(kind: Kind, place: Place, seed: u64, interval_s: u64) -> Found {
    let (level, within_s, window_s, code) = if kind == Kind::LeakSoon {
        (0.85, 30 * MINUTE_S, 5 * MINUTE_S, 1005)
    } else {
        let (level, within_s) = place.gates();
        (level, within_s, place.window_s(), place.code())
    };
    let mut host = Host::new(kind, place, seed, 1.0);
    let mut judge = Judge::new(interval_s);
    let begun_s = match host.behaviour {
        Behaviour::Leak { from_s, .. } => from_s as u64,
        _ => 0,
    };
    // A day's marks rise throughout once the leak is a day old; warm-up is a day as well.
    let ready_s = match place {
        Place::Memory => window_s,
        Place::Slab | Place::Shmem => begun_s.max(DAY_S) + window_s,
    };
    let (mut due_s, mut another) = (None, false);
    for turn in 1..=DAYS * DAY_S / interval_s {
        let at_s = turn * interval_s;
        let left_s = host.true_left_s(at_s);
        let (own, used) = host.low(at_s);
        if own >= level && left_s.is_some_and(|left| left <= within_s as f64) && at_s >= ready_s {
            due_s.get_or_insert(at_s);
        }
        let raised = judge.take(&host.reading(at_s));
        if raised.contains(&code) {
            let after_s = due_s.map_or(0, |due| at_s - due);
            return Found::After(after_s, left_s.unwrap_or(f64::INFINITY));
        }
        another |= !raised.is_empty();
        if used >= 1.0 {
            let in_time = due_s.is_none_or(|due| at_s < due + 12 * HOUR_S);
            return match due_s {
                _ if another && in_time => Found::ToldByAnother,
                Some(_) => Found::Missed,
                None => Found::NeverDue,
            };
        }
        if due_s.is_some_and(|due| at_s > due + DAY_S) {
            return Found::Missed;
        }
    }
    due_s.map_or(Found::NeverDue, |_| Found::Missed)
}
