//! What stands below: what happened in order, times and values, evidence, and what the code means.

use super::super::frame::{self, View};
use super::super::reason::Ending;
use super::super::words_alert as words;
use super::super::{names, pieces, values};
use super::Scene;
use crate::codes;
use crate::store::AlertCause;
use hansho::clock::WallTime;
use hansho::code::Language;
use hansho::rule::Quantity;
use maud::{Markup, html};

/// Charts around an alert begin so long before it, seconds.
const BEFORE_S: u64 = 60 * 60;
/// And end so long after its end.
const AFTER_S: u64 = 30 * 60;

/// What happened, times and values, evidence.
pub fn halves(view: &View, scene: &Scene) -> Markup {
    let said = words::of(view.words.language);
    html! {
        @if let Some(cause) = &scene.cause { (known(view, cause)) }
        section {
            h2 { (said.timeline) }
            ul.timeline { @for line in timeline(view, scene) { li { time { (view.time(line.at)) } " " (line.text) } } }
        }
        section { h2 { (said.times) } (times(view, scene)) (frame::concluded(view.words, &scene.alert)) }
        section { h2 { (said.evidence) } (evidence(view, scene)) }
    }
}

/// Why the collector raised it, and what is presumed: never in one sentence.
fn known(view: &View, cause: &AlertCause) -> Markup {
    let language = view.words.language;
    let said = words::of(language);
    html! {
        section {
            h2 { (said.known) }
            ul {
                @if let Some(silence) = cause.silence { li { (words::silence(language, silence)) } }
                @if let Some(back) = cause.back { li { (words::back(language, back)) } }
                @if let Some(boot) = cause.boot { li { (words::boot(language, boot)) } }
                @if let Some(double) = cause.double { li { (words::double(language, double)) } }
                @if let Some(seen) = cause.seen { li { (said.last_sign) " " (view.time(seen)) } }
                @if let Some(until) = cause.planned_until { li { (said.planned_until) " " (view.time(until)) } }
                @if !cause.text.is_empty() { li { (said.announced) ": " (cause.text) } }
            }
            @if let Some(presumed) = cause.presumed { p { strong { (said.presumed) ": " } (words::presumed(language, presumed)) } }
        }
    }
}

struct Line {
    at: WallTime,
    text: Markup,
}

fn timeline(view: &View, scene: &Scene) -> Vec<Line> {
    let language = view.words.language;
    let said = words::of(language);
    let mut lines = Vec::new();
    if let Some(occurred) = scene.alert.occurred {
        lines.push(Line {
            at: occurred.wall,
            text: html! { (view.words.since) },
        });
    }
    for event in &scene.events {
        if let Some(text) = words::event(language, event.kind) {
            lines.push(Line {
                at: event.at,
                text: html! { (text) },
            });
        }
    }
    for row in &scene.taken {
        lines.push(Line {
            at: row.at,
            text: html! {
                strong { (words::took(language, &row.by)) } " " span.dim { "(" (words::via(language, row.via)) ")" }
                @if let Some(recovery) = row.expected_recovery { " " (super::super::words_fleet::of(language).recovery) " " (pieces::short(view, recovery)) }
                @if let Some(report) = row.next_report { " " (super::super::words_fleet::of(language).report) " " (pieces::short(view, report)) }
                @if !row.text.is_empty() { ": " (pieces::lines(&row.text)) }
            },
        });
        if let Some(end) = &row.ended {
            lines.push(Line {
                at: end.at,
                text: html! { (words::ack_end(language, end.how, &end.by)) },
            });
        }
    }
    for note in &scene.notes {
        lines.push(Line {
            at: note.at,
            text: html! { (said.wrote) " (" strong { (note.by) } "): " (pieces::lines(&note.text)) },
        });
    }
    for message in scene
        .messages
        .iter()
        .filter(|message| message.done.is_some())
    {
        lines.push(Line {
            at: message.done.unwrap_or(message.created),
            text: html! {
                (view.words.notified) ": " (message.receiver) " - " (words::reason(language, message.reason))
                " - " (words::sending(language, message.state))
            },
        });
    }
    lines.sort_by_key(|line| line.at);
    lines
}

fn times(view: &View, scene: &Scene) -> Markup {
    let words = view.words;
    let alert = &scene.alert;
    let first_told = scene.messages.iter().map(|message| message.created).min();
    let ending = Ending::of(alert);
    html! {
        dl {
            dt { (words.since) } dd { (values::dated(view, alert.occurred)) }
            dt { (words.detected) } dd { (values::dated(view, alert.detected)) }
            dt { (words.notified) } dd { (first_told.map_or_else(|| "-".to_owned(), |at| view.time(at))) }
            @if ending.is_some_and(Ending::resolved) {
                dt { (words.recovered) } dd { (values::dated(view, alert.recovered)) }
                dt { (words.resolved_at) } dd { (values::dated(view, alert.resolved)) }
            } @else if ending.is_some() {
                dt { (words.ended) } dd { (values::dated(view, alert.resolved)) }
            }
            dt { (words.stored) } dd { (view.time(alert.stored)) }
            @if let Some(quantity) = Quantity::from_number(alert.quantity) {
                dt { (words.quantity) } dd { (names::quantity(quantity, words.language)) " " code { (quantity.name()) } }
            }
            (frame::judged(words, alert))
            @if let Some(forecast) = forecast(words.language, alert.forecast_ms) {
                dt { (words::of(words.language).forecast) } dd { (forecast) " " (words::of(words.language).forecast_note) }
            }
        }
    }
}

fn forecast(language: Language, forecast_ms: Option<u64>) -> Option<String> {
    let minutes = forecast_ms?.div_ceil(60_000);
    Some(match language {
        Language::Ja => format!("発報から約{minutes}分"),
        Language::En => format!("about {minutes} min from when it was raised"),
    })
}

fn evidence(view: &View, scene: &Scene) -> Markup {
    let said = words::of(view.words.language);
    let alert = &scene.alert;
    let begin = alert.occurred.or(alert.detected).map(|dated| dated.wall);
    let end = alert.resolved.map_or(view.now, |dated| dated.wall);
    let seconds = |moment: WallTime| moment.as_millis() / 1000;
    html! {
        @if let Some(agent) = &scene.agent {
            ul {
                @if let Some(begin) = begin {
                    @let from = seconds(begin).saturating_sub(BEFORE_S);
                    @let to = seconds(end).saturating_add(AFTER_S).min(seconds(view.now));
                    li { a href=(frame::link(view, &format!("{}?from={from}&to={to}", frame::agent_path(agent)))) { (said.around) } }
                }
                li { a href=(frame::link(view, &frame::agent_path(agent))) { (said.agent_page) } }
            }
        }
        @if let Some(text) = codes::text(alert.identity.code, view.words.language) { p { (frame::prose(text.evidence)) } }
    }
}

/// What the code means.
pub fn texts(view: &View, scene: &Scene) -> Markup {
    let said = words::of(view.words.language);
    let code = scene.alert.identity.code;
    html! {
        details #code-text {
            summary { (said.explained) " (" (codes::display(code, true)) ")" }
            (super::super::code::texts(view, code))
            p { a href=(frame::link(view, &format!("/codes/{code}"))) { (said.code_page) } }
        }
    }
}
