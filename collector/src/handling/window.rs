//! Windows: announced times. Maintenance silences and makes a stop a planned one; an event silences nothing and is shown.

use super::audit::{self, Detail};
use super::{Fault, Refused, Who, known_place, own_customer, text};
use crate::clock::DAY_MS;
use crate::limit::{
    AHEAD_MS, EVENT_MS, MAINTENANCE_MS, NAME_CHARACTERS, REMARK_CHARACTERS, WINDOWS,
};
use crate::store::rows::AllRows;
use crate::store::{Schedule, Texts, Weekly, Window, WindowKind, WindowScope};
use hansho::clock::WallTime;

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;
/// Largest distance of a zone from UTC, minutes (Line Islands).
const ZONE_MINUTES: i16 = 14 * 60;

/// What is to be announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWindow {
    /// What it means.
    pub kind: WindowKind,
    /// What it is about.
    pub scope: WindowScope,
    /// When.
    pub schedule: Schedule,
    /// Title of an event, reason of a maintenance; one language is enough.
    pub texts: Texts,
}

/// What is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A single window; of a weekly one only the occurrence that holds now.
    Occurrence,
    /// The window with all that was to come.
    Series,
}

/// Announces a window. What is past of it when it is made stays uncovered: nobody had announced it then.
///
/// # Errors
/// [`Fault`].
pub fn add(
    rows: &mut dyn AllRows,
    who: &Who,
    new: &NewWindow,
    now: WallTime,
) -> Result<Window, Fault> {
    let by = text::name("the name", &who.name)?;
    let scope = scope(&new.scope)?;
    own_customer(who, Some(&scope.customer))?;
    known_place(
        rows,
        Some(&scope.customer),
        scope.system.as_deref(),
        scope.agent.as_deref(),
    )?;
    let texts = Texts {
        ja: text::optional_line("the Japanese text", &new.texts.ja, REMARK_CHARACTERS)?,
        en: text::optional_line("the English text", &new.texts.en, REMARK_CHARACTERS)?,
    };
    if texts == Texts::default() {
        return Err(Refused::Empty("the text").into());
    }
    let schedule = schedule(new.kind, &new.schedule, now)?;
    if rows.windows(now)?.len() >= WINDOWS {
        return Err(Refused::TooMany {
            what: "windows",
            most: WINDOWS,
        }
        .into());
    }
    let window = Window {
        id: rows.next_window()?,
        kind: new.kind,
        scope,
        schedule,
        texts,
        by,
        via: who.via,
        created: now,
        cut: None,
        ended: None,
    };
    rows.put_window(&window)?;
    let mut detail = Detail::default();
    detail.put("kind", window.kind.word());
    detail.text("scope", &window.scope.path());
    times(&mut detail, &window.schedule);
    detail.text("ja", &window.texts.ja);
    detail.text("en", &window.texts.en);
    append(rows, who, audit::WINDOW_ADD, &window, &detail, now)?;
    Ok(window)
}

/// Ends a window early, or before it begins.
///
/// # Errors
/// [`Fault`]; [`Refused::Ended`] where it ended before, [`Refused::NotNow`] where a weekly one holds no occurrence to end.
pub fn end(
    rows: &mut dyn AllRows,
    who: &Who,
    id: u64,
    what: What,
    now: WallTime,
) -> Result<Window, Fault> {
    let by = text::name("the name", &who.name)?;
    let mut window = rows.window(id)?.ok_or(Refused::NoWindow(id))?;
    if own_customer(who, Some(&window.scope.customer)).is_err() {
        return Err(Refused::NoWindow(id).into());
    }
    if let Some(end) = window.end().filter(|end| *end <= now) {
        return Err(Refused::Ended(end).into());
    }
    let weekly = matches!(window.schedule, Schedule::Weekly(_));
    let mut detail = Detail::default();
    if weekly && what == What::Occurrence {
        if window.at(now).is_none() {
            return Err(Refused::NotNow.into());
        }
        window.cut = Some(now);
        detail.put("what", "occurrence");
    } else {
        window.ended = Some((now, by));
        detail.put("what", "series");
    }
    rows.put_window(&window)?;
    append(rows, who, audit::WINDOW_END, &window, &detail, now)?;
    Ok(window)
}

