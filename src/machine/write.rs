//! Frames of the machine: bodies into the one scratch buffer, and out to the journal.

use super::Journal;
use crate::clock::Uptime;
use crate::frame::body::{
    Alert, Boot, Config, FLAG_EARLIER_BOOT, FLAG_FLAPPING, FLAG_TEST, FLAG_UNKNOWN, Found,
    FoundRecord, Goodbye, Hello, Leave, LeaveWhat, OpenRecord, Readings, RuleRecord, State,
    StopReason, encode, push_element, reason_to_u8, transition_to_u8,
};
use crate::frame::cursor::Writer as Cursor;
use crate::frame::evidence::{AboutRecord, Evidence, SuspectRecord, Victim};
use crate::frame::{Kind, Stream};
use crate::limit::{EVIDENCE_ABOUT_BYTES, FRAME_BYTES};
use crate::rule::{
    Aggregate, Direction, GateTest, Kind as RuleKind, OpenAlert, RuleRef, RuleSet, Subject,
    Transition,
};
use serde::Serialize;

/// Elements of one part of a list: what is left of a frame beside kind, uptime and the numbers of the part.
const PART_BYTES: usize = FRAME_BYTES - 64;
/// The same of an Evidence, which has more numbers, and says in each part what it is about.
const SUSPECTS_BYTES: usize = FRAME_BYTES - 128 - EVIDENCE_ABOUT_BYTES;

/// What an Alert frame says beside the transition.
pub(super) struct Told<'a> {
    pub(super) code: u16,
    pub(super) subject: &'a Subject,
    /// `None` where it is gone, or where there never was one.
    pub(super) rule: Option<RuleRef<'a>>,
    pub(super) flags: u8,
    pub(super) forecast_ms: Option<u64>,
}

impl<'a> Told<'a> {
    /// An alert without a rule.
    pub(super) const fn without_rule(code: u16, subject: &'a Subject) -> Self {
        Self {
            code,
            subject,
            rule: None,
            flags: 0,
            forecast_ms: None,
        }
    }
}

/// Writes frames at one moment.
pub(super) struct Writer<'m, J> {
    pub(super) frame: &'m mut [u8; FRAME_BYTES],
    pub(super) now: Uptime,
    pub(super) out: &'m mut J,
}

impl<J: Journal> Writer<'_, J> {
    fn put<T: Serialize>(&mut self, stream: Stream, kind: Kind, uptime: Uptime, body: &T) {
        let encoded = encode(kind, uptime, body, self.frame);
        debug_assert!(encoded.is_ok(), "every body is bounded below a frame");
        if let Ok(frame) = encoded {
            self.out.record(stream, uptime, frame);
        }
    }

    pub(super) fn hello(&mut self, hello: &Hello<'_>) {
        self.put(Stream::Alerts, Kind::Hello, self.now, hello);
    }

    pub(super) fn boot(&mut self, boot: &Boot) {
        self.put(Stream::Alerts, Kind::Boot, self.now, boot);
    }

    pub(super) fn leave(&mut self, what: LeaveWhat, planned_ms: u64, text: &str) {
        let body = Leave {
            what: what.as_u8(),
            planned_ms,
            text,
        };
        self.put(Stream::Alerts, Kind::Leave, self.now, &body);
    }

    pub(super) fn goodbye(&mut self, reason: StopReason, planned_ms: u64, text: &str) {
        let body = Goodbye {
            reason: reason.as_u8(),
            planned_ms,
            text,
        };
        self.put(Stream::Alerts, Kind::Goodbye, self.now, &body);
    }

    pub(super) fn readings(&mut self, stream: Stream, first: Uptime, body: &Readings<'_>) {
        let kind = if stream == Stream::History {
            Kind::History
        } else {
            Kind::Readings
        };
        self.put(stream, kind, first, body);
    }

    pub(super) fn alert(&mut self, told: &Told<'_>, transition: &Transition) {
        let quantity = told.rule.map_or(0, |rule| match rule.fallback {
            Some(fallback) if transition.fallback => fallback.quantity,
            _ => rule.quantity,
        });
        let body = Alert {
            code: told.code,
            subject: told.subject,
            transition: transition_to_u8(transition.kind),
            reason: reason_to_u8(transition.reason),
            flags: told.flags,
            episode: transition.episode,
            fired_ms: transition.fired.as_millis(),
            since_ms: transition.since.as_millis(),
            quantity,
            value: transition.value,
            total: transition.total,
            level: transition.level,
            worst: transition.worst,
            forecast_ms: told.forecast_ms,
            count: transition.count,
        };
        self.put(Stream::Alerts, Kind::Alert, self.now, &body);
    }

    /// The effective rules, cut into as few frames as hold them: counted first, since each says how many there are.
    pub(super) fn config<'o>(
        &mut self,
        config_hash: u64,
        rules: &RuleSet,
        origin: impl Fn(usize) -> &'o str,
    ) {
        let records = || {
            rules
                .rules()
                .enumerate()
                .map(|(place, rule)| rule_record(rule, origin(place)))
        };
        let parts = count_parts(records(), PART_BYTES);
        let mut part = 0_u8;
        cut(records(), PART_BYTES, |rules| {
            self.put(
                Stream::Alerts,
                Kind::Config,
                self.now,
                &Config {
                    config_hash,
                    part,
                    parts,
                    rules,
                },
            );
            part = part.saturating_add(1);
        });
    }

    /// What was found, in as few frames as hold it; each stands for itself.
    pub(super) fn found<'a>(&mut self, records: impl Iterator<Item = FoundRecord<'a>>) {
        cut(records, PART_BYTES, |found| {
            self.put(Stream::Readings, Kind::Found, self.now, &Found { found });
        });
    }

    /// The open alerts, tests among them; cut like the rules.
    pub(super) fn state(
        &mut self,
        rules: &RuleSet,
        tests: impl Iterator<Item = (u16, u32, Uptime)> + Clone,
    ) {
        let records = || {
            rules
                .open_alerts()
                .map(open_record)
                .chain(tests.clone().map(test_record))
        };
        let parts = count_parts(records(), PART_BYTES);
        let mut part = 0_u8;
        cut(records(), PART_BYTES, |open| {
            self.put(
                Stream::Alerts,
                Kind::State,
                self.now,
                &State { part, parts, open },
            );
            part = part.saturating_add(1);
        });
    }

    pub(super) fn victim(&mut self, victim: &Victim<'_>) {
        self.put(Stream::Evidence, Kind::Victim, self.now, victim);
    }

    /// The tops of the table of processes, cut like the rules; `head` has the numbers that all parts say.
    pub(super) fn evidence<'a>(
        &mut self,
        head: &Evidence<'_>,
        about: impl Iterator<Item = AboutRecord<'a>>,
        suspects: &[SuspectRecord<'_>],
    ) {
        let mut buffer = [0; EVIDENCE_ABOUT_BYTES];
        let mut list = Cursor::new(&mut buffer);
        for record in about {
            let pushed = push_element(&mut list, &record);
            debug_assert!(pushed.is_ok(), "there is room for as many as there may be");
        }
        let parts = count_parts(suspects.iter(), SUSPECTS_BYTES);
        let mut part = 0_u8;
        cut(suspects.iter(), SUSPECTS_BYTES, |suspects| {
            self.put(
                Stream::Evidence,
                Kind::Evidence,
                self.now,
                &Evidence {
                    part,
                    parts,
                    about: list.written(),
                    suspects,
                    ..head.clone()
                },
            );
            part = part.saturating_add(1);
        });
    }
}

