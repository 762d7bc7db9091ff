//! `test-report`: the sheet of an acceptance: which codes were tested on which hosts, and what was not.

use super::super::line::Line;
use super::super::{print, store_failure};
use super::report_rows::{Row, Sheet, Tested, Told, sheet};
use crate::exit::{FAILURE, Failure, USAGE};
use crate::handling::audit::cell;
use crate::store::{Sending, SqliteStore, Store as _};
use crate::zone::Zone;
use hansho::code::{Language, display, name};
use serde_json::{Value, json};

/// First line of the CSV: UTF-8 with its mark, which spreadsheets need.
const CSV_HEAD: &str = "\u{feff}customer,system,host,code,name_ja,name_en,result,tested_at,stored_at,ended_at,mail,taken_by,alert\r\n";

/// Runs the command.
///
/// # Errors
/// [`Failure`] where the store cannot be read, or has no such system.
pub(in crate::cli) fn report(line: &Line) -> Result<(), Failure> {
    if line.flag("json") && line.flag("csv") {
        return Err(Failure::new(USAGE, "--json or --csv, not both"));
    }
    let place = line.get("system");
    let place = place.and_then(|system| system.split_once('/'));
    let (customer, system) =
        place.ok_or_else(|| Failure::new(USAGE, "test-report needs --system CUSTOMER/SYSTEM"))?;
    let config = line.configuration()?;
    let zone = config.pages.zone.clone().unwrap_or_else(Zone::of_host);
    let store =
        SqliteStore::open_reader(&config.directory).map_err(|error| store_failure(&error))?;
    let mut agents = store.agents().map_err(|error| store_failure(&error))?;
    agents.retain(|agent| {
        agent.customer == customer && agent.system == system && agent.retired.is_none()
    });
    if agents.is_empty() {
        let message = format!("no agent of `{customer}/{system}`");
        return Err(Failure::new(FAILURE, message));
    }
    let sheet = sheet(&store, &agents).map_err(|error| store_failure(&error))?;
    let whose = (customer, system);
    print(&if line.flag("json") {
        as_json(whose, &sheet, &zone)
    } else if line.flag("csv") {
        csv(whose, &sheet, &zone)
    } else {
        text(whose, &sheet, &zone)
    })
}

/// How a row stands, in a word.
fn result(row: &Row) -> &'static str {
    let Some(tested) = &row.tested else {
        return "not_tested";
    };
    match &tested.told {
        Told::Messages(messages) => {
            let all = |state| messages.iter().all(|message| message.state == state);
            let failed = |state| matches!(state, Sending::Refused | Sending::GivenUp);
            if all(Sending::Delivered) {
                "delivered"
            } else if messages.iter().any(|message| failed(message.state)) {
                "mail_failed"
            } else {
                "mail_waits"
            }
        }
        Told::Listed => "mail_waits",
        Told::Nobody(_) => "nobody_told",
        Told::Undecided => "undecided",
    }
}

fn mail(tested: &Tested, zone: &Zone) -> String {
    match &tested.told {
        Told::Messages(messages) => {
            let each: Vec<String> = messages
                .iter()
                .map(|message| {
                    let at = message
                        .at
                        .map_or_else(String::new, |at| format!(" {}", zone.show(at)));
                    format!(
                        "{} {} {}{at}",
                        message.receiver,
                        message.channel,
                        message.state.word()
                    )
                })
                .collect();
            each.join("; ")
        }
        Told::Listed => "waits for a list".to_owned(),
        Told::Nobody(reason) => format!("nobody told: {reason}"),
        Told::Undecided => "nothing decided yet".to_owned(),
    }
}

fn people(tested: &Tested) -> String {
    let each: Vec<String> = tested
        .by
        .iter()
        .map(|(name, _, text)| {
            let text = text.replace(['\n', '\r'], " ");
            if text.is_empty() {
                name.clone()
            } else {
                format!("{name} \"{text}\"")
            }
        })
        .collect();
    if each.is_empty() {
        "-".to_owned()
    } else {
        each.join("; ")
    }
}

