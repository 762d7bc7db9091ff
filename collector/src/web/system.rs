//! The page of one system: whose it is, what burns, its agents, windows and notes.

use super::fleet::{self, Loaded};
use super::forms::{self, Sent, Told, carry_out};
use super::frame::{self, Live, View};
use super::life::Life;
use super::overview::Overview;
use super::values::{self, Figures};
use super::words_fleet::{self as words, Words};
use super::{Site, names, pieces};
use crate::codes::Language;
use crate::handling::note;
use crate::limit::PAGE_AGENTS;
use crate::people::Action;
use crate::store::window::covering;
use crate::store::{Agent, Note, NoteOn, Place, StoreError, StoredReading, Window, WindowKind};
use axum::extract::Path;
use axum::response::Response;
use hansho::sample::Field;
use maud::{Markup, html};

/// Builds it, `first` being the number of the first agent shown; `None` where the viewer has no such system.
///
/// # Errors
/// [`StoreError`].
pub fn page(
    site: &Site,
    view: &View,
    (customer, system): (&str, &str),
    first: usize,
    told: &Told,
) -> Result<Option<Markup>, StoreError> {
    let live = site.current.get();
    let loaded = fleet::load(site, view, &|agent| {
        agent.customer == customer && agent.system == system
    })?;
    if loaded.agents.is_empty() {
        return Ok(None);
    }
    let known = loaded.known(view.now);
    let overview = Overview::of(&known, &|agent| fleet::site_of(&live, agent), &|_| false);
    let on = NoteOn::System {
        customer: customer.to_owned(),
        system: system.to_owned(),
    };
    let notes = notes(site, view, &on)?;
    let mut rows = Vec::new();
    for (agent, life) in loaded
        .agents
        .iter()
        .zip(&loaded.lives)
        .skip(first)
        .take(PAGE_AGENTS)
    {
        rows.push((agent, *life, site.store.latest(agent.id)?));
    }
    let said = words::of(view.words.language);
    let language = view.words.language;
    let owner = live.directory.owner(customer, system, "");
    let path = frame::system_path(customer, system);
    let content = html! {
        h1 { (owner.customer.name.get(language)) " / " (owner.system.name.get(language)) }
        (told.said())
        div #system data-live {
            dl {
                (pieces::team(view, &live, &owner))
                @if let Some(site) = &owner.site { dt { (said.site) } dd { (site.name.get(language)) } }
                @if let Some(environment) = &owner.environment { dt { (said.environment) } dd { (environment.get(language)) } }
            }
            (windows_now(view, said, &loaded.windows, &Place { customer, system, ..Place::default() }))
            (fleet::burning(view, said, &live, &overview.burning))
            (agents(view, said, &loaded, &rows, first, &path))
        }
        section #notes {
            h2 { (said.notes) }
            div #notes-list data-live { (pieces::notes(view, said, &notes)) }
            (forms::note(view, told, &format!("{path}/note")))
        }
        @if view.viewer().may(Action::Window, Some(customer)).is_ok() {
            p {
                a.button href=(frame::link(view, &format!("/windows?place={}", frame::encoded(&format!("{customer}/{system}"))))) {
                    (super::words_plan::of(language).add_window)
                }
            }
        }
    };
    let title = owner.system.name.get(language).to_owned();
    Ok(Some(frame::page(view, &title, &path, Live::Parts, content)))
}

/// Notes on something that the viewer sees.
pub fn notes(site: &Site, view: &View, on: &NoteOn) -> Result<Vec<Note>, StoreError> {
    let who = view.entered.who();
    match crate::handling::view(&*site.store, |rows| note::list(rows, &who, on)) {
        Ok(notes) => Ok(notes),
        Err(crate::handling::Fault::Store(error)) => Err(error),
        // Gone, or not for this viewer: there is nothing to show.
        Err(crate::handling::Fault::Refused(_)) => Ok(Vec::new()),
    }
}

/// The windows that hold at a place; one that is narrower than the place is listed too.
pub fn windows_now(view: &View, said: &Words, windows: &[Window], place: &Place<'_>) -> Markup {
    let holding = covering(windows, place, view.now);
    let narrower = windows.iter().filter_map(|window| {
        let within = window.scope.customer == place.customer
            && window.scope.system.as_deref() == Some(place.system)
            && !window.scope.fits(place);
        Some((window, window.at(view.now).filter(|_| within)?))
    });
    let all: Vec<_> = holding.into_iter().chain(narrower).collect();
    html! {
        @if !all.is_empty() {
            h2 { (said.windows_now) }
            ul.plain {
                @for (window, occurrence) in all {
                    li class=(if window.kind == WindowKind::Maintenance { "maintenance" } else { "event" }) {
                        (pieces::window(view, said, window, occurrence.until))
                    }
                }
            }
        }
    }
}

