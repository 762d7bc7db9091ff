//! The first page: what fires, what to do, and all systems.

use super::Site;
use super::codes::{self, Language};
use super::frame::{self, View};
use super::life::{self, Life};
use super::names;
use super::reason::Ending;
use super::values::{self, Figures};
use crate::limit::{PAGE_ALERTS, PAGE_RESOLVED};
use crate::people::{Scope, Viewer};
use crate::store::{Agent, AlertFilter, StoreError, StoredAlert, StoredReading, System};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use hansho::sample::Field;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Builds it.
///
/// # Errors
/// [`StoreError`].
pub fn page(site: &Site, view: &View) -> Result<Option<Markup>, StoreError> {
    let mut systems = site.store.systems()?;
    systems.retain(|system| view.viewer().sees(&system.customer));
    let (mut firing, number_firing) = firing(site, view.viewer(), &systems)?;
    let resolved = resolved(site, view.viewer(), &systems)?;
    let mut latest = BTreeMap::new();
    let mut lives: BTreeMap<AgentId, Life> = BTreeMap::new();
    for agent in systems.iter().flat_map(|system| &system.agents) {
        if let Some(reading) = site.store.latest(agent.id)? {
            latest.insert(agent.id, reading);
        }
        lives.insert(agent.id, life::of(site, agent, view.now)?);
    }
    let owners: BTreeMap<AgentId, &Agent> = systems
        .iter()
        .flat_map(|system| &system.agents)
        .map(|agent| (agent.id, agent))
        .collect();
    let silent = |alert: &StoredAlert| lives.get(&alert.agent).and_then(|life| life.silent);
    // Real ones before tests, errors before warnings, those of agents that answer before the others', then the newest.
    firing.sort_by_key(|alert| {
        (
            alert.identity.test,
            core::cmp::Reverse(codes::severity(alert.identity.code)),
            silent(alert).is_some(),
        )
    });
    let words = view.words;
    let shown = firing.len() as u64;
    let content = html! {
        h2 { (words.firing) " (" (number_firing) ")" }
        @if firing.is_empty() { p { (words.nothing_fires) } }
        @for alert in &firing { (burning(view, alert, owners.get(&alert.agent).copied(), silent(alert))) }
        @if number_firing > shown { p { (words.more) " " (number_firing.saturating_sub(shown)) } }
        h2 { (words.systems) }
        @if systems.is_empty() { p { (words.no_agents) } }
        @for system in &systems { (system_table(view, system, &latest, &lives)) }
        h2 { (words.resolved) }
        @if resolved.is_empty() { p { (words.none_resolved) } }
        @for alert in &resolved { (over(view, alert, owners.get(&alert.agent).copied())) }
    };
    Ok(Some(frame::page(view, words.firing, "/", true, content)))
}

/// The firing alerts that the viewer sees, as many as the page shows, and how many there are.
fn firing(
    site: &Site,
    viewer: &Viewer,
    systems: &[System],
) -> Result<(Vec<StoredAlert>, u64), StoreError> {
    if viewer.scope == Scope::All {
        let shown = site.store.alerts(&AlertFilter {
            firing: Some(true),
            limit: Some(PAGE_ALERTS),
            ..AlertFilter::default()
        })?;
        return Ok((shown, site.store.totals()?.firing));
    }
    let mut firing = of_agents(site, systems, true, None)?;
    let number = firing.len() as u64;
    firing.truncate(PAGE_ALERTS);
    Ok((firing, number))
}

/// The alerts that ended last, of those that the viewer sees.
fn resolved(
    site: &Site,
    viewer: &Viewer,
    systems: &[System],
) -> Result<Vec<StoredAlert>, StoreError> {
    if viewer.scope == Scope::All {
        return site.store.alerts(&AlertFilter {
            firing: Some(false),
            limit: Some(PAGE_RESOLVED),
            ..AlertFilter::default()
        });
    }
    let mut resolved = of_agents(site, systems, false, Some(PAGE_RESOLVED))?;
    resolved.truncate(PAGE_RESOLVED);
    Ok(resolved)
}

