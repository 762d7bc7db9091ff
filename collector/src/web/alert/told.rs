//! Who was told and why, and why somebody was not: the decisions about an alert and the messages of its thread.

use super::super::frame::View;
use super::super::words_alert as words;
use super::super::{pieces, words_fleet};
use super::Scene;
use crate::limit::PAGE_TOLD;
use crate::store::{Channel, Outcome, Outgoing};
use maud::{Markup, html};

/// The section.
pub fn section(view: &View, scene: &Scene) -> Markup {
    let language = view.words.language;
    let said = words::of(language);
    let hidden = scene.decisions.len().saturating_sub(PAGE_TOLD);
    html! {
        section {
            h2 { (said.told) }
            @if scene.decisions.is_empty() && scene.messages.is_empty() { p.dim { (said.nobody_told) } }
            @if !scene.messages.is_empty() {
                h3 { (said.messages) }
                ul.timeline { @for message in latest(&scene.messages) { (line(view, scene, message)) } }
            }
            @if !scene.decisions.is_empty() {
                h3 { (said.decisions) }
                @if hidden > 0 { p.dim { (words_fleet::more(language, hidden as u64)) } }
                ul.timeline {
                    @for decision in latest(&scene.decisions) {
                        li.quiet[decision.outcome == Outcome::Quiet] {
                            time { (view.time(decision.at)) } " " (words::reason(language, decision.reason))
                            ": " strong { (words::outcome(language, decision.outcome)) }
                        }
                    }
                }
            }
        }
    }
}

fn latest<T>(rows: &[T]) -> &[T] {
    rows.get(rows.len().saturating_sub(PAGE_TOLD)..)
        .unwrap_or_default()
}

fn line(view: &View, scene: &Scene, message: &Outgoing) -> Markup {
    let language = view.words.language;
    let said = words::of(language);
    let receiver = scene.live.directory.receiver(&message.receiver);
    let name = receiver.map_or(message.receiver.as_str(), |known| known.name.get(language));
    let channel = match message.channel {
        Channel::Mail => said.by_mail,
        Channel::Webhook => said.by_webhook,
        Channel::Alertmanager => said.by_alertmanager,
    };
    html! {
        li {
            time { (view.time(message.created)) } " " strong { (name) } " (" (channel) ") "
            (words::reason(language, message.reason)) ": " (words::sending(language, message.state))
            @if let Some(done) = message.done { " " span.dim { (pieces::short(view, done)) } }
            @if message.attempts > 1 { " " span.dim { (said.attempts) " " (message.attempts) } }
            @if message.told_before() { br; span.dim { (said.told_before) ": " (message.said) } }
            @if !message.said.is_empty() && !matches!(message.state, crate::store::Sending::Delivered) {
                br; span.dim { (said.said_so) ": " } (message.said)
            }
        }
    }
}