/// Windows that cover a time from `since` on and that this person may see.
///
/// # Errors
/// [`Fault`].
pub fn list(rows: &mut dyn AllRows, who: &Who, since: WallTime) -> Result<Vec<Window>, Fault> {
    let mut windows = rows.windows(since)?;
    windows.retain(|window| who.scope.has(&window.scope.customer));
    Ok(windows)
}

fn append(
    rows: &mut dyn AllRows,
    who: &Who,
    action: &str,
    window: &Window,
    detail: &Detail,
    now: WallTime,
) -> Result<(), Fault> {
    let on = format!("window {}", window.id);
    let customer = &window.scope.customer;
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

fn times(detail: &mut Detail, schedule: &Schedule) {
    match schedule {
        Schedule::Once { from, until } => {
            detail.moment("from", Some(*from));
            detail.moment("until", Some(*until));
        }
        Schedule::Weekly(weekly) => {
            detail.text("weekly", &described(weekly));
            detail.moment("since", Some(weekly.since));
            detail.moment("last", weekly.last);
        }
    }
}

/// Short names of the days, Monday first: what commands take and show.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A weekly schedule for people: `mon,thu 23:00-02:00 +09:00`.
#[must_use]
pub fn described(weekly: &Weekly) -> String {
    let days: Vec<&str> = (0_u8..)
        .zip(DAYS)
        .filter(|(number, _)| weekly.days.has(*number))
        .map(|(_, name)| name)
        .collect();
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let sign = if weekly.offset_minutes < 0 { '-' } else { '+' };
    format!(
        "{} {}-{} {sign}{}",
        days.join(","),
        clock(weekly.from_minute),
        clock(weekly.until_minute),
        clock(weekly.offset_minutes.unsigned_abs()),
    )
}

fn scope(scope: &WindowScope) -> Result<WindowScope, Refused> {
    let name = |what, value: &Option<String>| {
        value
            .as_deref()
            .map(|value| text::line(what, value, NAME_CHARACTERS))
            .transpose()
    };
    let checked = WindowScope {
        customer: text::line("the customer", &scope.customer, NAME_CHARACTERS)?,
        system: name("the system", &scope.system)?,
        site: name("the site", &scope.site)?,
        agent: name("the agent", &scope.agent)?,
    };
    if checked.agent.is_some() && checked.system.is_none() {
        return Err(Refused::Needs {
            narrower: "an agent",
            wider: "a system",
        });
    }
    Ok(checked)
}

fn schedule(kind: WindowKind, schedule: &Schedule, now: WallTime) -> Result<Schedule, Refused> {
    let far = |begin: WallTime| begin.as_millis().saturating_sub(now.as_millis()) > AHEAD_MS;
    let too_far = Refused::TooFar {
        what: "the begin",
        days: AHEAD_MS / DAY_MS,
    };
    match *schedule {
        Schedule::Once { until, .. } if until <= now => Err(Refused::Past("the end")),
        Schedule::Once { from, until } if until <= from => Err(Refused::Backwards),
        Schedule::Once { from, .. } if far(from) => Err(too_far),
        Schedule::Once { from, until } => {
            let from = from.max(now);
            let (what, most) = match kind {
                WindowKind::Event => ("an event", EVENT_MS),
                WindowKind::Maintenance | WindowKind::Other => ("a maintenance", MAINTENANCE_MS),
            };
            if until.as_millis().saturating_sub(from.as_millis()) > most {
                let days = most / DAY_MS;
                return Err(Refused::TooLasting { what, days });
            }
            Ok(Schedule::Once { from, until })
        }
        Schedule::Weekly(weekly) => {
            let on_clock = weekly.from_minute < DAY_MINUTES
                && weekly.until_minute < DAY_MINUTES
                && (-ZONE_MINUTES..=ZONE_MINUTES).contains(&weekly.offset_minutes);
            if !on_clock {
                return Err(Refused::BadClock);
            }
            if weekly.days.bits() == 0 {
                return Err(Refused::NoDays);
            }
            let since = weekly.since.max(now);
            if far(since) {
                return Err(too_far);
            }
            if weekly.last.is_some_and(|last| last <= now) {
                return Err(Refused::Past("the end"));
            }
            if weekly.last.is_some_and(|last| last <= since) {
                return Err(Refused::Backwards);
            }
            Ok(Schedule::Weekly(Weekly { since, ..weekly }))
        }
    }
}
