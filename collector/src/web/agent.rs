//! The page of one agent: inventory, latest reading, rules that differ from the defaults, lost ranges.

use super::Site;
use super::codes;
use super::frame::{self, View};
use super::life::{self, Life};
use super::names;
use super::{values, visible_agent};
use crate::store::{Agent, AgentRule, AlertFilter, LostRange, StoreError};
use hansho::rule::{Quantity, Unit};
use maud::{Markup, html};

/// Lost ranges shown.
const LOSSES: usize = 20;

/// Builds it; `None` where no agent, or more than one, has this name.
///
/// # Errors
/// [`StoreError`].
pub fn page(site: &Site, view: &View, selector: &str) -> Result<Option<Markup>, StoreError> {
    let Some(agent) = &visible_agent(site, view, selector)? else {
        return Ok(None);
    };
    let latest = site.store.latest(agent.id)?;
    let rules = site.store.rules(agent.id)?;
    let changed: Vec<&AgentRule> = rules
        .iter()
        .filter(|rule| rule.origin != "built-in")
        .collect();
    let losses = site.store.losses(agent.id)?;
    let firing = site.store.alerts(&AlertFilter {
        agent: Some(agent.id),
        firing: Some(true),
        limit: None,
    })?;
    let life = life::of(site, agent, view.now)?;
    let words = view.words;
    let content = html! {
        h2 { (agent.customer) " / " (agent.system) " / " (agent.name) }
        (inventory(view, agent, life))
        @for alert in &firing {
            section class=(frame::class(view, alert, life.silent)) {
                (frame::headline(view, alert, None, life.silent))
                dl { (frame::judged(words, alert)) }
            }
        }
        @if !changed.is_empty() {
            h2 { (words.changed_rules) }
            ul { @for rule in changed { li { (changed_rule(view, rule)) } } }
        }
        h2 { (words.latest_reading) }
        @match &latest {
            None => { p { (words.absent) } }
            Some(stored) => {
                p.dim {
                    (values::dated(view, Some(stored.dated)))
                    @if life.silent.is_some() { " " (words.before_silence) }
                }
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
        @if !losses.is_empty() {
            h2 { (words.losses) " (" (losses.len()) ")" }
            ul { @for loss in losses.iter().rev().take(LOSSES) { li { (lost(view, loss)) } } }
        }
    };
    let path = frame::agent_path(agent);
    Ok(Some(frame::page(view, &agent.name, &path, true, content)))
}

fn inventory(view: &View, agent: &Agent, life: Life) -> Markup {
    let words = view.words;
    html! {
        @if let Some(since) = life.silent {
            p.doubtful { span.badge.doubt { (words.silent) } " " (words.silent_since(&view.time(since))) }
        }
        dl {
            dt { (words.last_seen) }
            dd { @match life.last_seen { Some(seen) => { (view.time(seen)) } None => { (words.never) } } }
            dt { "ID" } dd { (agent.id) }
            @if let Some(inventory) = &agent.inventory {
                dt { (words.host) } dd { (inventory.host) }
                dt { (words.version) }
                dd { (inventory.version) ", " (inventory.kernel) ", " (inventory.architecture) ", " (words.processors) " " (inventory.cores) ", " (values::memory(inventory.memory_total_kib)) }
                @if inventory.registry_hash != hansho::code::registry_hash() {
                    dt { (words.registry) }
                    dd {
                        (inventory.registry_version) " (" (short(inventory.registry_hash)) ") ≠ "
                        (hansho::code::REGISTRY_VERSION) " (" (short(hansho::code::registry_hash())) ")"
                    }
                }
            }
        }
    }
}

/// The first digits of a hash: enough to see that two differ.
fn short(hash: u64) -> String {
    format!("{:08x}", hash >> 32)
}

fn changed_rule(view: &View, rule: &AgentRule) -> Markup {
    let words = view.words;
    let level = [
        rule.raise_permille
            .map(|permille| values::percent(u64::from(permille))),
        rule.raise_absolute
            .map(|absolute| values::value(rule.quantity, absolute, None)),
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
