//! Silences: those that hold or are to come, the form that adds one, and the buttons that end one.

use super::forms::{Sent, Told, Wrong, begin, carry_out, given, remark, time, time_input};
use super::frame::{self, Live, View};
use super::guard::Fields;
use super::words_plan::{self as words, Words};
use super::{Site, pieces, places};
use crate::codes;
use crate::handling::silence::{self, NewSilence, described};
use crate::handling::{self, Fault, Refused, transact};
use crate::people::Action;
use crate::store::{Matcher, Silence, StoreError};
use axum::response::Response;
use maud::{Markup, html};

/// Builds the page.
///
/// # Errors
/// [`StoreError`].
pub fn page(site: &Site, view: &View, told: &Told) -> Result<Option<Markup>, StoreError> {
    let who = view.entered.who();
    let listed = handling::view(&*site.store, |rows| silence::list(rows, &who, view.now));
    let silences = match listed {
        Ok(silences) => silences,
        Err(Fault::Store(error)) => return Err(error),
        Err(Fault::Refused(_)) => Vec::new(),
    };
    let said = words::of(view.words.language);
    let may = view.viewer().may(Action::Silence, None).is_ok();
    let places = places::of(site, view)?;
    let content = html! {
        h1 { (said.silences) }
        (told.said())
        p.dim { (said.silence_note) }
        div #silences data-live {
            @if silences.is_empty() { p { (said.no_silences) } } @else {
                div.scroll tabindex="0" role="region" aria-label=(said.silences) { table {
                    thead { tr {
                        th.n scope="col" { "No." } th scope="col" { (said.what) } th scope="col" { (said.when) }
                        th scope="col" { (said.reason) } th scope="col" { (said.by) }
                        @if may { th scope="col" { (said.end_now) } }
                    } }
                    tbody { @for silence in &silences { (row(view, said, silence, may)) } }
                } }
            }
        }
        @if may { (form(view, said, told, &places)) }
    };
    Ok(Some(frame::page(
        view,
        said.silences,
        "/silences",
        Live::Parts,
        content,
    )))
}

fn row(view: &View, said: &Words, silence: &Silence, may: bool) -> Markup {
    let holds = silence.holds(view.now);
    html! {
        tr id={ "s" (silence.id) } {
            th.n scope="row" { (silence.id) }
            td.place { (described(&silence.matcher)) }
            td.when {
                span.badge.ok[holds] { @if holds { (said.holds) } @else { (said.to_come) } } " "
                (view.time(silence.from)) " - " (view.time(silence.end()))
            }
            td { (pieces::lines(&silence.reason)) }
            td { (silence.by) ", " (view.time(silence.created)) }
            @if may { td.nowrap { form.inline method="post" action=(frame::link(view, "/silences/end")) {
                (begin(view))
                input type="hidden" name="silence" value=(silence.id);
                button.plain { (said.end_now) " " (silence.id) }
            } } }
        }
    }
}

fn form(view: &View, said: &Words, told: &Told, places: &[String]) -> Markup {
    html! {
        h2 { (said.add_silence) }
        form.stack #silence-form method="post" action=(frame::link(view, "/silences")) autocomplete="off" {
            (begin(view))
            label { (said.place) input name="place" value=(told.field("silences", "place")) list="places" maxlength="200" aria-describedby="place-hint"; }
            p.dim #place-hint { (said.place_hint) }
            label { (said.code) input name="code" value=(told.field("silences", "code")) list="codes" maxlength="12" placeholder="HNS1002"; }
            label { (said.subject) input name="subject" value=(told.field("silences", "subject")) maxlength="64"; }
            (time_input(said, said.from, "from", told.field("silences", "from")))
            (time_input(said, said.until, "until", told.field("silences", "until")))
            (remark(said.reason, "reason", told.field("silences", "reason"), true))
            button { (said.silence_make) }
        }
        (places::list(places))
        datalist #codes { @for entry in codes::all() { option value={ "HNS" (entry.number) } {} } }
        (pieces::times("times"))
    }
}

/// `POST /silences`.
pub async fn add(sent: Sent) -> Response {
    carry_out(
        sent,
        "silences",
        |site, view, fields| {
            let until = time(view, fields, "until")?.ok_or(Refused::Empty("the end"))?;
            let new = NewSilence {
                matcher: matcher(view, fields)?,
                from: time(view, fields, "from")?.unwrap_or(view.now),
                until,
                reason: fields.get("reason").to_owned(),
            };
            let who = view.entered.who();
            transact(&*site.writing, |rows| {
                silence::add(rows, &who, &new, view.now)
            })?;
            Ok("/silences?done=silence".to_owned())
        },
        page,
    )
    .await
}

fn matcher(view: &View, fields: &Fields) -> Result<Matcher, Wrong> {
    let place = places::parse(fields.get("place"));
    let code = match given(fields, "code") {
        None => None,
        Some(text) => match codes::number(&text) {
            Some(code) => Some(code),
            None => {
                let said = words::of(view.words.language);
                return Err(Wrong::Field(format!(
                    "{} {}: {text}",
                    said.not_done, said.code
                )));
            }
        },
    };
    Ok(Matcher {
        customer: place.customer,
        system: place.system,
        agent: place.agent,
        code,
        subject: given(fields, "subject"),
    })
}

/// `POST /silences/end`.
pub async fn end(sent: Sent) -> Response {
    carry_out(
        sent,
        "end",
        |site, view, fields| {
            // What is no number is no silence.
            let id = fields.get("silence").parse().unwrap_or(0);
            let who = view.entered.who();
            transact(&*site.writing, |rows| {
                silence::end(rows, &who, id, view.now)
            })?;
            Ok("/silences?done=silence_end".to_owned())
        },
        page,
    )
    .await
}
