//! The weekly page: what makes noise, and what to do about each.

use super::Site;
use super::frame::{self, Live, View};
use super::noise::{Load, Noise, Often, Standing, Week, noise};
use super::overview::customer_of;
use super::words_plan::{self as words, Words};
use crate::clock::DAY_MS;
use crate::codes;
use crate::limit::{NOISE_ALERTS, NOISE_BUSY, NOISE_MESSAGES};
use crate::people::Scope;
use crate::store::{Agent, Span, StoreError};
use hansho::clock::WallTime;
use hansho::code::Language;
use hansho::frame::kind::AgentId;
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

/// Builds the page of a week, `2026-W48`; of this week where it is none.
///
/// # Errors
/// [`StoreError`].
pub fn page(site: &Site, view: &View, week: &str) -> Result<Option<Markup>, StoreError> {
    let today = view.zone.local_ms(view.now) / DAY_MS;
    let week = Week::parse(week).unwrap_or_else(|| Week::of_day(today));
    let span = week.span(&view.zone);
    let agents: BTreeMap<AgentId, Agent> = site
        .store
        .agents()?
        .into_iter()
        .filter(|agent| view.viewer().sees(&agent.customer))
        .map(|agent| (agent.id, agent))
        .collect();
    let (mut alerts, mut taken, mut told) = (Vec::new(), BTreeSet::new(), Vec::new());
    let all = view.viewer().scope == Scope::All;
    site.store.view(&mut |rows| {
        alerts = rows.alerts_within(span, NOISE_ALERTS)?;
        // Whoever took it may have done so before the week, or after its end.
        let whenever = Span {
            from: WallTime::from_millis(span.from.as_millis().saturating_sub(30 * DAY_MS)),
            until: WallTime::from_millis(u64::MAX >> 1),
        };
        taken = rows
            .acknowledged_within(whenever)?
            .iter()
            .map(|row| row.alert)
            .collect();
        // Receivers may be told of many customers: how much they get is for those who see all.
        if all {
            told = rows.told_within(span, NOISE_MESSAGES)?;
        }
        Ok(())
    })?;
    alerts.retain(|alert| {
        let customer = customer_of(alert);
        agents.contains_key(&alert.agent)
            || (alert.agent.0 == 0
                && (all || (!customer.is_empty() && view.viewer().sees(customer))))
    });
    let noise = noise(&alerts, &taken, &told, span, view.now);
    let said = words::of(view.words.language);
    let content = html! {
        h1 { (said.noise) " " (week.text()) }
        form.row method="get" action="/noise" {
            @if view.explicit { input type="hidden" name="lang" value=(view.words.language.tag()); }
            label { (said.week) input type="week" name="week" value=(week.text()); }
            button { (said.show) }
        }
        p.ranges {
            a href=(frame::link(view, &format!("/noise?week={}", week.before().text()))) { (said.previous) }
            a href=(frame::link(view, &format!("/noise?week={}", week.after().text()))) { (said.next) }
            span.dim { (view.time(span.from)) " - " (view.time(span.until)) }
        }
        p { (said.alerts_total) ": " strong { (noise.raised) } }
        (sections(view, said, site, &noise, &agents, all))
    };
    Ok(Some(frame::page(
        view,
        said.noise,
        "/noise",
        Live::No,
        content,
    )))
}

fn sections(
    view: &View,
    said: &Words,
    site: &Site,
    noise: &Noise,
    agents: &BTreeMap<AgentId, Agent>,
    all: bool,
) -> Markup {
    let counts = |rows: &[(&Often, u64)]| table(view, said, rows, agents);
    let plain = |rows: &[Often]| {
        let rows: Vec<(&Often, u64)> = rows.iter().map(|row| (row, row.times)).collect();
        counts(&rows)
    };
    let flapping: Vec<(&Often, u64)> = noise
        .flapping
        .iter()
        .map(|(row, most)| (row, *most))
        .collect();
    html! {
        (section(said.top, said.top_do, &plain(&noise.top)))
        (section(said.standing, said.standing_do, &standing(view, said, &noise.standing, agents)))
        (section(said.flapping, said.flapping_do, &counts(&flapping)))
        (section(said.untaken, said.untaken_do, &plain(&noise.untaken)))
        @if all { (section(said.load, said.load_do, &load(view, said, site, &noise.load))) }
    }
}