/// Alerts of the systems' agents, the newest first; of each agent at most `limit`.
fn of_agents(
    site: &Site,
    systems: &[System],
    firing: bool,
    limit: Option<usize>,
) -> Result<Vec<StoredAlert>, StoreError> {
    let mut found = Vec::new();
    for agent in systems.iter().flat_map(|system| &system.agents) {
        found.extend(site.store.alerts(&AlertFilter {
            agent: Some(agent.id),
            firing: Some(firing),
            limit,
        })?);
    }
    found.sort_by_key(|alert| core::cmp::Reverse((alert.stored, alert.id)));
    Ok(found)
}

fn burning(
    view: &View,
    alert: &StoredAlert,
    owner: Option<&Agent>,
    silent: Option<WallTime>,
) -> Markup {
    let words = view.words;
    html! {
        section class=(frame::class(view, alert, silent)) {
            (frame::headline(view, alert, owner, silent))
            dl {
                dt { (words.since) } dd { (values::dated(view, alert.occurred)) }
                dt { (words.detected) } dd { (values::dated(view, alert.detected)) }
                (frame::judged(words, alert))
            }
            (frame::concluded(words, alert))
            @if let Some(text) = codes::text(alert.identity.code, words.language) {
                p { (frame::prose(text.meaning)) }
                h3 { (words.do_now) }
                (frame::steps(text))
            } @else {
                p { (words.no_text) }
            }
        }
    }
}

fn over(view: &View, alert: &StoredAlert, owner: Option<&Agent>) -> Markup {
    let words = view.words;
    html! {
        section class=(frame::class(view, alert, None)) {
            (frame::headline(view, alert, owner, None))
            dl {
                dt { (words.since) } dd { (values::dated(view, alert.occurred)) }
                @if Ending::of(alert).is_some_and(Ending::resolved) {
                    dt { (words.recovered) } dd { (values::dated(view, alert.recovered.or(alert.resolved))) }
                } @else {
                    dt { (words.ended) } dd { (values::dated(view, alert.resolved)) }
                }
                @if let Some(ending) = Ending::of(alert) { dt { (words.reason) } dd { (ending.reason(words)) } }
            }
        }
    }
}

fn system_table(
    view: &View,
    system: &System,
    latest: &BTreeMap<AgentId, StoredReading>,
    lives: &BTreeMap<AgentId, Life>,
) -> Markup {
    let words = view.words;
    html! {
        h3 { (system.customer) " / " (system.name) }
        div.scroll tabindex="0" {
            table {
                thead { tr {
                    th scope="col" { (words.agent) }
                    th.n scope="col" { (words.memory_used) }
                    th.n scope="col" { (words.available) }
                    th.n scope="col" { (words.cpu) }
                    th.n scope="col" { (words.pressure) }
                    th scope="col" { (words.last_seen) }
                } }
                tbody {
                    @for agent in &system.agents {
                        (agent_row(view, agent, latest.get(&agent.id), lives.get(&agent.id).copied().unwrap_or_default()))
                    }
                }
            }
        }
    }
}

fn agent_row(view: &View, agent: &Agent, latest: Option<&StoredReading>, life: Life) -> Markup {
    let words = view.words;
    let figures = latest.map(|stored| Figures::of(&stored.reading));
    let cell =
        |text: Option<String>| html! { td.n { (text.unwrap_or_else(|| words.absent.to_owned())) } };
    let figure = |take: &dyn Fn(&Figures) -> Option<String>| cell(figures.as_ref().and_then(take));
    html! {
        tr.stale[life.silent.is_some()] {
            th scope="row" { a href=(frame::link(view, &frame::agent_path(agent))) { (agent.name) }
                @if life.silent.is_some() { " " span.badge.doubt { (words.silent) } }
            }
            (figure(&|figures| figures.used.map(values::percent)))
            (figure(&|figures| figures.available_kib.map(values::memory)))
            (figure(&|figures| figures.cpu.map(values::percent)))
            (figure(&|figures| pressure(words.language, figures)))
            td.seen {
                @match (life.silent, life.last_seen) {
                    (Some(since), _) => {
                        (words.silent_since(&view.time(since)))
                        @if let Some(stored) = latest { " " (words.readings_of(&view.time(stored.dated.wall))) }
                    }
                    (None, Some(seen)) => { (view.time(seen)) }
                    (None, None) => { (words.never) }
                }
            }
        }
    }
}

/// The highest pressure, with what is waited for.
fn pressure(language: Language, figures: &Figures) -> Option<String> {
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
