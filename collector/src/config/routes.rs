//! `[[route]]` and `[[response]]`: who is told of what, and what was agreed about it.

use super::customers::Paths;
use super::reader::{Row, Seen, place};
use super::row::quoted;
use super::value::{Glob, Text};
use hansho::code::{Severity, Urgency};
use std::collections::BTreeSet;

/// How an alert is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deliver {
    /// At once.
    Now,
    /// In the customer's next digest.
    Digest,
    /// On the page only.
    Record,
}

impl Deliver {
    /// The word in collector.toml and JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Digest => "digest",
            Self::Record => "record",
        }
    }
}

/// Whom a route names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTo {
    /// A team, by id.
    Team(String),
    /// Receivers, by id.
    Receivers(Vec<String>),
    /// The team of the system or host; the route only says how.
    Owner,
}

/// A route: everything that it names must fit; what it does not name fits always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Id of a customer.
    pub customer: Option<String>,
    /// Id of a system of that customer.
    pub system: Option<String>,
    /// Severities; empty for any.
    pub severity: Vec<Severity>,
    /// Urgencies; empty for any.
    pub urgency: Vec<Urgency>,
    /// Codes; empty for any.
    pub code: Vec<u16>,
    /// Pattern of the subject.
    pub subject: Option<Glob>,
    /// Whom.
    pub to: RouteTo,
    /// How; `None`: by the code's urgency.
    pub deliver: Option<Deliver>,
    /// Its line in collector.toml.
    pub line: usize,
}

/// What was agreed with the customer about a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The code.
    pub code: u16,
    /// Where it holds; see [`Response::narrowness`].
    pub customer: Option<String>,
    /// Id of a system of that customer.
    pub system: Option<String>,
    /// Name of an agent of that system.
    pub host: Option<String>,
    /// Pattern of the subject.
    pub subject: Option<Glob>,
    /// What it means for the customer, in the customer's words.
    pub impact: Option<Text>,
    /// What to do first, step by step.
    pub first_action: Vec<Text>,
    /// What must not be done.
    pub must_not: Vec<Text>,
    /// Who may decide.
    pub decides: Option<Text>,
    /// Number of the document.
    pub document: Option<Text>,
    /// To call when in doubt.
    pub telephone: Option<String>,
    /// Its line in collector.toml.
    pub line: usize,
}

impl Response {
    /// How narrow it is; of all that fit, the narrowest wins, and of two alike the first in the file.
    ///
    /// The place counts first: every customer (0), a customer (1), a system (2), a host (3). Among those of one place
    /// the subject counts: any (0), a pattern with `*` (1), one subject only (2). So one for the host `web03` stands above
    /// one for the subject `/data` of its whole system.
    #[must_use]
    pub fn narrowness(&self) -> (u8, u8) {
        let place = match (&self.customer, &self.system, &self.host) {
            (_, _, Some(_)) => 3,
            (_, Some(_), None) => 2,
            (Some(_), None, None) => 1,
            (None, None, None) => 0,
        };
        let subject = match &self.subject {
            None => 0,
            Some(glob) if !glob.is_exact() => 1,
            Some(_) => 2,
        };
        (place, subject)
    }
}

const SUBJECT: &str = "a subject of at most 64 bytes; * stands for any text";

fn subject(seen: &mut Seen<'_>, row: &Row<'_>) -> Option<Glob> {
    let fits = |text: &str| text.len() <= 64 && !text.chars().any(char::is_control);
    seen.line_of_text(row, "subject", SUBJECT, fits)
        .map(|text| Glob::new(&text))
}

/// A customer and a system of it, both known.
fn scope(
    seen: &mut Seen<'_>,
    row: &Row<'_>,
    customers: &BTreeSet<String>,
    systems: &Paths,
) -> (Option<String>, Option<String>) {
    let customer = seen.reference(row, "customer", "customer", customers);
    let system = seen.id(row, "system");
    if system.is_some() && !row.has("customer") {
        seen.refuse_in(
            row,
            "system",
            "a system alone",
            "customer beside it: systems are named within a customer",
        );
    }
    if let (Some(customer), Some(system)) = (&customer, &system)
        && !systems.contains(&(customer.clone(), system.clone()))
    {
        let of: Vec<&str> = systems
            .iter()
            .filter(|(of, _)| of == customer)
            .map(|(_, id)| id.as_str())
            .take(8)
            .collect();
        let allowed = format!(
            "the id of a [[system]] of {}: {}",
            quoted(customer),
            of.join(", ")
        );
        seen.refuse_in(row, "system", quoted(system), allowed);
    }
    (customer, system)
}

