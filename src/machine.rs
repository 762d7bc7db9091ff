//! The pure machine of the watcher: [`Machine::step`] takes what happened and gives what is to be recorded and said
//! to a [`Journal`]. It reads no clock, no file and no socket, and never allocates.

mod evidence;
pub mod found;
mod growth;
mod leave;
mod line;
mod own;
mod takeover;
mod write;

pub use evidence::{Seen, Walk};
pub use growth::HostGrowth;
pub use leave::Announced;
pub use own::OwnSource;
pub use takeover::TakeOver;

use crate::clock::{Uptime, WallTime};
use crate::frame::body::{FLAG_FALLBACK, FLAG_TEST};
use crate::frame::evidence::Victim;
use crate::frame::packed::{NotTaken, Packer};
use crate::frame::{Stream, body};
use crate::limit::{FRAME_BYTES, RULES};
use crate::rule::{
    Intervals, Reason, Rule, RuleRef, RuleSet, RuleSetFault, Subject, Transition, TransitionKind,
};
use crate::sample::{Quantiser, Reading, Sample, Snapshot, Summary};
use own::{Observed, OwnQuantities};
use write::{Told, Writer};

/// Bytes of readings gathered before they become a History frame: about a minute.
const HISTORY_BYTES: usize = 1024;
/// Readings gathered before they become a History frame: what a kill of the watcher may cost of them.
const HISTORY_READINGS: u16 = 60;
/// Bytes of one summary reading: all fields at their longest are less.
const REPORT_BYTES: usize = 512;
/// A State frame says the open alerts at least this often.
const STATE_INTERVAL_MS: u64 = 60 * 60 * 1000;
/// And this long after alerts that nobody could record.
const STATE_AFTER_LOSS_MS: u64 = 10_000;
/// Test alerts open at once.
const TESTS: usize = 4;
/// A test alert stays open for this long.
const TEST_OPEN_MS: u64 = 60_000;

/// What the machine needs to know of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Interval of samples.
    pub sample_interval_ms: u32,
    /// Interval at which the dear files are read.
    pub counters_interval_ms: u32,
    /// Interval of summary readings.
    pub report_interval_ms: u32,
    /// A collector is configured: its silence counts.
    pub forwards: bool,
}

/// One tick.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tick {
    /// What was seen.
    pub snapshot: Snapshot,
    /// How late the tick came.
    pub late_ms: u64,
    /// Whether the disk ring can neither be opened nor written now; `None` where none is configured.
    pub disk_ring_fault: Option<bool>,
    /// The configuration that the host has was refused, and an earlier one is in force.
    pub configuration_refused: bool,
    /// What was recorded since the last tick and is nowhere.
    pub unrecorded: Unrecorded,
}

/// Frames that the memory ring did not take, or that it overwrote before anybody had copied them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unrecorded {
    /// Of the alert stream.
    pub alerts: u64,
    /// Readings and evidence. History is outside the promise.
    pub readings: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Time for a sample.
    Tick(&'a Tick),
    /// A sample of a recording (`hansho replay`): judged as a tick is, but not recorded again. What only a running agent
    /// knows of itself is absent; uptime that goes back is another boot.
    Recorded(&'a Sample),
    /// What the table of processes says, when [`Machine::evidence_is_due`].
    Evidence(&'a Seen<'a>),
    /// The kernel killed a process for memory.
    Victim(&'a Victim<'a>),
    /// A reading of a recording, judged as it stands: what was recorded is quantised already. Else as [`Input::Recorded`].
    Played(&'a Played<'a>),
    /// What was found of the things that are watched: judged with the next tick.
    Found(&'a [found::Found<'a>]),
    /// An authenticated answer came.
    Answered,
    /// The collector recorded frames as lost.
    Lost {
        /// The stream.
        stream: Stream,
        /// How many.
        count: u64,
    },
    /// The collector refused frames, or answered with a configuration fault.
    Refused {
        /// How many.
        count: u64,
    },
    /// The collector refuses every post: a configuration fault.
    PostsRefused,
    /// The collector knows more of this run than was ever written.
    RunAhead,
    /// `hansho test CODE`.
    Test {
        /// The code.
        code: u16,
    },
    /// `hansho leave`: an absence is announced; it takes the place of the one before.
    Leave {
        /// Its length from now on.
        planned_ms: u64,
        /// Words of whoever announces it; cut at [`crate::limit::LEAVE_TEXT_BYTES`].
        text: &'a str,
    },
    /// `hansho leave --end`: what was announced is over.
    LeaveEnded,
    /// The agent stops. What is left of an announced absence is said with it.
    Stop {
        /// Why.
        reason: body::StopReason,
    },
}

