//! An Alertmanager: alerts by its API v2 (`POST /api/v2/alerts`, prometheus/alertmanager `api/v2/openapi.yaml`).
//!
//! It recognises an alert by its labels alone, so that they are the same from the first message to the end; everything that
//! changes is an annotation. Lists say nothing here: each of their alerts is posted by its own message.

use super::http::Client;
use super::notice::{AlertNotice, Body, Happened, Notice};
use super::outcome::Outcome;
use super::render::{Rendered, clean, numbers};
use crate::limit::{ALERTMANAGER_HOLD_MS, MAIL_NAME_CHARACTERS, MAIL_TEXT_CHARACTERS};
use crate::zone::Zone;
use hansho::clock::WallTime;
use hansho::code::{self, Severity};
use serde_json::{Map, Value, json};

/// The code that "back" ends, and that of a site.
const SILENT: u16 = 9001;
const SITE_SILENT: u16 = 9005;

/// An Alertmanager.
#[derive(Clone, Debug)]
pub struct Alertmanager {
    url: String,
}

impl Alertmanager {
    /// At an address, without `/api/v2/alerts`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: format!("{}/api/v2/alerts", url.trim_end_matches('/')),
        }
    }

    /// Posts a message about an alert; `now` is when it is sent.
    #[must_use]
    pub fn post(
        &self,
        client: &Client,
        notice: &Notice,
        rendered: &Rendered,
        now: WallTime,
    ) -> Outcome {
        let alerts = alerts(notice, rendered, now);
        if alerts.is_empty() {
            return Outcome::accepted("a list or report: nothing for an Alertmanager");
        }
        let body = Value::Array(alerts).to_string();
        client.post(&self.url, &[], body.as_bytes())
    }
}

/// The alerts of a message as the API takes them; none for lists and reports. The end of a thread is that of its whole family:
/// each of its codes has labels of its own there, and whichever was told ends. One that was not is over when it comes, which
/// Alertmanager tells nobody.
#[must_use]
pub fn alerts(notice: &Notice, rendered: &Rendered, now: WallTime) -> Vec<Value> {
    let Body::Alert(alert) = &notice.body else {
        return Vec::new();
    };
    let number = number(alert);
    let mut numbers = vec![number];
    let family = code::entry(number).and_then(|entry| entry.family);
    if let (true, Some((family, _))) = (is_end(alert), family) {
        let others = code::TABLE.iter().filter(|other| {
            other.number != number && other.family.is_some_and(|(other, _)| other == family)
        });
        numbers.extend(others.map(|other| other.number));
    }
    numbers
        .into_iter()
        .filter_map(|number| one((notice, alert), rendered, number, now))
        .collect()
}

const fn is_end(alert: &AlertNotice) -> bool {
    matches!(alert.happened, Happened::Resolved(_) | Happened::Back(_))
}

fn one(
    (notice, alert): (&Notice, &AlertNotice),
    rendered: &Rendered,
    number: u16,
    now: WallTime,
) -> Option<Value> {
    let utc = |moment: WallTime| Zone::utc().rfc3339(moment);
    let mut all = json!({
        "labels": labels(alert, number),
        "annotations": annotations(notice, alert, rendered),
        "startsAt": utc(alert.identity.started),
        "endsAt": utc(ends(notice, alert, now)),
    });
    if let Some(link) = notice
        .link
        .as_deref()
        .filter(|link| link.starts_with("http"))
    {
        let link = clean::line(link, MAIL_TEXT_CHARACTERS);
        all.as_object_mut()?
            .insert("generatorURL".to_owned(), Value::from(link));
    }
    Some(all)
}

/// When it is over: an alert that fires, long after the next message about it. A message may have been decided long ago, and a
/// renewal is sent again and again: the time counts from now.
fn ends(notice: &Notice, alert: &AlertNotice, now: WallTime) -> WallTime {
    let written = notice.written;
    match &alert.happened {
        Happened::Resolved(_) => alert
            .times
            .recovered
            .or(alert.times.resolved)
            .map_or(written, |moment| moment.wall)
            .min(written),
        Happened::Back(back) => back.back_at.min(written),
        // Its end was told before this, which had to be tried again: nothing would end it another time.
        _ if alert.times.resolved.is_some() => written,
        _ => WallTime::from_millis(now.as_millis().saturating_add(ALERTMANAGER_HOLD_MS)),
    }
}

/// The code that Alertmanager knows it by.
const fn number(alert: &AlertNotice) -> u16 {
    match (&alert.happened, &alert.identity.host) {
        (Happened::Back(_), Some(_)) => SILENT,
        (Happened::Back(_), None) => SITE_SILENT,
        _ => alert.identity.code,
    }
}

fn labels(alert: &AlertNotice, number: u16) -> Map<String, Value> {
    let id = &alert.identity;
    let entry = code::entry(number);
    let severity = match entry.map(|entry| entry.severity) {
        Some(Severity::Error) => "critical",
        Some(Severity::Warning) | None => "warning",
        Some(Severity::Information) => "info",
    };
    let mut all = Map::new();
    for (name, value) in [
        ("alertname", format!("HNS{number:04}")),
        (
            "name",
            entry.map(|entry| entry.slug.to_owned()).unwrap_or_default(),
        ),
        ("severity", severity.to_owned()),
        ("customer", short(&id.customer)),
        ("system", short(&id.system)),
        (
            "instance",
            id.host.as_deref().map(short).unwrap_or_default(),
        ),
        ("subject", short(&id.subject)),
        (
            "test",
            if alert.test {
                "true".to_owned()
            } else {
                String::new()
            },
        ),
    ] {
        // A label without a value is none.
        if !value.is_empty() {
            all.insert(name.to_owned(), Value::from(value));
        }
    }
    all
}

fn annotations(notice: &Notice, alert: &AlertNotice, rendered: &Rendered) -> Map<String, Value> {
    let owner = &alert.owner;
    let mut all = Map::new();
    for (name, value) in [
        ("summary", rendered.subject.clone()),
        ("description", rendered.text.clone()),
        ("alert", short(&alert.identity.alert)),
        ("why", notice.why.word().to_owned()),
        (
            "value",
            alert
                .value
                .map(|value| numbers::value(notice.language, value))
                .unwrap_or_default(),
        ),
        ("team", owner.team.as_deref().map(short).unwrap_or_default()),
        (
            "taken_by",
            owner
                .taken
                .as_ref()
                .map(|taken| short(&taken.by))
                .unwrap_or_default(),
        ),
    ] {
        if !value.is_empty() {
            all.insert(name.to_owned(), Value::from(value));
        }
    }
    all
}

fn short(text: &str) -> String {
    clean::line(text, MAIL_NAME_CHARACTERS)
}
