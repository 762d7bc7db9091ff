//! `[[customer]]`, `[[site]]`, `[[system]]` and `[[host]]`: what is watched.

use super::reader::{Row, Seen, place};
use super::row::quoted;
use super::value::{Text, is_id};
use crate::zone::Zone;
use hansho::code::Language;
use std::collections::{BTreeMap, BTreeSet};

/// A customer with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// As in `agent add --system CUSTOMER/SYSTEM`.
    pub id: String,
    /// As mails and pages name it.
    pub name: Text,
    /// Language of what is sent about it, where the receiver has none of its own.
    pub language: Language,
    /// Zone of its times; `None` for that of the pages.
    pub zone: Option<Zone>,
    /// Business days, Sunday first.
    pub business_days: [bool; 7],
    /// Business hours: minutes since midnight, the second not included.
    pub business_hours: (u64, u64),
    /// Whether national holidays are no business days; `None`: if there is a file of them.
    pub holidays: Option<bool>,
    /// Minutes since midnight of the digests on business days, ascending.
    pub digest_at: Vec<u64>,
    /// Its sites, by id.
    pub sites: BTreeMap<String, Site>,
    /// Its systems, by id.
    pub systems: BTreeMap<String, System>,
}

impl Customer {
    /// One that collector.toml does not name.
    #[must_use]
    pub fn undeclared(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: Text::same(id),
            language: Language::Ja,
            zone: None,
            business_days: [false, true, true, true, true, true, false],
            business_hours: (9 * 60, 17 * 60),
            holidays: None,
            digest_at: vec![9 * 60, 17 * 60],
            sites: BTreeMap::new(),
            systems: BTreeMap::new(),
        }
    }
}

/// A place where hosts stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Unique within the customer.
    pub id: String,
    /// As mails and pages name it.
    pub name: Text,
}

/// A system of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// As in `agent add --system CUSTOMER/SYSTEM`.
    pub id: String,
    /// As mails and pages name it.
    pub name: Text,
    /// Where its hosts stand, its environment, its team, where the host says nothing else.
    pub place: Place,
    /// Hosts that differ, by the agent's name.
    pub hosts: BTreeMap<String, Place>,
}

/// What a system says of its hosts, and a host of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Id of a site of the customer.
    pub site: Option<String>,
    /// `production`, `staging`.
    pub environment: Option<Text>,
    /// Id of the team that owns it.
    pub team: Option<String>,
}

/// The days as they are written, Sunday first.
pub const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

