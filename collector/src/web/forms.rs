//! Forms on pages, and what becomes of them: what was done is told after a redirect, what was refused is told on the page itself
//! with all that was typed.

use super::account::csrf;
use super::frame::{self, View};
use super::guard::{Fields, see_other};
use super::visit::Visit;
use super::words_plan::{self as words, Words};
use super::{Asked, Site, html as answer, pieces, unreadable, view};
use crate::handling::{Fault, Refused, moment, note, transact};
use crate::limit::{NOTE_CHARACTERS, REMARK_CHARACTERS};
use crate::people::Action;
use crate::store::{NoteOn, StoreError};
use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use hansho::clock::WallTime;
use maud::{Markup, html};
use std::sync::Arc;

/// What became of the form that led to a page.
#[derive(Clone, Debug, Default)]
pub struct Told {
    done: Option<&'static str>,
    refused: Option<String>,
    form: &'static str,
    fields: Option<Fields>,
}

impl Told {
    /// Of a page that a redirect leads to, `done` being its parameter.
    #[must_use]
    pub fn of(view: &View, done: Option<&str>) -> Self {
        let said = words::of(view.words.language);
        let done = done.and_then(|word| {
            Some(match word {
                "taken" => said.done_taken,
                "released" => said.done_released,
                "note" => said.done_note,
                "silence" => said.done_silence,
                "silence_end" => said.done_silence_end,
                "window" => said.done_window,
                "window_end" => said.done_window_end,
                _ => return None,
            })
        });
        Self {
            done,
            ..Self::default()
        }
    }

    /// Above the page's content.
    pub fn said(&self) -> Markup {
        pieces::outcome(self.done, self.refused.as_deref())
    }

    /// Whether this form was refused: it is shown open then.
    #[must_use]
    pub fn is_of(&self, form: &str) -> bool {
        self.refused.is_some() && self.form == form
    }

    /// What was typed into a field of a form that was refused.
    #[must_use]
    pub fn field(&self, form: &str, name: &str) -> &str {
        match &self.fields {
            Some(fields) if self.form == form => fields.get(name),
            _ => "",
        }
    }

    /// Whether a form that was refused had this value in a field that can stand more than once.
    #[must_use]
    pub fn has(&self, form: &str, name: &str, value: &str) -> bool {
        match &self.fields {
            Some(fields) if self.form == form => fields.all(name).any(|found| found == value),
            _ => false,
        }
    }
}

/// Why a form was not carried out.
pub enum Wrong {
    /// A field cannot be read; for people.
    Field(String),
    /// Refused, or the store failed.
    Fault(Fault),
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<StoreError> for Wrong {
    fn from(error: StoreError) -> Self {
        Self::Fault(Fault::Store(error))
    }
}

impl From<Refused> for Wrong {
    fn from(refused: Refused) -> Self {
        Self::Fault(Fault::Refused(refused))
    }
}

/// A request with a form.
pub struct Sent {
    /// Who sends it, and to which address.
    pub visit: Visit,
    /// Its fields.
    pub fields: Fields,
}

impl FromRequestParts<Arc<Site>> for Sent {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Response> {
        let visit = Visit::from_request_parts(parts, site).await?;
        let fields = Extension::from_request_parts(parts, site).await;
        let Extension(fields) = fields.map_err(|error| error.into_response())?;
        Ok(Self { visit, fields })
    }
}

/// Carries a form out: `act` says where to go when it was done; when it was not, `page` is shown with why, and with what was typed.
pub async fn carry_out<A, P>(sent: Sent, form: &'static str, act: A, page: P) -> Response
where
    A: FnOnce(&Site, &View, &Fields) -> Result<String, Wrong> + Send + 'static,
    P: FnOnce(&Site, &View, &Told) -> Result<Option<Markup>, StoreError> + Send + 'static,
{
    let Sent { visit, fields } = sent;
    let asked = Asked::of(&visit);
    let words = asked.words;
    let done = tokio::task::spawn_blocking(move || {
        let view = view(&visit.site, &asked, &visit.entered);
        let refused = match act(&visit.site, &view, &fields) {
            Ok(path) => return Ok(see_other(&frame::link(&view, &path))),
            Err(Wrong::Field(text)) => text,
            Err(Wrong::Fault(Fault::Refused(refused))) => {
                log::info!("{form} by {:?} was refused: {refused}", view.viewer().name);
                words::refused(view.words.language, &refused, &|at| view.time(at))
            }
            Err(Wrong::Fault(Fault::Store(error))) => return Err(error),
        };
        let told = Told {
            refused: Some(refused),
            form,
            fields: Some(fields),
            ..Told::default()
        };
        Ok(match page(&visit.site, &view, &told)? {
            Some(markup) => answer(StatusCode::UNPROCESSABLE_ENTITY, markup),
            None => answer(
                StatusCode::NOT_FOUND,
                frame::message(view.words, view.words.not_found),
            ),
        })
    })
    .await;
    match done {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => unreadable(words, &error),
        Err(error) => unreadable(words, &error),
    }
}

/// A time that was typed; `None` where the field is empty.
///
/// # Errors
/// It cannot be read.
pub fn time(view: &View, fields: &Fields, name: &str) -> Result<Option<WallTime>, Wrong> {
    let text = fields.get(name).trim();
    if text.is_empty() {
        return Ok(None);
    }
    moment::parse(text, view.zone.offset_s(), view.now)
        .map(Some)
        .ok_or_else(|| {
            let said = words::of(view.words.language);
            Wrong::Field(format!("{} {}", said.not_done, said.bad_time))
        })
}

/// A field that may be empty, `None` then.
#[must_use]
pub fn given(fields: &Fields, name: &str) -> Option<String> {
    let text = fields.get(name).trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What a form begins with.
pub fn begin(view: &View) -> Markup {
    csrf(view)
}

/// A labelled field for a time.
pub fn time_input(said: &Words, label: &str, name: &str, value: &str) -> Markup {
    html! { label { (label) input name=(name) value=(value) list="times" placeholder=(said.time_hint) autocomplete="off" maxlength="40"; } }
}

/// The form that writes a note, for those who may.
pub fn note(view: &View, told: &Told, action: &str) -> Markup {
    let said = words::of(view.words.language);
    html! {
        @if view.viewer().may(Action::Note, None).is_ok() {
            details #note-form open[told.is_of("note")] {
                summary { (said.note) }
                form.stack method="post" action=(frame::link(view, action)) {
                    (begin(view))
                    label { (said.note) textarea name="text" rows="4" maxlength=(NOTE_CHARACTERS) required { (told.field("note", "text")) } }
                    button { (said.note_save) }
                }
            }
        }
    }
}

/// A short text.
pub fn remark(label: &str, name: &str, value: &str, required: bool) -> Markup {
    html! { label { (label) textarea name=(name) rows="2" maxlength=(REMARK_CHARACTERS) required[required] { (value) } } }
}

/// Writes a note.
///
/// # Errors
/// [`Wrong`].
pub fn add_note(site: &Site, view: &View, on: &NoteOn, fields: &Fields) -> Result<(), Wrong> {
    let who = view.entered.who();
    let text = fields.get("text");
    transact(&*site.writing, |rows| {
        note::add(rows, &who, on, text, view.now)
    })?;
    Ok(())
}
