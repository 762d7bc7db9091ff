//! The rules in force without a configuration.
//!
//! How the levels were chosen: they are to be silent on a healthy server of any size, so a percentage is joined with an
//! absolute gate, and pressure decides rather than occupancy (`docs/CODES.md` prints them with each code). Decided here,
//! where the catalogue leaves room:
//!
//! - A clear level is always on the healthy side of the raise level, so that a value which swings about one line does not ring.
//! - Forecasts (1004, 1005, 3001, 3002) count the time left, so they raise at or below a level and clear at twice as much,
//!   where nothing grows at once. What the catalogue says of windows, warm-up and low-water marks is in the quantity
//!   (`rule/growth.rs`). The raise time of the slow ones is two judgements of their window or three, so that one that erred does
//!   not ring; 1005 has half an hour at most and waits 30 s.
//! - 8008 raises at 300 s of silence and clears below it, with no time of its own: the silence grows until an
//!   authenticated answer comes, so any smaller value proves that one came. A clear level of 0 would miss an answer between
//!   two ticks. An agent that posts more rarely than every 100 s needs a higher level (three intervals): that is the
//!   configuration's to set, since only it knows the interval.
//! - 8005 raises on the fact (1) and clears at 0; "clear 0" means the level 0.
//! - 8004 and 8009 are events of the same quantity: a tick 30 s late or more is both. They stay two codes because the
//!   short stall is only a record, and a long one is also one of the stalls that are counted.
//! - Each watched file system has the rules of a tmpfs (3003) and those of a disk (4001, 4002, 4005), since nobody knows which it
//!   is, or will be, when the configuration is read: of one of the two the values are absent, and the rule stays inactive.
//! - 3004 and 3006 wait for ten minutes where the catalogue says two walks: a walk takes as long as the directory needs, and
//!   what was found stands until the next has come to its end.
//! - 4007 clears at half of its level: an answer makes the silence 0, and one that takes some seconds again and again is none.
//! - 8007 and 8012 end one hour after the last refusal, so that a fault which comes with every post is one alert: the
//!   slow retry is far more frequent than that.
//! - 8011 waits 10 s both ways: the first retry after a failed write comes within a second, and a write that one retry
//!   mends is no fault.

use crate::limit::{EVENT_CLEAR_MS, RULES};
use crate::rule::{
    Aggregate, Direction, Fallback, Gate, GateTest, Kind, Level, Quantity, Rule, Subject, Watched,
    Window,
};

const SECOND_MS: u32 = 1000;
const MINUTE_MS: u32 = 60 * SECOND_MS;
const HOUR_MS: u32 = 60 * MINUTE_MS;
const HOUR_S: u64 = 3600;
const GIB_IN_KIB: u64 = 1024 * 1024;

/// The subjects of 8005: the sources whose loss is a rule each, as the reader names them. A source that never gave
/// anything is never gone, so those of ZFS and of containers bother no host that has neither.
pub const SOURCES: [&str; 12] = [
    "/proc/meminfo",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/vmstat",
    "/proc/pressure/cpu",
    "/proc/pressure/memory",
    "/proc/pressure/io",
    "/proc/spl/kstat/zfs/arcstats",
    "memory.max",
    "memory.current",
    "memory.stat",
    "memory.events",
];

/// The rules of each file system or cache directory that the configuration names, in the order of their codes; their subject
/// is empty here. They look at different totals with the same levels.
pub fn rules_of(watched: Watched) -> impl Iterator<Item = Rule> {
    filesystem()
        .into_iter()
        .chain(cache_directory())
        .filter(move |rule| rule.quantity().and_then(Quantity::of_subject) == Some(watched))
}

/// Those of all kinds, in the order of their codes.
#[must_use]
pub fn rules_of_subjects() -> [Rule; 8] {
    let [tmpfs, filling, nearly_full, inodes, read_only, silent] = filesystem();
    let [size, entries] = cache_directory();
    [
        tmpfs,
        size,
        entries,
        filling,
        nearly_full,
        inodes,
        read_only,
        silent,
    ]
}