/// A reading as it was recorded, and what the recording knows of it.
#[derive(Clone, Copy, Debug)]
pub struct Played<'a> {
    /// The reading.
    pub reading: &'a Reading,
    /// Interval of the recording at this place, in place of [`Settings::sample_interval_ms`]: a history of every second goes
    /// on where only summaries are left.
    pub interval_ms: u32,
    /// The same for what is read more rarely, in place of [`Settings::counters_interval_ms`].
    pub counters_interval_ms: u32,
    /// The first one of another boot: uptime need not have gone back.
    pub is_new_boot: bool,
}

/// Where the machine's actions go.
pub trait Journal {
    /// Appends a frame to a stream. A frame that cannot be taken is counted there; the machine goes on.
    fn record(&mut self, stream: Stream, uptime: Uptime, frame: &[u8]);
    /// Says one line in the log.
    fn say(&mut self, line: &str);
}

/// How one tick was judged; for the caller's own use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stepped {
    /// Transitions recorded.
    pub transitions: u32,
    /// A walk through all processes is wanted now.
    pub walk_wanted: bool,
}

#[derive(Clone, Copy, Debug)]
struct TestAlert {
    code: u16,
    episode: u32,
    fired: Uptime,
}

/// The machine.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    rules: RuleSet,
    quantiser: Quantiser,
    summary: Summary,
    previous: Option<Snapshot>,
    own: OwnQuantities,
    growth: HostGrowth,
    report: Packer<REPORT_BYTES>,
    report_due: Option<Uptime>,
    history: Packer<HISTORY_BYTES>,
    state_due: Uptime,
    tests: heapless::Vec<TestAlert, TESTS>,
    announced: Option<Announced>,
    evidence: evidence::Wanted,
    found: found::Findings,
    lines: line::Lines,
    frame: [u8; FRAME_BYTES],
}

impl Machine {
    /// A machine with every rule inactive.
    ///
    /// # Errors
    /// [`RuleSetFault`]; the configuration checks the same.
    pub fn new(
        settings: Settings,
        rules: heapless::Vec<Rule, RULES>,
    ) -> Result<Self, RuleSetFault> {
        let report = Packer::new(settings.report_interval_ms);
        let history = Packer::new(settings.sample_interval_ms);
        let evidence = evidence::Wanted::new(rules.len());
        let rules = RuleSet::new(rules)?;
        let found = found::Findings::new(&rules);
        Ok(Self {
            settings,
            rules,
            quantiser: Quantiser::new(),
            summary: Summary::new(),
            previous: None,
            own: OwnQuantities::default(),
            growth: HostGrowth::default(),
            report,
            report_due: None,
            history,
            state_due: Uptime::default(),
            tests: heapless::Vec::new(),
            announced: None,
            evidence,
            found,
            lines: line::Lines::default(),
            frame: [0; FRAME_BYTES],
        })
    }

    /// The rules and their states.
    #[must_use]
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// Says who speaks: the first frame of a run.
    pub fn hello(&mut self, now: Uptime, hello: &body::Hello<'_>, out: &mut impl Journal) {
        self.writer(now, out).hello(hello);
    }

    /// Says what the host tells about its boot and the last stop: behind Hello.
    pub fn boot(&mut self, now: Uptime, boot: &body::Boot, out: &mut impl Journal) {
        self.writer(now, out).boot(boot);
    }

