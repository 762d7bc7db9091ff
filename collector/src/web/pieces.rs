//! Pieces that several pages share: whose something is, who has taken it, what is to be done.

use super::frame::{self, View};
use super::overview::{Hush, customer_of};
use super::reason::Ending;
use super::words_fleet::{self, Words};
use crate::codes;
use crate::config::Response;
use crate::directory::{Duty, Live, Owner};
use crate::store::{Acknowledgement, Agent, Note, StoredAlert, Window, WindowKind};
use hansho::clock::WallTime;
use hansho::code::Language;
use maud::{Markup, html};

/// A time without its day where it is today, for lines: `03:20`, `11-23 03:20`.
#[must_use]
pub fn short(view: &View, moment: WallTime) -> String {
    let whole = view.time(moment);
    let today = view.time(view.now);
    let same_day = whole.get(..10) == today.get(..10);
    let part = if same_day { 11..16 } else { 5..16 };
    whole.get(part).unwrap_or(&whole).to_owned()
}

/// Customer, system and host of an alert, each a link where it has a page.
pub fn place(view: &View, live: &Live, alert: &StoredAlert, agent: Option<&Agent>) -> Markup {
    let language = view.words.language;
    let Some(agent) = agent else {
        let customer = customer_of(alert);
        let name = live.directory.owner(customer, "", "").customer.name;
        return html! { @if !customer.is_empty() { (name.get(language)) " / " } (alert.identity.subject) };
    };
    let owner = live
        .directory
        .owner(&agent.customer, &agent.system, &agent.name);
    let system = frame::system_path(&agent.customer, &agent.system);
    html! {
        (owner.customer.name.get(language)) " / "
        a href=(frame::link(view, &system)) { (owner.system.name.get(language)) } " / "
        a href=(frame::link(view, &frame::agent_path(agent))) { (agent.name) }
    }
}

/// Who has taken it, and until when.
pub fn taken(view: &View, said: &Words, taken: &Acknowledgement) -> Markup {
    html! {
        span.badge.ok { (said.taken_by) ": " (taken.by) }
        " " span.dim { (short(view, taken.at)) }
        @if let Some(recovery) = taken.expected_recovery { " " (said.recovery) " " strong { (short(view, recovery)) } }
        @if let Some(report) = taken.next_report { " " (said.report) " " strong { (short(view, report)) } }
    }
}

/// Why nobody is told of it.
pub fn hush(view: &View, said: &Words, hush: Hush) -> Markup {
    let (text, until, path) = match hush {
        Hush::Silenced(number, until) => (said.silenced, until, format!("/silences#s{number}")),
        Hush::Maintenance(number, until) => {
            (said.maintenance, until, format!("/windows#w{number}"))
        }
    };
    html! { a.badge.doubt href=(path) { (text) " (" (words_fleet::until(view.words.language, &short(view, until))) ")" } }
}

/// A window that holds, in a line.
pub fn window(view: &View, said: &Words, window: &Window, until: WallTime) -> Markup {
    let text = match view.words.language {
        Language::Ja => window.texts.ja(),
        Language::En => window.texts.en(),
    };
    let kind = match window.kind {
        WindowKind::Maintenance => said.maintenance,
        WindowKind::Event | WindowKind::Other => said.event,
    };
    html! {
        span.badge { (kind) } " " a href=(frame::link(view, &format!("/windows#w{}", window.id))) { (text) }
        " " span.dim { (window.scope.path()) ", " (words_fleet::until(view.words.language, &short(view, until))) }
    }
}

/// An alert that is over, in a line.
pub fn ended(view: &View, live: &Live, alert: &StoredAlert, agent: Option<&Agent>) -> Markup {
    let words = view.words;
    let code = alert.identity.code;
    html! {
        li {
            @if alert.identity.test { span.badge { (words.test) } " " }
            a.code href=(frame::link(view, &format!("/a/{}", alert.id))) { (codes::display(code, false)) }
            " " (codes::name(code, words.language))
            @if !alert.identity.subject.is_empty() && agent.is_some() { " " code { (alert.identity.subject) } }
            " " span.dim {
                (place(view, live, alert, agent)) ", "
                (alert.occurred.or(alert.detected).map_or_else(|| words.unknown.to_owned(), |dated| short(view, dated.wall)))
                " - "
                (alert.recovered.or(alert.resolved).map_or_else(|| words.unknown.to_owned(), |dated| short(view, dated.wall)))
            }
            @if let Some(ending) = Ending::of(alert) { " " (ending.word(words)) }
        }
    }
}

