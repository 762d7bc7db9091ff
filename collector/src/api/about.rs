//! The collector and the one who asks.

use super::object::object;
use super::problem::{self, SORT};
use super::table::{Answer, Operation, Run, get};
use super::value::{Kind, NUMBER, Shape, must};
use super::{Desk, Input, Outcome, Reply, done, page};
use crate::people::{Role, Scope};
use crate::store::{AlertFilter, Totals};
use serde_json::{Value as Json, json};

/// Words of roles.
pub const ROLES: &[&str] = &[
    Role::Viewer.word(),
    Role::Operator.word(),
    Role::Admin.word(),
];

const ME: Shape = Shape {
    name: "Me",
    says: "Who asks.",
    fields: &[
        must("name", Kind::Text(64), "Name of the account or token."),
        must("role", Kind::Word(ROLES), "What it may do."),
        must("customers", Kind::Customers, "Whose systems it sees."),
        must(
            "via",
            Kind::Word(&["page", "api"]),
            "`api` with a token; `page` with a session or by the single-sign-on proxy.",
        ),
        must("now", Kind::Moment, "The collector's clock."),
        must("version", Kind::Text(32), "Version of the collector."),
    ],
};

const HEALTH: Shape = Shape {
    name: "Health",
    says: "Whether the collector works.",
    fields: &[must(
        "writing",
        Kind::Flag,
        "True: the writer, asked through the queue that batches take, has just written to the disk. Otherwise the answer is 503.",
    )],
};

const TOTALS: Shape = Shape {
    name: "Totals",
    says: "How much there is.",
    fields: &[
        must("agents", NUMBER, "Agents that one sees."),
        must("firing", NUMBER, "Their open alerts."),
        super::value::may(
            "store",
            Kind::Object(&STORE),
            "The whole store; null for those who do not see all customers.",
        ),
    ],
};

const STORE: Shape = Shape {
    name: "StoreTotals",
    says: "What the store counted since it was made, over all customers.",
    fields: &[
        must("frames_stored", NUMBER, "Frames stored."),
        must(
            "duplicates",
            NUMBER,
            "Frames that came again and were not stored again.",
        ),
        must(
            "lost",
            NUMBER,
            "Frames that will never come: lengths of all lost ranges.",
        ),
        must("alerts", NUMBER, "Alerts ever stored."),
        must(
            "readings_stored",
            NUMBER,
            "Readings within the stored frames.",
        ),
        must("firing", NUMBER, "Open alerts."),
        must("refused", NUMBER, "Frames refused."),
        must(
            "skipped",
            NUMBER,
            "Frames of a kind that this version does not know.",
        ),
        must(
            "contradicted",
            NUMBER,
            "Statements of an older run that a newer one contradicts.",
        ),
        must("agents", NUMBER, "Agents."),
        must(
            "damaged_days",
            NUMBER,
            "Damaged files of raw frames that were set aside.",
        ),
    ],
};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    get("/api/v1/me", "me", "About", "Who asks, and what they may.", Answer::One(&ME), me),
    get(
        "/api/v1/health",
        "health",
        "About",
        "Whether the collector works. 503 where it does not write; `/healthz` says the same without a token.",
        Answer::One(&HEALTH),
        me,
    )
    .by(Run::Health),
    get(
        "/api/v1/totals",
        "totals",
        "About",
        "How many agents and open alerts there are, and what the store counted.",
        Answer::One(&TOTALS),
        totals,
    ),
    get(
        problem::PROBLEMS,
        "problems",
        "About",
        "All sorts of problems that answers name.",
        Answer::Page(&SORT),
        problems,
    ),
    get(
        "/api/v1/openapi.json",
        "document",
        "About",
        "This document.",
        Answer::Document,
        me,
    )
    .by(Run::Document),
];

/// A scope.
#[must_use]
pub fn customers(scope: &Scope) -> Json {
    match scope {
        Scope::All => json!("all"),
        Scope::Customers(customers) => json!(customers),
    }
}

fn me(desk: &Desk<'_>, _: &Input) -> Outcome {
    let mut me = object(json!({
        "name": desk.viewer.name,
        "role": desk.viewer.role.word(),
        "customers": customers(&desk.viewer.scope),
        "via": desk.who.via.word(),
        "version": env!("CARGO_PKG_VERSION"),
    }));
    me.moment("now", Some(desk.now));
    done(me.json())
}

/// The answer about health, where it is good.
#[must_use]
pub fn healthy() -> Json {
    json!({ "writing": true })
}

/// Totals of the whole store, as `stats` prints them.
#[must_use]
pub fn store_totals(totals: &Totals) -> Json {
    let all = totals.all();
    json!({
        "frames_stored": all.frames_stored,
        "duplicates": all.duplicates,
        "lost": all.lost,
        "alerts": totals.alerts,
        "readings_stored": all.readings_stored,
        "firing": totals.firing,
        "refused": all.refused,
        "skipped": all.skipped,
        "contradicted": all.contradicted,
        "agents": totals.agents,
        "damaged_days": totals.damaged_days,
    })
}

fn totals(desk: &Desk<'_>, _: &Input) -> Outcome {
    let agents = desk.agents()?;
    let open = desk.store.alerts(&AlertFilter {
        firing: Some(true),
        ..AlertFilter::default()
    })?;
    let customers = super::alerts::Owners::new(desk)?;
    let firing = open.iter().filter(|alert| customers.sees(desk, alert));
    let store = match desk.viewer.scope {
        Scope::All => store_totals(&desk.store.totals()?),
        Scope::Customers(_) => Json::Null,
    };
    done(json!({ "agents": agents.len(), "firing": firing.count(), "store": store }))
}

#[expect(clippy::unnecessary_wraps, reason = "the type is that of operations")]
fn problems(_: &Desk<'_>, _: &Input) -> Result<Reply, super::Problem> {
    Ok(page::page(problem::sorts(), None))
}
