//! What a frame says, as JSON: for `decode`.

use super::output::shown;
use hansho::clock::Uptime;
use hansho::code::display;
use hansho::frame::Body;
use hansho::frame::body::{
    Alert, Config, Found, FoundRecord, FrameFault, Leave, LeaveWhat, LossReason, OpenRecord,
    Readings, RuleRecord, State, StopReason, decode, elements, reason_name, transition_from_u8,
};
use hansho::frame::evidence::{AboutRecord, Evidence, Moment, Short, SuspectRecord, Victim};
use hansho::frame::packed::Unpacker;
use hansho::rule::{Quantity, TransitionKind};
use hansho::sample::{Field, Reading};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A frame for people.
pub(crate) struct Content {
    /// Its uptime.
    pub(crate) uptime: Uptime,
    /// The name of its kind.
    pub(crate) kind: String,
    /// What it says in a few words, besides its fields; may be empty.
    pub(crate) words: String,
    /// Its fields.
    pub(crate) fields: Value,
}

/// Takes a frame apart; with `readings`, packed readings too.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn content(frame: &[u8], readings: bool) -> Result<Content, FrameFault> {
    let (uptime, body) = decode(frame)?;
    let (kind, words, fields) = match &body {
        Body::Hello(hello) => ("Hello", String::new(), plain(hello)),
        Body::Config(config) => ("Config", String::new(), config_fields(config)),
        Body::State(state) => ("State", String::new(), state_fields(state)),
        Body::Alert(alert) => ("Alert", alert_words(alert), alert_fields(alert)),
        Body::Goodbye(goodbye) => {
            let reason = StopReason::from_u8(goodbye.reason).name();
            ("Goodbye", reason.into(), plain(goodbye))
        }
        Body::Leave(leave) => ("Leave", leave_words(leave).into(), plain(leave)),
        Body::Boot(boot) => ("Boot", String::new(), plain(boot)),
        Body::Readings(body) => (
            "Readings",
            String::new(),
            readings_fields(body, uptime, readings),
        ),
        Body::Found(found) => ("Found", String::new(), found_fields(found)),
        Body::Evidence(evidence) => ("Evidence", String::new(), evidence_fields(evidence)),
        Body::Victim(victim) => ("Victim", String::new(), victim_fields(victim)),
        Body::History(body) => (
            "History",
            String::new(),
            readings_fields(body, uptime, readings),
        ),
        Body::Loss(loss) => {
            let reason = match LossReason::from_u8(loss.reason) {
                LossReason::Overwritten => "overwritten",
                LossReason::Refused => "refused",
                LossReason::Unknown => "unknown",
            };
            ("Loss", reason.into(), plain(loss))
        }
        Body::Unknown(number) => {
            let words = "a kind that this version does not know".into();
            ("Unknown", words, json!({ "kind_number": number }))
        }
    };
    Ok(Content {
        uptime,
        kind: kind.into(),
        words,
        fields,
    })
}

/// The fields of a body as they are.
fn plain(body: &impl Serialize) -> Value {
    // Numbers and texts always serialise; were it not so, null says that there is nothing to show.
    serde_json::to_value(body).unwrap_or(Value::Null)
}

/// The fields of `body`, without `without` and with `more`.
fn with(
    body: &impl Serialize,
    without: &str,
    more: impl IntoIterator<Item = (&'static str, Value)>,
) -> Value {
    let mut fields = match plain(body) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    fields.remove(without);
    for (key, value) in more {
        fields.insert(key.into(), value);
    }
    Value::Object(fields)
}

/// The elements of a list; one that cannot be read is null, and the last.
fn list<'a, T: Deserialize<'a> + Serialize>(bytes: &'a [u8], show: impl Fn(&T) -> Value) -> Value {
    elements::<T>(bytes)
        .map(|element| element.map_or(Value::Null, |element| show(&element)))
        .collect()
}

fn quantity_name(number: u8) -> Value {
    Quantity::from_number(number).map_or(Value::Null, |quantity| quantity.name().into())
}

fn config_fields(config: &Config<'_>) -> Value {
    let rules = list(config.rules, |rule: &RuleRecord<'_>| {
        with(rule, "", [("quantity_name", quantity_name(rule.quantity))])
    });
    with(config, "rules", [("rules", rules)])
}

fn found_fields(found: &Found<'_>) -> Value {
    let records = list(found.found, |record: &FoundRecord<'_>| {
        with(
            record,
            "",
            [("quantity_name", quantity_name(record.quantity))],
        )
    });
    json!({ "found": records })
}

