//! The page of one agent: inventory, latest reading, rules that differ from the defaults, lost ranges.

use super::charts::{self, Span};
use super::forms::{Sent, Told, carry_out};
use super::frame::{self, Live, View};
use super::life::{self, Life};
use super::names;
use super::overview::Burning;
use super::system::{notes, short, windows_now};
use super::words_fleet::{self as words_fleet, Words};
use super::{Site, evidence, fleet, forms, pieces, values, victims, visible_agent};
use crate::codes::{self, Language};
use crate::handling::Refused;
use crate::limit::{CHART_ROWS, PAGE_RESOLVED};
use crate::notify::render::numbers;
use crate::store::{
    Agent, AgentFacts, AgentRule, AlertFilter, LostRange, NoteOn, Place, Presence, Standing,
    StoreError, StoredAlert, StoredVictim, Window,
};
use axum::extract::Path;
use axum::response::Response;
use hansho::rule::{Quantity, Unit};
use maud::{Markup, html};

/// Lost ranges shown.
const LOSSES: usize = 20;

/// What the rows say of an agent.
#[derive(Default)]
struct Rows {
    windows: Vec<Window>,
    taken: Vec<crate::store::Acknowledgement>,
    facts: AgentFacts,
    presence: Option<Presence>,
    evidence: Vec<evidence::OfAgent>,
    victims: Vec<StoredVictim>,
}

/// Builds it; `None` where no agent, or more than one, has this name.
///
/// # Errors
/// [`StoreError`].
pub fn page(
    site: &Site,
    view: &View,
    selector: &str,
    span: Span,
    told: &Told,
) -> Result<Option<Markup>, StoreError> {
    let Some(agent) = &visible_agent(site, view, selector)? else {
        return Ok(None);
    };
    let life = life::of(site, agent, view.now)?;
    let mut rows = Rows::default();
    site.store.view(&mut |all| {
        rows.windows = all.windows(view.now)?;
        rows.facts = all.facts(agent.id)?;
        rows.presence = all.presence(agent.id)?;
        rows.taken = all.all_acknowledged()?;
        rows.evidence = evidence::newest(all, agent.id)?;
        rows.victims = victims::newest(all, agent.id)?;
        Ok(())
    })?;
    let alerts = site.store.alerts(&AlertFilter {
        agent: Some(agent.id),
        ..AlertFilter::default()
    })?;
    let notes = notes(site, view, &NoteOn::Agent(agent.id))?;
    let live = site.current.get();
    let words = view.words;
    let said = words_fleet::of(words.language);
    let owner = live
        .directory
        .owner(&agent.customer, &agent.system, &agent.name);
    let at = owner.site.as_ref().map_or("", |site| site.id.as_str());
    let here = Place {
        customer: &agent.customer,
        system: &agent.system,
        site: at,
        agent: &agent.name,
    };
    let path = frame::agent_path(agent);
    let system = frame::system_path(&agent.customer, &agent.system);
    let content = html! {
        h1 {
            (owner.customer.name.get(words.language)) " / "
            a href=(frame::link(view, &system)) { (owner.system.name.get(words.language)) } " / " (agent.name)
        }
        (told.said())
        div #agent data-live {
            (standing(view, said, agent, life, &rows))
            dl {
                (pieces::team(view, &live, &owner))
                @if let Some(site) = &owner.site { dt { (said.site) } dd { (site.name.get(words.language)) } }
                @if let Some(environment) = &owner.environment { dt { (said.environment) } dd { (environment.get(words.language)) } }
            }
            (windows_now(view, said, &rows.windows, &here))
            (fleet::burning(view, said, &live, &burning(agent, life, &rows, &alerts)))
        }
        (chart_section(site, view, agent, span)?)
        div #agent-victims data-live { (victims::on_agent(view, &rows.victims)) }
        div #agent-evidence data-live { (evidence::of_agent(view, &rows.evidence)) }
        div #agent-below data-live {
            h2 { (said.inventory) }
            (inventory(view, agent))
            (latest(site, view, agent, life)?)
            (rules(site, view, agent)?)
            (losses(site, view, agent)?)
            (past(view, said, &live, agent, &alerts))
        }
        section #notes {
            h2 { (said.notes) }
            div #notes-list data-live { (pieces::notes(view, said, &notes)) }
            (forms::note(view, told, &format!("{path}/note").replacen("/agents/", "/agent-notes/", 1)))
        }
    };
    Ok(Some(frame::page_with_charts(
        view,
        &agent.name,
        &path,
        Live::Parts,
        content,
    )))
}

fn burning<'a>(
    agent: &'a Agent,
    life: Life,
    rows: &'a Rows,
    alerts: &'a [StoredAlert],
) -> Vec<Burning<'a>> {
    let open = alerts.iter().filter(|alert| alert.firing);
    open.map(|alert| Burning {
        alert,
        agent: Some(agent),
        customer: &agent.customer,
        silent: life.silent,
        taken: rows.taken.iter().find(|row| row.alert == alert.id),
        hush: None,
    })
    .collect()
}