fn filesystem() -> [Rule; 6] {
    let mut inodes = level(4005, Quantity::InodesFree, LAST)
        .between(share(50), share(80))
        .lasting(10 * MINUTE_MS, 10 * MINUTE_MS);
    inodes.direction = Direction::Below;
    [
        level(3003, Quantity::TmpfsUsed, LAST)
            .between(share(850), share(750))
            .lasting(5 * MINUTE_MS, 5 * MINUTE_MS),
        level(4001, Quantity::FilesystemUsed, LAST)
            .between(share(800), share(750))
            .lasting(10 * MINUTE_MS, 10 * MINUTE_MS)
            .gated(
                Quantity::FilesystemFree,
                GateTest::Below,
                amount(10 * GIB_IN_KIB),
            ),
        level(4002, Quantity::FilesystemUsed, LAST)
            .between(share(950), share(900))
            .lasting(2 * MINUTE_MS, 5 * MINUTE_MS)
            .gated(
                Quantity::FilesystemFree,
                GateTest::Below,
                amount(2 * GIB_IN_KIB),
            ),
        inodes,
        event(4006, Quantity::FilesystemReadOnly, 1),
        level(4007, Quantity::MountSilence, LAST)
            .between(amount(60_000), amount(30_000))
            .lasting(0, MINUTE_MS),
    ]
}

fn cache_directory() -> [Rule; 2] {
    let over = |code, quantity| {
        level(code, quantity, LAST)
            .between(share(1000), share(900))
            .lasting(10 * MINUTE_MS, 10 * MINUTE_MS)
    };
    [
        over(3004, Quantity::CacheSize),
        over(3006, Quantity::CacheEntries),
    ]
}

/// The built-in rules, in the order of their codes; fewer than [`RULES`], so that a configuration can add its own.
#[must_use]
pub fn builtin_rules() -> heapless::Vec<Rule, RULES> {
    let mut rules = heapless::Vec::new();
    let all = memory()
        .into_iter()
        .chain(cpu())
        .chain(cache())
        .chain(agent())
        .chain(SOURCES.into_iter().filter_map(source_gone));
    for rule in all {
        // Never full: a test counts them, and a rule beyond the bound could not run anyway.
        if rules.push(rule).is_err() {
            break;
        }
    }
    rules.sort_unstable_by(|a: &Rule, b: &Rule| {
        (a.code, a.subject.as_str()).cmp(&(b.code, b.subject.as_str()))
    });
    rules
}

fn memory() -> [Rule; 8] {
    [
        level(1001, Quantity::MemoryUsed, LAST)
            .between(share(800), share(750))
            .lasting(10 * MINUTE_MS, 10 * MINUTE_MS)
            .gated(
                Quantity::MemoryAvailable,
                GateTest::Below,
                amount(8 * GIB_IN_KIB),
            ),
        level(1002, Quantity::MemoryUsed, LAST)
            .between(share(950), share(900))
            .lasting(60 * SECOND_MS, 5 * MINUTE_MS)
            .gated(
                Quantity::MemoryAvailable,
                GateTest::Below,
                amount(2 * GIB_IN_KIB),
            ),
        level(1003, Quantity::PressureMemoryFull, mean(1))
            .between(amount(200), amount(50))
            .lasting(60 * SECOND_MS, 5 * MINUTE_MS),
        forecast(1004, Quantity::MemoryRunsOut, 24 * HOUR_S)
            .lasting(15 * MINUTE_MS, HOUR_MS)
            .gated(Quantity::MemoryUsed, GateTest::Above, share(700)),
        forecast(1005, Quantity::MemoryRunsOutSoon, HOUR_S / 2)
            .lasting(30 * SECOND_MS, 5 * MINUTE_MS)
            .gated(Quantity::MemoryUsed, GateTest::Above, share(850)),
        event(1010, Quantity::OomKill, 1),
        level(1011, Quantity::SwapIn, mean(5))
            .between(amount(1000), amount(200))
            .lasting(5 * MINUTE_MS, 10 * MINUTE_MS)
            .gated(Quantity::PressureMemorySome, GateTest::Above, amount(100)),
        level(1012, Quantity::SwapUsed, LAST)
            .between(share(800), share(700))
            .lasting(10 * MINUTE_MS, 10 * MINUTE_MS)
            .gated(Quantity::MemoryAvailable, GateTest::Below, share(150)),
    ]
}

fn cpu() -> [Rule; 6] {
    let mut io_waiting = level(2004, Quantity::PressureIoFull, mean(5))
        .between(amount(300), amount(100))
        .lasting(15 * MINUTE_MS, 10 * MINUTE_MS);
    // Kernels without pressure stall information have only iowait, which says less, hence the higher level.
    io_waiting.fallback = Some(Fallback {
        quantity: Quantity::CpuIowait.number(),
        raise: amount(400),
        clear: amount(200),
    });
    [
        level(2001, Quantity::CpuBusy, mean(10))
            .between(amount(900), amount(750))
            .lasting(10 * MINUTE_MS, 10 * MINUTE_MS)
            .gated(Quantity::PressureCpuSome, GateTest::Above, amount(200)),
        level(2002, Quantity::PressureCpuSome, mean(5))
            .between(amount(600), amount(300))
            .lasting(15 * MINUTE_MS, 5 * MINUTE_MS)
            .gated(Quantity::CpuBusy, GateTest::Above, amount(950)),
        level(2003, Quantity::RunnablePerCore, mean(5))
            .between(amount(400), amount(200))
            .lasting(10 * MINUTE_MS, 10 * MINUTE_MS)
            .gated(Quantity::PressureCpuSome, GateTest::Absent, NO_LEVEL),
        io_waiting,
        level(2005, Quantity::CpuSteal, mean(20))
            .between(amount(100), amount(50))
            .lasting(10 * MINUTE_MS, 30 * MINUTE_MS),
        level(2006, Quantity::CpuSystem, mean(10))
            .between(amount(400), amount(200))
            .lasting(10 * MINUTE_MS, 10 * MINUTE_MS),
    ]
}

