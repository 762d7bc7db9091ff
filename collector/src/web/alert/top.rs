//! What stands first: whose, since when, how bad, who has it; what to do, what not, and whom to call.

use super::super::frame::{self, View};
use super::super::reason::Ending;
use super::super::{pieces, values, words_fleet, words_plan};
use super::Scene;
use crate::codes;
use crate::config::Response;
use maud::{Markup, html};

/// Whose, since when, how bad, who has it.
pub fn facts(view: &View, scene: &Scene) -> Markup {
    let words = view.words;
    let said = words_fleet::of(words.language);
    let alert = &scene.alert;
    let shown = |number: u64| values::value(words.language, alert.quantity, number, alert.total);
    let ending = Ending::of(alert);
    html! {
        section class=(frame::class(view, alert, scene.silent)) {
            h1.headline { (pieces::place(view, &scene.live, alert, scene.agent.as_ref())) }
            (frame::headline(view, alert, scene.silent))
            p {
                @match scene.holder() {
                    Some(taken) => {
                        (pieces::taken(view, said, taken))
                        @if !taken.text.is_empty() { " " (pieces::lines(&taken.text)) }
                    }
                    None if alert.firing && !alert.identity.test => { span.badge.e { (said.nobody) } }
                    None => {}
                }
                @if let Some(hush) = scene.hush { " " (pieces::hush(view, said, hush)) }
            }
            @for (window, occurrence) in &scene.windows { p { (pieces::window(view, said, window, occurrence.until)) } }
            dl.facts {
                dt { (words.since) } dd { (values::dated(view, alert.occurred.or(alert.detected))) }
                @if let Some(value) = alert.value {
                    dt { (words.value) }
                    dd {
                        strong { (shown(value)) }
                        @if let Some(level) = alert.level { " " span.dim { (words.level) " " (shown(level)) } }
                    }
                }
                @if ending.is_some_and(Ending::resolved) {
                    dt { (words.recovered) } dd { (values::dated(view, alert.recovered.or(alert.resolved))) }
                } @else if ending.is_some() {
                    dt { (words.ended) } dd { (values::dated(view, alert.resolved)) }
                }
                (pieces::team(view, &scene.live, &scene.owner))
            }
            @if let Some(note) = ending.and_then(|ending| ending.note(words)) { p { (note) } }
        }
    }
}

/// What to do now and what not: the customer's response first, with its source; then the registry's text.
pub fn to_do(view: &View, scene: &Scene) -> Markup {
    let words = view.words;
    let code = scene.alert.identity.code;
    let agreed = pieces::response(&scene.live, &scene.alert, scene.agent.as_ref());
    let has_steps = agreed.is_some_and(|response| !response.first_action.is_empty());
    html! {
        @if let Some(response) = agreed { (response_box(view, scene, response)) }
        @if !has_steps {
            section.do {
                h2 { (words.do_now) " " span.dim { "(" (words_plan::of(words.language).general) " " (codes::display(code, true)) ")" } }
                @match codes::text(code, words.language) {
                    Some(text) => { (frame::steps(text)) }
                    None => { p { (words.no_text) } }
                }
            }
        }
        // What is agreed not to be done holds for the general steps too.
        @if let Some(response) = agreed { (limits(view, response)) }
    }
}

fn response_box(view: &View, scene: &Scene, response: &Response) -> Markup {
    let language = view.words.language;
    let source = scene.live.directory.source(response);
    html! {
        @if !response.first_action.is_empty() {
            section.do {
                h2 {
                    (view.words.do_now) " "
                    span.dim { "(" @if let Some(document) = &response.document { (document.get(language)) ", " } (source_name(&source)) ")" }
                }
                ol { @for step in &response.first_action { li { (pieces::lines(step.get(language))) } } }
            }
        }
    }
}

/// Where a response stands, without the directories of the collector's host.
#[must_use]
pub fn source_name(source: &crate::directory::Source) -> String {
    let file = source.file.file_name().unwrap_or_default();
    format!("{}:{}", file.to_string_lossy(), source.line)
}

/// What must not be done, who may decide, whom to call, what it means for the customer.
pub fn limits(view: &View, response: &Response) -> Markup {
    let language = view.words.language;
    let said = words_plan::of(language);
    html! {
        @if !response.must_not.is_empty() {
            section.do-not {
                h2 { (said.must_not) }
                ul { @for text in &response.must_not { li { (pieces::lines(text.get(language))) } } }
            }
        }
        @if response.decides.is_some() || response.telephone.is_some() || response.impact.is_some() {
            dl.facts {
                @if let Some(decides) = &response.decides { dt { (said.decides) } dd { (decides.get(language)) } }
                @if let Some(number) = &response.telephone { dt { (said.telephone) } dd { (pieces::telephone(number)) } }
                @if let Some(impact) = &response.impact { dt { (said.impact) } dd { (pieces::lines(impact.get(language))) } }
            }
        }
    }
}