pub(super) fn customers(
    seen: &mut Seen<'_>,
    rows: &[Row<'_>],
    holidays_given: bool,
) -> BTreeMap<String, Customer> {
    let mut customers = BTreeMap::new();
    for row in rows {
        if let Some(customer) = customer(seen, row, holidays_given) {
            customers.insert(customer.id.clone(), customer);
        }
    }
    customers
}

fn customer(seen: &mut Seen<'_>, row: &Row<'_>, holidays_given: bool) -> Option<Customer> {
    seen.known(
        row.table,
        row.name,
        &[
            "id",
            "name",
            "language",
            "time_zone_offset",
            "business_days",
            "business_hours",
            "holidays",
            "digest_at",
        ],
    );
    let id = seen.needed_id(row, "id");
    let mut customer = Customer::undeclared(id.as_deref().unwrap_or_default());
    if let Some(name) = seen.name(row, "name") {
        customer.name = name;
    }
    if let Some(language) = seen.language(row, "language") {
        customer.language = language;
    }
    customer.zone = seen.zone(row, "time_zone_offset");
    if row.has("business_days") {
        let words: Vec<(&str, usize)> = DAYS.into_iter().zip(0..).collect();
        let days = seen.words(row, "business_days", &words);
        for (index, open) in customer.business_days.iter_mut().enumerate() {
            *open = days.contains(&index);
        }
    }
    if row.has("business_hours") {
        match seen.minutes(row, "business_hours").as_slice() {
            [from, to] if from < to => customer.business_hours = (*from, *to),
            [] => {}
            _ => seen.refuse_in(
                row,
                "business_hours",
                "something else",
                "two times of one day, the earlier first, e.g. [\"09:00\", \"17:30\"]",
            ),
        }
    }
    customer.holidays = seen.flag(row, "holidays");
    if customer.holidays == Some(true) && !holidays_given {
        seen.refuse_in(
            row,
            "holidays",
            "true without [holidays] file",
            "true only with [holidays] file = \"syukujitsu.csv\"",
        );
    }
    if row.has("digest_at") {
        let mut times = seen.minutes(row, "digest_at");
        times.sort_unstable();
        times.dedup();
        if times.contains(&(24 * 60)) {
            seen.refuse_in(row, "digest_at", "24:00", "\"00:00\" of the next day");
        }
        if !times.is_empty() {
            customer.digest_at = times;
        }
    }
    id.map(|_| customer)
}

/// Ids of what belongs to customers, `CUSTOMER/ID`.
pub(super) type Paths = BTreeSet<(String, String)>;

/// A customer's id that is known, and an id below it.
pub(super) fn below(
    seen: &mut Seen<'_>,
    row: &Row<'_>,
    customers: &BTreeSet<String>,
) -> Option<(String, String)> {
    seen.needs(row, "customer", "the id of a [[customer]]");
    let customer = seen.reference(row, "customer", "customer", customers);
    let id = seen.needed_id(row, "id");
    Some((customer?, id?))
}

fn place_of(
    seen: &mut Seen<'_>,
    row: &Row<'_>,
    customer: Option<&str>,
    sites: &Paths,
    teams: &BTreeSet<String>,
) -> Place {
    let site = seen.id(row, "site").filter(|site| {
        let Some(customer) = customer else {
            return true;
        };
        let there = sites.contains(&(customer.to_owned(), site.clone()));
        if !there {
            let of: BTreeSet<&str> = sites
                .iter()
                .filter(|(of, _)| of == customer)
                .map(|(_, id)| id.as_str())
                .collect();
            let of: Vec<&str> = of.into_iter().collect();
            let allowed = format!(
                "the id of a [[site]] of {}: {}",
                quoted(customer),
                of.join(", ")
            );
            seen.refuse_in(row, "site", quoted(site), allowed);
        }
        there
    });
    Place {
        site,
        environment: seen.name(row, "environment"),
        team: seen.reference(row, "team", "team", teams),
    }
}

pub(super) fn site(
    seen: &mut Seen<'_>,
    row: &Row<'_>,
    customers: &mut BTreeMap<String, Customer>,
    known: &BTreeSet<String>,
) {
    seen.known(row.table, row.name, &["customer", "id", "name"]);
    let path = below(seen, row, known);
    let name = seen.name(row, "name");
    let Some((customer, id)) = path else {
        return;
    };
    if let Some(customer) = customers.get_mut(&customer) {
        let name = name.unwrap_or_else(|| Text::same(&id));
        customer.sites.insert(id.clone(), Site { id, name });
    }
}

pub(super) fn system(
    seen: &mut Seen<'_>,
    row: &Row<'_>,
    customers: &mut BTreeMap<String, Customer>,
    known: &BTreeSet<String>,
    sites: &Paths,
    teams: &BTreeSet<String>,
) {
    seen.known(
        row.table,
        row.name,
        &["customer", "id", "name", "site", "environment", "team"],
    );
    let path = below(seen, row, known);
    let name = seen.name(row, "name");
    let of = path.as_ref().map(|(customer, _)| customer.as_str());
    let place = place_of(seen, row, of, sites, teams);
    let Some((customer, id)) = path else {
        return;
    };
    if let Some(customer) = customers.get_mut(&customer) {
        let system = System {
            name: name.unwrap_or_else(|| Text::same(&id)),
            id: id.clone(),
            place,
            hosts: BTreeMap::new(),
        };
        customer.systems.insert(id, system);
    }
}

pub(super) fn host(
    seen: &mut Seen<'_>,
    row: &Row<'_>,
    customers: &mut BTreeMap<String, Customer>,
    systems: &Paths,
    sites: &Paths,
    teams: &BTreeSet<String>,
) {
    seen.known(
        row.table,
        row.name,
        &["agent", "site", "environment", "team"],
    );
    let allowed = "CUSTOMER/SYSTEM/NAME as `agent list` shows it";
    seen.needs(row, "agent", allowed);
    let path = seen.take(row, "agent", allowed, |value| {
        let mut parts = value.as_str()?.split('/').map(str::to_owned);
        let path = (parts.next()?, parts.next()?, parts.next()?);
        let ids = [&path.0, &path.1, &path.2].into_iter().all(|id| is_id(id));
        (ids && parts.next().is_none()).then_some(path)
    });
    let of = path.as_ref().map(|(customer, _, _)| customer.as_str());
    let place = place_of(seen, row, of, sites, teams);
    let Some((customer, system, name)) = path else {
        return;
    };
    if !systems.contains(&(customer.clone(), system.clone())) {
        let found = quoted(&format!("{customer}/{system}"));
        seen.refuse_in(
            row,
            "agent",
            found,
            "an agent of a [[system]] that stands in this file",
        );
        return;
    }
    let Some(system) = customers
        .get_mut(&customer)
        .and_then(|customer| customer.systems.get_mut(&system))
    else {
        return;
    };
    if system.hosts.insert(name, place).is_some() {
        seen.refuse_in(row, "agent", "the same agent twice", "each once");
    }
}

/// Ids of a kind, each once: the second is a mistake.
pub(super) fn ids(seen: &mut Seen<'_>, rows: &[Row<'_>], what: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for row in rows {
        let id = row.table.get("id").and_then(|id| id.get_ref().as_str());
        if let Some(id) = id
            && !ids.insert(id.to_owned())
        {
            let allowed = format!("each id of a [[{what}]] once");
            seen.refuse_in(row, "id", format!("{} again", quoted(id)), allowed);
        }
    }
    ids
}

/// Ids below customers, each once.
pub(super) fn paths(seen: &mut Seen<'_>, rows: &[Row<'_>]) -> Paths {
    let mut paths = Paths::new();
    for row in rows {
        let text = |key: &str| row.table.get(key).and_then(|id| id.get_ref().as_str());
        if let (Some(customer), Some(id)) = (text("customer"), text("id"))
            && !paths.insert((customer.to_owned(), id.to_owned()))
        {
            let line = seen.line_in(row, "id");
            let found = format!("{} again", quoted(&format!("{customer}/{id}")));
            seen.refuse(
                line,
                place(row.name, "id"),
                found,
                "each id of a customer once",
            );
        }
    }
    paths
}
