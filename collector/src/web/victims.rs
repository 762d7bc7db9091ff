//! Whom the kernel killed for memory: on the page of an alert, and on that of its agent.

use super::frame::View;
use super::values;
use super::words_evidence::{self as words, Words};
use crate::limit::PAGE_VICTIMS;
use crate::notify::render::numbers;
use crate::store::rows::VictimRows;
use crate::store::{StoreError, StoredAlert, StoredVictim, victims};
use hansho::frame::evidence::Short;
use hansho::frame::kind::AgentId;
use maud::{Markup, html};

/// An OOM kill: where nobody is named, its page says so.
const OOM_KILL: u16 = 1010;
/// One more than a page shows: whether there are more.
const LOOKED_AT: usize = PAGE_VICTIMS + 1;

/// Those of an alert.
///
/// # Errors
/// [`StoreError`].
pub fn of_alert<R: VictimRows + ?Sized>(
    rows: &mut R,
    alert: &StoredAlert,
) -> Result<Vec<StoredVictim>, StoreError> {
    victims::of_alert(rows, alert, LOOKED_AT)
}

/// The newest of an agent.
///
/// # Errors
/// [`StoreError`].
pub fn newest<R: VictimRows + ?Sized>(
    rows: &mut R,
    agent: AgentId,
) -> Result<Vec<StoredVictim>, StoreError> {
    rows.victims_of(agent, None, LOOKED_AT)
}

/// The section of an alert's page.
pub fn on_alert(view: &View, all: &[StoredVictim], code: u16) -> Markup {
    let said = words::of(view.words.language);
    html! {
        @if !all.is_empty() || code == OOM_KILL { section {
            h2 { (said.killed) }
            @if all.is_empty() { p.dim { (said.no_victim) } } @else { (table(view, said, all)) }
        } }
    }
}

/// The section of an agent's page; nothing where it has none.
pub fn on_agent(view: &View, all: &[StoredVictim]) -> Markup {
    let said = words::of(view.words.language);
    html! {
        @if !all.is_empty() {
            h2 { (said.killed) }
            (table(view, said, all))
        }
    }
}

fn table(view: &View, said: &Words, all: &[StoredVictim]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(said.killed) { table {
            thead { tr {
                th scope="col" { (said.time) }
                th scope="col" { (said.process) }
                th.n scope="col" { (said.user_id) }
                th.n scope="col" { (said.anonymous) }
                th scope="col" { (said.short) }
            } }
            tbody { @for one in all.iter().take(PAGE_VICTIMS) { tr {
                td { (values::dated(view, Some(one.at))) }
                th scope="row" { (process(said, one)) }
                td.n { @match one.uid { Some(uid) => (uid), None => span.dim { (said.unread) } } }
                td.n { (numbers::memory(one.anonymous_kib, 1)) }
                td { (short(said, one)) }
            } } }
        } }
        @if all.len() > PAGE_VICTIMS { p.dim { (words::newest(view.words.language, PAGE_VICTIMS)) } }
    }
}

fn process(said: &Words, one: &StoredVictim) -> Markup {
    html! {
        code { (one.name) } " " span.nowrap { "pid " (one.pid) }
        @if let Some(unit) = one.unit.as_ref().filter(|unit| !unit.is_empty()) { div { (unit) } }
        @if let Some(container) = one.container.as_ref().filter(|id| !id.is_empty()) {
            div { (said.container) " " code { (container) } }
        }
    }
}

fn short(said: &Words, one: &StoredVictim) -> Markup {
    match Short::from_u8(one.short) {
        Short::Host => html! { (said.short_host) },
        Short::Group => html! {
            (said.short_group)
            @if !one.group.is_empty() { div { code { (one.group) } } }
        },
        Short::Nodes => html! { (said.short_nodes) },
        Short::Unknown => html! { span.dim { (said.unread) } },
    }
}
