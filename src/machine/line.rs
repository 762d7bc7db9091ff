//! The fixed line of a transition: ASCII, code first, `key=value`, at most 480 bytes; bounded in rate.
//!
//! Log traps of JP1, Zabbix and the like match on its first word: `HNS1002-E` when raised, `HNS1002-I` when resolved.

use super::Journal;
use crate::clock::Uptime;
use crate::code;
use crate::frame::body::{reason_name, reason_to_u8};
use crate::limit::{LOG_LINE_BYTES, LOG_LINES_PER_MINUTE, TIME_LEFT_NEVER_S};
use crate::rule::{Reason, RuleRef, Subject, Transition, TransitionKind, Unit};
use core::fmt::Write;

/// Counts lines a minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lines {
    minute: u64,
    said: u32,
    suppressed: u32,
}

impl Lines {
    /// Says a transition, or counts it where there were too many in this minute.
    pub(super) fn say(
        &mut self,
        now: Uptime,
        out: &mut impl Journal,
        code: u16,
        subject: &Subject,
        rule: Option<RuleRef<'_>>,
        transition: &Transition,
    ) {
        let minute = now.as_millis() / 60_000;
        if minute != self.minute {
            self.minute = minute;
            self.said = 0;
        }
        if self.said >= LOG_LINES_PER_MINUTE {
            self.suppressed = self.suppressed.saturating_add(1);
            return;
        }
        self.said = self.said.saturating_add(1);
        let line = render(now, code, subject, rule, transition, self.suppressed);
        self.suppressed = 0;
        out.say(&line);
    }
}

/// The line. What does not fit is left away at its end; the code and the state come first.
fn render(
    now: Uptime,
    number: u16,
    subject: &Subject,
    rule: Option<RuleRef<'_>>,
    transition: &Transition,
    suppressed: u32,
) -> heapless::String<LOG_LINE_BYTES> {
    let mut line = heapless::String::new();
    // A line that is full is a line that is said: the error only says that its end is missing.
    let _whole = write(
        &mut line, now, number, subject, rule, transition, suppressed,
    );
    line
}

fn write(
    line: &mut impl Write,
    now: Uptime,
    number: u16,
    subject: &Subject,
    rule: Option<RuleRef<'_>>,
    transition: &Transition,
    suppressed: u32,
) -> core::fmt::Result {
    let (raised, state) = match transition.kind {
        TransitionKind::Firing => (true, "FIRING"),
        TransitionKind::Continued => (true, "CONTINUED"),
        TransitionKind::Resolved => (false, "RESOLVED"),
    };
    write!(line, "{} {state}", code::display(number, raised))?;
    if transition.reason == Reason::Test {
        write!(line, " test=yes")?;
    }
    write!(line, " subject=")?;
    if subject.is_empty() {
        write!(line, "-")?;
    }
    for byte in subject.bytes() {
        // Nothing that a terminal, a trap or a field separator would take for more than text.
        let plain = byte.is_ascii_graphic() && byte != b'=';
        line.write_char(if plain { char::from(byte) } else { '?' })?;
    }
    let unit = rule.and_then(|rule| {
        let fallback = rule.fallback.filter(|_| transition.fallback);
        let number = fallback.map_or(rule.quantity, |fallback| fallback.quantity);
        crate::rule::Quantity::from_number(number)
    });
    let unit = unit.map_or(Unit::Count, crate::rule::Quantity::unit);
    for (key, value) in [
        ("value", transition.value),
        ("level", transition.level),
        ("worst", transition.worst),
    ] {
        match value {
            None => {}
            Some(value) if unit == Unit::TimeLeft && value >= TIME_LEFT_NEVER_S => {
                write!(line, " {key}=never")?;
            }
            Some(value) => write!(line, " {key}={value}{}", suffix(unit))?,
        }
    }
    if let (Some(total), true) = (transition.total, unit.has_shares()) {
        write!(line, " total={total}{}", suffix(unit))?;
        let permille = transition
            .value
            .and_then(|value| value.saturating_mul(1000).checked_div(total));
        if let Some(permille) = permille {
            write!(line, " percent={}.{}", permille / 10, permille % 10)?;
        }
    }
    write!(
        line,
        " episode={} count={}",
        transition.episode, transition.count
    )?;
    write!(
        line,
        " since_ms={} fired_ms={}",
        transition.since.as_millis(),
        transition.fired.as_millis()
    )?;
    write!(
        line,
        " uptime_ms={} reason={}",
        now.as_millis(),
        reason_name(reason_to_u8(transition.reason))
    )?;
    if suppressed > 0 {
        write!(line, " suppressed={suppressed}")?;
    }
    Ok(())
}

/// How a unit is written behind a number.
const fn suffix(unit: Unit) -> &'static str {
    match unit {
        Unit::Kib => "KiB",
        Unit::Permille => "permille",
        Unit::PerSecond => "/s",
        Unit::Count | Unit::Items => "",
        Unit::Centi => "centi",
        Unit::Milliseconds => "ms",
        Unit::Seconds | Unit::TimeLeft => "s",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::builtin_rules;

    #[test]
    fn what_grows_no_more_has_no_number_of_seconds() {
        let rules = builtin_rules();
        let definition = rules.iter().find(|rule| rule.code == 1004).unwrap();
        let rule = RuleRef {
            definition: &definition.definition(),
            subject: &Subject::new(),
        };
        let transition = |left_s| Transition {
            rule: 0,
            kind: TransitionKind::Resolved,
            reason: Reason::Cleared,
            episode: 1,
            since: Uptime::default(),
            fired: Uptime::default(),
            value: Some(left_s),
            total: None,
            level: Some(172_800),
            worst: Some(3_600),
            count: 1,
            fallback: false,
        };
        for (left_s, said) in [
            (TIME_LEFT_NEVER_S, " value=never level=172800s worst=3600s "),
            (200_000, " value=200000s level=172800s worst=3600s "),
        ] {
            let line = render(
                Uptime::default(),
                1004,
                &Subject::new(),
                Some(rule),
                &transition(left_s),
                0,
            );
            assert!(line.contains(said), "{line}");
        }
    }
}
