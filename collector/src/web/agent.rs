//! The page of one agent: inventory, latest reading, rules that differ from the defaults, lost ranges.

use super::Site;
use super::codes;
use super::frame::{self, View};
use super::values;
use crate::clock::utc;
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
    let found = site.store.find_agent(selector)?;
    let [agent] = found.as_slice() else {
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
    let words = view.words;
    let content = html! {
        h2 { (agent.customer) " / " (agent.system) " / " (agent.name) }
        (inventory(view, agent))
        @for alert in &firing {
            section class=(frame::class(alert)) {
                (frame::headline(view, alert, None))
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
                p.dim { (values::dated(words, Some(stored.dated))) }
                table {
                    thead { tr { th scope="col" { (words.quantity) } th scope="col" { (words.value) } } }
                    tbody {
                        @for (name, value) in values::fields(&stored.reading) {
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
            ul { @for loss in losses.iter().rev().take(LOSSES) { li { (lost(loss)) } } }
        }
    };
    let path = frame::agent_path(agent);
    Ok(Some(frame::page(view, &agent.name, &path, true, content)))
}

fn inventory(view: &View, agent: &Agent) -> Markup {
    let words = view.words;
    html! {
        dl {
            dt { (words.last_seen) }
            dd { @match agent.last_seen { Some(seen) => { (utc(seen.as_millis())) } None => { (words.never) } } }
            dt { "ID" } dd { (agent.id) }
            @if let Some(inventory) = &agent.inventory {
                dt { (words.host) } dd { (inventory.host) }
                dt { (words.version) }
                dd { (inventory.version) ", " (inventory.kernel) ", " (inventory.architecture) ", " (inventory.cores) " CPU, " (values::memory(inventory.memory_total_kib)) }
                @if inventory.registry_hash != hansho::code::registry_hash() {
                    dt { "registry" }
                    dd { (inventory.registry_version) " ≠ " (hansho::code::REGISTRY_VERSION) }
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
            .map(|absolute| values::value(rule.quantity, absolute, None)),
    ];
    let events = Quantity::from_number(rule.quantity).map(Quantity::unit) == Some(Unit::Count);
    html! {
        strong { (codes::display(rule.code, true)) } " " (codes::name(rule.code, words.language))
        @if !rule.subject.is_empty() { " " code { (rule.subject) } }
        @if rule.enabled {
            ": " (values::quantity(rule.quantity))
            @for level in level.iter().flatten() { " " (level) }
            @if !events { ", " (rule.raise_after_ms / 1000) " s" }
        } @else {
            ": " (words.rule_disabled)
        }
        " - " (words.rule_from) " " code { (rule.origin) }
    }
}

fn lost(loss: &LostRange) -> Markup {
    html! {
        (utc(loss.recorded.as_millis())) " run " (loss.run) " stream " (loss.stream.number()) " "
        (loss.first) "..=" (loss.last) " " (loss.reason.word())
    }
}
