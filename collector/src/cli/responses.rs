//! `responses`: codes that systems can raise, and about which nothing was agreed yet.

use super::line::{Command, Line, flag, text};
use super::{print, reader, store_failure};
use crate::api::told;
use crate::api::uncovered::{self, Raised};
use crate::codes;
use crate::directory::Directory;
use crate::exit::{FAILURE, Failure, USAGE};
use crate::zone::Zone;
use serde_json::Value;

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "responses",
    options: &[text("system"), flag("json")],
    run: responses,
}];

/// Runs the command.
fn responses(line: &Line) -> Result<(), Failure> {
    let wanted = match line.get("system") {
        None => None,
        Some(system) => Some(system.split_once('/').ok_or_else(|| {
            Failure::new(USAGE, format!("--system {system}: write CUSTOMER/SYSTEM"))
        })?),
    };
    let config = line.configuration()?;
    let store = reader(line)?;
    let zone = config.pages.zone.clone().unwrap_or_else(Zone::utc);
    let directory = Directory::new(&config, zone);
    let mut systems =
        uncovered::systems(&directory, &store).map_err(|error| store_failure(&error))?;
    if let Some((customer, system)) = wanted {
        systems.retain(|(of, id), _| of == customer && id == system);
        if systems.is_empty() {
            let message = format!(
                "no system `{customer}/{system}` has an agent or stands in the configuration"
            );
            return Err(Failure::new(FAILURE, message));
        }
    }
    if line.flag("json") {
        let list: Vec<Value> = systems
            .values()
            .map(|raised| told::system_json(&directory, raised))
            .collect();
        return print(&format!("{}\n", Value::Array(list)));
    }
    let mut text = String::new();
    for raised in systems.values() {
        text.push_str(&as_text(&directory, raised));
    }
    print(&text)
}

fn as_text(directory: &Directory, raised: &Raised) -> String {
    let path = format!("{}/{}", raised.customer, raised.system);
    if raised.hosts() == 0 {
        return format!("{path}: no agent yet\n");
    }
    let open = raised.uncovered(directory);
    let mut text = format!(
        "{path}: {} of {} codes have no response\n",
        open.len(),
        raised.codes()
    );
    if !raised.presumed.is_empty() {
        text.push_str(&format!(
            "  presumed to have the built-in rules, since they have not told theirs: {}\n",
            raised.presumed.join(", ")
        ));
    }
    let language = directory
        .customer(&raised.customer)
        .map_or(hansho::code::Language::Ja, |customer| customer.language);
    for uncovered in &open {
        let display = codes::display(uncovered.code, true);
        let name = codes::name(uncovered.code, language);
        let hosts = if uncovered.hosts.len() == raised.hosts() {
            "all hosts".to_owned()
        } else {
            uncovered.hosts.join(", ")
        };
        text.push_str(&format!("  {display} {name}: {hosts}\n"));
    }
    text
}