/// What was agreed about an alert.
#[must_use]
pub fn response<'l>(
    live: &'l Live,
    alert: &StoredAlert,
    agent: Option<&Agent>,
) -> Option<&'l Response> {
    let (customer, system, host) = match agent {
        Some(agent) => (
            agent.customer.as_str(),
            agent.system.as_str(),
            agent.name.as_str(),
        ),
        None => (customer_of(alert), "", ""),
    };
    let identity = &alert.identity;
    live.directory
        .response(identity.code, customer, system, host, &identity.subject)
}

/// What to do first, in one line: the customer's response, else the registry's.
#[must_use]
pub fn first_step(
    view: &View,
    live: &Live,
    alert: &StoredAlert,
    agent: Option<&Agent>,
) -> Option<String> {
    let language = view.words.language;
    let agreed = response(live, alert, agent).and_then(|response| response.first_action.first());
    if let Some(step) = agreed {
        return Some(step.get(language).lines().next().unwrap_or("").to_owned());
    }
    let text = codes::text(alert.identity.code, language)?;
    text.operator_action.first().map(|step| (*step).to_owned())
}

/// Team, who is on duty, and their telephones.
pub fn team(view: &View, live: &Live, owner: &Owner) -> Markup {
    let language = view.words.language;
    let said = words_fleet::of(language);
    let team = owner
        .team
        .as_ref()
        .and_then(|team| live.directory.team(&team.id));
    html! {
        dt { (said.team) }
        dd {
            @match team {
                Some(team) => {
                    (team.name.get(language))
                    @if let Some(number) = &team.telephone { " " (telephone(number)) }
                }
                None => { strong { (said.no_team) } }
            }
        }
        @if let Some(team) = team {
            dt { (said.on_duty) }
            dd {
                @match live.directory.on_duty(team, view.now) {
                    Duty::OnDuty(duty) => {
                        @for (index, id) in duty.receivers.iter().enumerate() {
                            @if index > 0 { ", " }
                            @let receiver = live.directory.receiver(id);
                            (receiver.map_or(id.as_str(), |receiver| receiver.name.get(language)))
                            @if let Some(number) = receiver.and_then(|receiver| receiver.telephone.as_ref()) { " " (telephone(number)) }
                        }
                    }
                    Duty::Gap => { strong { (said.roster_gap) } }
                    Duty::NoRoster => { span.dim { (said.no_roster) } }
                }
            }
        }
    }
}

/// A number that a telephone dials when it is touched.
pub fn telephone(number: &str) -> Markup {
    let dialled: String = number
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '+')
        .collect();
    html! { a.tel href={ "tel:" (dialled) } { (number) } }
}

/// Notes, the newest last.
pub fn notes(view: &View, said: &Words, notes: &[Note]) -> Markup {
    html! {
        @if notes.is_empty() { p.dim { (said.no_notes) } }
        @if !notes.is_empty() {
            ul.timeline { @for note in notes { li { time { (view.time(note.at)) } " " strong { (note.by) } " " (lines(&note.text)) } } }
        }
    }
}

/// A text with its lines kept.
pub fn lines(text: &str) -> Markup {
    html! { @for (index, line) in text.lines().enumerate() { @if index > 0 { br; } (line) } }
}

/// What became of a form, or why it was refused.
pub fn outcome(done: Option<&str>, refused: Option<&str>) -> Markup {
    html! {
        @if let Some(done) = done { p.done role="status" { strong { (done) } } }
        @if let Some(refused) = refused { p.error role="alert" { (refused) } }
    }
}

/// Times that can be chosen or typed.
pub fn times(id: &str) -> Markup {
    html! { datalist id=(id) { @for time in ["+15m", "+30m", "+1h", "+2h", "+4h", "+8h", "+1d"] { option value=(time) {} } } }
}
