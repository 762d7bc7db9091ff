//! What a run takes over from the one before it: rule state of a Checkpoint, and the alerts recorded after it.
//!
//! Nothing is said before all of it was read: an alert whose rule is gone may have been resolved already after the
//! Checkpoint, by a run that was killed before it wrote the next one.

use super::write::Told;
use super::{HostGrowth, Machine};
use crate::clock::Uptime;
use crate::frame::body::{self, Body, FLAG_TEST};
use crate::limit::RULES;
use crate::rule::{
    CheckpointFault, Quantity, Reason, RecordedTransition, RuleSet, Subject, Transition,
    TransitionKind,
};

/// An alert that is open, and whose rule is gone or disabled.
#[derive(Clone, Debug)]
struct Orphan {
    code: u16,
    subject: Subject,
    transition: Transition,
}

/// Taking over: [`TakeOver::restore`], then [`TakeOver::outrank`] for each alert recorded after the Checkpoint, then, once
/// the run can record, [`Machine::taken_over`].
///
/// Alerts without a rule: no more than [`RULES`] come from a Checkpoint. Further ones, of a run that was killed at once
/// after a change of the rules, are left to the State frame, which closes them visibly.
#[derive(Debug, Default)]
pub struct TakeOver {
    orphans: heapless::Vec<Orphan, RULES>,
}

impl TakeOver {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            orphans: heapless::Vec::new(),
        }
    }

    /// Takes the rule state of an earlier run over.
    ///
    /// # Errors
    /// [`CheckpointFault`]: then nothing is taken over.
    pub fn restore(
        &mut self,
        machine: &mut Machine,
        checkpoint: &[u8],
        boot_changed: bool,
    ) -> Result<(), CheckpointFault> {
        let orphans = &mut self.orphans;
        let (rules, own) = checkpoint
            .split_last_chunk::<OWN_BYTES>()
            .ok_or(CheckpointFault::Malformed(0))?;
        let oom_kill = own_from_bytes(own).filter(|_| !boot_changed);
        let (growth, rules) = growth_and_rules(rules)?;
        machine.rules.restore(
            rules,
            boot_changed,
            &mut |code, subject: &Subject, transition: &Transition| {
                let orphan = Orphan {
                    code,
                    subject: subject.clone(),
                    transition: *transition,
                };
                // No more than rules fit into a Checkpoint.
                let _outcome = orphans.push(orphan);
            },
        )?;
        machine.own.take_oom_kill(oom_kill);
        // Moments of another boot say nothing about this one.
        machine.growth = if boot_changed {
            HostGrowth::default()
        } else {
            growth
        };
        Ok(())
    }

    /// Takes over an Alert frame that was recorded after the Checkpoint, in the order of recording; other frames and
    /// tests are passed by. Gives back whether it was taken.
    pub fn outrank(&mut self, machine: &mut Machine, frame: &[u8], earlier_boot: bool) -> bool {
        let Ok((at, Body::Alert(alert))) = body::decode(frame) else {
            return false;
        };
        let Some(kind) = body::transition_from_u8(alert.transition) else {
            return false;
        };
        if alert.flags & FLAG_TEST != 0 {
            return false;
        }
        let recorded = RecordedTransition {
            kind,
            at,
            earlier_boot,
            episode: alert.episode,
            since: Uptime::from_millis(alert.since_ms),
            fired: Uptime::from_millis(alert.fired_ms),
            value: alert.value,
            worst: alert.worst,
            count: alert.count,
            flapping: alert.reason == body::reason_to_u8(Reason::Flapping),
        };
        machine.rules.outrank(alert.code, alert.subject, &recorded)
            || self.outrank_orphan(alert.code, alert.subject, &recorded)
    }

    fn outrank_orphan(&mut self, code: u16, subject: &str, recorded: &RecordedTransition) -> bool {
        self.orphans
            .retain(|orphan| orphan.code != code || orphan.subject.as_str() != subject);
        if recorded.kind == TransitionKind::Resolved {
            return true;
        }
        let Ok(subject) = Subject::try_from(subject) else {
            return false;
        };
        let fired = if recorded.earlier_boot {
            Uptime::default()
        } else {
            recorded.fired
        };
        let transition = Transition {
            rule: usize::MAX,
            kind: TransitionKind::Resolved,
            reason: Reason::Withdrawn,
            episode: recorded.episode,
            since: fired,
            fired,
            value: recorded.value,
            total: None,
            level: None,
            worst: recorded.worst,
            count: recorded.count,
            fallback: false,
        };
        let orphan = Orphan {
            code,
            subject,
            transition,
        };
        self.orphans.push(orphan).is_ok()
    }
}

