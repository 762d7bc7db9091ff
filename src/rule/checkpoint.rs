//! Rule state as bytes, so that a restart forgets nothing: `version:u8=3`, then in postcard the uptime, the number of
//! subjects and the number of records; the subjects; and for each rule one record: code, place of its subject, what its state
//! was won from, state, window.
//!
//! Moments that matter only while they are near stand as their age, and not at all where they are too old to matter.
//!
//! Never sent. At most [`crate::limit::CHECKPOINT_BYTES`] long; whoever stores it adds length and checksum.

use super::definition::{Definition, Direction, Kind, Subject, Window};
use super::set::RuleSet;
use super::state::{FLAP_HISTORY, Moment, Phase, Reason, RuleState, Transition, TransitionKind};
use super::window::WindowState;
use crate::clock::Uptime;
use crate::limit::{CONTINUED_MIN_GAP_MS, FLAP_SPAN_MS, RULES, SUBJECTS};
use serde::{Deserialize, Serialize};

/// First byte of the only version that is read; those before were never released.
const VERSION: u8 = 3;

/// Why a Checkpoint cannot be written or read. A set is unchanged by one that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointFault {
    /// The buffer is too short.
    TooLong,
    /// Written by a version that this one does not know.
    Version(u8),
    /// Not a Checkpoint, or cut; the record at fault, 0 being the header.
    Malformed(usize),
}

/// What a state was won from. Timers and window of one origin say nothing about another; levels and times are not part
/// of it, because new ones act from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    kind: Kind,
    direction: Direction,
    quantity: u8,
    fallback: Option<u8>,
    window: Window,
}

impl Origin {
    fn of(rule: &Definition) -> Self {
        Self {
            kind: rule.kind,
            direction: rule.direction,
            quantity: rule.quantity,
            fallback: rule.fallback.map(|fallback| fallback.quantity),
            window: rule.window,
        }
    }
}

#[derive(Serialize)]
struct RecordOut<'a> {
    code: u16,
    subject: u8,
    origin: Origin,
    state: StateRecord,
    window: Option<&'a WindowState>,
}

/// The same fields as [`RecordOut`].
#[derive(Deserialize)]
struct Record {
    code: u16,
    subject: u8,
    origin: Origin,
    state: StateRecord,
    window: Option<WindowState>,
}

/// [`RuleState`] as it is written.
#[derive(Serialize, Deserialize)]
struct StateRecord {
    phase: Phase,
    /// Bit 0: flapping; bit 1: the fallback quantity is in use.
    flags: u8,
    episode: u32,
    count: u32,
    since: Uptime,
    fired: Uptime,
    clear_since: Option<Uptime>,
    /// Ages, milliseconds.
    told: Option<u16>,
    seen: Option<u32>,
    history: [Option<u32>; FLAP_HISTORY],
    value: Option<u64>,
    worst: Option<u64>,
}

const FLAPPING: u8 = 1;
const ON_FALLBACK: u8 = 2;

// What is told less than this ago matters, and its age fits.
const _: () = assert!(CONTINUED_MIN_GAP_MS <= u16::MAX as u64);

/// The age of a moment; absent where it is more than `most`.
fn age(now: Uptime, moment: Moment, most: u64) -> Option<u32> {
    let age = now.since(moment.get()?);
    u32::try_from(age).ok().filter(|_| age <= most)
}

fn moment(now: Uptime, age: Option<u32>) -> Moment {
    age.map(|age| Uptime::from_millis(now.as_millis().saturating_sub(age.into())))
        .into()
}

impl StateRecord {
    fn of(state: &RuleState, now: Uptime) -> Self {
        let flag = |is_so, flag| if is_so { flag } else { 0 };
        Self {
            phase: state.phase,
            flags: flag(state.flapping, FLAPPING) | flag(state.on_fallback, ON_FALLBACK),
            episode: state.episode,
            count: state.count,
            since: state.since,
            fired: state.fired,
            clear_since: state.clear_since.get(),
            told: age(now, state.told, CONTINUED_MIN_GAP_MS)
                .and_then(|age| u16::try_from(age).ok()),
            seen: age(now, state.seen, u64::MAX),
            history: state.history.map(|one| age(now, one, FLAP_SPAN_MS)),
            value: state.value,
            worst: state.worst,
        }
    }

    fn state(&self, now: Uptime) -> RuleState {
        RuleState {
            phase: self.phase,
            flapping: self.flags & FLAPPING != 0,
            on_fallback: self.flags & ON_FALLBACK != 0,
            episode: self.episode,
            count: self.count,
            since: self.since,
            fired: self.fired,
            clear_since: self.clear_since.into(),
            told: moment(now, self.told.map(u32::from)),
            seen: moment(now, self.seen),
            history: self.history.map(|age| moment(now, age)),
            value: self.value,
            worst: self.worst,
        }
    }
}