    /// Says the effective rules; `origin` tells where the rule at a place came from.
    pub fn config<'o>(
        &mut self,
        now: Uptime,
        config_hash: u64,
        origin: impl Fn(usize) -> &'o str,
        out: &mut impl Journal,
    ) {
        let mut writer = Writer {
            frame: &mut self.frame,
            now,
            out,
        };
        writer.config(config_hash, &self.rules, origin);
    }

    /// Takes what happened.
    pub fn step(&mut self, now: Uptime, input: Input<'_>, out: &mut impl Journal) -> Stepped {
        match input {
            Input::Tick(tick) => return self.tick(tick, out),
            Input::Recorded(sample) => return self.recorded(sample, out),
            Input::Evidence(seen) => return self.evidence(now, seen, out),
            Input::Victim(victim) => self.writer(now, out).victim(victim),
            Input::Played(played) => return self.played(played, out),
            Input::Found(all) => all.iter().for_each(|one| self.found.take(now, one)),
            Input::Answered => self.own.answered(now),
            Input::Lost { stream, count } => {
                self.own.lost(stream, count);
                if stream == Stream::Alerts {
                    // The collector missed transitions: it learns at once what is open.
                    self.state(now, out);
                }
            }
            Input::Refused { count } => self.own.refused(count),
            Input::PostsRefused => self.own.posts_refused(),
            Input::RunAhead => self.own.run_ahead(),
            Input::Test { code } => self.test(now, code, out),
            Input::Leave { planned_ms, text } => self.leave(now, planned_ms, text, out),
            Input::LeaveEnded => self.leave_ended(now, out),
            Input::Stop { reason } => self.stop(now, reason, out),
        }
        Stepped::default()
    }

    /// What the clocks showed at the last tick of the run before, in the same boot: so that a step that came with the end
    /// of that run is seen. To be called before the first tick.
    pub fn saw_clock(&mut self, uptime: Uptime, wall: WallTime) {
        self.own.saw_offset(offset_ms(uptime, wall));
    }

    fn writer<'m, J: Journal>(&'m mut self, now: Uptime, out: &'m mut J) -> Writer<'m, J> {
        Writer {
            frame: &mut self.frame,
            now,
            out,
        }
    }

    fn tick(&mut self, tick: &Tick, out: &mut impl Journal) -> Stepped {
        let now = tick.snapshot.uptime;
        let sample = Sample::between(self.previous.as_ref(), &tick.snapshot);
        let reading = self.quantiser.reading(&sample);
        self.summary.add(&tick.snapshot, &reading);
        self.previous = Some(tick.snapshot);
        let lost = tick.unrecorded;
        self.own.lost(Stream::Alerts, lost.alerts);
        self.own.lost(Stream::Readings, lost.readings);
        if lost.alerts > 0 {
            // Whoever reads the stream missed transitions. Not in this tick: the ring may refuse this one as well.
            self.state_due = self.state_due.min(now.plus(STATE_AFTER_LOSS_MS));
        }
        self.own.tick(&reading, tick, self.settings.forwards);
        let transitions = self.judge(now, &reading, out);
        self.own.judged();
        self.found.judged();
        self.close_tests(now, out);
        self.gather(now, &reading, out);
        let mut writer = Writer {
            frame: &mut self.frame,
            now,
            out,
        };
        self.found.record(&mut writer);
        if now >= self.state_due {
            self.state(now, out);
        }
        self.evidence.look(now, &self.rules);
        self.evidence.give_up(now);
        Stepped {
            transitions,
            ..Stepped::default()
        }
    }

    /// Whether the table of processes is to be given now ([`Input::Evidence`]), where the last whole walk through all
    /// processes began then.
    #[must_use]
    pub fn evidence_is_due(&self, now: Uptime, walk_began: Option<Uptime>) -> bool {
        self.evidence.is_due(now, walk_began)
    }

    fn evidence(&mut self, now: Uptime, seen: &Seen<'_>, out: &mut impl Journal) -> Stepped {
        let mut writer = Writer {
            frame: &mut self.frame,
            now,
            out,
        };
        self.evidence.record(seen, &self.rules, &mut writer);
        Stepped {
            walk_wanted: self.evidence.wants_walk(),
            ..Stepped::default()
        }
    }

    fn recorded(&mut self, sample: &Sample, out: &mut impl Journal) -> Stepped {
        if sample.uptime < self.rules.now() {
            // Counters begin anew with a boot, and no rate goes across it.
            self.quantiser = Quantiser::new();
            self.other_boot();
        }
        let reading = self.quantiser.reading(sample);
        self.own.recorded(&reading);
        let transitions = self.judge(sample.uptime, &reading, out);
        Stepped {
            transitions,
            ..Stepped::default()
        }
    }

    fn played(&mut self, played: &Played<'_>, out: &mut impl Journal) -> Stepped {
        let reading = played.reading;
        if played.is_new_boot || reading.uptime < self.rules.now() {
            self.other_boot();
        }
        self.settings.sample_interval_ms = played.interval_ms;
        self.settings.counters_interval_ms = played.counters_interval_ms;
        self.own.recorded(reading);
        let transitions = self.judge(reading.uptime, reading, out);
        Stepped {
            transitions,
            ..Stepped::default()
        }
    }

    /// A recording goes on in another boot: what was gathered in the one before says nothing about it.
    fn other_boot(&mut self) {
        self.rules.restart_with_other_clock();
        self.own = OwnQuantities::default();
        self.growth = HostGrowth::default();
        self.found.clear();
    }

    fn judge(&mut self, now: Uptime, reading: &Reading, out: &mut impl Journal) -> u32 {
        self.growth.take(reading, self.settings.sample_interval_ms);
        let growth = &self.growth;
        let values = Observed {
            reading,
            own: &self.own.seen(),
            growth,
            found: &self.found,
        };
        let intervals = Intervals {
            sample_ms: self.settings.sample_interval_ms,
            counters_ms: self.settings.counters_interval_ms,
        };
        let mut writer = Writer {
            frame: &mut self.frame,
            now,
            out,
        };
        let lines = &mut self.lines;
        let evidence = &mut self.evidence;
        let mut transitions = 0_u32;
        self.rules.step(
            now,
            intervals,
            &values,
            &mut |rule: RuleRef<'_>, transition: &Transition| {
                let flags = if transition.fallback {
                    FLAG_FALLBACK
                } else {
                    0
                };
                let forecast_ms = rule
                    .quantity()
                    .filter(|_| transition.kind != TransitionKind::Resolved)
                    .and_then(|quantity| growth.forecast_ms(quantity));
                let alert = Told {
                    code: rule.code,
                    subject: rule.subject,
                    rule: Some(rule),
                    flags,
                    forecast_ms,
                };
                writer.alert(&alert, transition);
                lines.say(
                    now,
                    writer.out,
                    rule.code,
                    rule.subject,
                    Some(rule),
                    transition,
                );
                evidence.transition(rule, transition);
                transitions = transitions.saturating_add(1);
            },
        );
        transitions
    }

    /// Packs the reading into the history, and the summary into stream 1 when it is due.
    fn gather(&mut self, now: Uptime, reading: &Reading, out: &mut impl Journal) {
        match self.history.push(reading) {
            Ok(()) => {}
            Err(NotTaken::Full | NotTaken::OtherBase) => {
                self.write_history(now, out);
                // An empty packer takes every reading: its buffer holds the longest base many times.
                let taken = self.history.push(reading);
                debug_assert!(taken.is_ok(), "an empty packer takes a reading");
            }
        }
        if self.history.count() >= HISTORY_READINGS {
            self.write_history(now, out);
        }
        let due = *self.report_due.get_or_insert(now);
        if now >= due {
            self.write_report(out);
            let interval = u64::from(self.settings.report_interval_ms);
            self.report_due = Some(next_due(due, interval, now));
        }
    }

    fn write_history(&mut self, now: Uptime, out: &mut impl Journal) {
        let first = self.history.first();
        if let Some(body) = self.history.body() {
            Writer {
                frame: &mut self.frame,
                now,
                out,
            }
            .readings(Stream::History, first, &body);
        }
        self.history.clear();
    }

    fn write_report(&mut self, out: &mut impl Journal) {
        let Some(reading) = self.summary.take() else {
            return;
        };
        self.report.clear();
        let taken = self.report.push(&reading);
        debug_assert!(taken.is_ok(), "an empty packer takes a reading");
        let now = reading.uptime;
        if let Some(body) = self.report.body() {
            Writer {
                frame: &mut self.frame,
                now,
                out,
            }
            .readings(Stream::Readings, now, &body);
        }
    }

    /// Writes what was gathered.
    fn flush(&mut self, now: Uptime, out: &mut impl Journal) {
        self.write_history(now, out);
        self.write_report(out);
    }

    /// Says the open alerts.
    fn state(&mut self, now: Uptime, out: &mut impl Journal) {
        self.state_due = now.plus(STATE_INTERVAL_MS);
        let mut writer = Writer {
            frame: &mut self.frame,
            now,
            out,
        };
        let tests = self
            .tests
            .iter()
            .map(|test| (test.code, test.episode, test.fired));
        writer.state(&self.rules, tests);
    }

    fn test(&mut self, now: Uptime, code: u16, out: &mut impl Journal) {
        // One test of a code at a time; its episode is the second, so that two tests differ.
        let episode = u32::try_from(now.as_millis() / 1000).unwrap_or(u32::MAX);
        let test = TestAlert {
            code,
            episode,
            fired: now,
        };
        if self.tests.iter().any(|open| open.code == code) || self.tests.push(test).is_err() {
            return;
        }
        self.evidence.test(&test);
        self.say_test(now, &test, TransitionKind::Firing, out);
    }

    fn close_tests(&mut self, now: Uptime, out: &mut impl Journal) {
        while let Some(test) = self
            .tests
            .first()
            .copied()
            .filter(|test| now.since(test.fired) >= TEST_OPEN_MS)
        {
            self.tests.remove(0);
            self.say_test(now, &test, TransitionKind::Resolved, out);
        }
    }

    fn say_test(
        &mut self,
        now: Uptime,
        test: &TestAlert,
        kind: TransitionKind,
        out: &mut impl Journal,
    ) {
        let transition = Transition {
            rule: usize::MAX,
            kind,
            reason: Reason::Test,
            episode: test.episode,
            since: test.fired,
            fired: test.fired,
            value: None,
            total: None,
            level: None,
            worst: None,
            count: 1,
            fallback: false,
        };
        let subject = Subject::new();
        let mut writer = Writer {
            frame: &mut self.frame,
            now,
            out,
        };
        let alert = Told {
            flags: FLAG_TEST,
            ..Told::without_rule(test.code, &subject)
        };
        writer.alert(&alert, &transition);
        self.lines
            .say(now, writer.out, test.code, &subject, None, &transition);
    }
}

