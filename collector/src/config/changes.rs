//! What differs between two configurations, and what of it a running collector can take over.

use super::{Config, Response, Route};
use std::collections::BTreeMap;

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Taken over at once: `[[team]] ops changed`, `[mail]`.
    pub taken: Vec<String>,
    /// Only after a restart: `[ingest]`.
    pub restart: Vec<String>,
}

/// What differs between the configuration in force and a new one. Lines do not count, nor does the order of anything but
/// routes and responses.
#[must_use]
pub fn changes(old: &Config, new: &Config) -> Changes {
    let mut changes = Changes::default();
    let taken = &mut changes.taken;
    keyed(
        taken,
        "customer",
        &old.tables.customers,
        &new.tables.customers,
    );
    keyed(taken, "team", &old.tables.teams, &new.tables.teams);
    keyed(
        taken,
        "receiver",
        &old.tables.receivers,
        &new.tables.receivers,
    );
    let routes = |config: &Config| -> Vec<Route> {
        let mut routes = config.tables.routes.clone();
        routes.iter_mut().for_each(|route| route.line = 0);
        routes
    };
    let responses = |config: &Config| -> Vec<Response> {
        let mut responses = config.tables.responses.clone();
        responses.iter_mut().for_each(|response| response.line = 0);
        responses
    };
    let named = [
        ("[[route]]", routes(old) != routes(new)),
        ("[[response]]", responses(old) != responses(new)),
        ("[holidays]", old.tables.holidays != new.tables.holidays),
        ("[mail]", old.mail != new.mail),
        ("[presence]", old.presence != new.presence),
        ("[notify]", old.notify != new.notify),
    ];
    taken.extend(differing(&named));
    changes.restart = differing(&[
        ("[ingest]", old.ingest != new.ingest),
        ("[pages]", old.pages != new.pages),
        ("[store] directory", old.directory != new.directory),
        (
            "[store] retention_days",
            old.retention_days != new.retention_days,
        ),
        (
            "[store] retention of alerts, events, outbox, audit",
            old.keep != new.keep,
        ),
        ("[keys]", old.masters != new.masters),
        ("[watch]", old.watch != new.watch),
    ]);
    changes
}

fn differing(named: &[(&str, bool)]) -> Vec<String> {
    named
        .iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| (*name).to_owned())
        .collect()
}

fn keyed<T: PartialEq>(
    taken: &mut Vec<String>,
    what: &str,
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
) {
    for (id, value) in new {
        match old.get(id) {
            None => taken.push(format!("[[{what}]] {id} added")),
            Some(before) if before != value => taken.push(format!("[[{what}]] {id} changed")),
            Some(_) => {}
        }
    }
    let gone = old.keys().filter(|id| !new.contains_key(*id));
    taken.extend(gone.map(|id| format!("[[{what}]] {id} removed")));
}