/// Whether it answers, and what presence knows of it.
fn standing(view: &View, said: &Words, agent: &Agent, life: Life, rows: &Rows) -> Markup {
    let words = view.words;
    let facts = &rows.facts;
    let presence = rows.presence.as_ref();
    html! {
        @if let Some(since) = life.silent {
            p.doubtful { span.badge.doubt { (words.silent) } " " (words.silent_since(&view.time(since))) }
        }
        dl {
            dt { (words.last_seen) }
            dd { @match life.last_seen { Some(seen) => { (view.time(seen)) } None => { (words.never) } } }
            @if let Some(at) = agent.retired { dt { (said.retired) } dd { (view.time(at)) } }
            @if let Some(presence) = presence {
                @match presence.standing {
                    Standing::Absent => { dt { (said.presence) } dd { (said.absent) } }
                    Standing::Site => { dt { (said.presence) } dd { (said.with_site) } }
                    Standing::Planned => { dt { (said.presence) } dd { (said.planned) } }
                    _ => {}
                }
                @if let Some(until) = presence.planned_until { dt { (said.planned_until) } dd { (view.time(until)) } }
            }
            @if let Some(off) = facts.clock_ms { dt { (said.clock) } dd { (seconds(words.language, off)) } }
            @if let Some(since) = facts.machine_since.filter(|_| facts.machine_before != 0) { dt { (said.machine_changed) } dd { (view.time(since)) } }
            @if let Some(at) = facts.doubled { dt { (said.doubled) } dd { strong { (view.time(at)) } } }
            @if facts.alert_gaps > 0 { dt { (said.alert_gaps) } dd { (facts.alert_gaps) } }
        }
    }
}

/// A distance of clocks.
fn seconds(language: Language, ms: i64) -> String {
    let sign = match ms {
        ..=-1 => "-",
        1.. => "+",
        _ => "",
    };
    format!("{sign}{}", numbers::span(language, ms.unsigned_abs()))
}

fn chart_section(
    site: &Site,
    view: &View,
    agent: &Agent,
    span: Span,
) -> Result<Markup, StoreError> {
    let said = words_fleet::of(view.words.language);
    let language = view.words.language;
    let path = frame::agent_path(agent);
    let source = path.replacen("/agents/", "/charts/", 1);
    let rows = charts::table(site, agent, span, CHART_ROWS)?;
    let hours = [
        (1_u64, said.hour_1),
        (6, said.hours_6),
        (24, said.hours_24),
        (168, said.days_7),
        (720, said.days_30),
    ];
    let length_s = span.to_s.saturating_sub(span.from_s);
    let percent = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), values::percent);
    Ok(html! {
        section #charts {
            h2 { (said.charts) }
            p.ranges {
                @for (hours, name) in hours {
                    @let current = span.relative && length_s == hours.saturating_mul(3600);
                    a href=(frame::link(view, &format!("{path}?hours={hours}#charts"))) aria-current=[current.then_some("true")] { (name) }
                }
            }
            p.dim { (view.time(span.from())) " - " (view.time(span.to())) ". " (said.drag) }
            div data-source=(frame::link(view, &format!("{source}?{}", span.query()))) data-failed=(said.chart_failed) {
                p.state.dim role="status" { (said.chart_loading) }
                @for title in charts::titles(language) {
                    figure.chart { figcaption { (title) } div.plot role="img" aria-label=(title) {} }
                }
            }
            details {
                summary { (said.as_table) }
                @if rows.is_empty() { p { (said.no_readings) } } @else {
                    div.scroll tabindex="0" role="region" aria-label=(said.as_table) { table {
                        thead { tr {
                            th scope="col" { (said.time) }
                            th.n scope="col" { (view.words.memory_used) " (" (said.highest) ")" }
                            th.n scope="col" { (view.words.available) " (" (said.lowest) ")" }
                            th.n scope="col" { (view.words.cpu) " (" (said.highest) ")" }
                            th.n scope="col" { (view.words.pressure) }
                        } }
                        tbody { @for row in &rows { tr {
                            th scope="row" { (view.time(row.from)) }
                            td.n { (percent(row.used)) }
                            td.n { (row.available_kib.map_or_else(|| "-".to_owned(), values::memory)) }
                            td.n { (percent(row.cpu)) }
                            td.n { (percent(row.pressure)) }
                        } } }
                    } }
                }
            }
        }
    })
}

fn latest(site: &Site, view: &View, agent: &Agent, life: Life) -> Result<Markup, StoreError> {
    let words = view.words;
    let latest = site.store.latest(agent.id)?;
    Ok(html! {
        h2 { (words.latest_reading) }
        @match &latest {
            None => { p { (words.absent) } }
            Some(stored) => {
                p.dim {
                    (values::dated(view, Some(stored.dated)))
                    @if life.silent.is_some() { " " (words.before_silence) }
                }
                details #latest-reading {
                    summary { (words_fleet::of(words.language).as_table) }
                    table.stale[life.silent.is_some()] {
                        thead { tr { th scope="col" { (words.quantity) } th.n scope="col" { (words.value) } } }
                        tbody {
                            @for (name, value) in values::fields(&stored.reading, words.language) {
                                tr {
                                    th scope="row" { (name) }
                                    td.n { (value.unwrap_or_else(|| words.absent.to_owned())) }
                                }
                            }
                        }
                    }
                }
            }
        }
    })
}