struct Writer<'b> {
    buffer: &'b mut [u8],
    used: usize,
}

impl Writer<'_> {
    fn put(&mut self, value: &impl Serialize) -> Result<(), CheckpointFault> {
        let rest = self
            .buffer
            .get_mut(self.used..)
            .ok_or(CheckpointFault::TooLong)?;
        let written = postcard::to_slice(value, rest).map_err(|_| CheckpointFault::TooLong)?;
        self.used = self.used.saturating_add(written.len());
        Ok(())
    }
}

/// Reads a whole Checkpoint and hands over each record with its subject; gives back its uptime.
fn walk(
    bytes: &[u8],
    each: &mut dyn FnMut(Uptime, &str, Record),
) -> Result<Uptime, CheckpointFault> {
    let malformed = CheckpointFault::Malformed(0);
    let (version, rest) = bytes.split_first().ok_or(malformed)?;
    if *version != VERSION {
        return Err(CheckpointFault::Version(*version));
    }
    let ((now, subjects, records), mut rest) =
        postcard::take_from_bytes::<(Uptime, u8, u16)>(rest).map_err(|_| malformed)?;
    if usize::from(records) > RULES || usize::from(subjects) > SUBJECTS {
        return Err(malformed);
    }
    let mut known = heapless::Vec::<&str, SUBJECTS>::new();
    for _ in 0..subjects {
        let (subject, after) = postcard::take_from_bytes::<&str>(rest).map_err(|_| malformed)?;
        rest = after;
        known.push(subject).map_err(|_| malformed)?;
    }
    for number in 1..=usize::from(records) {
        let at = CheckpointFault::Malformed(number);
        let (record, after) = postcard::take_from_bytes::<Record>(rest).map_err(|_| at)?;
        let subject = known.get(usize::from(record.subject)).ok_or(at)?;
        rest = after;
        each(now, subject, record);
    }
    if rest.is_empty() {
        Ok(now)
    } else {
        Err(malformed)
    }
}

