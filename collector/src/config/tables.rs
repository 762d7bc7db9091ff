//! The arrays of tables together: what is referred to must stand in the file.

use super::customers::{self, Customer};
use super::files::Files;
use super::holidays::{self, Holidays};
use super::people::{self, Receiver, Team};
use super::reader::Seen;
use super::routes::{self, Response, Route};
use super::sending::{self, Notify};
use std::collections::BTreeMap;
use toml::de::DeTable;

/// Who owns what, who is told, and what was agreed. Every id that stands in it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// By id; sites, systems and hosts are in them.
    pub customers: BTreeMap<String, Customer>,
    /// By id.
    pub teams: BTreeMap<String, Team>,
    /// By id.
    pub receivers: BTreeMap<String, Receiver>,
    /// In the order of the file: the first that fits wins.
    pub routes: Vec<Route>,
    /// In the order of the file.
    pub responses: Vec<Response>,
    /// National holidays.
    pub holidays: Option<Holidays>,
}

pub(super) fn tables(
    seen: &mut Seen<'_>,
    root: &DeTable<'_>,
    files: &mut Files<'_>,
    empty: &DeTable<'_>,
) -> (Tables, Notify) {
    let mut tables = Tables::default();
    // Ids first: a row that is wrong in itself makes no mistake of those that name it.
    let receiver_rows = seen.rows(root, "receiver", "[receiver]");
    let team_rows = seen.rows(root, "team", "[team]");
    let customer_rows = seen.rows(root, "customer", "[customer]");
    let site_rows = seen.rows(root, "site", "[site]");
    let system_rows = seen.rows(root, "system", "[system]");
    let receivers = customers::ids(seen, &receiver_rows, "receiver");
    let teams = customers::ids(seen, &team_rows, "team");
    let customers = customers::ids(seen, &customer_rows, "customer");
    let sites = customers::paths(seen, &site_rows);
    let systems = customers::paths(seen, &system_rows);

    for row in &receiver_rows {
        if let Some(receiver) = people::receiver(seen, row, files) {
            tables.receivers.insert(receiver.id.clone(), receiver);
        }
    }
    for row in &team_rows {
        if let Some(team) = people::team(seen, row, &receivers, files) {
            tables.teams.insert(team.id.clone(), team);
        }
    }
    if root.contains_key("holidays") {
        let row = seen.row(root, "holidays", empty);
        seen.known(row.table, row.name, &["file"]);
        seen.needs(
            &row,
            "file",
            "the Cabinet Office's file, e.g. \"syukujitsu.csv\"",
        );
        tables.holidays = files
            .csv(seen, &row, "file")
            .map(|(path, bytes)| holidays::parse(seen, &path, &bytes));
    }
    tables.customers = customers::customers(seen, &customer_rows, root.contains_key("holidays"));
    for row in &site_rows {
        customers::site(seen, row, &mut tables.customers, &customers);
    }
    for row in &system_rows {
        customers::system(seen, row, &mut tables.customers, &customers, &sites, &teams);
    }
    for row in &seen.rows(root, "host", "[host]") {
        customers::host(seen, row, &mut tables.customers, &systems, &sites, &teams);
    }
    for row in &seen.rows(root, "route", "[route]") {
        let route = routes::route(seen, row, &customers, &systems, &teams, &receivers);
        tables.routes.push(route);
    }
    for row in &seen.rows(root, "response", "[response]") {
        let response = routes::response(seen, row, &customers, &systems);
        tables.responses.extend(response);
    }
    routes::doubled(seen, &tables.responses);
    let row = seen.row(root, "notify", empty);
    let notify = sending::notify(seen, &row, &teams, &receivers);
    (tables, notify)
}