/// Number of parts that [`cut`] makes.
fn count_parts<E: Serialize>(elements: impl Iterator<Item = E>, room: usize) -> u8 {
    let mut parts = 0_u8;
    cut(elements, room, |_| parts = parts.saturating_add(1));
    parts
}

/// Lists of elements, each as long as a part has room for, at most [`PART_BYTES`]; one empty list where there are none.
fn cut<E: Serialize>(elements: impl Iterator<Item = E>, room: usize, mut each: impl FnMut(&[u8])) {
    let mut buffer = [0; PART_BYTES];
    let mut list = Cursor::new(buffer.get_mut(..room).unwrap_or_default());
    for element in elements {
        if push_element(&mut list, &element).is_err() {
            each(list.written());
            list.truncate(0);
            let pushed = push_element(&mut list, &element);
            debug_assert!(pushed.is_ok(), "an element is shorter than a part");
        }
    }
    each(list.written());
}

fn rule_record<'r>(rule: RuleRef<'r>, origin: &'r str) -> RuleRecord<'r> {
    let gate = rule.gate;
    let flags = [
        rule.enabled,
        rule.kind == RuleKind::Event,
        rule.direction == Direction::Below,
        gate.is_some(),
        rule.fallback.is_some(),
    ];
    RuleRecord {
        code: rule.code,
        subject: rule.subject,
        flags: flags
            .iter()
            .rev()
            .fold(0, |bits, flag| (bits << 1) | u8::from(*flag)),
        quantity: rule.quantity,
        aggregate: match rule.window.aggregate {
            Aggregate::Last => 0,
            Aggregate::Mean => 1,
            Aggregate::Minimum => 2,
            Aggregate::Maximum => 3,
        },
        window_ms: rule.window.length_ms,
        raise_permille: rule.raise.permille,
        raise_absolute: rule.raise.absolute,
        clear_permille: rule.clear.permille,
        clear_absolute: rule.clear.absolute,
        raise_after_ms: rule.raise_after_ms,
        clear_after_ms: rule.clear_after_ms,
        gate_quantity: gate.map_or(0, |gate| gate.quantity),
        gate_test: match gate.map(|gate| gate.test) {
            None | Some(GateTest::Above) => 0,
            Some(GateTest::Below) => 1,
            Some(GateTest::Absent) => 2,
        },
        gate_permille: gate.and_then(|gate| gate.level.permille),
        gate_absolute: gate.and_then(|gate| gate.level.absolute),
        origin,
    }
}

fn open_record(open: OpenAlert<'_>) -> OpenRecord<'_> {
    let mut flags = 0;
    if open.flapping {
        flags |= FLAG_FLAPPING;
    }
    if open.unknown {
        flags |= FLAG_UNKNOWN;
    }
    if open.fired == Uptime::default() {
        flags |= FLAG_EARLIER_BOOT;
    }
    OpenRecord {
        code: open.rule.code,
        subject: open.rule.subject,
        episode: open.episode,
        fired_ms: open.fired.as_millis(),
        since_ms: open.since.as_millis(),
        value: open.value,
        worst: open.worst,
        count: open.count,
        flags,
    }
}

fn test_record<'a>((code, episode, fired): (u16, u32, Uptime)) -> OpenRecord<'a> {
    OpenRecord {
        code,
        subject: "",
        episode,
        fired_ms: fired.as_millis(),
        since_ms: fired.as_millis(),
        value: None,
        worst: None,
        count: 1,
        flags: FLAG_TEST,
    }
}