type Row<'a> = (&'a Agent, Life, Option<StoredReading>);

fn agents(
    view: &View,
    said: &Words,
    loaded: &Loaded,
    rows: &[Row<'_>],
    first: usize,
    path: &str,
) -> Markup {
    let words = view.words;
    let next = first.saturating_add(rows.len());
    html! {
        h2 { (said.agents) " (" (loaded.agents.len()) ")" }
        div.scroll tabindex="0" role="region" aria-label=(said.agents) {
            table {
                thead { tr {
                    th scope="col" { (words.agent) }
                    th scope="col" { (said.state) }
                    th.n scope="col" { (words.memory_used) }
                    th.n scope="col" { (words.available) }
                    th.n scope="col" { (words.cpu) }
                    th.n scope="col" { (words.pressure) }
                    th scope="col" { (said.last_post) }
                    th scope="col" { (said.version) }
                    th scope="col" { (said.config_hash) }
                    th scope="col" { (said.registry) }
                } }
                tbody { @for row in rows { (agent_row(view, said, row)) } }
            }
        }
        @if first > 0 { p { a href=(frame::link(view, path)) { (said.first_page) } } }
        @if next < loaded.agents.len() {
            p { a href=(frame::link(view, &format!("{path}?first={next}"))) { (said.next_page) " (" (loaded.agents.len().saturating_sub(next)) ")" } }
        }
    }
}

fn agent_row(view: &View, said: &Words, (agent, life, latest): &Row<'_>) -> Markup {
    let words = view.words;
    let figures = latest.as_ref().map(|stored| Figures::of(&stored.reading));
    let cell =
        |text: Option<String>| html! { td.n { (text.unwrap_or_else(|| words.absent.to_owned())) } };
    let figure = |take: &dyn Fn(&Figures) -> Option<String>| cell(figures.as_ref().and_then(take));
    html! {
        tr.stale[life.silent.is_some()] {
            th scope="row" { a href=(frame::link(view, &frame::agent_path(agent))) { (agent.name) } }
            td.nowrap { (state(said, *life)) }
            (figure(&|figures| figures.used.map(values::percent)))
            (figure(&|figures| figures.available_kib.map(values::memory)))
            (figure(&|figures| figures.cpu.map(values::percent)))
            (figure(&|figures| pressure(words.language, figures)))
            td.seen {
                @match life.last_seen { Some(seen) => { (view.time(seen)) } None => { (words.never) } }
                @if let (Some(_), Some(stored)) = (life.silent, latest) {
                    br; (words.readings_of(&view.time(stored.dated.wall)))
                }
            }
            @match &agent.inventory {
                Some(inventory) => {
                    td.nowrap { (inventory.version) }
                    td.nowrap { code { (short(inventory.config_hash)) } }
                    td.nowrap { (registry(said, inventory.registry_hash)) }
                }
                None => { td { "-" } td { "-" } td { "-" } }
            }
        }
    }
}

/// Whether an agent answers, in words.
pub fn state(said: &Words, life: Life) -> Markup {
    html! {
        @match (life.silent, life.last_seen) {
            (Some(_), _) => { span.badge.doubt { (said.silent) } }
            (None, Some(_)) => { (said.answers) }
            (None, None) => { span.badge.doubt { (said.never) } }
        }
    }
}

/// Whether an agent's registry is ours.
fn registry(said: &Words, hash: u64) -> Markup {
    html! {
        @if hash == hansho::code::registry_hash() { (said.same) }
        @else { strong { (said.other) } " " code { (short(hash)) } }
    }
}

/// The first digits of a hash: enough to see that two differ.
#[must_use]
pub fn short(hash: u64) -> String {
    format!("{:08x}", hash >> 32)
}

/// The highest pressure, with what is waited for.
pub fn pressure(language: Language, figures: &Figures) -> Option<String> {
    let (field, permille) = figures.pressure?;
    let name = match (field, language) {
        (Field::PressureCpuSome, _) => "CPU",
        (Field::PressureMemorySome, Language::Ja) => "メモリ",
        (Field::PressureMemorySome, Language::En) => "memory",
        (Field::PressureIoSome, _) => "I/O",
        (other, _) => names::field(other, language),
    };
    Some(format!("{name} {}", values::percent(permille)))
}

/// `POST /systems/{customer}/{system}/note`.
pub async fn write_note(Path((customer, system)): Path<(String, String)>, sent: Sent) -> Response {
    let place = (customer.clone(), system.clone());
    carry_out(
        sent,
        "note",
        move |site, view, fields| {
            let path = frame::system_path(&customer, &system);
            forms::add_note(site, view, &NoteOn::System { customer, system }, fields)?;
            Ok(format!("{path}?done=note#notes"))
        },
        move |site, view, told| page(site, view, (&place.0, &place.1), 0, told),
    )
    .await
}