impl RuleSet {
    /// Writes the Checkpoint and gives back the part of the buffer that it takes.
    ///
    /// # Errors
    /// [`CheckpointFault::TooLong`]; never with a buffer of [`crate::limit::CHECKPOINT_BYTES`].
    pub fn checkpoint<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], CheckpointFault> {
        let short = CheckpointFault::TooLong;
        let mut writer = Writer { buffer, used: 0 };
        writer.put(&VERSION)?;
        let subjects = u8::try_from(self.subjects.len()).map_err(|_| short)?;
        let records = u16::try_from(self.len()).map_err(|_| short)?;
        writer.put(&(self.now, subjects, records))?;
        for subject in &self.subjects {
            writer.put(&subject.as_str())?;
        }
        for (place, (rule, state)) in self.rules().zip(&self.states).enumerate() {
            writer.put(&RecordOut {
                code: rule.code,
                subject: self.subject_of(place).ok_or(short)?,
                origin: Origin::of(rule.definition),
                state: StateRecord::of(state, self.now),
                window: self
                    .window_of(place)
                    .and_then(|window| self.windows.get(window)),
            })?;
        }
        let Writer { buffer, used } = writer;
        buffer.get(..used).ok_or(short)
    }

    /// Replaces all state by that of a Checkpoint, matched by identity (code and subject).
    ///
    /// Phases and episodes are kept always, timers and windows only where quantity, fallback, window, direction and
    /// kind are what they were, and only in the same boot. Alerts that were open and whose rule is gone or disabled are
    /// handed to `withdrawn`.
    ///
    /// # Errors
    /// See [`CheckpointFault`]; then nothing has changed and nothing was withdrawn.
    pub fn restore(
        &mut self,
        bytes: &[u8],
        boot_changed: bool,
        withdrawn: &mut dyn FnMut(u16, &Subject, &Transition),
    ) -> Result<(), CheckpointFault> {
        walk(bytes, &mut |_, _, _| {})?;
        self.states
            .iter_mut()
            .for_each(|state| *state = RuleState::default());
        self.windows.iter_mut().for_each(WindowState::empty);
        let now = walk(bytes, &mut |now, subject, record| {
            self.take_record(now, subject, record, boot_changed, withdrawn);
        })?;
        self.now = if boot_changed { Uptime::default() } else { now };
        Ok(())
    }

    fn take_record(
        &mut self,
        now: Uptime,
        subject: &str,
        record: Record,
        boot_changed: bool,
        withdrawn: &mut dyn FnMut(u16, &Subject, &Transition),
    ) {
        let Record {
            code,
            origin,
            state,
            window,
            ..
        } = record;
        let mut state = state.state(now);
        let now = if boot_changed { Uptime::default() } else { now };
        if boot_changed {
            state.restart_with_other_clock();
        }
        let place = self.find(code, subject);
        let rule = place.and_then(|place| self.rule(place));
        let enabled = rule.is_some_and(|rule| rule.enabled);
        if !enabled && state.phase == Phase::Firing {
            let transition = Transition {
                rule: place.unwrap_or(self.len()),
                kind: TransitionKind::Resolved,
                reason: Reason::Withdrawn,
                episode: state.episode,
                since: now,
                fired: state.fired,
                value: state.value,
                total: None,
                level: None,
                worst: state.worst,
                count: state.count,
                fallback: state.on_fallback,
            };
            // No longer than any that was written.
            if let Ok(subject) = Subject::try_from(subject) {
                withdrawn(code, &subject, &transition);
            }
        }
        let (Some(place), Some(rule)) = (place, rule) else {
            return;
        };
        if !enabled {
            // Its next episode, should it be enabled again, still counts on.
            state = RuleState {
                episode: state.episode,
                ..RuleState::default()
            };
        } else if Origin::of(rule.definition) != origin {
            state.restart_with_other_values();
            state.on_fallback = false;
        } else if !boot_changed
            && let Some(own) = self
                .window_of(place)
                .and_then(|place| self.windows.get_mut(place))
        {
            *own = window.unwrap_or_default();
        }
        if let Some(slot) = self.states.get_mut(place) {
            *slot = state;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{CHECKPOINT_BYTES, RULE_UPTIME_MAX_MS, SUBJECT_BYTES, WINDOWS};
    use crate::rule::{Aggregate, Fallback, Level, Quantity, Rule};

    const LATEST: Uptime = Uptime::from_millis(RULE_UPTIME_MAX_MS);

    fn fullest_state() -> RuleState {
        RuleState {
            phase: Phase::Firing,
            flapping: true,
            on_fallback: true,
            episode: u32::MAX,
            count: u32::MAX,
            since: LATEST,
            fired: LATEST,
            clear_since: Some(LATEST).into(),
            // As old as they may be.
            told: ago(CONTINUED_MIN_GAP_MS),
            seen: ago(u32::MAX.into()),
            value: Some(u64::MAX),
            worst: Some(u64::MAX),
            history: [ago(FLAP_SPAN_MS); FLAP_HISTORY],
        }
    }

    fn ago(age_ms: u64) -> Moment {
        Some(Uptime::from_millis(
            RULE_UPTIME_MAX_MS.saturating_sub(age_ms),
        ))
        .into()
    }

    fn fullest_rule(place: usize) -> Rule {
        let level = Level {
            permille: None,
            absolute: Some(u64::MAX),
        };
        let windowed = place < WINDOWS;
        Rule {
            code: u16::MAX.saturating_sub(u16::try_from(place / SUBJECTS).unwrap()),
            subject: format!("{:/>SUBJECT_BYTES$}", place % SUBJECTS)
                .as_str()
                .try_into()
                .unwrap(),
            enabled: true,
            kind: Kind::Level,
            quantity: Quantity::RunAhead.number(),
            window: Window {
                aggregate: if windowed {
                    Aggregate::Maximum
                } else {
                    Aggregate::Last
                },
                length_ms: u32::MAX,
            },
            direction: Direction::Below,
            raise: level,
            clear: level,
            raise_after_ms: u32::MAX,
            clear_after_ms: u32::MAX,
            gate: None,
            fallback: Some(Fallback {
                quantity: Quantity::ForwardSilence.number(),
                raise: level,
                clear: level,
            }),
        }
    }

    #[test]
    fn the_worst_case_fits_into_the_bound() {
        let mut set = RuleSet::new((0..RULES).map(fullest_rule).collect()).unwrap();
        assert_eq!(set.windows.len(), WINDOWS);
        assert_eq!(set.subjects.len(), SUBJECTS);
        set.now = LATEST;
        set.states.fill(fullest_state());
        set.windows.fill(WindowState::fullest());
        let mut buffer = [0; CHECKPOINT_BYTES];
        let bytes = set.checkpoint(&mut buffer).unwrap();
        assert_eq!(bytes.len(), 21_698);

        let mut other = RuleSet::new((0..RULES).map(fullest_rule).collect()).unwrap();
        other
            .restore(bytes, false, &mut |_, _, _| panic!("nothing is withdrawn"))
            .unwrap();
        assert_eq!(other.states, set.states);
        assert_eq!(other.windows, set.windows);
        assert_eq!(other.now, set.now);

        let mut short = [0; 21_697];
        assert_eq!(set.checkpoint(&mut short), Err(CheckpointFault::TooLong));
    }
}