fn text((customer, system): (&str, &str), sheet: &Sheet, zone: &Zone) -> String {
    let mut text = format!("{customer}/{system}\n");
    let mut counts = [0_u64; 3];
    for row in &sheet.rows {
        let word = result(row);
        let at = match word {
            "not_tested" => 2,
            "delivered" => 0,
            _ => 1,
        };
        if let Some(count) = counts.get_mut(at) {
            *count = count.saturating_add(1);
        }
        let what = format!(
            "{} {} {}",
            row.host,
            display(row.code, true),
            name(row.code, Language::En).unwrap_or("")
        );
        match &row.tested {
            None => text.push_str(&format!("NOT TESTED  {what}\n")),
            Some(tested) => {
                let ended = tested.ended.map_or_else(
                    || "not ended".to_owned(),
                    |at| format!("ended {}", zone.show(at)),
                );
                text.push_str(&format!(
                    "{word:<11} {what}\n            tested {}, {ended}; {}; by {}\n",
                    zone.show(tested.at),
                    mail(tested, zone),
                    people(tested)
                ));
            }
        }
    }
    let [good, other, untested] = counts;
    let all = sheet.rows.len();
    text.push_str(&format!(
        "{all} codes on hosts: {good} tested and delivered, {other} tested and not delivered, {untested} NOT TESTED\n"
    ));
    if !sheet.presumed.is_empty() {
        text.push_str(&format!(
            "no rules told yet, so the built-in ones are taken: {}\n",
            sheet.presumed.join(", ")
        ));
    }
    text
}

fn csv((customer, system): (&str, &str), sheet: &Sheet, zone: &Zone) -> String {
    let mut text = CSV_HEAD.to_owned();
    for row in &sheet.rows {
        let tested = row.tested.as_ref();
        let show =
            |at: Option<hansho::clock::WallTime>| at.map_or_else(String::new, |at| zone.show(at));
        let cells = [
            customer.to_owned(),
            system.to_owned(),
            row.host.clone(),
            display(row.code, true).to_string(),
            name(row.code, Language::Ja).unwrap_or("").to_owned(),
            name(row.code, Language::En).unwrap_or("").to_owned(),
            result(row).to_owned(),
            show(tested.map(|tested| tested.at)),
            show(tested.map(|tested| tested.stored)),
            show(tested.and_then(|tested| tested.ended)),
            tested.map_or_else(String::new, |tested| mail(tested, zone)),
            tested.map_or_else(String::new, people),
            tested.map_or_else(String::new, |tested| tested.alert.clone()),
        ];
        let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

fn as_json((customer, system): (&str, &str), sheet: &Sheet, zone: &Zone) -> String {
    let rows: Vec<Value> = sheet
        .rows
        .iter()
        .map(|row| {
            json!({
                "host": row.host,
                "code": display(row.code, true).to_string(),
                "result": result(row),
                "test": row.tested.as_ref().map(|tested| of_test(tested, zone)),
            })
        })
        .collect();
    let all = json!({
        "customer": customer,
        "system": system,
        "rows": rows,
        "built_in_rules_presumed": sheet.presumed,
    });
    format!("{all}\n")
}

fn of_test(tested: &Tested, zone: &Zone) -> Value {
    let messages: Value = match &tested.told {
        Told::Messages(messages) => messages
            .iter()
            .map(|message| {
                json!({
                    "receiver": message.receiver,
                    "channel": message.channel,
                    "state": message.state.word(),
                    "at": message.at.map(|at| zone.rfc3339(at)),
                })
            })
            .collect(),
        Told::Listed | Told::Undecided | Told::Nobody(_) => Value::Array(Vec::new()),
    };
    let by: Vec<Value> = tested
        .by
        .iter()
        .map(|(name, at, text)| json!({ "by": name, "at": zone.rfc3339(*at), "text": text }))
        .collect();
    json!({
        "alert": tested.alert,
        "at": zone.rfc3339(tested.at),
        "stored": zone.rfc3339(tested.stored),
        "ended": tested.ended.map(|at| zone.rfc3339(at)),
        "messages": messages,
        "nobody_told": match &tested.told {
            Told::Nobody(reason) => Some(*reason),
            Told::Messages(_) | Told::Listed | Told::Undecided => None,
        },
        "by": by,
    })
}