fn rules(site: &Site, view: &View, agent: &Agent) -> Result<Markup, StoreError> {
    let rules = site.store.rules(agent.id)?;
    let changed: Vec<&AgentRule> = rules
        .iter()
        .filter(|rule| rule.origin != "built-in")
        .collect();
    Ok(html! {
        @if !changed.is_empty() {
            h2 { (view.words.changed_rules) }
            ul { @for rule in changed { li { (changed_rule(view, rule)) } } }
        }
    })
}

fn losses(site: &Site, view: &View, agent: &Agent) -> Result<Markup, StoreError> {
    let losses = site.store.losses(agent.id)?;
    Ok(html! {
        @if !losses.is_empty() {
            h2 { (view.words.losses) " (" (losses.len()) ")" }
            ul { @for loss in losses.iter().rev().take(LOSSES) { li { (lost(view, loss)) } } }
        }
    })
}

fn past(
    view: &View,
    said: &Words,
    live: &crate::directory::Live,
    agent: &Agent,
    alerts: &[StoredAlert],
) -> Markup {
    let over = alerts.iter().filter(|alert| !alert.firing);
    let over: Vec<&StoredAlert> = over.take(PAGE_RESOLVED).collect();
    html! {
        h2 { (said.alerts_of_agent) }
        @if over.is_empty() { p.dim { (said.no_alerts) } }
        @if !over.is_empty() { ul.plain { @for alert in over { (pieces::ended(view, live, alert, Some(agent))) } } }
    }
}

fn inventory(view: &View, agent: &Agent) -> Markup {
    let words = view.words;
    html! {
        dl {
            dt { "ID" } dd { (agent.id) }
            @if let Some(inventory) = &agent.inventory {
                dt { (words.host) } dd { (inventory.host) }
                dt { (words.version) }
                dd { (inventory.version) ", " (inventory.kernel) ", " (inventory.architecture) ", " (words.processors) " " (inventory.cores) ", " (values::memory(inventory.memory_total_kib)) }
                dt { (words_fleet::of(words.language).config_hash) } dd { code { (short(inventory.config_hash)) } }
                dt { (words.registry) }
                dd {
                    @if inventory.registry_hash == hansho::code::registry_hash() { (inventory.registry_version) }
                    @else {
                        (inventory.registry_version) " (" (short(inventory.registry_hash)) ") ≠ "
                        (hansho::code::REGISTRY_VERSION) " (" (short(hansho::code::registry_hash())) ")"
                    }
                }
            }
        }
    }
}

fn changed_rule(view: &View, rule: &AgentRule) -> Markup {
    let words = view.words;
    let level = [
        rule.raise_permille
            .map(|permille| values::percent(u64::from(permille))),
        rule.raise_absolute
            .map(|absolute| values::value(words.language, rule.quantity, absolute, None)),
    ];
    let events = Quantity::from_number(rule.quantity).map(Quantity::unit) == Some(Unit::Count);
    html! {
        strong { (codes::display(rule.code, true)) } " " (codes::name(rule.code, words.language))
        @if !rule.subject.is_empty() { " " code { (rule.subject) } }
        @if rule.enabled {
            ": "
            @if let Some(quantity) = Quantity::from_number(rule.quantity) {
                (names::quantity(quantity, words.language)) " " code { (quantity.name()) }
            }
            @for level in level.iter().flatten() { " " (level) }
            @if !events { ", " (rule.raise_after_ms / 1000) " s" }
        } @else {
            ": " (words.rule_disabled)
        }
        " - " (words.rule_from) " " code { (rule.origin) }
    }
}

fn lost(view: &View, loss: &LostRange) -> Markup {
    let language = view.words.language;
    html! {
        (view.time(loss.recorded)) " " strong { (names::stream(loss.stream, language)) } " "
        (loss.first) "..=" (loss.last) ": " (names::lost(loss.reason, language))
        span.dim { " (run " (loss.run) ")" }
    }
}

/// `POST /agent-notes/{agent}`.
pub async fn write_note(Path(selector): Path<String>, sent: Sent) -> Response {
    let again = selector.clone();
    carry_out(
        sent,
        "note",
        move |site, view, fields| {
            let agent = visible_agent(site, view, &selector)?.ok_or(Refused::NoAgent)?;
            forms::add_note(site, view, &NoteOn::Agent(agent.id), fields)?;
            Ok(format!("{}?done=note#notes", frame::agent_path(&agent)))
        },
        move |site, view, told| {
            let span = Span::of(|_| None, view.now);
            page(site, view, &again, span, told)
        },
    )
    .await
}
