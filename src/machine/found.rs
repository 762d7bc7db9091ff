//! What is found of the things that are watched: the scout looks at them, tells it in messages, and the machine judges it as it
//! judges its own readings, and records it.
//!
//! A value stands until a newer one comes, or until it is older than [`FOUND_STALE_INTERVALS`] of its own intervals: then it
//! is absent, because nobody looks any more or the mount hangs. So does one that is found to be absent.

use super::Journal;
use super::write::Writer;
use crate::clock::Uptime;
use crate::frame::body::FoundRecord;
use crate::frame::cursor::{Cut, Full, Reader, Writer as Cursor};
use crate::limit::{
    FINDINGS, FOUND, FOUND_INTERVALS_MS, FOUND_RECORD_MS, FOUND_STALE_INTERVALS, MESSAGE_BYTES,
    SUBJECT_BYTES, WATCHED_CACHES, WATCHED_FILESYSTEMS,
};
use crate::rule::{Quantity, RuleSet, Subject, Value};

/// One value of something that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// What was looked at: one with [`Quantity::of_subject`]. Of [`Quantity::FilesystemReadOnly`] the value is the state, 1 for
    /// read-only; the machine sees the turn.
    pub quantity: Quantity,
    /// Of which thing; what no rule is about is passed by.
    pub subject: &'a str,
    /// The value, in the unit of the quantity; `None` where the thing has none.
    pub value: Option<u64>,
    /// What 100 % is.
    pub total: Option<u64>,
    /// When it was so: of a walk, when that ended.
    pub at: Uptime,
    /// After how long the next is to be expected, milliseconds.
    pub interval_ms: u32,
}

/// First byte of a message: its version.
const VERSION: u8 = 1;
/// Bits of an element's flags.
const HAS_VALUE: u8 = 1;
const HAS_TOTAL: u8 = 2;

/// Writes values as one message: `version:u8=1`, their number, and each as number of the quantity, flags, subject, value and
/// total where the flags say so, uptime, interval; numbers as in frames (docs/FRAME.md).
///
/// # Errors
/// [`Full`]: more than [`FINDINGS`], a subject longer than one, or a buffer shorter than
/// [`MESSAGE_BYTES`](crate::limit::MESSAGE_BYTES).
pub fn encode<'b>(found: &[Found<'_>], buffer: &'b mut [u8]) -> Result<&'b [u8], Full> {
    let count = u8::try_from(found.len()).map_err(|_| Full)?;
    if found.len() > FINDINGS {
        return Err(Full);
    }
    let mut writer = Cursor::new(buffer);
    writer.u8(VERSION)?;
    writer.u8(count)?;
    for one in found {
        let length = u8::try_from(one.subject.len()).map_err(|_| Full)?;
        if one.subject.len() > SUBJECT_BYTES {
            return Err(Full);
        }
        let flag = |is_there, flag| if is_there { flag } else { 0 };
        writer.u8(one.quantity.number())?;
        writer.u8(flag(one.value.is_some(), HAS_VALUE) | flag(one.total.is_some(), HAS_TOTAL))?;
        writer.u8(length)?;
        writer.bytes(one.subject.as_bytes())?;
        for number in [one.value, one.total].into_iter().flatten() {
            writer.varint(number)?;
        }
        writer.varint(one.at.as_millis())?;
        writer.varint(one.interval_ms.into())?;
    }
    Ok(writer.into_written())
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// [`Cut`] for anything that it does not write.
pub fn decode(message: &[u8]) -> Result<heapless::Vec<Found<'_>, FINDINGS>, Cut> {
    if message.len() > MESSAGE_BYTES {
        return Err(Cut);
    }
    let mut reader = Reader::new(message);
    if reader.u8()? != VERSION {
        return Err(Cut);
    }
    let mut found = heapless::Vec::new();
    for _ in 0..reader.u8()? {
        found.push(one(&mut reader)?).map_err(|_| Cut)?;
    }
    if reader.is_empty() {
        Ok(found)
    } else {
        Err(Cut)
    }
}

fn one<'a>(reader: &mut Reader<'a>) -> Result<Found<'a>, Cut> {
    let quantity = Quantity::from_number(reader.u8()?)
        .filter(|quantity| quantity.of_subject().is_some())
        .ok_or(Cut)?;
    let flags = reader.u8()?;
    if flags & !(HAS_VALUE | HAS_TOTAL) != 0 {
        return Err(Cut);
    }
    let length = usize::from(reader.u8()?);
    if length > SUBJECT_BYTES {
        return Err(Cut);
    }
    let subject = core::str::from_utf8(reader.bytes(length)?).map_err(|_| Cut)?;
    let mut number = |flag| match flags & flag {
        0 => Ok(None),
        _ => reader.varint().map(Some),
    };
    let (value, total) = (number(HAS_VALUE)?, number(HAS_TOTAL)?);
    Ok(Found {
        quantity,
        subject,
        value,
        total,
        at: Uptime::from_millis(reader.varint()?),
        interval_ms: u32::try_from(reader.varint()?).map_err(|_| Cut)?,
    })
}