fn section(title: &str, what_to_do: &str, rows: &Markup) -> Markup {
    html! { section { h2 { (title) } p.dim { (what_to_do) } (rows) } }
}

fn host(view: &View, agents: &BTreeMap<AgentId, Agent>, agent: AgentId) -> Markup {
    html! {
        @match agents.get(&agent) {
            Some(agent) => { a href=(frame::link(view, &frame::agent_path(agent))) { (agent.path()) } }
            None => { "-" }
        }
    }
}

fn code(view: &View, code: u16) -> Markup {
    html! {
        a.code href=(frame::link(view, &format!("/codes/{code}"))) { (codes::display(code, true)) }
        " " (codes::name(code, view.words.language))
    }
}

/// `3日 4時間`, `5時間 10分`, `12分`.
#[must_use]
pub fn length(language: Language, ms: u64) -> String {
    let minutes = ms / 60_000;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (language, days, hours) {
        (Language::Ja, 0, 0) => format!("{minutes}分"),
        (Language::Ja, 0, _) => format!("{hours}時間 {minutes}分"),
        (Language::Ja, ..) => format!("{days}日 {hours}時間"),
        (Language::En, 0, 0) => format!("{minutes} min"),
        (Language::En, 0, _) => format!("{hours} h {minutes} min"),
        (Language::En, ..) => format!("{days} d {hours} h"),
    }
}

fn table(
    view: &View,
    said: &Words,
    rows: &[(&Often, u64)],
    agents: &BTreeMap<AgentId, Agent>,
) -> Markup {
    html! {
        @if rows.is_empty() { p { (said.nothing) } } @else {
            div.scroll tabindex="0" role="region" aria-label=(said.code) { table {
                thead { tr {
                    th scope="col" { (said.code) } th scope="col" { (said.host) }
                    th.n scope="col" { (said.times) } th.n scope="col" { (said.total_time) }
                } }
                tbody { @for (row, times) in rows { tr {
                    th scope="row" { (code(view, row.code)) }
                    td { (host(view, agents, row.agent)) }
                    td.n { a href=(frame::link(view, &format!("/a/{}", row.newest))) { (times) } }
                    td.n { (length(view.words.language, row.total_ms)) }
                } } }
            } }
        }
    }
}

fn standing(
    view: &View,
    said: &Words,
    rows: &[Standing],
    agents: &BTreeMap<AgentId, Agent>,
) -> Markup {
    html! {
        @if rows.is_empty() { p { (said.nothing) } } @else {
            div.scroll tabindex="0" role="region" aria-label=(said.standing) { table {
                thead { tr {
                    th scope="col" { (said.code) } th scope="col" { (said.host) }
                    th scope="col" { (said.since) } th.n scope="col" { (said.total_time) }
                } }
                tbody { @for row in rows { tr {
                    th scope="row" { (code(view, row.code)) }
                    td { (host(view, agents, row.agent)) }
                    td { a href=(frame::link(view, &format!("/a/{}", row.alert))) { (view.time(row.since)) } }
                    td.n { (length(view.words.language, row.length_ms)) @if row.open { " " span.badge.w { (said.still_open) } } }
                } } }
            } }
        }
    }
}

fn load(view: &View, said: &Words, site: &Site, rows: &[Load]) -> Markup {
    let live = site.current.get();
    let language = view.words.language;
    let days = [
        said.mon, said.tue, said.wed, said.thu, said.fri, said.sat, said.sun,
    ];
    html! {
        @if rows.is_empty() { p { (said.no_told) } } @else {
            div.scroll tabindex="0" role="region" aria-label=(said.load) { table {
                thead { tr {
                    th scope="col" { (said.receiver) }
                    @for day in days { th.n scope="col" { (day) } }
                    th.n scope="col" { (said.total) }
                } }
                tbody { @for row in rows {
                    @let name = live.directory.receiver(&row.receiver);
                    tr {
                        th scope="row" { (name.map_or(row.receiver.as_str(), |receiver| receiver.name.get(language))) }
                        @for count in row.days {
                            td.n { @if count > NOISE_BUSY { strong.busy { (count) " !" } } @else { (count) } }
                        }
                        td.n { (row.days.iter().sum::<u64>()) }
                    }
                } }
            } }
        }
    }
}