pub(super) fn route(
    seen: &mut Seen<'_>,
    row: &Row<'_>,
    customers: &BTreeSet<String>,
    systems: &Paths,
    teams: &BTreeSet<String>,
    receivers: &BTreeSet<String>,
) -> Route {
    seen.known(
        row.table,
        row.name,
        &[
            "customer",
            "system",
            "severity",
            "urgency",
            "code",
            "subject",
            "team",
            "receivers",
            "deliver",
        ],
    );
    let (customer, system) = scope(seen, row, customers, systems);
    let severity = seen.words(
        row,
        "severity",
        &[
            ("I", Severity::Information),
            ("W", Severity::Warning),
            ("E", Severity::Error),
        ],
    );
    let urgencies = [Urgency::Now, Urgency::WorkingHours, Urgency::Record];
    let urgency = seen.words(
        row,
        "urgency",
        &urgencies.map(|urgency| (urgency.as_str(), urgency)),
    );
    let code = seen.codes(row, "code");
    let subject = subject(seen, row);
    let team = seen.reference(row, "team", "team", teams);
    let told = seen.references(row, "receivers", "receiver", receivers);
    let delivers = [Deliver::Now, Deliver::Digest, Deliver::Record];
    let deliver = seen.word(
        row,
        "deliver",
        &delivers.map(|deliver| (deliver.word(), deliver)),
    );
    if row.has("team") && row.has("receivers") {
        seen.refuse_in(
            row,
            "receivers",
            "team and receivers",
            "one of them, or none for the system's team",
        );
    } else if !row.has("team") && !row.has("receivers") && !row.has("deliver") {
        let key = place(row.name, "team, receivers, deliver");
        seen.refuse(
            row.line,
            key,
            "none",
            "at least one of them: whom to tell, or how",
        );
    }
    let to = match (team, told.is_empty()) {
        (Some(team), _) => RouteTo::Team(team),
        (None, false) => RouteTo::Receivers(told),
        (None, true) => RouteTo::Owner,
    };
    Route {
        customer,
        system,
        severity,
        urgency,
        code,
        subject,
        to,
        deliver,
        line: row.line,
    }
}

pub(super) fn response(
    seen: &mut Seen<'_>,
    row: &Row<'_>,
    customers: &BTreeSet<String>,
    systems: &Paths,
) -> Option<Response> {
    seen.known(
        row.table,
        row.name,
        &[
            "code",
            "customer",
            "system",
            "host",
            "subject",
            "impact",
            "first_action",
            "must_not",
            "decides",
            "document",
            "telephone",
        ],
    );
    let code = seen.code(row, "code");
    let (customer, system) = scope(seen, row, customers, systems);
    let host = seen.id(row, "host");
    if host.is_some() && !row.has("system") {
        seen.refuse_in(
            row,
            "host",
            "a host alone",
            "customer and system beside it: agents are named within a system",
        );
    }
    let response = Response {
        code: code.unwrap_or_default(),
        customer,
        system,
        host,
        subject: subject(seen, row),
        impact: seen.text_in(row, "impact"),
        first_action: seen.texts(row, "first_action"),
        must_not: seen.texts(row, "must_not"),
        decides: seen.text_in(row, "decides"),
        document: seen.name(row, "document"),
        telephone: seen.telephone(row, "telephone"),
        line: row.line,
    };
    if !["impact", "first_action", "document"]
        .into_iter()
        .any(|key| row.has(key))
    {
        let key = place(row.name, "impact, first_action, document");
        seen.refuse(row.line, key, "none", "at least one of them");
    }
    code.map(|_| response)
}

/// Two responses of one code for one place: the second would never be read.
pub(super) fn doubled(seen: &mut Seen<'_>, responses: &[Response]) {
    let mut places = BTreeSet::new();
    for response in responses {
        let place = (
            response.code,
            &response.customer,
            &response.system,
            &response.host,
            &response.subject,
        );
        if !places.insert(place) {
            let found = format!("a second response of {} for the same place", response.code);
            seen.refuse(
                response.line,
                "[[response]]",
                found,
                "one for each code and place",
            );
        }
    }
}
