//! The first page: the fleet by customer. What burns, what is silent, what is taken and by whom until when; all else is counted.

use super::frame::{self, Live, View};
use super::life::{self, Life};
use super::overview::{Burning, Known, Overview, SystemLine};
use super::words_fleet::{self as words, Words};
use super::{Site, pieces, values};
use crate::clock::DAY_MS;
use crate::codes::Severity;
use crate::directory;
use crate::limit::{PAGE_ALERTS, PAGE_OPEN, PAGE_RESOLVED, PAGE_SILENT};
use crate::people::Scope;
use crate::store::{Acknowledgement, Agent, Silence, Span, StoreError, StoredAlert, Window};
use hansho::clock::WallTime;
use maud::{Markup, html};

/// What the store holds of the fleet, as far as the viewer sees it: a fixed number of queries.
pub struct Loaded {
    /// Agents, by customer, system and name, without those that are retired.
    pub agents: Vec<Agent>,
    /// Of each, in the same order.
    pub lives: Vec<Life>,
    /// Open alerts of all agents.
    pub open: Vec<StoredAlert>,
    /// Acknowledgements that hold.
    pub taken: Vec<Acknowledgement>,
    /// Silences that hold or are to come.
    pub silences: Vec<Silence>,
    /// Windows that hold or are to come.
    pub windows: Vec<Window>,
    /// Alerts that ended lately.
    pub ended: Vec<StoredAlert>,
}

/// Reads it; `wanted` says which agents.
///
/// # Errors
/// [`StoreError`].
pub fn load(
    site: &Site,
    view: &View,
    wanted: &dyn Fn(&Agent) -> bool,
) -> Result<Loaded, StoreError> {
    let now = view.now;
    let mut agents = site.store.agents()?;
    agents.retain(|agent| {
        agent.retired.is_none() && view.viewer().sees(&agent.customer) && wanted(agent)
    });
    let lives = agents
        .iter()
        .map(|agent| life::of(site, agent, now))
        .collect::<Result<Vec<Life>, StoreError>>()?;
    let mut loaded = Loaded {
        agents,
        lives,
        open: Vec::new(),
        taken: Vec::new(),
        silences: Vec::new(),
        windows: Vec::new(),
        ended: Vec::new(),
    };
    let lately = Span {
        from: WallTime::from_millis(now.as_millis().saturating_sub(DAY_MS)),
        until: WallTime::from_millis(u64::MAX >> 1),
    };
    site.store.view(&mut |rows| {
        loaded.open = rows.open_of_all(PAGE_OPEN)?;
        loaded.taken = rows.all_acknowledged()?;
        loaded.silences = rows.silences(now)?;
        loaded.windows = rows.windows(now)?;
        loaded.ended = rows.ended_of_all(lately, PAGE_OPEN)?;
        Ok(())
    })?;
    let ids: std::collections::HashSet<_> = loaded.agents.iter().map(|agent| agent.id).collect();
    loaded.ended.retain(|alert| ids.contains(&alert.agent));
    loaded.ended.truncate(PAGE_RESOLVED);
    Ok(loaded)
}

impl Loaded {
    /// As the overview takes it.
    #[must_use]
    pub fn known(&self, now: WallTime) -> Known<'_> {
        Known {
            agents: &self.agents,
            lives: &self.lives,
            open: &self.open,
            taken: &self.taken,
            silences: &self.silences,
            windows: &self.windows,
            now,
        }
    }
}

/// At which site an agent stands; empty where none is configured.
pub fn site_of(live: &directory::Live, agent: &Agent) -> String {
    let owner = live
        .directory
        .owner(&agent.customer, &agent.system, &agent.name);
    owner.site.map(|site| site.id).unwrap_or_default()
}

/// Builds the page.
///
/// # Errors
/// [`StoreError`].
pub fn page(site: &Site, view: &View) -> Result<Option<Markup>, StoreError> {
    let live = site.current.get();
    let loaded = load(site, view, &|_| true)?;
    let known = loaded.known(view.now);
    let all = view.viewer().scope == Scope::All;
    let overview = Overview::of(&known, &|agent| site_of(&live, agent), &|customer| {
        all || (!customer.is_empty() && view.viewer().sees(customer))
    });
    let said = words::of(view.words.language);
    let content = html! {
        div #fleet data-live {
            h1 { (said.fleet) }
            (tiles(view, said, &overview))
            (burning(view, said, &live, &overview.burning))
            (by_customer(view, said, &live, &overview))
            @if !loaded.ended.is_empty() {
                h2 { (said.ended_lately) }
                ul.plain {
                    @for alert in &loaded.ended {
                        (pieces::ended(view, &live, alert, loaded.agents.iter().find(|agent| agent.id == alert.agent)))
                    }
                }
            }
        }
    };
    Ok(Some(frame::page(
        view,
        said.fleet,
        "/",
        Live::Whole,
        content,
    )))
}

