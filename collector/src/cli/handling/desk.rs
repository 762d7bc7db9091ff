//! The commands on the store.

use super::super::line::Line;
use super::super::{acting, fault_failure, one_agent, print, store_failure};
use crate::api::{places, silences, windows};
use crate::clock;
use crate::exit::{Failure, USAGE};
use crate::handling::acknowledge::TakenHow;
use crate::handling::silence::{self, NewSilence};
use crate::handling::window::{self, DAYS, NewWindow, What};
use crate::handling::{
    Ask, Fault, Who, acknowledge, audit, link, moment, note, release, transact, view,
};
use crate::keys;
use crate::store::rows::AllRows;
use crate::store::{
    AlertId, Days, Matcher, NoteOn, Schedule, Silence, SqliteStore, StoreError, Texts, Weekly,
    Window, WindowKind, WindowScope,
};
use crate::zone::Zone;
use hansho::clock::WallTime;
use serde_json::Value as Json;
use std::path::Path;

fn alert_id(text: &str) -> Result<AlertId, Failure> {
    text.parse().map_err(|()| {
        Failure::new(
            USAGE,
            format!("ALERT {text:?}: ten letters and digits are needed, as `alerts` shows them"),
        )
    })
}

/// `1002`, `HNS1002` or `HNS1002-E`.
fn code(text: &str) -> Result<u16, Failure> {
    let digits = text.strip_prefix("HNS").unwrap_or(text);
    let digits = digits.split_once('-').map_or(digits, |(digits, letter)| {
        if matches!(letter, "E" | "W" | "I") {
            digits
        } else {
            text
        }
    });
    digits
        .parse()
        .map_err(|_| Failure::new(USAGE, format!("--code {text:?}: allowed is e.g. HNS1002")))
}

/// Splits `CUSTOMER/REST`.
fn pair<'a>(option: &str, text: &'a str) -> Result<(&'a str, &'a str), Failure> {
    text.split_once('/').ok_or_else(|| {
        Failure::new(
            USAGE,
            format!("--{option} {text:?}: a customer, `/` and a name are needed"),
        )
    })
}

/// Where something is, as options give it.
#[derive(Debug, Default)]
struct Given {
    customer: Option<String>,
    system: Option<String>,
    agent: Option<String>,
    site: Option<String>,
}

/// A command line with the store that it works on.
pub(super) struct Desk<'l> {
    line: &'l Line,
    store: SqliteStore,
    zone: Zone,
    now: WallTime,
}

impl<'l> Desk<'l> {
    /// For commands that change something.
    pub(super) fn writing(line: &'l Line) -> Result<Self, Failure> {
        Self::new(line, SqliteStore::open_beside)
    }

    /// For commands that only read.
    pub(super) fn reading(line: &'l Line) -> Result<Self, Failure> {
        Self::new(line, SqliteStore::open_reader)
    }

    fn new(
        line: &'l Line,
        open: fn(&Path) -> Result<SqliteStore, StoreError>,
    ) -> Result<Self, Failure> {
        let config = line.configuration()?;
        let store = open(&config.directory).map_err(|error| store_failure(&error))?;
        Ok(Self {
            line,
            store,
            zone: config.pages.zone.unwrap_or_else(Zone::of_host),
            now: clock::now(),
        })
    }

    fn decide<T>(
        &self,
        work: impl FnMut(&mut dyn AllRows) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        transact(&self.store, work).map_err(|fault| fault_failure(&fault))
    }

    fn look<T>(
        &self,
        work: impl FnMut(&mut dyn AllRows) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        view(&self.store, work).map_err(|fault| fault_failure(&fault))
    }

    /// The moment that an option gives, times of the day being the next after `after`.
    fn moment(&self, option: &str, after: WallTime) -> Result<Option<WallTime>, Failure> {
        let Some(text) = self.line.get(option) else {
            return Ok(None);
        };
        match moment::parse(text, self.zone.offset_s(), after) {
            Some(moment) => Ok(Some(moment)),
            None => Err(Failure::new(
                USAGE,
                format!("--{option} {text:?}: allowed is {}", moment::ALLOWED),
            )),
        }
    }