fn cache() -> [Rule; 4] {
    [
        forecast(3001, Quantity::SlabRunsOut, 7 * 24 * HOUR_S)
            .lasting(2 * HOUR_MS, 2 * HOUR_MS)
            .gated(Quantity::SlabUnreclaimable, GateTest::Above, share(100)),
        forecast(3002, Quantity::ShmemRunsOut, 24 * HOUR_S)
            .lasting(2 * HOUR_MS, 2 * HOUR_MS)
            .gated(Quantity::Shmem, GateTest::Above, share(200)),
        level(3008, Quantity::Refaults, mean(5))
            .between(amount(2000), amount(500))
            .lasting(5 * MINUTE_MS, 10 * MINUTE_MS)
            .gated(Quantity::PressureMemorySome, GateTest::Above, amount(100)),
        event(3009, Quantity::PageCacheDrop, 500),
    ]
}

fn agent() -> [Rule; 11] {
    let hourly = |code, quantity| {
        let mut rule = event(code, quantity, 1);
        rule.clear_after_ms = HOUR_MS;
        rule
    };
    [
        event(8001, Quantity::ReadingsDiscarded, 1),
        event(8002, Quantity::AlertsLost, 1),
        event(8003, Quantity::ClockStep, 2000),
        event(8004, Quantity::TickLate, 30_000),
        level(8006, Quantity::ConfigurationRefused, LAST).between(amount(1), amount(0)),
        hourly(8007, Quantity::FramesRefused),
        level(8008, Quantity::ForwardSilence, LAST).between(amount(300), amount(299)),
        event(8009, Quantity::TickLate, 5000),
        event(8010, Quantity::RunAhead, 1),
        level(8011, Quantity::DiskRingFault, LAST)
            .between(amount(1), amount(0))
            .lasting(10 * SECOND_MS, 10 * SECOND_MS),
        hourly(8012, Quantity::PostsRefused),
    ]
}

fn source_gone(source: &str) -> Option<Rule> {
    let mut rule = level(8005, Quantity::SourceGone, LAST)
        .between(amount(1), amount(0))
        .lasting(5 * MINUTE_MS, MINUTE_MS);
    rule.subject = Subject::try_from(source).ok()?;
    Some(rule)
}

const NO_LEVEL: Level = Level {
    permille: None,
    absolute: None,
};

const LAST: Window = Window {
    aggregate: Aggregate::Last,
    length_ms: 0,
};

const fn mean(minutes: u32) -> Window {
    Window {
        aggregate: Aggregate::Mean,
        length_ms: minutes.saturating_mul(MINUTE_MS),
    }
}

/// A share of the quantity's total, in permille.
const fn share(permille: u16) -> Level {
    Level {
        permille: Some(permille),
        absolute: None,
    }
}

/// An amount in the quantity's unit. Quantities that are themselves permille are written so: they have no total.
const fn amount(absolute: u64) -> Level {
    Level {
        permille: None,
        absolute: Some(absolute),
    }
}

const fn level(code: u16, quantity: Quantity, window: Window) -> Rule {
    Rule {
        code,
        subject: Subject::new(),
        enabled: true,
        kind: Kind::Level,
        quantity: quantity.number(),
        window,
        direction: Direction::Above,
        raise: NO_LEVEL,
        clear: NO_LEVEL,
        raise_after_ms: 0,
        clear_after_ms: 0,
        gate: None,
        fallback: None,
    }
}

/// A time left that raises; it clears at twice as much, so that a slope which trembles does not ring.
const fn forecast(code: u16, quantity: Quantity, within_s: u64) -> Rule {
    let mut rule = level(code, quantity, LAST);
    rule.direction = Direction::Below;
    rule.raise = amount(within_s);
    rule.clear = amount(within_s.saturating_mul(2));
    rule
}