/// The first moment after `now` on the grid of `interval_ms` through `due`: a stall costs rounds, it brings no burst of
/// them, and the grid stays where it was.
#[must_use]
pub fn next_due(due: Uptime, interval_ms: u64, now: Uptime) -> Uptime {
    let missed = now.since(due).checked_div(interval_ms).unwrap_or(0);
    let next = due.plus(missed.saturating_add(1).saturating_mul(interval_ms));
    next.max(now.plus(1))
}

/// What the wall clock's offset to uptime is: their difference is constant unless the clock is set.
fn offset_ms(uptime: Uptime, wall: WallTime) -> i64 {
    let wall = i64::try_from(wall.as_millis()).unwrap_or(i64::MAX);
    wall.saturating_sub(i64::try_from(uptime.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_round_is_on_the_grid_after_any_stall() {
        let at = Uptime::from_millis;
        assert_eq!(next_due(at(1_000), 500, at(1_000)), at(1_500));
        assert_eq!(next_due(at(1_000), 500, at(1_499)), at(1_500));
        assert_eq!(next_due(at(1_000), 500, at(1_500)), at(2_000));
        assert_eq!(next_due(at(1_000), 500, at(61_234)), at(61_500));
        assert_eq!(next_due(at(1_000), 500, at(10)), at(1_500));
        assert_eq!(next_due(at(1_000), 0, at(2_000)), at(2_001));
    }
}