    fn needed_moment(&self, option: &str, after: WallTime) -> Result<WallTime, Failure> {
        self.line.need(option)?;
        Ok(self.moment(option, after)?.unwrap_or(after))
    }

    fn who(&self) -> Result<Who, Failure> {
        Ok(acting(self.line.need("by")?))
    }

    fn number(&self, name: &str) -> Result<u64, Failure> {
        let text = self.line.need(name)?;
        text.parse()
            .map_err(|_| Failure::new(USAGE, format!("{name} {text:?}: a number is needed")))
    }

    fn show(&self, moment: WallTime) -> String {
        self.zone.show(moment)
    }

    fn given(&self) -> Result<Given, Failure> {
        let mut given = Given::default();
        let mut customers: Vec<String> = Vec::new();
        if let Some(customer) = self.line.get("customer") {
            customers.push(customer.to_owned());
        }
        if let Some(text) = self.line.get("system") {
            let (customer, system) = pair("system", text)?;
            customers.push(customer.to_owned());
            given.system = Some(system.to_owned());
        }
        if let Some(selector) = self.line.get("agent") {
            let agent = one_agent(&self.store, selector)?;
            if given
                .system
                .as_ref()
                .is_some_and(|system| *system != agent.system)
            {
                return Err(Failure::new(USAGE, "--agent is not of --system"));
            }
            customers.push(agent.customer);
            given.system = Some(agent.system);
            given.agent = Some(agent.name);
        }
        if let Some(text) = self.line.get("site") {
            let (customer, site) = pair("site", text)?;
            customers.push(customer.to_owned());
            given.site = Some(site.to_owned());
        }
        customers.dedup();
        given.customer = customers.pop();
        if customers.is_empty() {
            Ok(given)
        } else {
            Err(Failure::new(USAGE, "the options name different customers"))
        }
    }

    pub(super) fn ack(&self) -> Result<(), Failure> {
        let (who, id) = (self.who()?, alert_id(self.line.need("ALERT")?)?);
        let ask = Ask {
            expected_recovery: self.moment("recovery", self.now)?,
            next_report: self.moment("next-report", self.now)?,
            text: self.line.get("text").unwrap_or_default().to_owned(),
            request: None,
        };
        let taken = self.decide(|rows| acknowledge(rows, &who, id, &ask, self.now))?;
        let held = &taken.acknowledgement;
        let how = match &taken.how {
            TakenHow::First => "taken".to_owned(),
            TakenHow::TookOver { from } => format!("taken over from {from}"),
            TakenHow::Renewed => "renewed".to_owned(),
            TakenHow::Same | TakenHow::Again => {
                "unchanged: taken before, in the same words".to_owned()
            }
        };
        let mut text = format!("alert {id} {how}, by {}", held.by);
        for (what, moment) in [
            ("recovery expected", held.expected_recovery),
            ("next report", held.next_report),
        ] {
            if let Some(moment) = moment {
                text.push_str(&format!("; {what} {}", self.show(moment)));
            }
        }
        if held.over {
            text.push_str("; the alert is over already");
        }
        print(&format!("{text}\n"))
    }

    pub(super) fn release(&self) -> Result<(), Failure> {
        let (who, id) = (self.who()?, alert_id(self.line.need("ALERT")?)?);
        let said = self.line.get("text").unwrap_or_default();
        let ended = self.decide(|rows| release(rows, &who, id, said, self.now))?;
        print(&format!(
            "alert {id} given back; {} had it, nobody has it now\n",
            ended.by
        ))
    }

    pub(super) fn silence_add(&self) -> Result<(), Failure> {
        let who = self.who()?;
        let given = self.given()?;
        let from = self.moment("from", self.now)?.unwrap_or(self.now);
        let new = NewSilence {
            matcher: Matcher {
                customer: given.customer,
                system: given.system,
                agent: given.agent,
                code: self.line.get("code").map(code).transpose()?,
                subject: self.line.get("subject").map(str::to_owned),
            },
            from,
            until: self.needed_moment("until", from)?,
            reason: self.line.need("reason")?.to_owned(),
        };
        let made = self.decide(|rows| silence::add(rows, &who, &new, self.now))?;
        print(&format!("{}\n", self.silence_line(&made)))
    }

