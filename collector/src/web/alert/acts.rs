//! What people do on an alert's page: take it, give it back, note, silence.

use super::super::Site;
use super::super::forms::{
    self, Sent, Told, Wrong, begin, carry_out, given, remark, time, time_input,
};
use super::super::frame::{self, View};
use super::super::words_plan as words;
use super::Scene;
use crate::handling::silence::{self, NewSilence};
use crate::handling::{Ask, Refused, acknowledge, release, transact};
use crate::limit::REQUEST_CHARACTERS;
use crate::store::{AlertId, Matcher, NoteOn, StoreError};
use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

/// The form that takes it, and the one that gives it back.
pub fn take_form(view: &View, scene: &Scene, told: &Told, path: &str, request: &str) -> Markup {
    let said = words::of(view.words.language);
    let holder = scene.holder();
    let own = holder.is_some_and(|held| held.by == view.viewer().name);
    let label = match holder {
        Some(_) if own => said.renew,
        Some(_) => said.take_over,
        None => said.take,
    };
    html! {
        form.stack.take method="post" action=(frame::link(view, &format!("{path}/take"))) autocomplete="off" {
            (begin(view))
            input type="hidden" name="request" value=(request);
            @if !scene.alert.firing { p.dim { (said.over_already) } }
            // Pressing is enough; what may be added does not push what to do off a phone's first screen.
            div.buttons {
                button { (label) }
                @if own { button.plain form="release" { (said.release) } }
            }
            details open[told.is_of("take")] {
                summary { (said.more) }
                (time_input(said, said.expected, "recovery", told.field("take", "recovery")))
                (time_input(said, said.next_report, "report", told.field("take", "report")))
                (remark(said.text, "text", told.field("take", "text"), false))
            }
        }
        @if own {
            form #release method="post" action=(frame::link(view, &format!("{path}/release"))) { (begin(view)) }
        }
    }
}

/// What can be silenced from here: value, and whether the alert has such a thing.
const SCOPES: [&str; 4] = ["this", "code_host", "code_system", "host"];

/// The form that silences.
pub fn silence_form(view: &View, scene: &Scene, told: &Told, path: &str) -> Markup {
    let said = words::of(view.words.language);
    let chosen = told.field("silence", "what");
    let chosen = if chosen.is_empty() { "this" } else { chosen };
    let texts = [
        said.this_alert,
        said.this_code_host,
        said.this_code_system,
        said.this_host,
    ];
    let scopes = SCOPES.into_iter().zip(texts);
    html! {
        details #silence-form open[told.is_of("silence")] {
            summary { (said.silence_this) }
            form.stack method="post" action=(frame::link(view, &format!("{path}/silence"))) autocomplete="off" {
                (begin(view))
                p { (said.silence_note) }
                label { (said.silence_what) select name="what" {
                    @for (value, text) in scopes.take(if scene.agent.is_some() { SCOPES.len() } else { 1 }) {
                        option value=(value) selected[value == chosen] { (text) }
                    }
                } }
                (time_input(said, said.until, "until", told.field("silence", "until")))
                (remark(said.reason, "reason", told.field("silence", "reason"), true))
                button { (said.silence_make) }
            }
        }
    }
}

fn identity(id: &str) -> Result<AlertId, Wrong> {
    id.parse().map_err(|()| Refused::NoAlert.into())
}

fn again(
    id: String,
) -> impl FnOnce(&Site, &View, &Told) -> Result<Option<Markup>, StoreError> + Send {
    move |site, view, told| super::page(site, view, &id, told)
}

/// `POST /a/{id}/take`.
pub async fn take(Path(id): Path<String>, sent: Sent) -> Response {
    let page = again(id.clone());
    carry_out(
        sent,
        "take",
        move |site, view, fields| {
            let alert = identity(&id)?;
            let request = given(fields, "request");
            let ask = Ask {
                expected_recovery: time(view, fields, "recovery")?,
                next_report: time(view, fields, "report")?,
                text: fields.get("text").to_owned(),
                request: request.map(|text| text.chars().take(REQUEST_CHARACTERS).collect()),
            };
            let who = view.entered.who();
            transact(&*site.writing, |rows| {
                acknowledge(rows, &who, alert, &ask, view.now)
            })?;
            Ok(format!("/a/{alert}?done=taken"))
        },
        page,
    )
    .await
}

/// `POST /a/{id}/release`.
pub async fn give_back(Path(id): Path<String>, sent: Sent) -> Response {
    let page = again(id.clone());
    carry_out(
        sent,
        "release",
        move |site, view, fields| {
            let alert = identity(&id)?;
            let who = view.entered.who();
            let text = fields.get("text");
            transact(&*site.writing, |rows| {
                release(rows, &who, alert, text, view.now)
            })?;
            Ok(format!("/a/{alert}?done=released"))
        },
        page,
    )
    .await
}

/// `POST /a/{id}/note`.
pub async fn write_note(Path(id): Path<String>, sent: Sent) -> Response {
    let page = again(id.clone());
    carry_out(
        sent,
        "note",
        move |site, view, fields| {
            let alert = identity(&id)?;
            forms::add_note(site, view, &NoteOn::Alert(alert), fields)?;
            Ok(format!("/a/{alert}?done=note#notes"))
        },
        page,
    )
    .await
}

/// `POST /a/{id}/silence`.
pub async fn make_silence(Path(id): Path<String>, sent: Sent) -> Response {
    let page = again(id.clone());
    carry_out(
        sent,
        "silence",
        move |site, view, fields| {
            let alert = identity(&id)?;
            let until = time(view, fields, "until")?.ok_or(Refused::Empty("the end"))?;
            let who = view.entered.who();
            let scene = super::scene(site, view, alert)?.ok_or(Refused::NoAlert)?;
            let new = NewSilence {
                matcher: matcher(&scene, fields.get("what")),
                from: view.now,
                until,
                reason: fields.get("reason").to_owned(),
            };
            transact(&*site.writing, |rows| {
                silence::add(rows, &who, &new, view.now)
            })?;
            Ok(format!("/a/{alert}?done=silence"))
        },
        page,
    )
    .await
}

/// What is silenced: never more than what was chosen; an unknown choice is the narrowest.
fn matcher(scene: &Scene, what: &str) -> Matcher {
    let identity = &scene.alert.identity;
    let Some(agent) = &scene.agent else {
        let customer = scene.customer();
        return Matcher {
            customer: (!customer.is_empty()).then(|| customer.to_owned()),
            code: Some(identity.code),
            subject: Some(identity.subject.clone()),
            ..Matcher::default()
        };
    };
    let whole = Matcher {
        customer: Some(agent.customer.clone()),
        system: Some(agent.system.clone()),
        agent: Some(agent.name.clone()),
        code: Some(identity.code),
        subject: Some(identity.subject.clone()),
    };
    match what {
        "code_host" => Matcher {
            subject: None,
            ..whole
        },
        "code_system" => Matcher {
            subject: None,
            agent: None,
            ..whole
        },
        "host" => Matcher {
            subject: None,
            code: None,
            ..whole
        },
        _ => whole,
    }
}
