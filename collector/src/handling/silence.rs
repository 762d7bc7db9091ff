//! Silences: for some time nobody is told of certain alerts, and everybody sees why.

use super::audit::{self, Detail};
use super::{Fault, Refused, Who, known_place, own_customer, text};
use crate::clock::DAY_MS;
use crate::limit::{AHEAD_MS, NAME_CHARACTERS, REMARK_CHARACTERS, SILENCE_MS, SILENCES};
use crate::store::rows::AllRows;
use crate::store::{Facts, Matcher, Silence};
use hansho::clock::WallTime;

/// Longest pattern of a subject, in characters: subjects have at most 64 bytes.
const PATTERN_CHARACTERS: usize = 64;

/// What is to be silenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSilence {
    /// Which alerts.
    pub matcher: Matcher,
    /// From.
    pub from: WallTime,
    /// Until, not included.
    pub until: WallTime,
    /// Why.
    pub reason: String,
}

/// The silence that keeps an alert quiet at a moment: of several the one that ends last. Pure.
#[must_use]
pub fn silenced<'s>(
    silences: &'s [Silence],
    facts: &Facts<'_>,
    now: WallTime,
) -> Option<&'s Silence> {
    silences
        .iter()
        .filter(|silence| silence.holds(now) && fits(&silence.matcher, facts))
        .max_by_key(|silence| (silence.end(), core::cmp::Reverse(silence.id)))
}

/// Whether all that a matcher gives fits.
#[must_use]
pub fn fits(matcher: &Matcher, facts: &Facts<'_>) -> bool {
    let same = |wanted: &Option<String>, found: &str| {
        wanted.as_deref().is_none_or(|wanted| wanted == found)
    };
    same(&matcher.customer, facts.place.customer)
        && same(&matcher.system, facts.place.system)
        && same(&matcher.agent, facts.place.agent)
        && matcher.code.is_none_or(|code| code == facts.code)
        && matcher
            .subject
            .as_deref()
            .is_none_or(|pattern| glob(pattern, facts.subject))
}

/// Whether a pattern fits a whole text: `*` is any text, `?` any one character; upper and lower case differ. Its time grows with
/// the product of both lengths at most: after a mismatch only the last `*` takes one character more.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut pattern = pattern.chars();
    let mut text = text.chars();
    // Where to go on after a mismatch: what follows the last `*`, and the text from which it was tried.
    let mut retry: Option<(core::str::Chars<'_>, core::str::Chars<'_>)> = None;
    loop {
        match (pattern.next(), text.clone().next()) {
            (Some('*'), _) => retry = Some((pattern.clone(), text.clone())),
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                text.next();
            }
            (None, None) => return true,
            _ => {
                let Some((after, from)) = &mut retry else {
                    return false;
                };
                // Even with all of the rest the `*` does not make it fit.
                if from.next().is_none() {
                    return false;
                }
                pattern = after.clone();
                text = from.clone();
            }
        }
    }
}

/// Makes a silence.
///
/// # Errors
/// [`Fault`].
pub fn add(
    rows: &mut dyn AllRows,
    who: &Who,
    new: &NewSilence,
    now: WallTime,
) -> Result<Silence, Fault> {
    let by = text::name("the name", &who.name)?;
    let reason = text::line("the reason", &new.reason, REMARK_CHARACTERS)?;
    let matcher = checked(&new.matcher)?;
    own_customer(who, matcher.customer.as_deref())?;
    known_place(
        rows,
        matcher.customer.as_deref(),
        matcher.system.as_deref(),
        matcher.agent.as_deref(),
    )?;
    if new.until <= now {
        return Err(Refused::Past("the end").into());
    }
    if new.until <= new.from {
        return Err(Refused::Backwards.into());
    }
    let ahead = new.from.as_millis().saturating_sub(now.as_millis());
    if ahead > AHEAD_MS {
        return Err(Refused::TooFar {
            what: "the begin",
            days: AHEAD_MS / DAY_MS,
        }
        .into());
    }
    // Nobody was kept quiet before it was made.
    let from = new.from.max(now);
    if new.until.as_millis().saturating_sub(from.as_millis()) > SILENCE_MS {
        return Err(Refused::TooLasting {
            what: "a silence",
            days: SILENCE_MS / DAY_MS,
        }
        .into());
    }
    if rows.silences(now)?.len() >= SILENCES {
        return Err(Refused::TooMany {
            what: "silences",
            most: SILENCES,
        }
        .into());
    }
    let silence = Silence {
        id: rows.next_silence()?,
        matcher,
        from,
        until: new.until,
        reason,
        by,
        via: who.via,
        created: now,
        ended: None,
    };
    rows.put_silence(&silence)?;
    let mut detail = Detail::default();
    detail.text("matcher", &described(&silence.matcher));
    detail.moment("from", Some(silence.from));
    detail.moment("until", Some(silence.until));
    detail.text("reason", &silence.reason);
    append(rows, who, audit::SILENCE_ADD, &silence, &detail, now)?;
    Ok(silence)
}