fn tiles(view: &View, said: &Words, overview: &Overview<'_>) -> Markup {
    let language = view.words.language;
    let silent: usize = overview.systems.iter().map(|line| line.silent.len()).sum();
    let agents: u64 = overview
        .systems
        .iter()
        .fold(0_u64, |sum, line| sum.saturating_add(line.agents));
    let errors = overview.number(Severity::Error);
    let warnings = overview.number(Severity::Warning);
    let tile = |class: &'static str, number: usize, name: &str| {
        html! { li class=(if number == 0 { "zero" } else { class }) { strong { (number) } (name) } }
    };
    html! {
        ul.tiles {
            (tile("e", errors, said.errors))
            (tile("w", warnings, said.warnings))
            (tile("e", overview.untaken(), said.untaken))
            (tile("w", silent, said.silent))
            li.zero { strong { (agents) } (said.hosts) " / " (words::systems(language, overview.systems.len() as u64)) }
        }
    }
}

/// What burns, one after another.
pub fn burning(
    view: &View,
    said: &Words,
    live: &directory::Live,
    burning: &[Burning<'_>],
) -> Markup {
    let rest = burning.len().saturating_sub(PAGE_ALERTS);
    html! {
        h2 { (said.burning) " (" (burning.len()) ")" }
        @if burning.is_empty() { p { (view.words.nothing_fires) } }
        @for one in burning.iter().take(PAGE_ALERTS) { (burning_one(view, said, live, one)) }
        @if rest > 0 { p { (words::more(view.words.language, rest as u64)) } }
    }
}

fn burning_one(view: &View, said: &Words, live: &directory::Live, burning: &Burning<'_>) -> Markup {
    let words = view.words;
    let alert = burning.alert;
    html! {
        section class=(frame::class(view, alert, burning.silent)) {
            (frame::headline(view, alert, burning.silent))
            p.meta {
                span { (pieces::place(view, live, alert, burning.agent)) }
                span { (words.since) " " (values::dated(view, alert.occurred.or(alert.detected))) }
                @if let Some(value) = alert.value {
                    span { span.dim { (words.value) } " " strong { (values::value(words.language, alert.quantity, value, alert.total)) } }
                }
            }
            p {
                @match burning.taken {
                    Some(taken) => { (pieces::taken(view, said, taken)) }
                    None if burning.hush.is_none() && !alert.identity.test => { span.badge.e { (said.nobody) } }
                    None => {}
                }
                @if let Some(hush) = burning.hush { " " (pieces::hush(view, said, hush)) }
            }
            @if !alert.identity.test {
                @if let Some(step) = pieces::first_step(view, live, alert, burning.agent) {
                    p { strong { (said.first) ": " } (frame::prose(&step)) }
                }
            }
        }
    }
}

fn by_customer(
    view: &View,
    said: &Words,
    live: &directory::Live,
    overview: &Overview<'_>,
) -> Markup {
    let language = view.words.language;
    let customers = overview
        .systems
        .chunk_by(|one, next| one.customer == next.customer);
    html! {
        h2 { (said.by_customer) }
        @if overview.systems.is_empty() {
            p { @if view.viewer().scope == Scope::All { (view.words.no_agents) } @else { (said.no_customers) } }
        }
        @for systems in customers {
            @let first = systems.first();
            @let customer = first.map_or("", |line| line.customer);
            @let agents = systems.iter().fold(0_u64, |sum, line| sum.saturating_add(line.agents));
            section.customer {
                h3 {
                    (live.directory.owner(customer, "", "").customer.name.get(language))
                    " " span.dim { (words::systems(language, systems.len() as u64)) ", " (words::hosts(language, agents)) }
                }
                ul.lines {
                    @for line in systems.iter().filter(|line| !line.is_quiet()) { (loud(view, said, live, line)) }
                }
                @if systems.iter().any(SystemLine::is_quiet) {
                    ul.quiet aria-label=(said.quiet_systems) {
                        @for line in systems.iter().filter(|line| line.is_quiet()) {
                            li { a href=(frame::link(view, &frame::system_path(line.customer, line.system))) {
                                (live.directory.owner(line.customer, line.system, "").system.name.get(language)) }
                                " " span.dim { (line.agents) @if line.never > 0 { " (" (said.never) " " (line.never) ")" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A system where something is: one line.
fn loud(view: &View, said: &Words, live: &directory::Live, line: &SystemLine<'_>) -> Markup {
    let language = view.words.language;
    let name = live.directory.owner(line.customer, line.system, "").system;
    let [errors, warnings, informations] = line.open;
    let badge = |class: &'static str, text: &str, number: u64| {
        html! { @if number > 0 { " " span class={ "badge " (class) } { (text) " " (number) } } }
    };
    let rest = line.silent.len().saturating_sub(PAGE_SILENT);
    html! {
        li {
            a href=(frame::link(view, &frame::system_path(line.customer, line.system))) { strong { (name.name.get(language)) } }
            " " span.dim { (words::hosts(language, line.agents)) }
            (badge("e", "E", errors)) (badge("w", "W", warnings)) (badge("i", "I", informations))
            (badge("", said.tests, line.tests)) (badge("doubt", said.never, line.never))
            @if !line.silent.is_empty() {
                " " span.badge.doubt { (said.silent) " " (line.silent.len()) }
                @for (agent, since) in line.silent.iter().take(PAGE_SILENT) {
                    " " a href=(frame::link(view, &frame::agent_path(agent))) { (agent.name) }
                    span.dim { " " (pieces::short(view, *since)) }
                }
                @if rest > 0 { " " span.dim { (words::more(language, rest as u64)) } }
            }
            @for taken in &line.taken { " " (pieces::taken(view, said, taken)) }
        }
    }
}