    fn silence_line(&self, silence: &Silence) -> String {
        let ended = match &silence.ended {
            Some((_, by)) => format!(" (ended by {by})"),
            None => String::new(),
        };
        format!(
            "silence {} {} from {} until {}{ended} by {}: {}",
            silence.id,
            silence::described(&silence.matcher),
            self.show(silence.from),
            self.show(silence.end()),
            silence.by,
            silence.reason,
        )
    }

    /// From when on lists show what holds: with `--all` everything.
    fn since(&self) -> WallTime {
        if self.line.flag("all") {
            WallTime::from_millis(0)
        } else {
            self.now
        }
    }

    fn print_list<T>(
        &self,
        list: &[T],
        json: impl Fn(&T) -> Json,
        line: impl Fn(&T) -> String,
    ) -> Result<(), Failure> {
        let lines = list.iter().map(|item| {
            if self.line.flag("json") {
                format!("{}\n", json(item))
            } else {
                format!("{}\n", line(item))
            }
        });
        print(&lines.collect::<String>())
    }

    pub(super) fn silence_list(&self) -> Result<(), Failure> {
        let since = self.since();
        let silences = self.look(|rows| silence::list(rows, &acting("list"), since))?;
        self.print_list(
            &silences,
            |silence| silences::json(silence, self.now),
            |silence| self.silence_line(silence),
        )
    }

    pub(super) fn silence_end(&self) -> Result<(), Failure> {
        let (who, id) = (self.who()?, self.number("ID")?);
        let ended = self.decide(|rows| silence::end(rows, &who, id, self.now))?;
        print(&format!("{}\n", self.silence_line(&ended)))
    }

    pub(super) fn window_add(&self) -> Result<(), Failure> {
        let who = self.who()?;
        let kind = match self.line.need("kind")? {
            "maintenance" => WindowKind::Maintenance,
            "event" => WindowKind::Event,
            other => {
                return Err(Failure::new(
                    USAGE,
                    format!("--kind {other:?}: allowed are maintenance and event"),
                ));
            }
        };
        let given = self.given()?;
        let Some(customer) = given.customer else {
            return Err(Failure::new(
                USAGE,
                "`window add` needs --customer, --system, --site or --agent",
            ));
        };
        let text = |option| self.line.get(option).unwrap_or_default().to_owned();
        let new = NewWindow {
            kind,
            scope: WindowScope {
                customer,
                system: given.system,
                site: given.site,
                agent: given.agent,
            },
            schedule: self.schedule()?,
            texts: Texts {
                ja: text("ja"),
                en: text("en"),
            },
        };
        let made = self.decide(|rows| window::add(rows, &who, &new, self.now))?;
        print(&format!("{}\n", self.window_line(&made)))
    }

    fn schedule(&self) -> Result<Schedule, Failure> {
        let Some(days) = self.line.get("days") else {
            for option in ["zone", "last"] {
                if self.line.get(option).is_some() {
                    let said = format!("--{option} belongs to --days");
                    return Err(Failure::new(USAGE, said));
                }
            }
            let from = self.needed_moment("from", self.now)?;
            let until = self.needed_moment("until", from)?;
            return Ok(Schedule::Once { from, until });
        };
        let mut bits = 0;
        for day in days.split(',') {
            let place = DAYS.iter().position(|name| *name == day).ok_or_else(|| {
                let said = format!("--days {days:?}: allowed are {}", DAYS.join(","));
                Failure::new(USAGE, said)
            })?;
            bits |= 1 << place;
        }
        let clock = |option: &str| {
            let text = self.line.need(option)?;
            moment::clock(text).ok_or_else(|| {
                let said = format!("--{option} {text:?}: with --days allowed is e.g. 23:00");
                Failure::new(USAGE, said)
            })
        };
        let offset_minutes = match self.line.get("zone") {
            Some(text) => moment::zone(text).ok_or_else(|| {
                let said = format!("--zone {text:?}: allowed is e.g. +09:00");
                Failure::new(USAGE, said)
            })?,
            None => i16::try_from(self.zone.offset_s() / 60).unwrap_or(0),
        };
        Ok(Schedule::Weekly(Weekly {
            days: Days::from_bits(bits),
            from_minute: clock("from")?,
            until_minute: clock("until")?,
            offset_minutes,
            since: self.now,
            last: self.moment("last", self.now)?,
        }))
    }