impl Machine {
    /// All that there was is taken over: resolves what is open under rules that are gone. To be called once, before the
    /// first step, whether or not there was anything.
    pub fn taken_over(&mut self, now: Uptime, over: &TakeOver, out: &mut impl super::Journal) {
        self.own.started(now, &self.rules);
        for orphan in &over.orphans {
            let transition = Transition {
                since: now,
                ..orphan.transition
            };
            self.writer(now, out).alert(
                &Told::without_rule(orphan.code, &orphan.subject),
                &transition,
            );
            self.lines
                .say(now, out, orphan.code, &orphan.subject, None, &transition);
        }
    }
}

/// First byte of a Checkpoint that begins with the trackers of growth: their length in two bytes, little-endian, and they
/// themselves, then the rules as they stood alone before, with a version byte of their own.
const WITH_GROWTH: u8 = 2;
/// That byte, and the length.
const HEAD_BYTES: usize = 3;

/// Takes a Checkpoint apart; one of a version that knew no growth has rules alone.
fn growth_and_rules(bytes: &[u8]) -> Result<(HostGrowth, &[u8]), CheckpointFault> {
    let Some((&WITH_GROWTH, rest)) = bytes.split_first() else {
        return Ok((HostGrowth::default(), bytes));
    };
    let cut = CheckpointFault::Malformed(0);
    let (length, rest) = rest.split_first_chunk::<2>().ok_or(cut)?;
    let length = usize::from(u16::from_le_bytes(*length));
    let (growth, rules) = rest.split_at_checked(length).ok_or(cut)?;
    Ok((HostGrowth::read(growth)?, rules))
}

/// What a Checkpoint has behind the rules: whether the count of OOM kills is known, and the count.
const OWN_BYTES: usize = 9;

fn own_to_bytes(oom_kill: Option<u64>) -> [u8; OWN_BYTES] {
    let mut bytes = [0; OWN_BYTES];
    if let ([known, count @ ..], Some(value)) = (&mut bytes, oom_kill) {
        *known = 1;
        count.copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

fn own_from_bytes([known, count @ ..]: &[u8; OWN_BYTES]) -> Option<u64> {
    (*known == 1).then_some(u64::from_le_bytes(*count))
}

impl Machine {
    /// All that the next run needs to go on, as bytes: the trackers of growth, the rule state, and behind it what else the
    /// machine keeps itself.
    ///
    /// # Errors
    /// [`CheckpointFault::TooLong`]; never with a buffer of [`crate::limit::CHECKPOINT_BYTES`].
    pub fn checkpoint<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], CheckpointFault> {
        let short = CheckpointFault::TooLong;
        let room = buffer.len().saturating_sub(OWN_BYTES);
        let (before_own, _) = buffer.split_at_mut_checked(room).ok_or(short)?;
        let (head, rest) = before_own
            .split_first_chunk_mut::<HEAD_BYTES>()
            .ok_or(short)?;
        let growth = self.growth.write(rest)?;
        let [low, high] = u16::try_from(growth).map_err(|_| short)?.to_le_bytes();
        *head = [WITH_GROWTH, low, high];
        let (_, for_rules) = rest.split_at_mut_checked(growth).ok_or(short)?;
        let rules = self.rules.checkpoint(for_rules)?.len();
        let own = HEAD_BYTES.saturating_add(growth).saturating_add(rules);
        let end = own.saturating_add(OWN_BYTES);
        buffer
            .get_mut(own..end)
            .ok_or(short)?
            .copy_from_slice(&own_to_bytes(self.own.oom_kill()));
        buffer.get(..end).ok_or(CheckpointFault::TooLong)
    }
}

/// The open alerts of a quantity.
pub(super) fn open_of(rules: &RuleSet, quantity: Quantity) -> impl Iterator<Item = &Subject> {
    rules
        .open_alerts()
        .filter(move |open| open.rule.quantity == quantity.number())
        .map(|open| open.rule.subject)
}
