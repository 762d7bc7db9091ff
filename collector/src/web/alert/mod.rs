//! The page of one alert. On a phone's first screen: whose, since when, how bad, what to do and what not, the button that takes
//! it, the telephone; below it who used what, what happened, who was told and why, evidence, notes. [`top`] and [`below`] the two halves,
//! [`acts`] what its forms do.

pub mod acts;
pub mod below;
pub mod told;
pub mod top;

use super::forms::Told;
use super::frame::{self, Live, View};
use super::life;
use super::overview::{Hush, Known, customer_of, hush, place};
use super::{Site, evidence, forms, pieces, victims};
use crate::codes;
use crate::directory;
use crate::people::{Action, Scope};
use crate::store::evidence::{OfAlert, of_alert};
use crate::store::window::covering;
use crate::store::{
    Acknowledgement, Agent, AlertCause, AlertId, Decision, Event, Note, NoteOn, Occurrence,
    Outgoing, StoreError, StoredAlert, StoredVictim, Window,
};
use hansho::clock::WallTime;
use maud::{Markup, html};
use std::sync::Arc;

/// All that the page shows.
pub struct Scene {
    /// The alert.
    pub alert: StoredAlert,
    /// Its agent.
    pub agent: Option<Agent>,
    /// Whose it is.
    pub owner: directory::Owner,
    /// The configuration in force.
    pub live: Arc<directory::Live>,
    /// Since when its agent is silent.
    pub silent: Option<WallTime>,
    /// All acknowledgements, in order.
    pub taken: Vec<Acknowledgement>,
    /// What happened to it.
    pub events: Vec<Event>,
    /// Notes.
    pub notes: Vec<Note>,
    /// Why nobody is told of it now.
    pub hush: Option<Hush>,
    /// Windows that cover it now.
    pub windows: Vec<(Window, Occurrence)>,
    /// Decisions of who is told.
    pub decisions: Vec<Decision>,
    /// Messages of its thread.
    pub messages: Vec<Outgoing>,
    /// Who used what, the oldest first.
    pub evidence: Vec<OfAlert>,
    /// Whom the kernel killed for memory meanwhile, the last first.
    pub victims: Vec<StoredVictim>,
    /// Why it was raised, where the collector raised it.
    pub cause: Option<AlertCause>,
}

impl Scene {
    /// Who has it now.
    #[must_use]
    pub fn holder(&self) -> Option<&Acknowledgement> {
        self.taken.iter().find(|row| row.ended.is_none())
    }

    /// Whose it is; empty where it is of no single customer.
    #[must_use]
    pub fn customer(&self) -> &str {
        match &self.agent {
            Some(agent) => &agent.customer,
            None => customer_of(&self.alert),
        }
    }
}

/// Reads it; `None` where there is no such alert for this viewer.
fn scene(site: &Site, view: &View, id: AlertId) -> Result<Option<Scene>, StoreError> {
    let live = site.current.get();
    let now = view.now;
    let mut found = None;
    site.store.view(&mut |rows| {
        let Some(alert) = rows.alert(id)? else {
            return Ok(());
        };
        let agent = rows.agent(alert.agent)?;
        let (customer, system, host) = match &agent {
            Some(agent) => (
                agent.customer.as_str(),
                agent.system.as_str(),
                agent.name.as_str(),
            ),
            None => (customer_of(&alert), "", ""),
        };
        // What another customer's is does not exist for this viewer; nor does what belongs to no customer, but for those who
        // see all.
        let all = view.viewer().scope == Scope::All;
        if !(all || (!customer.is_empty() && view.viewer().sees(customer))) {
            return Ok(());
        }
        let owner = live.directory.owner(customer, system, host);
        let at = owner.site.as_ref().map_or("", |site| site.id.as_str());
        let windows = rows.windows(now)?;
        let silences = rows.silences(now)?;
        let known = Known {
            agents: &[],
            lives: &[],
            open: &[],
            taken: &[],
            silences: &silences,
            windows: &windows,
            now,
        };
        let hush = hush(&known, &alert, agent.as_ref(), at);
        let here = place(&alert, agent.as_ref(), at);
        let covering = covering(&windows, &here, now)
            .into_iter()
            .map(|(window, occurrence)| (window.clone(), occurrence))
            .collect();
        let decisions = rows.decisions_of(id)?;
        let thread = decisions.iter().find_map(|decision| decision.thread);
        let mut messages = rows.outgoing_of_thread(thread.unwrap_or(id))?;
        messages.extend(rows.listings_of(id)?);
        found = Some(Scene {
            owner,
            live: Arc::clone(&live),
            silent: None,
            taken: rows.acknowledgements(id)?,
            events: rows.events_of(id)?,
            notes: rows.notes(&NoteOn::Alert(id))?,
            hush,
            windows: covering,
            decisions,
            messages,
            cause: rows.cause(id)?,
            evidence: of_alert(rows, &alert)?,
            victims: victims::of_alert(rows, &alert)?,
            agent,
            alert,
        });
        Ok(())
    })?;
    if let Some(scene) = &mut found
        && let Some(agent) = &scene.agent
    {
        scene.silent = life::of(site, agent, now)?.silent;
    }
    Ok(found)
}

/// Builds the page; `None` where there is no such alert.
///
/// # Errors
/// [`StoreError`].
pub fn page(site: &Site, view: &View, id: &str, told: &Told) -> Result<Option<Markup>, StoreError> {
    let Ok(id) = id.parse::<AlertId>() else {
        return Ok(None);
    };
    let Some(scene) = scene(site, view, id)? else {
        return Ok(None);
    };
    let request = crate::keys::random::<8>().map_err(|failure| StoreError::Io(failure.message))?;
    let request = format!("{:016x}", u64::from_le_bytes(request));
    let path = format!("/a/{id}");
    let code = scene.alert.identity.code;
    let may = |action| view.viewer().may(action, None).is_ok();
    let content = html! {
        (told.said())
        div #alert-top data-live { (top::facts(view, &scene)) }
        @if may(Action::Acknowledge) { (acts::take_form(view, &scene, told, &path, &request)) }
        div #alert-do data-live { (top::to_do(view, &scene)) }
        div #alert-victims data-live { (victims::on_alert(view, &scene.victims, code)) }
        div #alert-used data-live { (evidence::of_alert(view, &scene.evidence, code)) }
        div #alert-below data-live { (below::halves(view, &scene)) }
        section #notes {
            h2 { (super::words_fleet::of(view.words.language).notes) }
            div #notes-list data-live { (pieces::notes(view, super::words_fleet::of(view.words.language), &scene.notes)) }
            (forms::note(view, told, &format!("{path}/note")))
        }
        @if may(Action::Silence) { (acts::silence_form(view, &scene, told, &path)) }
        div #alert-told data-live { (told::section(view, &scene)) }
        div #alert-text data-live { (below::texts(view, &scene)) }
        (pieces::times("times"))
    };
    let title = format!("{} {}", codes::display(code, scene.alert.firing), id);
    Ok(Some(frame::page(view, &title, &path, Live::Parts, content)))
}