/// The last value of a quantity of a subject.
#[derive(Clone, Copy, Debug)]
struct Kept {
    quantity: Quantity,
    /// Place of the subject.
    subject: u8,
    value: Value,
    at: Uptime,
    interval_ms: u32,
    /// What was recorded last.
    recorded: Option<Value>,
    /// Of a state: it turned bad, and no tick has judged that yet.
    turned: bool,
}

impl Kept {
    fn is_stale(&self, now: Uptime) -> bool {
        let most = u64::from(self.interval_ms).saturating_mul(FOUND_STALE_INTERVALS);
        now.since(self.at) > most
    }

    /// Whether it changed by so much that it is worth a line before its time: a hundredth of its total, a state, or from or
    /// to silence.
    fn has_moved(&self) -> bool {
        let Some(recorded) = self.recorded else {
            return true;
        };
        let (old, new) = (recorded.value, self.value.value);
        let by = old.abs_diff(new);
        match (self.quantity, self.value.total) {
            (Quantity::FilesystemReadOnly | Quantity::MountSilence, _) => (old == 0) != (new == 0),
            (_, Some(total)) => recorded.total != Some(total) || by > total / 100,
            (_, None) => by > old / 100,
        }
    }
}

/// What is known of all things that are watched.
#[derive(Debug)]
pub(super) struct Findings {
    subjects: heapless::Vec<Subject, { WATCHED_FILESYSTEMS + WATCHED_CACHES }>,
    kept: heapless::Vec<Kept, FOUND>,
    /// When all of them were recorded last.
    told: Option<Uptime>,
}

impl Findings {
    /// Nothing yet, of the subjects that rules are about.
    pub(super) fn new(rules: &RuleSet) -> Self {
        let mut subjects = heapless::Vec::new();
        for rule in rules.rules() {
            let is_watched = rule.quantity().and_then(Quantity::of_subject).is_some();
            if is_watched && !subjects.contains(rule.subject) {
                // As many as may be watched.
                let _outcome = subjects.push(rule.subject.clone());
            }
        }
        Self {
            subjects,
            kept: heapless::Vec::new(),
            told: None,
        }
    }