/// Ends a silence early, or before it begins.
///
/// # Errors
/// [`Fault`]; [`Refused::Ended`] where it ended before.
pub fn end(rows: &mut dyn AllRows, who: &Who, id: u64, now: WallTime) -> Result<Silence, Fault> {
    let by = text::name("the name", &who.name)?;
    let silence = rows.silence(id)?.ok_or(Refused::NoSilence(id))?;
    if own_customer(who, silence.matcher.customer.as_deref()).is_err() {
        return Err(Refused::NoSilence(id).into());
    }
    if silence.end() <= now {
        return Err(Refused::Ended(silence.end()).into());
    }
    let silence = Silence {
        ended: Some((now, by)),
        ..silence
    };
    rows.put_silence(&silence)?;
    append(
        rows,
        who,
        audit::SILENCE_END,
        &silence,
        &Detail::default(),
        now,
    )?;
    Ok(silence)
}

/// Silences that hold or are to come and that this person may see.
///
/// # Errors
/// [`Fault`].
pub fn list(rows: &mut dyn AllRows, who: &Who, since: WallTime) -> Result<Vec<Silence>, Fault> {
    let mut silences = rows.silences(since)?;
    silences.retain(|silence| own_customer(who, silence.matcher.customer.as_deref()).is_ok());
    Ok(silences)
}

fn append(
    rows: &mut dyn AllRows,
    who: &Who,
    action: &str,
    silence: &Silence,
    detail: &Detail,
    now: WallTime,
) -> Result<(), Fault> {
    let on = format!("silence {}", silence.id);
    let customer = silence.matcher.customer.as_deref().unwrap_or_default();
    Ok(audit::append(
        rows,
        who,
        action,
        &on,
        customer,
        detail.as_str(),
        now,
    )?)
}

fn checked(matcher: &Matcher) -> Result<Matcher, Refused> {
    let name = |what, value: &Option<String>| {
        value
            .as_deref()
            .map(|value| text::line(what, value, NAME_CHARACTERS))
            .transpose()
    };
    let checked = Matcher {
        customer: name("the customer", &matcher.customer)?,
        system: name("the system", &matcher.system)?,
        agent: name("the agent", &matcher.agent)?,
        code: matcher.code,
        subject: matcher
            .subject
            .as_deref()
            .map(|pattern| text::optional_line("the subject", pattern, PATTERN_CHARACTERS))
            .transpose()?,
    };
    if checked == Matcher::default() {
        return Err(Refused::Everything);
    }
    if checked.system.is_some() && checked.customer.is_none() {
        return Err(Refused::Needs {
            narrower: "a system",
            wider: "a customer",
        });
    }
    if checked.agent.is_some() && checked.system.is_none() {
        return Err(Refused::Needs {
            narrower: "an agent",
            wider: "a system",
        });
    }
    Ok(checked)
}

/// What a matcher fits, for people: `mirai/order/web03 HNS1002 subject "/var/*"`.
#[must_use]
pub fn described(matcher: &Matcher) -> String {
    let place = [&matcher.customer, &matcher.system, &matcher.agent];
    let place: Vec<&str> = place.into_iter().flatten().map(String::as_str).collect();
    let mut parts = Vec::new();
    if !place.is_empty() {
        parts.push(place.join("/"));
    }
    if let Some(code) = matcher.code {
        parts.push(format!("HNS{code:04}"));
    }
    if let Some(subject) = &matcher.subject {
        parts.push(format!("subject {subject:?}"));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_texts() {
        for (pattern, text, fit) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("/var/*", "/var/log", true),
            ("/var/*", "/var", false),
            ("*log", "/var/log", true),
            ("*log", "/var/logs", false),
            ("/v*r/?og", "/var/log", true),
            ("?", "あ", true),
            ("?", "", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("**", "x", true),
            ("a", "A", false),
            ("*a", "aaab", false),
            ("*ab", "aaab", true),
        ] {
            assert_eq!(glob(pattern, text), fit, "{pattern} {text}");
        }
        // The worst that the bounds allow ends at once.
        assert!(!glob(&"*a".repeat(32), &"a".repeat(31)));
        assert!(!glob(&format!("{}b", "*a".repeat(31)), &"a".repeat(64)));
    }
}