fn state_fields(state: &State<'_>) -> Value {
    let open = list(state.open, |open: &OpenRecord<'_>| {
        with(
            open,
            "",
            [("display", display(open.code, true).to_string().into())],
        )
    });
    with(state, "open", [("open", open)])
}

fn evidence_fields(evidence: &Evidence<'_>) -> Value {
    let about = list(evidence.about, |about: &AboutRecord<'_>| {
        with(
            about,
            "",
            [
                ("display", display(about.code, true).to_string().into()),
                ("moment_name", Moment::from_u8(about.moment).name().into()),
            ],
        )
    });
    let suspects = list(evidence.suspects, |suspect: &SuspectRecord<'_>| {
        with(
            suspect,
            "",
            [
                ("name", text(Some(suspect.name))),
                ("user", text(suspect.user)),
                ("unit", text(suspect.unit)),
                ("container", text(suspect.container)),
            ],
        )
    });
    with(evidence, "", [("about", about), ("suspects", suspects)])
}

fn victim_fields(victim: &Victim<'_>) -> Value {
    with(
        victim,
        "",
        [
            ("name", text(Some(victim.name))),
            ("group", text(Some(victim.group))),
            ("unit", text(victim.unit)),
            ("container", text(victim.container)),
            ("short_name", Short::from_u8(victim.short).name().into()),
        ],
    )
}

/// Bytes of a host.
fn text(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| String::from_utf8_lossy(bytes).into())
}

fn alert_words(alert: &Alert<'_>) -> String {
    let raised = transition_from_u8(alert.transition) != Some(TransitionKind::Resolved);
    let subject = if alert.subject.is_empty() {
        String::new()
    } else {
        format!(" {}", shown(alert.subject))
    };
    format!(
        "{} {}{subject}",
        display(alert.code, raised),
        state_name(alert)
    )
}

fn leave_words(leave: &Leave<'_>) -> &'static str {
    match LeaveWhat::from_u8(leave.what) {
        LeaveWhat::Announced => "announced",
        LeaveWhat::Ended => "ended",
        LeaveWhat::Unknown => "unknown",
    }
}

fn state_name(alert: &Alert<'_>) -> &'static str {
    match transition_from_u8(alert.transition) {
        Some(TransitionKind::Firing) => "firing",
        Some(TransitionKind::Resolved) => "resolved",
        Some(TransitionKind::Continued) => "continued",
        None => "unknown",
    }
}

fn alert_fields(alert: &Alert<'_>) -> Value {
    with(
        alert,
        "",
        [
            ("state", state_name(alert).into()),
            ("reason_name", reason_name(alert.reason).into()),
            ("quantity_name", quantity_name(alert.quantity)),
        ],
    )
}

fn readings_fields(body: &Readings<'_>, uptime: Uptime, unpack: bool) -> Value {
    let bytes = ("packed_bytes", Value::from(body.packed.len()));
    if !unpack {
        return with(body, "packed", [bytes]);
    }
    // An error is the last item: what was read before it is right.
    let mut whole = true;
    let readings: Value = Unpacker::new(body, uptime)
        .filter_map(|reading| {
            whole &= reading.is_ok();
            reading.ok()
        })
        .map(|reading| reading_fields(&reading))
        .collect();
    let more = [bytes, ("readings", readings), ("whole", whole.into())];
    with(body, "packed", more)
}

/// Present fields by name, memory in KiB.
fn reading_fields(reading: &Reading) -> Value {
    let mut fields = Map::new();
    fields.insert("uptime_ms".into(), reading.uptime.as_millis().into());
    for field in Field::ALL {
        let value = if field.is_quanta() {
            reading.kib(field)
        } else {
            reading.get(field).map(u64::from)
        };
        if let Some(value) = value {
            fields.insert(field_name(field), value.into());
        }
    }
    Value::Object(fields)
}

/// `MemoryAvailable` as `memory_available_kib`.
fn field_name(field: Field) -> String {
    let mut name = String::new();
    for letter in format!("{field:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name.push_str(match field {
        field if field.is_quanta() => "_kib",
        Field::CpuBusy
        | Field::CpuUser
        | Field::CpuSystem
        | Field::CpuIowait
        | Field::CpuSteal
        | Field::CpuBusyPeak
        | Field::PressureCpuSome
        | Field::PressureMemorySome
        | Field::PressureMemoryFull
        | Field::PressureIoSome
        | Field::PressureIoFull => "_permille",
        Field::SwapIn | Field::SwapOut | Field::MajorFaults | Field::Refaults => "_per_second",
        Field::Load1 => "_centi",
        _ => "",
    });
    name
}
