//! Rule state as bytes, so that a restart forgets nothing: `version:u8=1`, then in postcard the uptime and the number
//! of records, and for each rule one record: code, subject, what its state was won from, state, window.
//!
//! Never sent. At most [`crate::limit::CHECKPOINT_BYTES`] long; whoever stores it adds length and checksum.

use super::definition::{Direction, Kind, Rule, Subject, Window};
use super::set::RuleSet;
use super::state::{Phase, Reason, RuleState, Transition, TransitionKind};
use super::window::WindowState;
use crate::clock::Uptime;
use crate::limit::RULES;
use serde::{Deserialize, Serialize};

/// First byte of the only version so far.
const VERSION: u8 = 1;

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
    fn of(rule: &Rule) -> Self {
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
    subject: &'a str,
    origin: Origin,
    state: &'a RuleState,
    window: Option<&'a WindowState>,
}

/// The same fields as [`RecordOut`].
#[derive(Deserialize)]
struct Record {
    code: u16,
    subject: Subject,
    origin: Origin,
    state: RuleState,
    window: Option<WindowState>,
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

/// Reads a whole Checkpoint and hands over each record; gives back its uptime.
fn walk(bytes: &[u8], each: &mut dyn FnMut(Uptime, Record)) -> Result<Uptime, CheckpointFault> {
    let malformed = CheckpointFault::Malformed(0);
    let (version, rest) = bytes.split_first().ok_or(malformed)?;
    if *version != VERSION {
        return Err(CheckpointFault::Version(*version));
    }
    let ((now, records), mut rest) =
        postcard::take_from_bytes::<(Uptime, u8)>(rest).map_err(|_| malformed)?;
    if usize::from(records) > RULES {
        return Err(malformed);
    }
    for number in 1..=usize::from(records) {
        let (record, after) = postcard::take_from_bytes::<Record>(rest)
            .map_err(|_| CheckpointFault::Malformed(number))?;
        rest = after;
        each(now, record);
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
        let mut writer = Writer { buffer, used: 0 };
        writer.put(&VERSION)?;
        let records = u8::try_from(self.rules.len()).map_err(|_| CheckpointFault::TooLong)?;
        writer.put(&(self.now, records))?;
        for (place, (rule, state)) in self.rules.iter().zip(&self.states).enumerate() {
            writer.put(&RecordOut {
                code: rule.code,
                subject: &rule.subject,
                origin: Origin::of(rule),
                state,
                window: self
                    .window_of(place)
                    .and_then(|window| self.windows.get(window)),
            })?;
        }
        let Writer { buffer, used } = writer;
        buffer.get(..used).ok_or(CheckpointFault::TooLong)
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
        walk(bytes, &mut |_, _| {})?;
        self.states
            .iter_mut()
            .for_each(|state| *state = RuleState::default());
        self.windows.iter_mut().for_each(WindowState::empty);
        let now = walk(bytes, &mut |now, record| {
            let now = if boot_changed { Uptime::default() } else { now };
            self.take_record(now, record, boot_changed, withdrawn);
        })?;
        self.now = if boot_changed { Uptime::default() } else { now };
        Ok(())
    }

    fn take_record(
        &mut self,
        now: Uptime,
        record: Record,
        boot_changed: bool,
        withdrawn: &mut dyn FnMut(u16, &Subject, &Transition),
    ) {
        let Record {
            code,
            subject,
            origin,
            mut state,
            window,
        } = record;
        if boot_changed {
            state.restart_with_other_clock();
        }
        let place = self
            .rules
            .iter()
            .position(|rule| rule.code == code && rule.subject == subject);
        let rule = place.and_then(|place| self.rules.get(place));
        let enabled = rule.is_some_and(|rule| rule.enabled);
        if !enabled && state.phase == Phase::Firing {
            let transition = Transition {
                rule: place.unwrap_or(self.rules.len()),
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
            withdrawn(code, &subject, &transition);
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
        } else if Origin::of(rule) != origin {
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
    use crate::limit::{
        CHECKPOINT_BYTES, FLAP_TRANSITIONS, RULE_UPTIME_MAX_MS, SUBJECT_BYTES, WINDOWS,
    };
    use crate::rule::{Aggregate, Fallback, Level, Quantity};

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
            clear_since: Some(LATEST),
            told: Some(LATEST),
            seen: Some(LATEST),
            value: Some(u64::MAX),
            worst: Some(u64::MAX),
            history: [Some(LATEST); FLAP_TRANSITIONS - 1],
        }
    }

    fn fullest_rule(place: usize) -> Rule {
        let level = Level {
            permille: None,
            absolute: Some(u64::MAX),
        };
        let windowed = place < WINDOWS;
        Rule {
            code: u16::MAX.saturating_sub(u16::try_from(place).unwrap()),
            subject: core::iter::repeat_n('/', SUBJECT_BYTES).collect(),
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
        set.now = LATEST;
        set.states.fill(fullest_state());
        set.windows.fill(WindowState::fullest());
        let mut buffer = [0; CHECKPOINT_BYTES];
        let bytes = set.checkpoint(&mut buffer).unwrap();
        assert_eq!(bytes.len(), 15_194);

        let mut other = RuleSet::new((0..RULES).map(fullest_rule).collect()).unwrap();
        other
            .restore(bytes, false, &mut |_, _, _| panic!("nothing is withdrawn"))
            .unwrap();
        assert_eq!(other.states, set.states);
        assert_eq!(other.windows, set.windows);
        assert_eq!(other.now, set.now);

        let mut short = [0; 15_008];
        assert_eq!(set.checkpoint(&mut short), Err(CheckpointFault::TooLong));
    }
}