    fn window_line(&self, window: &Window) -> String {
        let when = match &window.schedule {
            Schedule::Once { from, until } => {
                format!("from {} until {}", self.show(*from), self.show(*until))
            }
            Schedule::Weekly(weekly) => window::described(weekly),
        };
        let next = match (window.next_occurrence(self.now), &window.ended) {
            (_, Some((at, by))) => format!("ended {} by {by}", self.show(*at)),
            (Some(next), None) if next.covers(self.now) => {
                format!("holds until {}", self.show(next.until))
            }
            (Some(next), None) => format!("next {}", self.show(next.from)),
            (None, None) => "over".to_owned(),
        };
        format!(
            "window {} {} {} {when} ({next}) by {}: {}",
            window.id,
            window.kind.word(),
            window.scope.path(),
            window.by,
            window.texts.ja(),
        )
    }

    pub(super) fn window_list(&self) -> Result<(), Failure> {
        let since = self.since();
        let windows = self.look(|rows| window::list(rows, &acting("list"), since))?;
        self.print_list(
            &windows,
            |window| windows::json(window, self.now),
            |window| self.window_line(window),
        )
    }

    pub(super) fn window_end(&self) -> Result<(), Failure> {
        let (who, id) = (self.who()?, self.number("ID")?);
        let what = if self.line.flag("for-good") {
            What::Series
        } else {
            What::Occurrence
        };
        let ended = self.decide(|rows| window::end(rows, &who, id, what, self.now))?;
        print(&format!("{}\n", self.window_line(&ended)))
    }

    fn note_on(&self) -> Result<NoteOn, Failure> {
        let target = self.line.need("TARGET")?;
        match self.line.need("KIND")? {
            "alert" => Ok(NoteOn::Alert(alert_id(target)?)),
            "agent" => Ok(NoteOn::Agent(one_agent(&self.store, target)?.id)),
            "system" => {
                let (customer, system) = pair("system", target)?;
                Ok(NoteOn::System {
                    customer: customer.to_owned(),
                    system: system.to_owned(),
                })
            }
            other => Err(Failure::new(
                USAGE,
                format!("note on {other:?}: allowed are alert, agent and system"),
            )),
        }
    }

    pub(super) fn note_add(&self) -> Result<(), Failure> {
        let (who, text) = (self.who()?, self.line.need("text")?);
        let on = self.note_on()?;
        let note = self.decide(|rows| note::add(rows, &who, &on, text, self.now))?;
        let (kind, target) = (self.line.need("KIND")?, self.line.need("TARGET")?);
        print(&format!("note {} on {kind} {target}\n", note.number))
    }

    pub(super) fn note_list(&self) -> Result<(), Failure> {
        let on = self.note_on()?;
        let notes = self.look(|rows| note::list(rows, &acting("list"), &on))?;
        self.print_list(&notes, places::note, |note| {
            let text = note.text.replace('\n', "\n  ");
            format!("{} {}:\n  {text}", self.show(note.at), note.by)
        })
    }

    pub(super) fn audit(&self) -> Result<(), Failure> {
        let text = self.line.need("month")?;
        let month = moment::month(text, self.zone.offset_s()).ok_or_else(|| {
            Failure::new(USAGE, format!("--month {text:?}: allowed is e.g. 2026-11"))
        })?;
        let json = self.line.flag("json");
        let mut lines = String::new();
        if !json {
            lines.push_str(audit::CSV_HEAD);
        }
        let customer = self.line.get("customer");
        self.look(|rows| {
            Ok(audit::each(rows, customer, month, &mut |entry| {
                lines.push_str(&if json {
                    audit::json_line(entry)
                } else {
                    audit::csv_line(entry, &self.zone)
                });
            })?)
        })?;
        print(&lines)
    }

    pub(super) fn link_rotate(&self) -> Result<(), Failure> {
        let (who, random) = (self.who()?, keys::random()?);
        let secret = self.decide(|rows| Ok(link::rotate(rows, &who, random, self.now)?))?;
        print(&format!(
            "secret {} signs from now on; links of the one before work until they end\n",
            secret.number
        ))
    }
}