    /// Forgets all values: moments are of another clock.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.told = None;
    }

    /// Takes a value. One that is older than what is known, or of nothing that is watched, is passed by.
    pub(super) fn take(&mut self, now: Uptime, found: &Found<'_>) {
        if found.quantity.of_subject().is_none() {
            return;
        }
        let is_it = |known: &Subject| known.as_str() == found.subject;
        let place = self.subjects.iter().position(is_it);
        let Some(subject) = place.and_then(|place| u8::try_from(place).ok()) else {
            return;
        };
        let at = found.at.min(now);
        let place = self
            .kept
            .iter()
            .position(|kept| kept.quantity == found.quantity && kept.subject == subject);
        let known = place.and_then(|place| self.kept.get_mut(place));
        if known.as_ref().is_some_and(|known| known.at > at) {
            return;
        }
        let Some(value) = found.value else {
            if let Some(place) = place {
                self.kept.swap_remove(place);
            }
            return;
        };
        let value = Value {
            value,
            total: found.total,
        };
        let (least, most) = FOUND_INTERVALS_MS.into_inner();
        let interval_ms = found.interval_ms.clamp(least, most);
        match known {
            Some(known) => {
                known.turned |= known.value.value == 0 && value.value > 0;
                known.value = value;
                known.at = at;
                known.interval_ms = interval_ms;
            }
            // One for each quantity that a subject can have: there is room.
            None => {
                let _outcome = self.kept.push(Kept {
                    quantity: found.quantity,
                    subject,
                    value,
                    at,
                    interval_ms,
                    recorded: None,
                    turned: false,
                });
            }
        }
    }

    fn subject_of(&self, kept: &Kept) -> Option<&Subject> {
        self.subjects.get(usize::from(kept.subject))
    }

    /// The value as rules see it.
    pub(super) fn value(
        &self,
        now: Uptime,
        quantity: Quantity,
        subject: &Subject,
    ) -> Option<Value> {
        let kept = self
            .kept
            .iter()
            .find(|kept| kept.quantity == quantity && self.subject_of(kept) == Some(subject))
            .filter(|kept| !kept.is_stale(now))?;
        Some(match quantity {
            // Not the state, but that it turned.
            Quantity::FilesystemReadOnly => Value {
                value: kept.turned.into(),
                total: None,
            },
            _ => kept.value,
        })
    }

    /// What turned has been judged.
    pub(super) fn judged(&mut self) {
        for kept in &mut self.kept {
            kept.turned = false;
        }
    }

    /// Records what moved, and all that is known once in [`FOUND_RECORD_MS`].
    pub(super) fn record<J: Journal>(&mut self, writer: &mut Writer<'_, J>) {
        let now = writer.now;
        let all = self
            .told
            .is_none_or(|told| now.since(told) >= FOUND_RECORD_MS);
        let is_due = |kept: &Kept| !kept.is_stale(now) && (all || kept.has_moved());
        if !self.kept.iter().any(is_due) {
            return;
        }
        let records = self.kept.iter().filter(|kept| is_due(kept));
        writer.found(records.map(|kept| FoundRecord {
            quantity: kept.quantity.number(),
            subject: self.subject_of(kept).map_or("", |subject| subject),
            value: kept.value.value,
            total: kept.value.total,
            age_ms: now.since(kept.at),
        }));
        if all {
            self.told = Some(now);
        }
        for kept in self.kept.iter_mut().filter(|kept| is_due(kept)) {
            kept.recorded = Some(kept.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, decode, encode};
    use crate::clock::Uptime;
    use crate::limit::{FINDINGS, MESSAGE_BYTES, SUBJECT_BYTES};
    use crate::rule::Quantity;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    struct Made(Quantity, String, Option<u64>, Option<u64>, u64, u32);

    fn made() -> impl Strategy<Value = Made> {
        (
            60_u8..68,
            "[a-z/ \u{3042}]{0,16}",
            any::<Option<u64>>(),
            any::<Option<u64>>(),
            any::<u64>(),
            any::<u32>(),
        )
            .prop_map(|(number, subject, value, total, at, interval)| {
                let quantity = Quantity::from_number(number).unwrap();
                Made(quantity, subject, value, total, at, interval)
            })
    }

    fn found(made: &Made) -> Found<'_> {
        Found {
            quantity: made.0,
            subject: &made.1,
            value: made.2,
            total: made.3,
            at: Uptime::from_millis(made.4),
            interval_ms: made.5,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else(
            made in proptest::collection::vec(made(), 0..=FINDINGS),
            cut in any::<proptest::sample::Index>(),
            more in any::<u8>(),
        ) {
            let all: Vec<_> = made.iter().map(found).collect();
            let mut buffer = [0; MESSAGE_BYTES];
            let bytes = encode(&all, &mut buffer).unwrap().to_vec();
            let read = decode(&bytes).unwrap();
            prop_assert_eq!(read.as_slice(), all.as_slice());
            prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
            prop_assert!(decode(&[bytes.as_slice(), &[more]].concat()).is_err());
        }

        #[test]
        fn hostile_bytes_are_refused_or_read_as_something_that_can_be_written(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            if let Ok(found) = decode(&bytes) {
                prop_assert!(encode(&found, &mut [0; MESSAGE_BYTES]).is_ok());
                prop_assert!(found.iter().all(|one| one.quantity.of_subject().is_some()));
            }
        }
    }

    #[test]
    fn the_longest_message_is_one_and_one_more_is_refused() {
        let subject = "/".repeat(SUBJECT_BYTES);
        let one = Found {
            quantity: Quantity::FilesystemUsed,
            subject: &subject,
            value: Some(u64::MAX),
            total: Some(u64::MAX),
            at: Uptime::from_millis(u64::MAX),
            interval_ms: u32::MAX,
        };
        let mut buffer = [0; MESSAGE_BYTES];
        let bytes = encode(&[one; FINDINGS], &mut buffer).unwrap();
        assert_eq!(decode(bytes).unwrap().len(), FINDINGS);
        assert!(encode(&[one; FINDINGS + 1], &mut [0; 2 * MESSAGE_BYTES]).is_err());
        let longer = format!("{subject}/");
        let long = Found {
            subject: &longer,
            ..one
        };
        assert!(encode(&[long], &mut [0; MESSAGE_BYTES]).is_err());
        // Of the host, and of no quantity.
        for number in [1, 200] {
            assert!(decode(&[1, 1, number, 0, 0, 0, 0]).is_err());
        }
        assert!(decode(&[1, 1, 60, 0, 0, 0, 0]).is_ok());
        assert!(decode(&[1, 1, 60, 4, 0, 0, 0]).is_err());
        assert!(decode(&[2, 0]).is_err());
    }
}