fn event(code: u16, quantity: Quantity, at_least: u64) -> Rule {
    let mut rule = level(code, quantity, LAST);
    rule.kind = Kind::Event;
    rule.raise = amount(at_least);
    rule.clear_after_ms = EVENT_CLEAR_MS;
    rule
}

impl Rule {
    fn between(mut self, raise: Level, clear: Level) -> Self {
        self.raise = raise;
        self.clear = clear;
        self
    }

    const fn lasting(mut self, raise_after_ms: u32, clear_after_ms: u32) -> Self {
        self.raise_after_ms = raise_after_ms;
        self.clear_after_ms = clear_after_ms;
        self
    }

    fn gated(mut self, quantity: Quantity, test: GateTest, level: Level) -> Self {
        self.gate = Some(Gate {
            quantity: quantity.number(),
            test,
            level,
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{SOURCES, builtin_rules, rules_of, rules_of_subjects};
    use crate::code::{RaisedBy, TABLE, entry};
    use crate::limit::{RULES, WATCHED_CACHES, WATCHED_FILESYSTEMS, WINDOWS};
    use crate::rule::{Direction, GateTest, Kind, Quantity, Rule, Watched};

    #[test]
    fn every_raised_code_of_the_agent_has_its_rule_and_no_other() {
        let rules = builtin_rules();
        for known in TABLE {
            let of_code: Vec<&Rule> = rules
                .iter()
                .filter(|rule| rule.code == known.number)
                .collect();
            let of_subject = known.quantity.and_then(Quantity::of_subject).is_some();
            let expected = match (known.raised_by, known.number) {
                (None | Some(RaisedBy::Collector), _) => 0,
                (Some(RaisedBy::Agent), _) if of_subject => {
                    let rules = rules_of_subjects();
                    let mut rules = rules.iter().filter(|rule| rule.code == known.number);
                    let rule = rules.next().unwrap();
                    assert!(rules.next().is_none() && rule.quantity() == known.quantity);
                    0
                }
                (Some(RaisedBy::Agent), 8005) => SOURCES.len(),
                (Some(RaisedBy::Agent), _) => 1,
            };
            assert_eq!(of_code.len(), expected, "{}", known.number);
            for rule in of_code {
                assert_eq!(rule.quantity(), known.quantity, "{}", known.number);
            }
        }
        assert_eq!(rules.len(), 41);
        assert!(rules.iter().all(|rule| entry(rule.code).is_some()));
    }

    #[test]
    fn they_fit_with_room_for_a_configuration() {
        let rules = builtin_rules();
        let most = |watched, number: usize| rules_of(watched).count() * number;
        let of_subjects =
            most(Watched::Filesystem, WATCHED_FILESYSTEMS) + most(Watched::Cache, WATCHED_CACHES);
        // What is reserved still has room: two more of a file system, one of a cache directory.
        let later = 2 * WATCHED_FILESYSTEMS + WATCHED_CACHES;
        assert_eq!(rules.len() + of_subjects + later, RULES);
        assert!(rules_of_subjects().is_sorted_by_key(|rule| rule.code));
        let windows = rules.iter().filter(|rule| rule.window.length_ms > 0);
        assert!(windows.count() + 12 <= WINDOWS);
        let mut identities: Vec<_> = rules
            .iter()
            .map(|rule| (rule.code, &rule.subject))
            .collect();
        assert!(identities.is_sorted());
        identities.dedup();
        assert_eq!(identities.len(), rules.len());
    }

    #[test]
    fn levels_are_whole_and_clear_on_the_healthy_side_of_raise() {
        for rule in builtin_rules().into_iter().chain(rules_of_subjects()) {
            match rule.kind {
                Kind::Event => {
                    assert!(rule.raise.absolute.is_some_and(|level| level > 0));
                    assert!(rule.clear_after_ms > 0 && rule.gate.is_none());
                }
                Kind::Level => {
                    let below = |clear: Option<u64>, raise: Option<u64>| match (clear, raise) {
                        (Some(clear), Some(raise)) => match rule.direction {
                            Direction::Above => clear < raise,
                            Direction::Below => clear > raise,
                        },
                        (None, None) => true,
                        _ => false,
                    };
                    assert!(below(rule.clear.absolute, rule.raise.absolute));
                    assert!(below(
                        rule.clear.permille.map(u64::from),
                        rule.raise.permille.map(u64::from)
                    ));
                    assert!(rule.raise.absolute.is_some() || rule.raise.permille.is_some());
                }
            }
            if let Some(gate) = rule.gate {
                assert!(Quantity::from_number(gate.quantity).is_some());
                let empty = gate.level.absolute.is_none() && gate.level.permille.is_none();
                assert_eq!(empty, gate.test == GateTest::Absent);
            }
        }
    }
}
