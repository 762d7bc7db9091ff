//! The audit: who did what.

use super::object::object;
use super::page::{self, Asked, CURSOR_FIELD, LIMIT_FIELD};
use super::problem::{Problem, Sort};
use super::silences::VIAS;
use super::table::{Answer, Operation, get};
use super::value::{Field, Form, Kind, NUMBER, Shape, may, must};
use super::{Desk, Input, Outcome, Reply};
use crate::handling::{audit, moment};
use crate::limit::API_CSV_ENTRIES;
use crate::people::{Action, Scope};
use crate::store::{AuditEntry, AuditFilter};
use hansho::clock::WallTime;
use serde_json::{Value as Json, json};

/// A month.
const MONTH: Form = Form {
    pattern: "^(19[7-9][0-9]|20[0-9]{2}|21[0-9]{2})-(0[1-9]|1[0-2])$",
    fits: |text| moment::month(text, 0).is_some(),
    allowed: "a month as 2026-11",
};

const ENTRY: Shape = Shape {
    name: "AuditEntry",
    says: "One action of a person or program. Never changed and never deleted.",
    fields: &[
        must("number", NUMBER, "Order over all entries, without gaps."),
        must("at", Kind::Moment, "When."),
        must("by", Kind::Text(64), "Who."),
        must("via", Kind::Word(VIAS), "By which way."),
        must("action", Kind::Text(64), "What was done."),
        must("on", Kind::Text(256), "To what."),
        must(
            "customer",
            Kind::Text(64),
            "Whose it is; empty where it concerns no single customer.",
        ),
        must("detail", Kind::Text(20_000), "Details as `key=value`."),
    ],
};

const CUSTOMER_FIELD: Field = may(
    "customer",
    Kind::Text(64),
    "Of this customer only. Needed by those who do not see all customers, where they see more than one.",
);

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    get(
        "/api/v1/audit",
        "audit",
        "Audit",
        "The audit, in order. Without `month`, `from` and `until` all of it.",
        Answer::Page(&ENTRY),
        list,
    )
    .needs(Action::ReadAudit)
    .with(&[
        CUSTOMER_FIELD,
        may(
            "month",
            Kind::Form(&MONTH),
            "Of this month in the zone of the pages.",
        ),
        may("from", Kind::Moment, "Not before; not beside `month`."),
        may("until", Kind::Moment, "Before; not beside `month`."),
        CURSOR_FIELD,
        LIMIT_FIELD,
    ])
    .or(&[Sort::NotFound]),
    get(
        "/api/v1/audit.csv",
        "audit_csv",
        "Audit",
        "A month of the audit as CSV (RFC 4180, UTF-8 with its mark).",
        Answer::Csv,
        csv,
    )
    .needs(Action::ReadAudit)
    .with(&[
        CUSTOMER_FIELD,
        must(
            "month",
            Kind::Form(&MONTH),
            "The month, in the zone of the pages.",
        ),
    ])
    .or(&[Sort::NotFound, Sort::Refused]),
];

/// Whose entries are asked for: `None` for all.
fn customer<'i>(desk: &'i Desk<'_>, input: &'i Input) -> Result<Option<&'i str>, Problem> {
    match (input.given("customer"), &desk.viewer.scope) {
        // Entries that concern no single customer are for those who see all.
        (Some(""), Scope::Customers(_)) => Err(Problem::not_found("customer")),
        (Some(customer), scope) if scope.has(customer) => Ok(Some(customer)),
        (Some(_), _) => Err(Problem::not_found("customer")),
        (None, Scope::All) => Ok(None),
        (None, Scope::Customers(customers)) => match customers.len() {
            1 => Ok(customers.first().map(String::as_str)),
            _ => Err(Problem::of(
                Sort::Missing,
                "customer",
                "it is needed: one of yours",
            )),
        },
    }
}

fn month(desk: &Desk<'_>, text: &str) -> Result<(WallTime, WallTime), Problem> {
    moment::month(text, desk.zone.offset_s()).ok_or_else(|| {
        Problem::of(
            Sort::BadValue,
            "month",
            format!("allowed is {}", MONTH.allowed),
        )
    })
}

fn json(entry: &AuditEntry) -> Json {
    let mut json = object(json!({
        "number": entry.number,
        "by": entry.by,
        "via": entry.via.word(),
        "action": entry.action,
        "on": entry.on,
        "customer": entry.customer,
        "detail": entry.detail,
    }));
    json.moment("at", Some(entry.at));
    json.json()
}

fn list(desk: &Desk<'_>, input: &Input) -> Outcome {
    let customer = customer(desk, input)?;
    let (from, until) = match input.given("month") {
        Some(_) if input.has("from") || input.has("until") => {
            let said = "it excludes `from` and `until`";
            return Err(Problem::of(Sort::BadValue, "month", said));
        }
        Some(text) => month(desk, text)?,
        None => (
            input.moment("from").unwrap_or(WallTime::from_millis(0)),
            input
                .moment("until")
                .unwrap_or(WallTime::from_millis(u64::MAX)),
        ),
    };
    let asked = Asked::new(input);
    let after = asked.numbers::<1>()?.map_or(0, |[number]| number);
    let limit = asked.limit;
    let filter = AuditFilter {
        customer,
        from,
        until,
        after,
        limit,
    };
    let entries = desk.look(|rows| Ok(rows.audit(&filter)?))?;
    let full = entries.len() >= limit;
    let next = entries
        .last()
        .filter(|_| full)
        .map(|last| last.number.to_string());
    Ok(page::page(
        entries.iter().map(json).collect(),
        next.as_deref(),
    ))
}

fn csv(desk: &Desk<'_>, input: &Input) -> Outcome {
    let customer = customer(desk, input)?;
    let text = input.text("month");
    let month = month(desk, text)?;
    let mut lines = audit::CSV_HEAD.to_owned();
    let mut entries = 0_usize;
    desk.look(|rows| {
        Ok(audit::each(rows, customer, month, &mut |entry| {
            entries = entries.saturating_add(1);
            if entries <= API_CSV_ENTRIES {
                lines.push_str(&audit::csv_line(entry, desk.zone));
            }
        })?)
    })?;
    if entries > API_CSV_ENTRIES {
        let said = format!(
            "the month has {entries} entries, and a file at most {API_CSV_ENTRIES}: ask for one customer, or for pages"
        );
        return Err(Problem::of(Sort::Refused, "month", said));
    }
    Ok(Reply::Csv(format!("audit-{text}.csv"), lines))
}
